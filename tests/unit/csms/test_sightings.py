"""Which sightings at the doors become evidence of an upgrade."""

from datetime import UTC, datetime

import pytest

from ocppsec.csms.sightings import MOST_A_MINUTE, Sightings
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import Attempt, AttemptOutcome, NewStation

HERE, NEAR, ELSEWHERE = "2001:db8::1", "2001:db8::2", "2001:db8:1::1"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sightings(clock):
    made = Sightings(lambda: ["CP1"], clock)
    made.connects_from("CP1", HERE)
    return made


@pytest.mark.parametrize(
    ("identity", "address", "believed"),
    [
        pytest.param("CP1", HERE, True, id="its address"),
        pytest.param("CP1", NEAR, True, id="its network"),
        pytest.param("CP1", ELSEWHERE, False, id="a stranger under its name"),
        pytest.param("CP2", HERE, False, id="a neighbour in no upgrade"),
    ],
)
def test_whose_it_is(sightings, identity, address, believed):
    """Only what comes from where the station was connected from."""
    assert sightings.is_of(identity, address, "wrong-password") is believed
    assert ("CP1" in sightings.whose(address, "unknown ca")) is (address != ELSEWHERE)


def test_a_few_a_minute(sightings, clock):
    """Whoever shares the station's address cannot fill its history."""
    told = [sightings.is_of("CP1", HERE, f"presented {number}") for number in range(50)]
    told += [bool(sightings.whose(HERE, f"alert {number}")) for number in range(50)]
    assert told.count(True) == MOST_A_MINUTE
    clock.now += 60
    assert sightings.whose(HERE, "unknown ca") == ["CP1"]


def test_the_same_again_is_no_news(sightings, clock):
    """A station that tries and tries leaves room for what else happens to it."""
    told = [sightings.is_of("CP1", HERE, "wrong-password") for _ in range(50)]
    assert told.count(True) == 1
    assert sightings.is_of("CP1", HERE, "unknown ca")
    clock.now += 60
    assert sightings.is_of("CP1", HERE, "wrong-password")


def test_strangers_use_up_nothing(sightings):
    """What is not believed is not counted."""
    for number in range(50):
        assert not sightings.is_of("CP1", ELSEWHERE, f"presented {number}")
    assert sightings.is_of("CP1", HERE, "unknown ca")


def test_who_is_in_no_upgrade_is_forgotten(clock):
    """What is kept is bounded by the upgrades there are."""
    upgrading = ["CP1", "CP2"]
    sightings = Sightings(lambda: upgrading, clock)
    for identity in upgrading:
        sightings.connects_from(identity, HERE)
    sightings.whose(HERE, "unknown ca")
    del upgrading[0]
    sightings.connects_from("CP2", HERE)
    assert (set(sightings._networks), set(sightings._told)) == ({"CP2"}, {"CP2"})


async def test_after_a_restart_it_is_known_from_the_attempts(clock):
    """The newest connection that was let in tells; refused attempts under its name do not."""
    store = MemoryStore()
    await store.add_station(
        NewStation(
            identity="CP1", serial_number="S", profile=SecurityProfile.BASIC, password_hash=None, added_at=NOW
        )
    )
    for address, profile in ((HERE, SecurityProfile.BASIC), (ELSEWHERE, None)):
        outcome = AttemptOutcome.REFUSED if profile is None else AttemptOutcome.ADMITTED
        await store.record_attempt(
            Attempt(
                at=NOW,
                outcome=outcome,
                door="ws",
                address=address,
                identity="CP1",
                profile=profile,
                reason="",
            )
        )
    sightings = Sightings(lambda: ["CP1"], clock)
    await sightings.recall(store)
    told = [sightings.is_of("CP1", address, "unknown ca") for address in (HERE, ELSEWHERE)]
    assert told == [True, False]
