"""How new stations come in, as every store keeps it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import NewStation
from ocppsec.registry.store import AlreadyRegistered, Superseded

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    yield opened
    await opened.close()


def station(identity="CP1"):
    return NewStation(
        identity=identity,
        serial_number=f"SN of {identity}",
        profile=SecurityProfile.BASIC,
        target=SecurityProfile.TLS_CLIENT,
        password_hash="once",
        added_at=NOW,
        labels={"site": "a"},
    )


def entry(identity="CP1", **more):
    facts = {
        "identity": identity,
        "way": Way.PASSWORD,
        "stage": Stage.OPEN,
        "target": SecurityProfile.TLS_CLIENT,
        "until": NOW + timedelta(hours=1),
        "most_connections": 20,
        "added_at": NOW,
        "password_hash": "once",
    }
    return Onboarding(**{**facts, **more})


async def test_add(store):
    """The station and its entry are there together, and admission is told of both."""
    added = await store.add_onboarding(station(), entry())

    assert (added.floor, added.target, added.labels) == (1, 3, {"site": "a"})
    assert await store.onboarding("CP1") == entry()
    record = await store.admission_record("CP1")
    assert (record.onboarding, record.password_hashes, record.target) == (entry(), ("once",), 3)


async def test_a_name_that_is_taken(store):
    """Neither is there when one of them cannot be."""
    await store.add_station(station())
    with pytest.raises(AlreadyRegistered):
        await store.add_onboarding(station(), entry())
    assert await store.onboarding("CP1") is None
    assert (await store.admission_record("CP1")).onboarding is None


async def test_save(store):
    """What changes is saved, with the next version; what was settled stays."""
    await store.add_onboarding(station(), entry())
    changed = replace(
        entry(),
        stage=Stage.RAISING,
        connections=2,
        reason="none",
        first_at=NOW,
        own_at=NOW + timedelta(seconds=1),
        ended_at=NOW + timedelta(seconds=2),
    )

    saved = await store.save_onboarding(replace(changed, most_connections=99, way=Way.LISTED))

    assert saved == replace(changed, version=1)
    assert await store.onboarding("CP1") == saved


async def test_of_two_that_read_the_same_one_saves(store):
    """Two at once: one of them is told that it has to decide again."""
    await store.add_onboarding(station(), entry())
    both = [replace(entry(), connections=1), replace(entry(), connections=1, first_at=NOW)]

    outcomes = await asyncio.gather(*(store.save_onboarding(one) for one in both), return_exceptions=True)

    assert sorted(isinstance(one, Superseded) for one in outcomes) == [False, True]
    assert (await store.onboarding("CP1")).version == 1


async def test_it_goes_with_its_station(store):
    """Removed and announced again, it begins anew; who had read the old one saves nothing."""
    await store.add_onboarding(station(), entry())
    await store.save_onboarding(replace(entry(), stage=Stage.EXPIRED))
    await store.remove_station("CP1")
    assert await store.onboarding("CP1") is None
    with pytest.raises(Superseded):
        await store.save_onboarding(replace(entry(), version=1))
    await store.add_onboarding(station(), entry())
    assert (await store.onboarding("CP1")).stage is Stage.OPEN


async def test_pages(store):
    """Ordered by identity, by stage, behind one."""
    for name in ("C", "A", "B", "a"):
        await store.add_onboarding(station(name), entry(name))
    await store.save_onboarding(replace(entry("B"), stage=Stage.DONE))

    async def names(**which):
        return [one.identity for one in await store.onboardings(**which)]

    assert await names() == ["A", "B", "C", "a"]
    assert await names(stage=Stage.OPEN) == ["A", "C", "a"]
    assert await names(after="A", limit=2) == ["B", "C"]
    assert await names(stage=Stage.DONE, after="B") == []


async def test_a_station_without_an_entry(store):
    """Most are not new."""
    await store.add_station(station())
    assert await store.onboarding("CP1") is None
    assert (await store.admission_record("CP1")).expired_until is None
