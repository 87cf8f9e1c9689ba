"""The course of a station's life, without sockets: a dialler that follows a script, links that answer by one."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from ocppsec.link.errors import LinkClosed
from ocppsec.ocppj.received import CallReceived
from ocppsec.station import happenings as told
from ocppsec.station.config import Edition, Traits
from ocppsec.station.dialling import Failure
from ocppsec.station.memory import PassingMemory
from ocppsec.station.remembered import InstalledRoot, OwnCertificate
from ocppsec.station.station import Station

TRAITS = Traits(connection_attempts=2, organization="Example CSO")
UNREACHABLE = Failure(stage="tcp", reason="unreachable", event=None)
UNTRUSTED = Failure(stage="tls", reason="unknown root", event="InvalidCsmsCertificate")


class ScriptedLink:
    """A connection to a CSMS that accepts everything."""

    def __init__(self, handler, *, hangs_up):
        self.handler, self.sent, self.answers, self.hangs_up = handler, [], {}, hangs_up
        self.closed, self.close_code, self.close_reason = False, None, ""

    async def call(self, action, payload, *, timeout):
        if self.hangs_up:
            self.close(1006)
            raise LinkClosed("the CSMS hung up")
        self.sent.append((action, payload))
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": "2026-11-22T12:00:00Z", "interval": 300}
        return {}

    def answer(self, call_id, payload):
        self.answers[call_id] = payload

    def close(self, code=1000, reason=""):
        if not self.closed:
            self.closed, self.close_code, self.close_reason = True, code, reason
            self.handler.on_closed(self)

    abort = close

    def ask(self, action, payload):
        self.handler.on_call(self, CallReceived(action, action, payload))


class ScriptedDialler:
    """Tells each attempt apart by its slot; `script` says how it ends, without a word it connects."""

    def __init__(self):
        self.attempts, self.links, self.script, self.hangs_up_on = [], [], {}, set()

    async def __call__(self, attempt, handler, *, memory, new_id):
        slot = next(slot for slot, stored in attempt.kept.slots.items() if stored == attempt.connection)
        self.attempts.append((slot, attempt.fallback_root))
        await asyncio.sleep(0)
        outcome = self.script.get((slot, attempt.fallback_root), self.script.get(slot))
        if outcome is not None:
            return outcome
        self.links.append(ScriptedLink(handler, hangs_up=slot in self.hangs_up_on))
        return self.links[-1]

    @property
    def slots(self):
        return [slot for slot, _ in self.attempts]


@pytest.fixture
def dialler():
    return ScriptedDialler()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def living(world, dialler, waits):
    """A station that remembers what it is told to, in the background."""

    @contextlib.asynccontextmanager
    async def start(*, traits=TRAITS, **kept):
        conf = world.config(traits=traits, pace=0.0, reboot_seconds=0.0)
        memory = PassingMemory()
        memory.save(world.kept.but(**kept))
        station = Station(
            conf,
            memory,
            clock=lambda: world.now,
            random=lambda: waits.append(len(dialler.attempts)) or 0.0,
            observe=(happened := []).append,
            dialler=dialler,
        )
        station.happened = happened
        task = asyncio.create_task(station.run())
        try:
            yield station
        finally:
            station.stop()
            await asyncio.wait_for(task, 5)

    return start


def accepted(station):
    return station.until(lambda s: s.accepted, timeout=5)


async def dialled(station, dialler, number):
    await station.until(lambda _: len(dialler.attempts) >= number, timeout=5)


def own(world, key):
    """A certificate that lives as long as the world does."""
    return OwnCertificate(world.pem(world.root.certify(world.new_key())), key)


def boots(link):
    return [payload["reason"] for action, payload in link.sent if action == "BootNotification"]


async def test_it_connects_boots_and_is_accepted(living, dialler):
    """At once, on the first slot of its list."""
    async with living() as station:
        await accepted(station)
        assert (dialler.slots, boots(dialler.links[0]), station.remembered.last_good_slot) == (
            [1],
            ["PowerUp"],
            1,
        )


async def test_a_lost_connection_is_made_again_after_a_wait_and_without_a_boot(living, dialler, waits):
    """Part 4, 5.3."""
    async with living() as station:
        await accepted(station)
        dialler.links[0].close(1006)
        await dialled(station, dialler, 2)
        await accepted(station)
        assert waits == [1]
        assert boots(dialler.links[1]) == []


async def test_a_new_password_is_tried_without_a_wait(living, dialler, waits):
    """A01: the station hung up itself."""
    async with living() as station:
        await accepted(station)
        value = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": "another-password",
        }
        dialler.links[0].ask("SetVariables", {"setVariableData": [value]})
        await dialled(station, dialler, 2)
        await accepted(station)
        assert (waits, boots(dialler.links[1]), dialler.links[0].close_code) == ([], [], 1000)


async def test_the_answer_leaves_before_the_connection_is_closed(living, dialler):
    """B11: a Reset is answered, then the station goes, and comes back with the reason."""
    async with living() as station:
        await accepted(station)
        dialler.links[0].ask("Reset", {"type": "OnIdle"})
        assert (dialler.links[0].answers, dialler.links[0].closed) == (
            {"Reset": {"status": "Accepted"}},
            False,
        )
        await dialled(station, dialler, 2)
        await accepted(station)
        assert boots(dialler.links[1]) == ["RemoteReset"]


async def test_a_reset_counts_though_the_csms_hangs_up_at_once(living, dialler):
    """Its answer was Accepted, so the station boots."""
    async with living() as station:
        await accepted(station)
        dialler.links[0].ask("Reset", {"type": "Immediate"})
        dialler.links[0].close(1001)
        await dialled(station, dialler, 2)
        await accepted(station)
        assert boots(dialler.links[1]) == ["RemoteReset"]


async def test_another_slot_means_a_boot(living, dialler, world):
    """B10.FR.10: after a lost connection the second slot answers; it hears who is there."""
    async with living(
        slots={1: world.profile(1), 2: world.profile(1, "ws://second/ocpp")}, priority=(1, 2)
    ) as station:
        await accepted(station)
        dialler.script[1] = UNREACHABLE
        dialler.links[0].close(1006)
        await station.until(lambda s: s.accepted and s.slot == 2, timeout=5)
        assert dialler.slots == [1, 1, 1, 2]
        assert boots(dialler.links[1]) == ["Unknown"]


async def test_edition_3_boots_after_a_reboot_only(living, dialler, world):
    """B10.FR.10 came with the errata: as printed, another slot is a mere reconnect."""
    slots = {1: world.profile(1), 2: world.profile(1, "ws://second/ocpp")}
    async with living(traits=replace(TRAITS, edition=Edition.THIRD), slots=slots, priority=(1, 2)) as station:
        await accepted(station)
        dialler.script[1] = UNREACHABLE
        dialler.links[0].close(1006)
        await station.until(lambda s: s.accepted and s.slot == 2, timeout=5)
        assert boots(dialler.links[1]) == []


async def test_a_connection_that_is_cut_is_made_again(living, dialler):
    """As after a failure of the network: no close frame, and the way back is the usual one."""
    async with living() as station:
        station.cut()  # nothing to cut yet
        await accepted(station)
        station.cut()
        assert dialler.links[0].closed
        await dialled(station, dialler, 2)
        await accepted(station)
        assert boots(dialler.links[1]) == []


async def test_after_a_higher_profile_no_lower_slot_is_dialled(living, dialler, world):
    """A05.FR.06: from the first success on, without another reboot; B10 goes round the others only."""
    slots = {1: world.profile(1), 2: world.profile(2), 3: world.profile(2, "wss://third/ocpp")}
    roots = (InstalledRoot("CSMSRootCertificate", world.root.pem),)
    async with living(slots=slots, priority=(2, 1, 3), roots=roots, last_good_slot=1) as station:
        await accepted(station)
        assert [h for h in station.happened if isinstance(h, told.ProfileRaised)] == [
            told.ProfileRaised(old=1, new=2, removed=(1,))
        ]
        dialler.script[2] = dialler.script[3] = UNREACHABLE
        dialler.links[0].close(1006)
        await dialled(station, dialler, 8)
        assert dialler.slots == [2, 2, 2, 3, 3, 2, 2, 2]
        assert 1 not in {h.slot for h in station.happened if isinstance(h, told.Dialling)}


async def test_one_that_may_go_down_dials_no_slot_that_went_with_its_rise(living, dialler, world):
    """A05.FR.06: AllowSecurityProfileDowngrade lets a slot be written anew; it does not bring the old one back."""
    slots = {2: world.profile(2), 3: world.profile(3)}
    kept = {
        "slots": slots,
        "priority": (3, 2),
        "security_profile": 2,
        "certificates": (own(world, "k1"),),
        "roots": (InstalledRoot("CSMSRootCertificate", world.root.pem),),
        "variables": {"SecurityCtrlr.AllowSecurityProfileDowngrade": "true"},
    }
    async with living(**kept) as station:
        await accepted(station)
        assert station.remembered.slots.keys() == {3}
        dialler.script[3] = UNREACHABLE
        station.cut()
        await dialled(station, dialler, 6)
    assert set(dialler.slots) == {3}


async def test_a_lower_profile_is_never_dialled(living, dialler, world):
    """A00.FR.005: not even when a damaged memory lists it."""
    slots = {1: world.profile(1), 2: world.profile(2)}
    async with living(slots=slots, priority=(1, 2), security_profile=2) as station:
        await accepted(station)
        assert set(dialler.slots) == {2}


async def test_a_connection_that_ends_before_the_boot_is_a_failed_attempt(living, dialler, world):
    """B10.FR.03: NetworkProfileConnectionAttempts of them, then the next slot; nothing lower is removed."""
    dialler.hangs_up_on = {2}
    slots = {1: world.profile(1), 2: world.profile(2)}
    async with living(slots=slots, priority=(2, 1), last_good_slot=1) as station:
        await accepted(station)
        assert (dialler.slots, station.remembered.security_profile) == ([2, 2, 1], 1)
        assert set(station.remembered.slots) == {1, 2}


# -- the fallback root (M05) ------------------------------------------------------------------------------


async def test_the_replaced_root_helps_where_it_worked_before(living, dialler, world):
    """M05.FR.14: on a reconnect the fallback root is tried at once; it stays until the new one has worked."""
    dialler.script[(1, False)] = UNTRUSTED
    slots = {1: world.profile(2)}
    async with living(slots=slots, security_profile=2, last_good_slot=1, fallback_root="old") as station:
        await accepted(station)
        assert dialler.attempts == [(1, False), (1, True)]
        assert station.remembered.fallback_root == "old"


async def test_the_new_root_that_worked_ends_the_fallback(living, world):
    """M05.FR.13."""
    slots = {1: world.profile(2)}
    async with living(slots=slots, security_profile=2, last_good_slot=1, fallback_root="old") as station:
        await accepted(station)
        assert station.remembered.fallback_root is None


async def test_a_new_network_profile_has_to_fit_the_new_root(living, dialler, world):
    """M05.FR.15, 16: in a migration the failure counts; back on the old profile the fallback root helps."""
    slots = {1: world.profile(2), 2: world.profile(2, "wss://second/ocpp")}
    dialler.script[(1, False)] = dialler.script[(2, False)] = dialler.script[(2, True)] = UNTRUSTED
    kept = {
        "slots": slots,
        "priority": (2, 1),
        "security_profile": 2,
        "last_good_slot": 1,
        "fallback_root": "old",
    }
    async with living(**kept) as station:
        await accepted(station)
        assert dialler.attempts == [(2, False), (2, False), (1, False), (1, True)]


async def test_without_a_fallback_root_there_is_one_attempt(living, dialler, world):
    """Nothing else could be trusted."""
    dialler.script[1] = UNTRUSTED
    async with living(slots={1: world.profile(2)}, security_profile=2, last_good_slot=1) as station:
        await dialled(station, dialler, 3)
        assert set(dialler.attempts) == {(1, False)}
        events = [event.type for event in station.remembered.undelivered]
        assert events.count("InvalidCsmsCertificate") == 1  # one for the whole series


# -- own certificates -------------------------------------------------------------------------------------


async def test_the_certificate_that_connected_is_the_one_that_stays(living, world):
    """A02.FR.10."""
    old, new = own(world, "old"), own(world, "new")
    slots = {1: world.profile(3)}
    async with living(slots=slots, security_profile=3, last_good_slot=1, certificates=(old, new)) as station:
        await accepted(station)
        assert station.remembered.certificates == (new,)


async def test_old_and_new_certificate_are_tried_in_turn(living, dialler, world):
    """A02.FR.28: after a round with the new one the old one; never stuck with one of them."""
    old, new = own(world, "old"), own(world, "new")
    presented = []

    async def refusing(attempt, handler, *, memory, new_id):
        presented.append(attempt.own_certificate.key)
        dialler.attempts.append((1, False))
        await asyncio.sleep(0)
        return UNREACHABLE

    kept = {
        "slots": {1: world.profile(3)},
        "security_profile": 3,
        "last_good_slot": 1,
        "certificates": (old, new),
    }
    async with living(**kept) as station:
        station._reaching._dialler = refusing
        await dialled(station, dialler, 6)
    assert presented[:6] == ["new", "new", "old", "new", "old", "new"]


@pytest.mark.parametrize(("edition", "reported"), [(Edition.ERRATA, True), (Edition.THIRD, False)])
async def test_a_new_certificate_given_up_is_reported(living, dialler, world, edition, reported):
    """A02.FR.28, 29: the old one connects again, the new one is gone, and the CSMS hears of it.

    Edition 3 has no event for it.
    """
    old, new = own(world, "old"), own(world, "new")

    async def only_the_old(attempt, handler, *, memory, new_id):
        if attempt.own_certificate == new:
            return UNREACHABLE
        return await dialler(attempt, handler, memory=memory, new_id=new_id)

    kept = {
        "slots": {1: world.profile(3)},
        "security_profile": 3,
        "last_good_slot": 1,
        "certificates": (old, new),
    }
    async with living(traits=replace(TRAITS, edition=edition), **kept) as station:
        station._reaching._dialler = only_the_old
        await accepted(station)
        assert station.remembered.certificates == (old,)
        events = [event.type for event in station.remembered.log]
        assert ("DiscardedRenewedClientCertificate" in events) == reported


async def test_a_connection_that_comes_as_the_station_is_stopped_is_closed(living, dialler):
    """Nobody would hang up on it later."""
    stations = []

    async def stopping(attempt, handler, *, memory, new_id):
        stations[0].stop()
        return await dialler(attempt, handler, memory=memory, new_id=new_id)

    async with living() as station:
        stations.append(station)
        station._reaching._dialler = stopping
        await station.until(lambda s: any(isinstance(h, told.Stopped) for h in s.happened), timeout=5)
    assert all(link.closed and link.sent == [] for link in dialler.links)


async def test_what_a_manner_left_standing_ends_with_the_station(living, dialler):
    """Else the sockets would outlive it."""
    async with living() as station:
        await accepted(station)
        left = ScriptedLink(None, hangs_up=False)
        left.handler = type("Nobody", (), {"on_closed": lambda self, link: None})()
        station._leftovers = (left,)
        assert not left.closed
    assert left.closed
