"""Allowances for expired certificates (A00.FR.429), as every store keeps them."""

from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import Allowance, NewStation
from ocppsec.registry.store import NotRegistered

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    for identity in ("CP1", "CP2"):
        await opened.add_station(
            NewStation(
                identity=identity,
                serial_number=identity,
                profile=SecurityProfile.TLS_CLIENT,
                password_hash=None,
                added_at=NOW,
            )
        )
    yield opened
    await opened.close()


def allowance(name="one", identity="CP1", *, hours=1, given_at=NOW):
    return Allowance(id=name, identity=identity, until=NOW + timedelta(hours=hours), given_at=given_at)


async def test_give(store):
    """Admission is told until when, for this station alone."""
    given = await store.give_allowance(allowance())

    assert given == allowance()
    assert (await store.admission_record("CP1")).expired_until == given.until
    assert (await store.admission_record("CP2")).expired_until is None
    assert await store.open_allowances() == [given]


async def test_nobody_is_allowed_nothing(store):
    """For whom nobody knows none is kept."""
    with pytest.raises(NotRegistered):
        await store.give_allowance(allowance(identity="CP9"))
    assert await store.open_allowances() == []


async def test_a_new_one_replaces_the_old(store):
    """There is never more than one open; the old one stays told."""
    await store.give_allowance(allowance("one"))
    await store.give_allowance(allowance("two", hours=2, given_at=LATER))

    newest, oldest = await store.allowances("CP1")
    assert (newest.id, newest.ended_at) == ("two", None)
    assert (oldest.id, oldest.ended_at, oldest.how) == ("one", LATER, "replaced")
    assert (await store.admission_record("CP1")).expired_until == newest.until
    assert await store.allowances("CP1", limit=1) == [newest]


async def test_use_and_end(store):
    """Each use is counted while it is open, and it ends once."""
    await store.give_allowance(allowance())

    assert await store.use_allowance("one", NOW)
    assert await store.use_allowance("one", LATER)
    assert await store.end_allowance("one", LATER, "renewed")
    assert not await store.end_allowance("one", LATER + timedelta(hours=1), "withdrawn")
    assert not await store.use_allowance("one", LATER)
    assert not await store.use_allowance("none", LATER)

    (ended,) = await store.allowances("CP1")
    assert (ended.uses, ended.used_at, ended.ended_at, ended.how) == (2, LATER, LATER, "renewed")
    assert (await store.admission_record("CP1")).expired_until is None
    assert await store.open_allowances() == []


async def test_a_removed_station(store):
    """Its allowance ends with it and stays told; nobody inherits it."""
    await store.give_allowance(allowance())
    await store.give_allowance(allowance("other", "CP2"))
    await store.remove_station("CP1", at=LATER)

    (ended,) = await store.allowances("CP1")
    assert (ended.ended_at, ended.how) == (LATER, "station-removed")
    assert [one.id for one in await store.open_allowances()] == ["other"]
