"""Labels and campaigns, in every store."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import Campaign, CampaignChange, CampaignLine, CampaignMember, NewStation
from ocppsec.registry.store import NotRegistered, Superseded

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    yield opened
    await opened.close()


def station(identity="CP1", **changed):
    new = NewStation(
        identity=identity,
        serial_number=f"SN-{identity}",
        profile=SecurityProfile.BASIC,
        password_hash=None,
        added_at=NOW,
    )
    return replace(new, **changed)


def campaign(number=1, **changed):
    new = Campaign(
        id=f"campaign-{number}",
        name="north",
        target=SecurityProfile.TLS_CLIENT,
        status="running",
        reason="",
        state="{}",
        version=0,
        started_at=NOW,
    )
    return replace(new, **changed)


def member(position, status="pending", **changed):
    new = CampaignMember(
        identity=f"CP{position}", position=position, status=status, reason="", state='{"tries":0}'
    )
    return replace(new, **changed)


# -- labels -------------------------------------------------------------------------------------------------
async def test_labels(store):
    """A station has the labels it was registered with, until all of them are replaced."""
    await store.add_station(station(labels={"site": "de-münchen", "line": "7"}))
    assert (await store.station("CP1")).labels == {"site": "de-münchen", "line": "7"}
    await store.set_labels("CP1", {"site": "fr"})

    assert (await store.station("CP1")).labels == {"site": "fr"}
    assert [one.labels for one in await store.stations()] == [{"site": "fr"}]


async def test_labels_of_nobody(store):
    """Who is not registered has no labels."""
    with pytest.raises(NotRegistered):
        await store.set_labels("CP1", {"site": "fr"})


async def test_no_labels(store):
    """A station without labels has none, not unknown ones."""
    await store.add_station(station())
    assert (await store.station("CP1")).labels == {}


# -- campaigns ----------------------------------------------------------------------------------------------
async def test_begin(store):
    """A campaign is kept with its stations, by position, and its first lines."""
    line = CampaignLine(at=NOW, what="running", detail="begun")
    begun = await store.begin_campaign(campaign(), [member(2), member(0), member(1)], [line])

    assert await store.campaign("campaign-1") == begun == campaign()
    assert await store.campaign_members("campaign-1") == [member(0), member(1), member(2)]
    assert await store.campaign_lines("campaign-1") == [line]


async def test_unknown(store):
    """Of a campaign nobody began nothing is known."""
    assert await store.campaign("x") is None
    assert await store.campaign_members("x") == await store.campaign_lines("x") == []


async def test_save(store):
    """A change is saved as a whole: the campaign, the stations that changed, new lines; the version counts."""
    await store.begin_campaign(campaign(), [member(0), member(1)])
    changed = member(1, "done", reason="well", state="{}")
    line = CampaignLine(at=NOW, what="stopped", detail="too many")
    change = CampaignChange(
        campaign=campaign(status="stopped", reason="too many", state='{"phase":1}'),
        members=(changed,),
        lines=(line,),
    )

    saved = await store.save_campaign(change)

    assert saved == campaign(status="stopped", reason="too many", state='{"phase":1}', version=1)
    assert await store.campaign("campaign-1") == saved
    assert await store.campaign_members("campaign-1") == [member(0), changed]
    assert await store.campaign_lines("campaign-1") == [line]


async def test_an_old_version_is_refused(store):
    """Who decided on an old state saves nothing of it."""
    await store.begin_campaign(campaign(), [member(0)])
    await store.save_campaign(CampaignChange(campaign=campaign()))
    late = CampaignChange(
        campaign=campaign(status="aborted"),
        members=(member(0, "done"),),
        lines=(CampaignLine(at=NOW, what="aborted"),),
    )

    with pytest.raises(Superseded):
        await store.save_campaign(late)
    assert (await store.campaign("campaign-1")).status == "running"
    assert await store.campaign_members("campaign-1") == [member(0)]
    assert await store.campaign_lines("campaign-1") == []


async def test_open_and_newest(store):
    """Those that have not ended are found oldest first, all of them newest first."""
    for number in (1, 2, 3):
        await store.begin_campaign(campaign(number), [])
    await store.save_campaign(CampaignChange(campaign=campaign(2, status="done", ended_at=NOW)))

    assert [one.id for one in await store.open_campaigns()] == ["campaign-1", "campaign-3"]
    assert [one.id for one in await store.campaigns(limit=2)] == ["campaign-3", "campaign-2"]


async def test_some_members(store):
    """Stations are found by status, behind a position, a page at a time."""
    await store.begin_campaign(campaign(), [member(n, "done" if n % 2 else "failed") for n in range(6)])

    found = await store.campaign_members("campaign-1", status="done", after=1, limit=1)
    assert found == [member(3, "done")]
    assert await store.campaign_members("campaign-1", limit=0) == []
    assert await store.campaign_counts("campaign-1") == {"done": 3, "failed": 3}
    assert await store.campaign_counts("x") == {}


async def test_members_outlive_their_station(store):
    """What became of a station stays told when it is removed."""
    await store.add_station(station("CP0"))
    await store.begin_campaign(campaign(), [member(0, "done")])
    await store.remove_station("CP0")

    assert await store.campaign_members("campaign-1") == [member(0, "done")]
