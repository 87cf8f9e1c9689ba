"""Certificates of stations from the first to the last: our CSMS and our station, real sockets and real TLS."""

import asyncio
import base64
import contextlib
import hashlib
import random
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from ocppsec.certificates.approval import Approval
from ocppsec.certificates.hash_data import hash_data
from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import issue_server_certificate
from ocppsec.certificates.keys import KeyFamily, key_pem, new_key
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.certificates.renewal import Life, renew_at
from ocppsec.certificates.safekeeping import TooOpen, write_file
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errors import BadInput
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.server_certificates import OwnFiles
from ocppsec.csms.service import Csms
from ocppsec.csms.tls import BadMaterial
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import Renewal, RequestState, UpgradeStatus
from ocppsec.registry.store import NotRegistered, StoreUnavailable
from ocppsec.station import happenings as told
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.upgrades import renewal as workflow
from ocppsec.upgrades.renewal import Terms

IDENTITY = "CP1"


class House:
    """One CSMS and one station, both running; `grow` takes the station to profile 3."""

    def __init__(self, directory, **settings):
        self.directory, self.settings = directory, settings
        self.store, self.events, self.happenings = MemoryStore(), [], []
        self.station = None
        self._tasks = []

    async def reopen(self):
        """A new process on the same state and the same ports."""
        ports = [urlsplit(door.url).port for door in self.csms.doors]
        await self.open(*dict.fromkeys(ports))

    async def open(self, ws=0, wss=0, mtls=0):
        doors = default_doors("127.0.0.1", ws_port=ws, wss_port=wss, mtls_port=mtls)
        configuration = Configuration(
            state=self.directory, doors=doors, hostname="localhost", organization="CSO", **self.settings
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        await self.csms.start()

    async def close(self):
        if self.station is not None:
            self.station.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.csms.stop()

    def switch_on(self, password):
        config = StationConfig(
            identity=IDENTITY,
            serial_number="SN-1",
            url=self.csms.url_for(1),
            password=password,
            pace=0.02,
            traits=Traits(renewal_days=0),  # the CSMS is to begin
            reboot_seconds=0.1,
        )
        self.station = Station(
            config,
            PassingMemory(),
            clock=lambda: datetime.now(UTC),
            random=random.Random(1).random,
            observe=self.happenings.append,
        )
        self._tasks.append(asyncio.create_task(self.station.run()))

    async def grow(self):
        added = await self.csms.add_station(IDENTITY, serial_number="SN-1")
        self.switch_on(added.generated_password)
        await self.station.until(lambda station: station.accepted, timeout=10)
        begun = await self.csms.begin_upgrade(IDENTITY, 3)
        await self.until_async(lambda: self._ended(begun.id))
        assert (await self.store.upgrade(begun.id)).status is UpgradeStatus.DONE

    async def _ended(self, upgrade):
        return (await self.store.upgrade(upgrade)).status is not UpgradeStatus.OPEN

    async def until_async(self, condition, timeout=15):
        async with asyncio.timeout(timeout):
            while not await condition():
                await asyncio.sleep(0.02)

    async def until(self, condition, timeout=15):
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def in_use(self):
        states = await self.store.certificates(IDENTITY)
        return next(each for each in states if each.state is CertificateState.ACTIVE)

    def told(self, name):
        return [event for event in self.events if event.name == name]


class NeverHangsUp:
    """A link whose station does not answer a close frame."""

    def __init__(self, link):
        self.abort, self.close_reason = link.abort, ""
        self.asked = []

    def close(self, code, reason):
        self.asked.append((code, reason))


async def away(*_):
    raise StoreUnavailable("away")


def overdue(csms, record):
    """A renewal that has waited too long for its SignCertificate."""
    state = workflow.AwaitingCsr(
        course=workflow.Course(terms=csms.configuration.renewal.terms, old=record.fingerprint)
    )
    now = datetime.now(UTC)
    return Renewal(
        id="overdue",
        identity=IDENTITY,
        fingerprint=record.fingerprint,
        open=True,
        step=workflow.describe(state),
        reason="",
        failures=0,
        state=workflow.encode_state(state),
        version=0,
        deadline=now - timedelta(seconds=1),
        started_at=now,
    )


class RefusesTriggers:
    """A link whose station implements no TriggerMessage."""

    def __init__(self, link):
        self._link = link

    def __getattr__(self, name):
        return getattr(self._link, name)

    async def call(self, action, payload, *, timeout):
        if action == "TriggerMessage":
            return {"status": "NotImplemented"}
        return await self._link.call(action, payload, timeout=timeout)


@pytest.fixture
async def new_house(tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        async def make(**settings):
            house = House(tmp_path / "state", **settings)
            await house.open()
            stack.push_async_callback(house.close)
            return house

        yield make


# -- revocation ---------------------------------------------------------------------------------------------
async def test_a_revoked_station_is_out_within_a_second(new_house):
    """The open connection goes at once, the next handshake is refused as revoked (LESSONS 21)."""
    house = await new_house()
    await house.grow()
    certificate = await house.in_use()
    assert house.csms.connection(IDENTITY).profile == 3
    loop = asyncio.get_running_loop()
    begun = loop.time()

    revoked = await house.csms.certificates.revoke(certificate.fingerprint, "keyCompromise")
    await house.until(lambda: house.csms.connection(IDENTITY) is None, timeout=1)

    assert (loop.time() - begun, revoked.closed) < (1.0, 2)
    await house.until(lambda: any(isinstance(one, told.Refused) for one in house.happenings))
    refused = next(one for one in house.happenings if isinstance(one, told.Refused))
    assert (refused.status, refused.profile) == (403, 3)
    assert "certificate-revoked" in refused.body
    why = await house.csms.why(IDENTITY)
    assert why.attempts[0].reason == "certificate-revoked"


async def test_a_station_that_does_not_hang_up_is_dropped(new_house):
    """The connection of a revoked certificate ends without the station's consent, which is asked for first."""
    house = await new_house()
    await house.grow()
    certificate = await house.in_use()
    session = house.csms._sessions.get(IDENTITY)
    link = session.link
    session.link = stubborn = NeverHangsUp(link)

    await house.csms.certificates.revoke(certificate.fingerprint, "keyCompromise")

    assert (stubborn.asked, link.closed) == ([(1008, "the certificate was revoked")], False)
    await house.until(lambda: house.csms.connection(IDENTITY) is None, timeout=1)
    assert link.closed


# -- renewal ------------------------------------------------------------------------------------------------
HASTE = RenewalSettings(
    terms=Terms(message=5, csr=5, signing=5, reconnect=3, handshake=3, back_off=0.1),
    check_seconds=0.1,
    most_at_once=2,
)


async def test_a_certificate_is_renewed_in_time_and_proven(new_house):
    """A02: due, triggered, signed, delivered, and done when a handshake showed it; the old one is superseded."""
    house = await new_house(renewal=HASTE, certificate_lifetime=timedelta(seconds=6))
    await house.grow()
    first = await house.in_use()

    await house.until(lambda: house.told("certificate-renewed"), timeout=12)

    renewed = house.told("certificate-renewed")[0]
    records = {each.fingerprint: each for each in await house.store.certificates(IDENTITY)}
    assert renewed.old == first.fingerprint
    assert records[first.fingerprint].state is CertificateState.SUPERSEDED
    new = records[renewed.fingerprint]
    assert (new.state, new.activated_at is not None) == (CertificateState.ACTIVE, True)
    # Neither at once nor too late: two thirds of the five to six whole seconds it lives, a twentieth to a side.
    assert timedelta(seconds=3) < new.issued_at - first.issued_at < timedelta(seconds=6)
    session = house.csms._sessions.get(IDENTITY)
    assert session.facts.certificate.fingerprint == renewed.fingerprint
    assert not [one for one in house.happenings if isinstance(one, told.Refused)]


async def test_renew_now(new_house):
    """An operator renews before it is due; the row says when it was proven."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    first = await house.in_use()
    life = Life(begin=first.issued_at, end=first.not_after)
    assert first.renew_at == renew_at(life, spread=IDENTITY)

    begun = await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: house.told("certificate-renewed"))

    (row,) = await house.store.renewals(IDENTITY)
    assert (begun.id, begun.fingerprint, row.open, row.step) == (row.id, first.fingerprint, False, "done")
    assert row.ended_at is not None
    assert (await house.in_use()).fingerprint != first.fingerprint


async def test_a_station_that_starts_it_itself(new_house):
    """A03: the station's own request becomes a renewal like any other, proven by its handshake."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    first = await house.in_use()
    # The CSMS's own trigger, without anything that waits for what comes of it.
    await house.csms.call(
        IDENTITY, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, timeout=5
    )

    await house.until(lambda: house.told("certificate-renewed"))

    assert house.told("renewal-stepped")[0].step == "signs"
    assert house.told("certificate-renewed")[0].old == first.fingerprint


@pytest.mark.parametrize("step", ["asks the station for a request", "signs", "delivers the certificate"])
async def test_killed_in_the_middle(new_house, step):
    """The CSMS is gone at any step: the next process finds the row and brings it to its end, with one certificate more."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    renewer = house.csms.renewer
    reached = asyncio.Event()
    under_way = renewer._under_way
    act = under_way._act

    def die(running, effects):
        if workflow.describe(running.state) == step:
            under_way._act = lambda *_: None  # nothing is done any more: saved, and gone
            reached.set()
            return
        act(running, effects)

    under_way._act = die
    await renewer.renew(IDENTITY)
    async with asyncio.timeout(10):
        await reached.wait()
    await renewer.stop()
    (row,) = await house.store.open_renewals()
    assert row.step == step

    await house.csms.stop()
    await house.reopen()
    await house.until(lambda: house.told("certificate-renewed"), timeout=20)

    (row,) = await house.store.renewals(IDENTITY)
    assert (row.open, row.step) == (False, "done")
    states = [each.state for each in await house.store.certificates(IDENTITY)]
    assert states.count(CertificateState.ACTIVE) == 1
    assert len(states) == 2


async def test_proven_but_not_saved(new_house):
    """Killed between the handshake and the last save: the records prove it at the next start."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    renewer = house.csms.renewer
    renewer.connected = lambda _session: None
    await renewer.renew(IDENTITY)
    first = await house.in_use()

    async def other_in_use():
        return (await house.in_use()).fingerprint != first.fingerprint

    await house.until_async(other_in_use)
    assert (await house.store.open_renewals())[0].step == "waits for a connection with the new certificate"
    await house.csms.stop()
    await house.reopen()

    await house.until(lambda: house.told("certificate-renewed"))
    assert house.told("certificate-renewed")[0].fingerprint == (await house.in_use()).fingerprint


async def test_a_stuck_renewal_says_where_and_why(new_house):
    """A station that refuses the trigger is stuck with step and reason, tried again, and keeps its connection."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    first = await house.in_use()
    session = house.csms._sessions.get(IDENTITY)
    link, session.link = session.link, RefusesTriggers(session.link)

    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: len(house.told("renewal-stuck")) == 2)

    stuck = house.told("renewal-stuck")
    assert [one.failures for one in stuck] == [1, 2]
    assert stuck[0].step == "asks the station for a request"
    assert "NotImplemented" in stuck[0].reason
    assert house.csms.renewer.open(IDENTITY).fingerprint == first.fingerprint
    assert house.csms.connection(IDENTITY) is not None
    session.link = link
    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: house.told("certificate-renewed"))


async def test_a_deadline_that_passed_while_the_store_was_away(new_house):
    """A step whose deadline could not be saved is found overdue at the next look."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    session = house.csms._sessions.get(IDENTITY)
    session.link = RefusesTriggers(session.link)
    save, house.store.save_renewal = house.store.save_renewal, away
    house.csms._sessions._by_identity.clear()  # nobody to be called
    renewer = house.csms.renewer
    await house.store.begin_renewal(overdue(house.csms, await house.in_use()))
    renewer.forget(IDENTITY)
    await renewer.start()
    await house.until(lambda: house.told("store-unavailable"))

    house.store.save_renewal = save

    await house.until(lambda: house.told("renewal-stuck"))
    assert "no SignCertificate" in house.told("renewal-stuck")[0].reason


async def test_due_and_asked_for_in_one_moment(new_house):
    """A station that asks in the moment its renewal begins is served by that renewal."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    renewer, begin = house.csms.renewer, house.store.begin_renewal
    csr = make_request(new_key(KeyFamily.EC_P256), common_name="SN-1", organization="CSO")

    async def quicker(row):
        house.store.begin_renewal = begin
        await begin(replace(row, id="other"))
        renewer._under_way.hold(replace(row, id="other"), workflow.decode_state(row.state))
        return await begin(row)

    house.store.begin_renewal = quicker
    await renewer.csr_received(IDENTITY, csr)
    assert renewer.open(IDENTITY).id == "other"
    assert len(await house.store.open_renewals()) == 1


# -- by a person --------------------------------------------------------------------------------------------
async def waiting(house):
    return await house.store.requests(state=RequestState.WAITING)


async def test_a_renewal_waits_for_a_person(new_house):
    """It waits over a restart with the old certificate in force, and goes on at once when a person says yes."""
    house = await new_house(renewal=HASTE, approval=Approval.PERSON)
    growing = asyncio.create_task(house.grow())
    await house.until_async(lambda: waiting(house))
    await house.csms.requests.approve((await waiting(house))[0].id)
    await growing
    first = await house.in_use()

    await house.csms.renewer.renew(IDENTITY)
    await house.until_async(lambda: waiting(house))
    await house.csms.stop()
    await house.reopen()
    await house.until(lambda: house.csms.connection(IDENTITY) is not None)
    (row,) = await house.store.open_renewals()
    (request,) = await waiting(house)
    assert f"ocppsec csr approve {request.id}" in row.step
    assert await house.in_use() == first
    await house.until(
        lambda: not house.csms.renewer._under_way._tasks or house.csms.renewer.open(IDENTITY).step == row.step
    )

    await house.csms.requests.approve(request.id)

    await house.until(lambda: house.told("certificate-renewed"))
    assert (await house.in_use()).fingerprint != first.fingerprint
    assert len(await house.store.certificates(IDENTITY)) == 2


async def test_a_denied_renewal_is_left_alone(new_house):
    """It is stuck with the person's words, and not tried again before a person says so."""
    house = await new_house(renewal=HASTE, approval=Approval.PERSON)
    growing = asyncio.create_task(house.grow())
    await house.until_async(lambda: waiting(house))
    await house.csms.requests.approve((await waiting(house))[0].id)
    await growing

    await house.csms.renewer.renew(IDENTITY)
    await house.until_async(lambda: waiting(house))
    await house.csms.requests.deny((await waiting(house))[0].id, "it is sold")
    await house.until(lambda: house.told("renewal-stuck"))
    await house.csms.renewer.check()
    (row,) = await house.store.open_renewals()
    assert (row.reason, row.deadline) == ("a person denied it: it is sold", None)

    await house.csms.renewer.renew(IDENTITY)
    await house.until_async(lambda: waiting(house))


async def test_approved_too_late(new_house):
    """A renewal that gave up waiting for a person takes the approval all the same."""
    patient = replace(
        HASTE, terms=Terms(message=5, csr=5, signing=5, reconnect=3, handshake=3, approval=0.2, back_off=60)
    )
    house = await new_house(renewal=patient, approval=Approval.FIRST)
    growing = asyncio.create_task(house.grow())
    await house.until_async(lambda: waiting(house))
    await house.csms.requests.approve((await waiting(house))[0].id)
    await growing
    house.csms._certifier._book._approval = Approval.PERSON
    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: house.told("renewal-stuck"))
    assert "nobody approved" in house.told("renewal-stuck")[0].reason

    await house.csms.requests.approve((await waiting(house))[0].id)

    await house.until(lambda: house.told("certificate-renewed"))
    assert await house.store.open_renewals() == []


async def test_approved_and_killed(new_house):
    """The word is kept and nobody heard it: the next process finds it, and the upgrade comes to its end."""
    house = await new_house(renewal=HASTE, approval=Approval.FIRST)
    growing = asyncio.create_task(house.grow())
    await house.until_async(lambda: waiting(house))

    async def die(_request, _denial):
        pass

    house.csms.requests._go_on = die
    await house.csms.requests.approve((await waiting(house))[0].id)
    assert await house.store.certificates(IDENTITY) == []
    await house.csms.stop()
    await house.reopen()

    await growing
    assert len(await house.store.certificates(IDENTITY)) == 1


async def test_denied_and_killed(new_house):
    """The word is kept and nobody heard it: the next process finds it, and does not ask the station again."""
    house = await new_house(renewal=HASTE, approval=Approval.PERSON)
    growing = asyncio.create_task(house.grow())
    await house.until_async(lambda: waiting(house))
    await house.csms.requests.approve((await waiting(house))[0].id)
    await growing
    await house.csms.renewer.renew(IDENTITY)
    await house.until_async(lambda: waiting(house))

    async def die(_request, _denial):
        pass

    house.csms.requests._go_on = die
    await house.csms.requests.deny((await waiting(house))[0].id, "it is sold")
    await house.csms.stop()
    await house.reopen()
    await house.until(lambda: house.told("renewal-stuck"))
    (row,) = await house.store.open_renewals()
    assert "it is sold" in row.reason
    assert row.deadline is None


async def test_an_unasked_request_is_delivered_when_a_person_says_yes(new_house):
    """A03 on profile 2: nobody but the station waits for it, and it gets its certificate all the same."""
    house = await new_house(renewal=HASTE, approval=Approval.FIRST)
    added = await house.csms.add_station(IDENTITY, serial_number="SN-1")
    house.switch_on(added.generated_password)
    await house.station.until(lambda station: station.accepted, timeout=10)
    begun = await house.csms.begin_upgrade(IDENTITY, 2)
    await house.until_async(lambda: house._ended(begun.id))
    name = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}}
    await house.csms.call(
        IDENTITY, "SetVariables", {"setVariableData": [{**name, "attributeValue": "CSO"}]}, timeout=5
    )
    await house.csms.call(
        IDENTITY, "TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, timeout=5
    )
    await house.until_async(lambda: waiting(house))
    assert await house.store.certificates(IDENTITY) == []

    await house.csms.requests.approve((await waiting(house))[0].id)

    await house.until_async(lambda: house.store.certificates(IDENTITY))


