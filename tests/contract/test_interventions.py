"""What people had done to stations, kinds of stations, and the one way down for a floor, in every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import Intervention, Kind, NewStation, Upgrade, UpgradeChange, UpgradeStatus
from ocppsec.registry.store import NotRegistered

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
NONE, BASIC, TLS_BASIC, TLS_CLIENT = SecurityProfile
WHY = Intervention(
    at=NOW,
    identity="CP1",
    what="lower-floor",
    by="ops",
    reason="its certificate store is broken",
    detail="3 to 2",
)
KIND = Kind(
    vendor="Acme",
    model="Fast",
    firmware_version="1.2",
    facts="{}",
    done=1,
    failed=0,
    reason="",
    updated_at=NOW,
)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    yield opened
    await opened.close()


async def add(store, profile):
    await store.add_station(
        NewStation(identity="CP1", serial_number="SN1", profile=profile, password_hash="h", added_at=NOW)
    )


# -- the floor ----------------------------------------------------------------------------------------------
async def test_the_one_way_down(store):
    """A floor of 3 becomes 2, the target stays, and why is kept with it; again it changes nothing."""
    await add(store, TLS_CLIENT)

    assert await store.lower_floor(WHY) is TLS_CLIENT
    assert await store.lower_floor(replace(WHY, reason="again")) is TLS_BASIC

    station, record = await store.station("CP1"), await store.admission_record("CP1")
    assert (station.floor, station.target) == (TLS_BASIC, TLS_CLIENT)
    assert (record.floor, record.target) == (TLS_BASIC, TLS_CLIENT)
    assert await store.interventions("CP1") == [WHY]


@pytest.mark.parametrize("floor", [NONE, BASIC, TLS_BASIC])
async def test_never_below_2(store, floor):
    """A05: 3 to 2 is the only step down there is; nothing is kept of what was not done."""
    await add(store, floor)
    assert await store.lower_floor(WHY) is floor
    assert (await store.station("CP1")).floor is floor
    assert await store.interventions("CP1") == []


async def test_raising_never_lowers(store):
    """Whoever asks for less than there is gets what there is."""
    await add(store, TLS_CLIENT)
    assert await store.raise_floor("CP1", TLS_BASIC) is TLS_CLIENT
    await store.set_target("CP1", TLS_BASIC)
    station = await store.station("CP1")
    assert (station.floor, station.target) == (TLS_CLIENT, TLS_CLIENT)


async def test_what_was_lowered_can_be_raised(store):
    """The floor follows the next boot on profile 3, as ever."""
    await add(store, TLS_CLIENT)
    await store.lower_floor(WHY)
    assert await store.raise_floor("CP1", TLS_CLIENT) is TLS_BASIC
    assert (await store.station("CP1")).floor is TLS_CLIENT


async def test_nobody_is_lowered_who_is_not_there(store):
    """And nothing is kept of it."""
    with pytest.raises(NotRegistered):
        await store.lower_floor(WHY)
    assert await store.interventions("CP1") == []


async def test_the_target_follows_when_it_is_done(store):
    """It is where it should be; what was open above it stays open to it, and opens nothing once it is there again."""
    await add(store, TLS_CLIENT)
    await store.lower_floor(WHY)
    upgrade = Upgrade(
        id="u1", identity="CP1", target=TLS_BASIC, status=UpgradeStatus.OPEN, step="", reason="", state="",
        version=0, deadline=None, started_at=NOW,
    )  # fmt: skip
    begun = await store.begin_upgrade(upgrade)
    await store.save_upgrade(UpgradeChange(upgrade=begun, lower_target_to=TLS_BASIC))

    station, record = await store.station("CP1"), await store.admission_record("CP1")
    assert (station.floor, station.target, station.highest) == (TLS_BASIC, TLS_BASIC, TLS_CLIENT)
    assert (record.floor, record.target) == (TLS_BASIC, TLS_CLIENT)
    await store.raise_floor("CP1", TLS_CLIENT)
    station, record = await store.station("CP1"), await store.admission_record("CP1")
    assert (station.target, station.highest, record.target) == (TLS_CLIENT, TLS_CLIENT, TLS_CLIENT)


@pytest.mark.parametrize("floor", [BASIC, TLS_BASIC, TLS_CLIENT])
async def test_a_target_never_falls_below_the_floor(store, floor):
    """Nor does one rise that way."""
    await add(store, floor)
    upgrade = Upgrade(
        id="u1", identity="CP1", target=floor, status=UpgradeStatus.OPEN, step="", reason="", state="",
        version=0, deadline=None, started_at=NOW,
    )  # fmt: skip
    begun = await store.begin_upgrade(upgrade)
    await store.save_upgrade(UpgradeChange(upgrade=begun, lower_target_to=TLS_BASIC))
    station = await store.station("CP1")
    assert (station.floor, station.target, station.open_to) == (floor, floor, None)


# -- interventions ------------------------------------------------------------------------------------------
async def test_interventions_stay(store):
    """Newest first, of one station, and still there when it is gone."""
    await add(store, BASIC)
    later = replace(WHY, at=NOW + timedelta(hours=1), what="new-password", detail="")
    for each in (WHY, later, replace(WHY, identity="CP2")):
        await store.record_intervention(each)
    await store.remove_station("CP1")
    assert await store.interventions("CP1") == [later, WHY]
    assert await store.interventions("CP1", limit=1) == [later]


# -- kinds --------------------------------------------------------------------------------------------------
async def test_kinds(store):
    """One of each vendor, model and firmware; the newest is kept."""
    other = replace(KIND, firmware_version="1.3", failed=2, reason="it refuses the root")
    for each in (other, KIND, replace(KIND, done=5)):
        await store.save_kind(each)
    assert await store.kind("Acme", "Fast", "1.2") == replace(KIND, done=5)
    assert await store.kind("Acme", "Fast", "") is None
    assert await store.kinds() == [replace(KIND, done=5), other]
    assert await store.kinds(limit=1) == [replace(KIND, done=5)]
