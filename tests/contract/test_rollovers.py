"""Root rollovers and what stations trust, in every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import NewStation, Rollover, RolloverStation, TrustReport
from ocppsec.registry.store import NotRegistered, RolloverInProgress, Superseded

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    for number in (1, 2):
        await opened.add_station(
            NewStation(
                identity=f"CP{number}",
                serial_number=f"SN-{number}",
                profile=SecurityProfile.TLS_BASIC,
                password_hash=None,
                added_at=NOW,
            )
        )
    yield opened
    await opened.close()


def rollover(number=1, **changed):
    new = Rollover(
        id=f"rollover-{number}", phase="prepared", open=True, state="{}", version=0, started_at=NOW
    )
    return replace(new, **changed)


def part(identity, **changed):
    new = RolloverStation(rollover="rollover-1", identity=identity, step="waits", reason="", state="{}")
    return replace(new, **changed)


async def test_one_rollover_at_a_time(store):
    """A second one is refused while one is open, and kept when that has ended."""
    begun = await store.begin_rollover(rollover())
    with pytest.raises(RolloverInProgress):
        await store.begin_rollover(rollover(2))
    assert await store.open_rollover() == begun
    ended = await store.save_rollover(replace(begun, phase="done", open=False, ended_at=NOW))
    assert await store.open_rollover() is None
    second = await store.begin_rollover(rollover(2))
    assert await store.rollovers() == [second, ended]
    assert await store.rollovers(limit=1) == [second]


async def test_a_save_names_the_version_that_was_read(store):
    """Two who read the same version: the second is told."""
    begun = await store.begin_rollover(rollover())
    saved = await store.save_rollover(replace(begun, phase="distribute", state='{"a":1}'))
    assert (saved.version, saved.phase, saved.state) == (1, "distribute", '{"a":1}')
    with pytest.raises(Superseded):
        await store.save_rollover(replace(begun, phase="serve"))
    assert await store.open_rollover() == saved


async def test_the_part_of_a_station(store):
    """Kept in place of the one before; ordered by identity; of this rollover alone."""
    await store.begin_rollover(rollover())
    await store.save_rollover_station(part("CP2"))
    await store.save_rollover_station(part("CP1"))
    later = part("CP2", step="done", met_at=NOW, deadline=NOW + timedelta(hours=1), reason="why")
    await store.save_rollover_station(later)
    assert await store.rollover_stations("rollover-1") == [part("CP1"), later]
    assert await store.rollover_stations("rollover-2") == []
    with pytest.raises(NotRegistered):
        await store.save_rollover_station(part("CP3"))


async def test_a_station_that_was_removed_leaves_no_proof(store):
    """Another one under its name begins with nothing."""
    await store.begin_rollover(rollover())
    await store.save_rollover_station(part("CP1"))
    await store.save_trust(TrustReport(identity="CP1", at=NOW, roots="[]"))
    await store.remove_station("CP1", at=NOW)
    assert await store.rollover_stations("rollover-1") == []
    assert await store.trust() == []


async def test_what_stations_trust(store):
    """The newest report of each, a page at a time; of one that is not registered none is kept."""
    older = TrustReport(identity="CP2", at=NOW, roots="[]")
    await store.save_trust(older)
    await store.save_trust(replace(older, at=NOW + timedelta(seconds=1), roots='["x"]'))
    await store.save_trust(replace(older, identity="CP1"))
    await store.save_trust(replace(older, identity="CP3"))
    first, second = await store.trust()
    assert (first.identity, second.identity, second.roots) == ("CP1", "CP2", '["x"]')
    assert await store.trust(after="CP1") == [second]
    assert await store.trust(limit=1) == [first]
    assert await store.trust_of("CP2") == second
    assert await store.trust_of("CP3") is None