async def test_a_renewal_of_what_was_revoked_ends(new_house):
    """It does not wait for ever for a station that cannot come back; also when it was revoked while we were away."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    first = await house.in_use()
    house.station.stop()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    await house.csms.renewer.renew(IDENTITY)
    house.csms.certificates.on_revoked_of = lambda _: None  # killed in between
    await house.csms.certificates.revoke(first.fingerprint, "keyCompromise")
    assert (await house.store.open_renewals())[0].step == "waits for the station"

    await house.csms.stop()
    await house.reopen()

    await house.until(lambda: house.told("renewal-ended"))
    (row,) = await house.store.renewals(IDENTITY)
    assert (row.open, row.reason) == (False, "its certificate was revoked")


async def test_a_renewal_ends_when_it_is_revoked(new_house):
    """At once, while it waits for the station."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    first = await house.in_use()
    house.station.stop()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    await house.csms.renewer.renew(IDENTITY)
    await house.csms.certificates.revoke(first.fingerprint, "keyCompromise")
    await house.until(lambda: house.told("renewal-ended"))
    assert await house.store.open_renewals() == []


async def test_a_removed_station_has_no_renewal(new_house):
    """Removing a station ends its renewal."""
    house = await new_house(renewal=HASTE)
    await house.grow()
    house.csms._sessions.get(IDENTITY).accepted = False  # cannot be called
    await house.csms.renewer.renew(IDENTITY)
    assert house.csms.renewer.open(IDENTITY).step == "waits for the station"

    await house.csms.remove_station(IDENTITY)

    assert house.csms.renewer.open(IDENTITY) is None
    assert await house.store.open_renewals() == []


