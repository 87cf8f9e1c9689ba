"""What campaigns do at single stations, and late comers, in every store."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import (
    Campaign,
    CampaignChange,
    CampaignMember,
    Errand,
    ErrandStatus,
    NewStation,
)
from ocppsec.registry.store import NotRegistered, Superseded

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    await opened.add_station(
        NewStation(
            identity="CP1",
            serial_number="SN1",
            profile=SecurityProfile.BASIC,
            password_hash=None,
            added_at=NOW,
        )
    )
    yield opened
    await opened.close()


def errand(**changed):
    new = Errand(
        id="c1-0-1",
        identity="CP1",
        kind="passwords",
        status=ErrandStatus.OPEN,
        reason="",
        state="{}",
        version=0,
        started_at=NOW,
    )
    return replace(new, **changed)


async def test_begun_once(store):
    """An errand that is begun again, after a crash, is the one that was kept, however far it is."""
    assert await store.begin_errand(errand()) == errand()
    saved = await store.save_errand(errand(state='{"far":1}'))

    assert await store.begin_errand(errand()) == saved == errand(state='{"far":1}', version=1)
    assert await store.errand("c1-0-1") == saved
    assert await store.errand("x") is None


async def test_of_nobody(store):
    """Nothing is begun for who is not registered."""
    with pytest.raises(NotRegistered):
        await store.begin_errand(errand(identity="CP2"))
    assert await store.errand("c1-0-1") is None


async def test_an_old_version_is_refused(store):
    """Who decided on an old state saves nothing of it."""
    await store.begin_errand(errand())
    await store.save_errand(errand(reason="first"))
    with pytest.raises(Superseded):
        await store.save_errand(errand(reason="late"))

    assert (await store.errand("c1-0-1")).reason == "first"


async def test_a_removed_station(store):
    """Open errands go with their station; how the others ended stays told."""
    await store.begin_errand(errand())
    await store.begin_errand(errand(id="c1-0-2"))
    ended = await store.save_errand(errand(id="c1-0-2", status=ErrandStatus.DONE, ended_at=NOW))
    await store.remove_station("CP1")

    assert await store.errand("c1-0-1") is None
    assert await store.errand("c1-0-2") == ended
    with pytest.raises(Superseded):
        await store.save_errand(errand())


async def test_a_campaign_that_raises_nobody(store):
    """A campaign without a profile to reach has none when it is read; late comers are new rows of it."""
    campaign = Campaign(
        id="c1", name="", target=None, status="running", reason="", state="{}", version=0, started_at=NOW
    )
    first, late = (
        CampaignMember(identity=f"CP{number}", position=number, status="pending", reason="", state="{}")
        for number in range(2)
    )
    await store.begin_campaign(campaign, [first])
    await store.save_campaign(CampaignChange(campaign=campaign, joined=(late,)))

    assert (await store.campaign("c1")).target is None
    assert await store.campaign_members("c1") == [first, late]
