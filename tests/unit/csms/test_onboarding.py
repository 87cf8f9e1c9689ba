"""What becomes of a new station that is accepted: it gets to its target without saying anything more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.csms.onboarding import OnboardingOffice
from ocppsec.profiles.onboarding import MOST_UPGRADES
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, Upgrade, UpgradeStatus
from ocppsec.registry.store import StoreUnavailable

NOW = datetime(2027, 1, 1, tzinfo=UTC)
IDENTITY = "CP1"
BASIC, TLS_CLIENT = SecurityProfile.BASIC, SecurityProfile.TLS_CLIENT
FAILED = Upgrade(
    id="u1",
    identity=IDENTITY,
    target=TLS_CLIENT,
    status=UpgradeStatus.FAILED,
    step="",
    reason="it said no",
    state="",
    version=0,
    deadline=None,
    started_at=NOW,
    ended_at=NOW,
)


class Desk(MemoryStore):
    """A store that may be away for one answer, with the upgrades that a test says."""

    def __init__(self):
        super().__init__()
        self.away, self.known = False, []

    async def onboarding(self, identity):
        if self.away:
            self.away = False
            raise StoreUnavailable("locked")
        return await super().onboarding(identity)

    async def upgrades(self, identity, *, limit=20):
        return self.known


class House:
    """The office, one new station that is connected and accepted, and a clock."""

    def __init__(self, store, office, begun, sessions, upgrading, clock, events):
        self.store, self.office, self.begun, self.sessions = store, office, begun, sessions
        self.upgrading, self.clock, self.events = upgrading, clock, events

    async def accepted(self):
        await self.office._go_on(IDENTITY, BASIC)

    async def look(self, *, later=0):
        self.clock[0] += timedelta(seconds=later)
        await self.office.look()

    async def stage(self):
        return (await self.store.onboarding(IDENTITY)).stage


@pytest.fixture
async def house(request):
    target = getattr(request, "param", TLS_CLIENT)
    store, begun, events, upgrading, clock = Desk(), [], [], set(), [NOW]
    new = NewStation(
        identity=IDENTITY,
        serial_number="SN-1",
        profile=BASIC,
        password_hash=None,
        added_at=NOW,
        target=target,
    )
    entry = Onboarding(
        identity=IDENTITY,
        way=Way.LISTED,
        stage=Stage.RAISING,
        target=target,
        until=NOW + timedelta(hours=1),
        most_connections=5,
        added_at=NOW,
        own_at=NOW,
    )
    await store.add_onboarding(new, entry)
    sessions = {IDENTITY: SimpleNamespace(identity=IDENTITY, profile=BASIC, accepted=True)}

    async def begin(identity, to):
        begun.append((identity, to))

    office = OnboardingOffice(
        store,
        None,
        sessions,
        None,
        manufacturers=frozenset(),
        begin_upgrade=begin,
        upgrading=lambda: upgrading,
        emit=events.append,
        now=lambda: clock[0],
        again_seconds=60,
    )
    return House(store, office, begun, sessions, upgrading, clock, events)


@pytest.mark.parametrize(
    ("house", "raised", "stage"),
    [
        pytest.param(TLS_CLIENT, [(IDENTITY, 3)], Stage.RAISING, id="to be raised"),
        pytest.param(BASIC, [], Stage.DONE, id="where it should be"),
    ],
    indirect=["house"],
)
async def test_what_an_outage_interrupts_is_gone_on_with(house, raised, stage):
    """The station is connected and accepted: it says nothing more that could take it up again."""
    house.store.away = True
    with pytest.raises(StoreUnavailable):
        await house.accepted()
    assert house.begun == []

    await house.look()
    house.upgrading.add(IDENTITY)
    await house.look()  # once

    assert house.begun == raised
    assert await house.stage() is stage


async def test_an_upgrade_that_failed_is_begun_again_after_a_while(house):
    """Not at once, not while one is under way, and so often at most; then it is a person's turn."""
    await house.accepted()
    house.upgrading.add(IDENTITY)
    await house.look(later=600)
    assert len(house.begun) == 1

    house.upgrading.clear()
    house.store.known = [replace(FAILED, ended_at=house.clock[0])]
    await house.look(later=59)
    assert len(house.begun) == 1
    await house.look(later=2)
    assert len(house.begun) == 2

    house.store.known = [FAILED] * MOST_UPGRADES
    await house.look(later=600)
    await house.look(later=600)
    assert len(house.begun) == 2
    (stuck,) = [event for event in house.events if event.name == "onboarding-stuck"]
    assert "it said no" in stuck.reason


async def test_a_boot_waits_for_nothing(house):
    """Whoever restarted the station may have put right what was in the way."""
    house.store.known = [FAILED]
    await house.accepted()
    assert len(house.begun) == 1


async def test_one_that_boots_while_it_is_raised_is_not_forgotten(house):
    """Its upgrade may fail afterwards."""
    house.store.known = [replace(FAILED, status=UpgradeStatus.OPEN, ended_at=None)]
    house.upgrading.add(IDENTITY)
    await house.accepted()
    assert house.begun == []

    house.store.known = [FAILED]
    house.upgrading.clear()
    await house.look(later=600)
    assert len(house.begun) == 1


async def test_who_has_gone_is_let_go(house):
    """It is found again when it comes back."""
    await house.accepted()
    house.sessions.clear()
    await house.look(later=600)
    assert house.office._again == set()
    assert len(house.begun) == 1