@pytest.mark.parametrize("identity", ["nobody", "on one"])
async def test_renew_what_is_not_there(new_house, identity):
    """Nobody's certificate, or none at all, cannot be renewed, and it is said why."""
    house = await new_house()
    await house.csms.add_station("on one")
    with pytest.raises((NotRegistered, BadInput)):
        await house.csms.renewer.renew(identity)
    assert await house.store.open_renewals() == []


# -- the server's own certificates --------------------------------------------------------------------------
def own_files(directory, hierarchy, *, hostname="localhost", key=None):
    """The operator's own certificate, under another root."""
    own = new_key(KeyFamily.EC_P256)
    issued = issue_server_certificate(
        own.public_key(),
        hierarchy.servers,
        hostname=hostname,
        organization="Other",
        now=datetime.now(UTC),
        serial=x509.random_serial_number(),
    )
    write_file(directory / "own.key", key_pem(key or own), mode=0o600)
    write_file(directory / "own.pem", issued.chain_pem.encode(), mode=0o644)
    write_file(directory / "own-root.pem", write_chain((hierarchy.root.certificate,)).encode(), mode=0o644)
    return issued.fingerprint


async def served_now(house):
    """Fingerprint of the certificate that a newcomer is shown at the door of profile 2."""
    port = urlsplit(house.csms.url_for(2)).port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return hashlib.sha256(shown).hexdigest()


