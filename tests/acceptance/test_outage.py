"""While the store is away nobody gets in, and everybody is told 503 (LESSONS 3)."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rig.wire import Raw, ask, basic, client_context, request, target

from ocppsec.csms.doors import Deadlines
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.store import StoreUnavailable


class Gone(MemoryStore):
    """Goes away when told; `but` names what fails then."""

    def __init__(self, *failing):
        super().__init__()
        self.away = False
        self._failing = failing

    def _fail(self, name):
        if self.away and name in self._failing:
            raise StoreUnavailable("disk I/O error")

    async def admission_record(self, identity):
        self._fail("admission_record")
        return await super().admission_record(identity)

    async def certificate_owner(self, fingerprint):
        self._fail("certificate_owner")
        return await super().certificate_owner(fingerprint)

    async def activate_certificate(self, fingerprint, at):
        self._fail("activate_certificate")
        await super().activate_certificate(fingerprint, at)

    async def record_attempt(self, attempt):
        self._fail("record_attempt")
        await super().record_attempt(attempt)

    async def record_boot(self, identity, facts):
        self._fail("record_boot")
        await super().record_boot(identity, facts)

    async def raise_floor(self, identity, floor):
        self._fail("raise_floor")
        return await super().raise_floor(identity, floor)

    async def add_security_event(self, event):
        self._fail("add_security_event")
        await super().add_security_event(event)


class Hangs(MemoryStore):
    """Never answers what admission asks."""

    async def admission_record(self, identity):
        await asyncio.sleep(3600)


@pytest.mark.parametrize("profile", [1, 2])
def test_an_outage_at_admission_is_503(house, profile):
    """The right password changes nothing: nobody knows whether it is right."""
    store = Gone("admission_record")
    house = house(store=store)
    password = house.add("CS", profile=profile)
    data = request(target("CS"), authorization=basic("CS", password))
    context = client_context(house.root)
    store.away = True
    answer = ask(house.door(profile), data, context=context)
    assert (answer.status, answer.complete, "retry-after" in answer.headers) == (503, True, True)
    assert house.told("store-unavailable")
    store.away = False
    assert ask(house.door(profile), data, context=context).status == 101


def test_an_outage_does_not_tell_strangers_from_stations(house):
    """Unknown identities get the same 503, never 404."""
    store = Gone("admission_record")
    house = house(store=store)
    store.away = True
    assert ask(house.door(1), request(target("STRANGER"))).status == 503


def on_three(house, tmp_path, **more):
    house.add("CS", profile=3)
    chain, key = house.certificate_for("CS", tmp_path, **more)
    return request(target("CS")), client_context(house.root, chain=chain, key=key)


def test_a_certificate_of_the_registry_lets_in(house, tmp_path):
    """What the tests below stand on."""
    house = house()
    data, context = on_three(house, tmp_path)
    assert ask(house.door(3), data, context=context).status == 101


def test_an_outage_at_the_first_connection_on_3_is_503(house, tmp_path):
    """Who cannot be looked up is not let in: 503, complete, and in afterwards."""
    store = Gone("admission_record")
    house = house(store=store)
    data, context = on_three(house, tmp_path)
    store.away = True
    answer = ask(house.door(3), data, context=context)
    assert (answer.status, answer.complete) == (503, True)
    store.away = False
    assert ask(house.door(3), data, context=context).status == 101


def test_an_outage_while_a_certificate_is_looked_up_is_503(house, tmp_path):
    """Whose certificate it is cannot be told: 503."""
    store = Gone("certificate_owner")
    house = house(store=store)
    house.add("OTHER", profile=3)
    _, context = on_three(house, tmp_path)
    store.away = True
    assert ask(house.door(3), request(target("OTHER")), context=context).status == 503


@pytest.mark.parametrize(
    "state", [CertificateState.REVOKED, CertificateState.SUPERSEDED], ids=lambda state: state.value
)
def test_a_certificate_that_is_over_stays_out(house, tmp_path, state):
    """Revoked and superseded certificates are told apart and both refused."""
    house = house()
    data, context = on_three(house, tmp_path, state=state)
    answer = ask(house.door(3), data, context=context)
    assert answer.status == 403
    assert answer.body.startswith(f"certificate-{state.value}")


def test_a_certificate_issued_to_another_station_stays_out(house, tmp_path):
    """The record says to whom it was issued; a common name that fits does not outweigh it."""
    house = house()
    house.add("OTHER", profile=3)
    house.add("CS", profile=3)
    chain, key = house.certificate_for("OTHER", tmp_path, common_name="CS")
    answer = ask(
        house.door(3), request(target("CS")), context=client_context(house.root, chain=chain, key=key)
    )
    assert answer.status == 403
    assert answer.body.startswith("certificate-of-another-station")


def test_a_store_that_hangs_is_503(house):
    """The decision has a deadline too."""
    house = house(store=Hangs(), deadlines=Deadlines(decision=0.3))
    answer = ask(house.door(1), request(target("CS")))
    assert (answer.status, answer.complete) == (503, True)


def test_refusals_arrive_though_they_cannot_be_kept(house):
    """The diary is not worth a refusal that does not arrive."""
    store = Gone("record_attempt")
    house = house(store=store)
    store.away = True
    answer = ask(house.door(1), request(target("STRANGER")))
    assert (answer.status, answer.complete) == (404, True)


def test_a_boot_that_cannot_be_kept_is_not_accepted(house):
    """CALLERROR, and the station is not accepted until a boot was kept."""
    store = Gone("record_boot")
    house = house(store=store)
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        store.away = True
        assert station.boot("CS")[0] == 4
        assert station.call("Heartbeat", {})[2] == "SecurityError"
        store.away = False
        assert station.boot("CS")[2]["status"] == "Accepted"


def test_a_security_event_that_cannot_be_kept_is_not_acknowledged(house):
    """The station keeps it and sends it again (A04.FR.02)."""
    store = Gone("add_security_event")
    house = house(store=store)
    event = {"type": "TamperDetectionActivated", "timestamp": "2026-11-22T12:00:00Z"}
    with Raw(house.door(1), "CS", password=house.add("CS")) as station:
        station.boot("CS")
        store.away = True
        assert station.call("SecurityEventNotification", event)[0] == 4
        store.away = False
        assert station.call("SecurityEventNotification", event)[2] == {}


class SlowFloor(MemoryStore):
    """Takes its time to raise a floor."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Event()
        self.go_on = threading.Event()

    async def raise_floor(self, identity, floor):
        if floor >= 2:
            self.asked.set()
            while not self.go_on.is_set():
                await asyncio.sleep(0.01)
        return await super().raise_floor(identity, floor)


def test_who_slipped_in_while_the_floor_rose_does_not_stay(house):
    """Who comes on 1 in the moment in which the floor rises to 2 waits, and is judged by the new one (A05.FR.07)."""
    store = SlowFloor()
    house = house(store=store)
    password = house.add("CS")
    with Raw(house.door(1), "CS", password=password) as station:
        station.boot("CS")
        house.do(house.csms.begin_upgrade("CS", 2))
    context = client_context(house.root)
    boot = b'[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]'
    with Raw(house.door(2), "CS", password=password, context=context) as higher:
        higher.send(boot)
        assert higher.text()[0] == 3
        higher.pong()
        assert store.asked.wait(5)
        data = request(target("CS"), authorization=basic("CS", password))
        with ThreadPoolExecutor() as pool:
            lower = pool.submit(ask, house.door(1), data)
            time.sleep(0.3)
            assert not lower.done(), "nobody is judged while the floor is being written"
            store.go_on.set()
            assert lower.result(5).status == 403
    assert ask(house.door(1), request(target("CS"), authorization=basic("CS", password))).status == 403