async def test_new_server_certificates_drop_nobody(new_house):
    """Ours are made anew and served to the next connection; the station that is there stays."""
    house = await new_house()
    await house.grow()
    before, session = await served_now(house), house.csms._sessions.get(IDENTITY)
    for name in ("server-ec.pem", "server-rsa.pem"):
        (house.directory / "tls" / name).unlink()

    house.csms.server_certificates.reload_soon()
    await house.until(lambda: len(house.told("server-certificates-used")) == 2)

    assert await served_now(house) != before
    assert house.csms._sessions.get(IDENTITY) is session
    assert await house.csms.call(IDENTITY, "GetInstalledCertificateIds", {}, timeout=5)


async def test_own_files_are_read_again_when_they_change(tmp_path, new_house):
    """The operator's own certificate is served; a new one on the next connection, a bad one never."""
    other = create_hierarchy(organization="Other", now=datetime.now(UTC))
    first = own_files(tmp_path, other)
    own = OwnFiles(certificate=tmp_path / "own.pem", key=tmp_path / "own.key", root=tmp_path / "own-root.pem")
    house = await new_house(own_certificate=own)
    house.csms.server_certificates._check_seconds = 0.05
    house.csms.server_certificates.reload_soon()
    await house.until(lambda: len(house.told("server-certificates-used")) == 2)
    assert await served_now(house) == first

    second = own_files(tmp_path, other)
    await house.until(lambda: house.told("server-certificates-used")[2:])
    assert await served_now(house) == second

    own_files(tmp_path, other, key=new_key(KeyFamily.EC_P256))
    await house.until(lambda: house.told("server-certificates-refused"))
    assert "own.pem" in house.told("server-certificates-refused")[-1].reason
    assert await served_now(house) == second

    own_files(tmp_path, other, hostname="other.example")
    await house.until(lambda: "mismatch" in house.told("server-certificates-refused")[-1].reason)
    assert await served_now(house) == second

    third = own_files(tmp_path, other)
    await house.until(lambda: house.told("server-certificates-used")[3:])
    assert await served_now(house) == third


async def test_stations_are_given_the_root_of_the_operators_own_certificate(tmp_path, new_house):
    """Under another root than ours: a station gets that one first, believes our doors by it, and reaches profile 3."""
    other = create_hierarchy(organization="Other", now=datetime.now(UTC))
    own_files(tmp_path, other)
    own = OwnFiles(certificate=tmp_path / "own.pem", key=tmp_path / "own.key", root=tmp_path / "own-root.pem")
    house = await new_house(own_certificate=own)

    await house.grow()

    found = await house.csms.installed.all(IDENTITY)
    assert len(found) == 2
    assert house.csms.connection(IDENTITY).profile == 3


async def test_nobody_is_sent_to_a_door_that_cannot_be_used(new_house):
    """When what is served leads to no root that a station would get, nothing is asked of the station."""
    house = await new_house()
    await house.csms.add_station(IDENTITY, serial_number="SN-1")
    await house.csms._entrance._doors[1].close()
    with pytest.raises(BadInput, match="profile 2 in vain: its door does not answer"):
        await house.csms.begin_upgrade(IDENTITY, 3)
    assert await house.store.upgrades(IDENTITY) == []


async def test_bad_own_files_stop_the_start(tmp_path, new_house):
    """At the start there is nothing older to serve: it does not start with what stations would refuse."""
    own_files(tmp_path, create_hierarchy(organization="Other", now=datetime.now(UTC)))
    own = OwnFiles(certificate=tmp_path / "own.pem", key=tmp_path / "own.key")  # our root did not sign it
    with pytest.raises(BadMaterial):
        await new_house(own_certificate=own)


async def test_a_key_that_others_can_read(tmp_path, new_house):
    """An operator's key that is not private is not used."""
    other = create_hierarchy(organization="Other", now=datetime.now(UTC))
    own_files(tmp_path, other)
    (tmp_path / "own.key").chmod(0o644)
    own = OwnFiles(certificate=tmp_path / "own.pem", key=tmp_path / "own.key", root=tmp_path / "own-root.pem")
    with pytest.raises(TooOpen):
        await new_house(own_certificate=own)


# -- the certificates inside of a station (block M) ---------------------------------------------------------
async def test_roots_go_in_and_out(new_house):
    """M03, M05, M04: our root is known, another one goes in and out, and each is proven by the station's own list."""
    house = await new_house()
    await house.grow()
    other = create_hierarchy(organization="Other", now=datetime.now(UTC)).root.certificate
    desk = house.csms.installed

    assert [one.ours for one in await desk.all(IDENTITY)] == [True]
    put_in = await desk.install(IDENTITY, write_chain((other,)), "CSMSRootCertificate")
    assert (put_in.status, put_in.shown) == ("Accepted", True)
    assert sorted(one.ours for one in await desk.all(IDENTITY)) == [False, True]
    taken_out = await desk.delete(IDENTITY, f"{other.serial_number:X}")
    assert (taken_out.status, taken_out.shown) == ("Accepted", False)
    with pytest.raises(BadInput):
        await desk.delete(IDENTITY, f"{house.csms.authority.hierarchy.root.certificate.serial_number:X}")


async def test_a_station_asks_for_a_status(new_house):
    """M06: the station's question about a certificate of our CA is answered by our own responder, on the wire."""
    house = await new_house()
    await house.grow()
    record = await house.in_use()
    issuer = house.csms.authority.hierarchy.stations.certificate
    data = hash_data(read_certificates(record.chain)[0], issuer, "SHA384")
    question = {
        "ocspRequestData": {
            "hashAlgorithm": data.hash_algorithm,
            "issuerNameHash": data.issuer_name_hash,
            "issuerKeyHash": data.issuer_key_hash,
            "serialNumber": data.serial_number,
            "responderURL": "http://ocsp.invalid/",
        }
    }
    link = house.station._reached.link

    answer = await link.call("GetCertificateStatus", question, timeout=5)
    said = x509.ocsp.load_der_ocsp_response(base64.b64decode(answer["ocspResult"]))
    assert (answer["status"], said.certificate_status) == ("Accepted", x509.ocsp.OCSPCertStatus.GOOD)

    question["ocspRequestData"] |= {"issuerKeyHash": "ab" * 48, "responderURL": "http://127.0.0.1/"}
    answer = await link.call("GetCertificateStatus", question, timeout=5)
    assert answer["status"] == "Failed"
    assert "inside" in answer["statusInfo"]["additionalInfo"]
    assert house.told("certificate-status-failed")
