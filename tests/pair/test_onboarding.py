"""New stations, and one with an expired certificate: our CSMS and our station, real sockets and real TLS."""

import asyncio
import base64
import contextlib
import json
import random
import shutil
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates.facts import facts_of, public_key_sha256
from ocppsec.certificates.files import load_or_create
from ocppsec.certificates.foreign_status import StatusPolicy, StatusRule
from ocppsec.certificates.issue import issue_station_certificate
from ocppsec.certificates.keys import KeyFamily, key_pem, new_key
from ocppsec.certificates.pem import read_certificates
from ocppsec.certificates.request import Expected, check_request
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.anchors import Manufacturer
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errors import BadInput, NotConnected
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.service import Csms
from ocppsec.csms.tls import explain
from ocppsec.ocppj.messages import RegistrationStatus
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState, Stage
from ocppsec.registry.open import open_store
from ocppsec.registry.records import Attempt, AttemptOutcome, BootFacts, UpgradeStatus
from ocppsec.registry.store import NotRegistered
from ocppsec.station import happenings as told
from ocppsec.station.config import FactoryCertificate, StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.station.testing import TestAuthority
from ocppsec.upgrades.renewal import Terms

IDENTITY, SERIAL = "CP1", "SN-1"
HOUR = timedelta(hours=1)
HASTE = RenewalSettings(
    terms=Terms(message=5, csr=5, signing=5, reconnect=3, handshake=3, back_off=0.1), check_seconds=0.1
)


class House:
    """One CSMS on a database of its own, and the stations that dial it."""

    def __init__(self, directory, **settings):
        self.directory, self.settings = directory, {"renewal": HASTE, "pending_seconds": 1, **settings}
        self.events, self._running = [], []

    async def open(self, ws=0, wss=0, mtls=0):
        self.store = await open_store(self.directory / "registry.db")
        doors = default_doors("127.0.0.1", ws_port=ws, wss_port=wss, mtls_port=mtls)
        configuration = Configuration(
            state=self.directory, doors=doors, hostname="localhost", organization="CSO", **self.settings
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        await self.csms.start()

    async def reopen(self):
        """A new process on the same state and the same ports."""
        ports = dict.fromkeys(urlsplit(door.url).port for door in self.csms.doors)
        await self.open(*ports)

    async def shut(self):
        await self.csms.stop()
        await self.store.close()

    async def close(self):
        for event in self.events:  # shown with a test that fails
            print(event)
        for station, _, _ in self._running:
            station.stop()
        for _, task, happened in self._running:
            print(*happened, sep="\n")
            task.cancel()
        await asyncio.gather(*(task for _, task, _ in self._running), return_exceptions=True)
        await self.shut()

    def station(
        self,
        *,
        door=1,
        password=None,
        certificate=None,
        serial=SERIAL,
        identity=IDENTITY,
        organization="",
        **more,
    ):
        """Switch one on."""
        config = StationConfig(
            identity=identity,
            serial_number=serial,
            url=self.csms.url_for(max(1, door)),
            password=password,
            certificate=certificate,
            profile=SecurityProfile(door),
            roots=(self.csms.authority.root_pem,) if door > 1 else (),
            pace=0.02,
            traits=Traits(renewal_days=0, organization=organization),
            reboot_seconds=0.1,
            **more,
        )
        happened = []
        made = Station(
            config,
            PassingMemory(),
            clock=lambda: datetime.now(UTC),
            random=random.Random(1).random,
            observe=happened.append,
        )
        self._running.append((made, asyncio.create_task(made.run()), happened))
        return made, happened

    async def expect(self, way, **more):
        wanted = {"serial_number": SERIAL, "target": 3, "profile": 1, "time": HOUR, "connections": 20}
        identity = more.pop("identity", IDENTITY)
        return await self.csms.onboarding.add(identity, way=way, **{**wanted, **more})

    async def until(self, condition, timeout=15):
        async with asyncio.timeout(timeout):
            while True:
                found = condition()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.02)

    async def stage(self):
        return (await self.store.onboarding(IDENTITY)).stage

    async def is_at(self, stage):
        return await self.stage() is stage

    def told(self, name, **facts):
        return [
            event
            for event in self.events
            if event.name == name and all(getattr(event, key) == value for key, value in facts.items())
        ]

    def steps(self):
        return [event.step for event in self.told("onboarding-stepped")]

    def expired(self, *, serial=SERIAL, issuer=None, begin=timedelta(days=5), life=timedelta(days=2)):
        """A certificate of our own CA, with its record, whose time was some days ago."""
        now = datetime.now(UTC) - begin
        key = new_key(KeyFamily.EC_P256)
        csr = make_request(key, common_name=serial, organization="CSO")
        approved = check_request(csr, Expected(serial_number=serial, organization="CSO"))
        issued = issue_station_certificate(
            approved,
            issuer or self.csms.authority.hierarchy.stations,
            now=now,
            lifetime=life,
            serial=x509.random_serial_number(),
        )
        (leaf, *_) = read_certificates(issued.chain_pem)
        facts = facts_of(leaf)
        record = CertificateRecord(
            fingerprint=facts.fingerprint,
            identity=IDENTITY,
            serial_number=facts.serial_number,
            subject=leaf.subject.rfc4514_string(),
            public_key_sha256=public_key_sha256(leaf.public_key()),
            not_before=facts.not_before,
            not_after=facts.not_after,
            state=CertificateState.PENDING,
            issued_at=now,
            chain=issued.chain_pem,
        )
        return FactoryCertificate(chain_pem=issued.chain_pem, key_pem=key_pem(key)), record

    async def with_expired(self):
        """A station on profile 3 that slept too long; its certificate."""
        await self.csms.add_station(IDENTITY, serial_number=SERIAL, profile=3)
        certificate, record = self.expired()
        await self.store.add_certificate(record)
        await self.store.activate_certificate(record.fingerprint, record.issued_at)
        return certificate, record


@pytest.fixture(scope="module")
def state_of_old(tmp_path_factory):
    """A state directory with a CA that is older than what it is said to have issued."""
    directory = tmp_path_factory.mktemp("old") / "state"
    directory.mkdir(mode=0o700)
    load_or_create(
        directory, organization="CSO", hostname="localhost", now=datetime.now(UTC) - timedelta(days=20)
    )
    return directory


@pytest.fixture
async def new_house(tmp_path, state_of_old):
    async with contextlib.AsyncExitStack() as stack:

        async def make(**settings):
            directory = tmp_path / "state"
            shutil.copytree(state_of_old, directory)
            house = House(directory, **settings)
            await house.open()
            stack.push_async_callback(house.close)
            return house

        make.scratch = tmp_path
        yield make


def boot(profile):
    return BootFacts(
        at=datetime.now(UTC), profile=profile, vendor="v", model="m", firmware_version="1",
        serial_number=SERIAL, reason="PowerUp",
    )  # fmt: skip


def ssl_error(message):
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_message = message
    return error


MAKER = TestAuthority.create("Maker Ltd")


def maker(name="maker", authority=MAKER, **more):
    rule = StatusRule(policy=StatusPolicy.OFF)
    issuing = authority._hierarchy.stations.certificate
    return Manufacturer(name=name, certificates=(issuing,), rule=rule, **more)


# -- an expired certificate ---------------------------------------------------------------------------------
async def test_an_expired_certificate_is_refused_by_tls_while_nobody_allows_one(new_house):
    """The advice names the command."""
    house = await new_house()
    certificate, _ = await house.with_expired()
    house.station(door=3, certificate=certificate, organization="CSO")

    await house.until(lambda: house.told("handshake-failed"))

    failed = house.told("handshake-failed")[0]
    assert "certificate has expired" in failed.reason
    assert "allow-expired ID" in failed.advice  # who it is nobody has said yet
    with pytest.raises(BadInput, match="cannot come in: its certificate ended"):
        await house.csms.begin_upgrade(IDENTITY, 3)
    assert f"allow-expired {IDENTITY}" in (await house.csms.rescue(IDENTITY)).steps[0]


async def test_the_advice_of_a_failed_handshake_names_who_is_asked_for(new_house):
    """Before HTTP nobody has said who he is; `why` is asked for a name."""
    house = await new_house()
    await house.with_expired()
    facts = {"door": "mtls", "address": "192.0.2.1", "profile": None}
    known = Attempt(
        at=datetime.now(UTC), outcome=AttemptOutcome.ADMITTED, identity=IDENTITY, reason="", **facts
    )
    reason, advice = explain(ssl_error("certificate has expired"))
    failed = Attempt(
        at=known.at + HOUR,
        outcome=AttemptOutcome.HANDSHAKE_FAILED,
        identity=None,
        reason=reason,
        advice=advice,
        **facts,
    )
    await house.store.record_attempt(known)
    await house.store.record_attempt(failed)

    told = await house.csms.why(IDENTITY)

    assert f"ocppsec station allow-expired {IDENTITY} --for 2h" in told.attempts[0].advice
    assert told.advice == [told.attempts[0].advice]


async def test_an_expired_certificate_that_is_allowed_is_renewed_at_once(new_house):
    """A00.FR.429: Pending, renewed, and an ordinary station; every step is told."""
    house = await new_house()
    certificate, old = await house.with_expired()
    given = await house.csms.allowances.give(IDENTITY, HOUR)

    station, happened = house.station(door=3, certificate=certificate, organization="CSO")
    await station.until(lambda one: one.accepted, timeout=15)
    await house.until(lambda: house.told("certificate-renewed"))

    booted = [one.status for one in happened if isinstance(one, told.Booted)]
    assert booted[0] == "Pending"
    assert booted[-1] == "Accepted"
    records = {one.fingerprint: one for one in await house.store.certificates(IDENTITY)}
    assert records[old.fingerprint].state is CertificateState.SUPERSEDED
    (new,) = (one for one in records.values() if one.state is CertificateState.ACTIVE)
    assert house.told("certificate-renewed")[0].fingerprint == new.fingerprint
    assert [one.what for one in house.told("expired-certificate-allowed")] == ["given", "used", "ended"]
    (allowance,) = await house.csms.allowances.of(IDENTITY)
    assert (allowance.id, allowance.uses, allowance.how) == (given.id, 1, "renewed")
    assert house.told("station-pending", because="expired-certificate")


async def test_who_only_reconnects_with_what_expired_meanwhile_is_renewed_too(new_house):
    """Accepted before, it does not boot again (Part 4, 5.3): it is called all the same, and may say nothing."""
    house = await new_house(boot_seconds=1.0)
    certificate, _ = await house.with_expired()
    await house.csms.allowances.give(IDENTITY, HOUR)
    await house.store.record_boot(IDENTITY, boot(SecurityProfile.TLS_CLIENT))
    station, _ = house.station(door=3, certificate=certificate, organization="CSO")
    station._inner.registration = RegistrationStatus.ACCEPTED

    await house.until(lambda: house.told("certificate-renewed"))

    assert not house.told("station-booted")
    assert [one.what for one in house.told("expired-certificate-allowed")] == ["given", "used", "ended"]


async def test_an_allowance_is_for_one_station(new_house):
    """While it is open TLS looks at no dates, so another one's expired certificate is refused in HTTP."""
    house = await new_house()
    await house.with_expired()
    await house.csms.add_station("CP3", serial_number="SN-3", profile=3)
    other, record = house.expired(serial="SN-3")
    await house.store.add_certificate(replace(record, identity="CP3"))
    await house.csms.allowances.give(IDENTITY, HOUR)

    house.station(door=3, certificate=other, identity="CP3", serial="SN-3")

    await house.until(lambda: house.told("connection-refused", identity="CP3"))
    refused = house.told("connection-refused")[0]
    assert (refused.reason, refused.status) == ("certificate-expired", 403)
    assert "allow-expired CP3" in refused.advice


async def test_an_allowance_ends_with_its_time(new_house):
    """The connection goes, the doors look at dates again, and it is written down how often it was used."""
    house = await new_house(renewal=RenewalSettings(terms=Terms(message=60), check_seconds=0.1))
    certificate, _ = await house.with_expired()
    await house.csms.allowances.give(IDENTITY, timedelta(seconds=10))
    house.csms.allowances._now = lambda: datetime.now(UTC) + timedelta(seconds=8)
    house.station(door=3, certificate=certificate, organization="")  # gives no request
    await house.until(lambda: house.told("station-pending"))

    await house.until(lambda: house.told("expired-certificate-allowed", what="ended"))
    await house.until(lambda: house.told("handshake-failed"))

    assert house.told("expired-certificate-allowed")[-1].detail == "time-passed"
    assert house.csms.connection(IDENTITY) is None
    (allowance,) = await house.csms.allowances.of(IDENTITY)
    assert allowance.how == "time-passed"
    assert allowance.uses >= 1


async def test_an_allowance_that_is_taken_back(new_house):
    """Who is in by it is sent away."""
    house = await new_house()
    certificate, _ = await house.with_expired()
    await house.csms.allowances.give(IDENTITY, HOUR)
    house.station(door=3, certificate=certificate)
    await house.until(lambda: house.told("station-pending"))

    ended = await house.csms.allowances.withdraw(IDENTITY)

    assert ended.how == "withdrawn"
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    with pytest.raises(BadInput):
        await house.csms.allowances.withdraw(IDENTITY)


async def test_in_pending_it_is_called_by_nobody_else(new_house):
    """An operator's own calls wait, and it is said for what."""
    house = await new_house()
    certificate, _ = await house.with_expired()
    await house.csms.allowances.give(IDENTITY, HOUR)
    house.station(door=3, certificate=certificate)
    await house.until(lambda: house.told("station-pending"))

    with pytest.raises(NotConnected, match="Pending"):
        await house.csms.call(IDENTITY, "Reset", {"type": "Immediate"}, timeout=5)
    assert house.csms.connection(IDENTITY).pending == "expired-certificate"
    why = await house.csms.why(IDENTITY)
    assert why.summary == "CP1 is connected on profile 3 and kept in Pending (expired-certificate)."
    assert "Wait" in why.advice[0]


async def test_what_cannot_be_allowed(new_house):
    """For a station that has a certificate, and for a bounded time."""
    house = await new_house()
    await house.with_expired()
    await house.csms.add_station("on one")
    for who, time, error in [
        ("nobody", HOUR, NotRegistered),
        (IDENTITY, timedelta(days=8), BadInput),
        (IDENTITY, timedelta(seconds=1), BadInput),
        ("on one", HOUR, BadInput),
    ]:
        with pytest.raises(error):
            await house.csms.allowances.give(who, time)
    assert not house.told("expired-certificate-allowed")


async def test_an_allowance_survives_a_restart(new_house):
    """It is a row: the next process lets the station in by it."""
    house = await new_house()
    certificate, _ = await house.with_expired()
    await house.csms.allowances.give(IDENTITY, HOUR)
    await house.shut()
    await house.reopen()

    station, _ = house.station(door=3, certificate=certificate, organization="CSO")

    await station.until(lambda one: one.accepted, timeout=15)


# -- a new station ------------------------------------------------------------------------------------------
async def test_a_station_that_is_listed_is_raised_by_itself(new_house):
    """Pending, a password of its own, then the ordinary upgrade to its target, then a station like any other."""
    house = await new_house()
    await house.expect("listed")
    _, happened = house.station(door=1, password=None)

    await house.until(lambda: house.is_at(Stage.DONE), timeout=30)

    booted = [(one.status, one.profile) for one in happened if isinstance(one, told.Booted)]
    assert booted[0][0] == "Pending"
    assert ("Accepted", 3) in booted
    steps = list(dict.fromkeys(house.steps()))
    assert steps == ["added", "came-in", "given-password", "on-its-own", "raised", "done"]
    (upgrade,) = await house.store.upgrades(IDENTITY)
    assert upgrade.status is UpgradeStatus.DONE
    assert (await house.store.station(IDENTITY)).floor == 3


async def test_a_one_time_password_opens_once(new_house):
    """The first login replaces it: from then on it is a wrong password like any other."""
    house = await new_house()
    expected = await house.expect("password", target=1)
    station, _ = house.station(door=1, password=expected.password)
    await house.until(lambda: house.is_at(Stage.DONE))
    station.stop()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)

    _, happened = house.station(door=1, password=expected.password)

    await house.until(lambda: house.told("connection-refused"))
    assert house.told("connection-refused")[0].reason == "wrong-password"
    assert not [one for one in happened if isinstance(one, told.Booted)]


async def test_a_manufacturers_certificate_is_replaced_by_ours(new_house):
    """A00.FR.406, 804 to 806: our name, our root, our certificate; from then on the old one is refused."""
    house = await new_house(manufacturers=(maker(),))
    await house.expect("certificate", manufacturer="maker")
    factory = MAKER.station_certificate(SERIAL)
    station, happened = house.station(door=3, certificate=factory)

    await house.until(lambda: house.is_at(Stage.DONE), timeout=20)

    assert [one.status for one in happened if isinstance(one, told.Booted)][-1] == "Accepted"
    assert "given-root" in house.steps()
    session = house.csms._sessions.get(IDENTITY)
    active = [one for one in await house.store.certificates(IDENTITY) if one.state is CertificateState.ACTIVE]
    assert [one.fingerprint for one in active] == [session.facts.certificate.fingerprint]
    station.stop()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    house.station(door=3, certificate=factory)
    await house.until(lambda: house.told("connection-refused"))
    assert house.told("connection-refused")[0].reason == "manufacturer-certificate"


# -- who it is not ------------------------------------------------------------------------------------------
class Raw:
    """Somebody with a WebSocket, who says what the test wants."""

    def __init__(self, connection):
        self.connection, self._numbers = connection, iter(range(1000))

    @classmethod
    async def dial(cls, house, password=None, *, door=1, identity=IDENTITY, context=None):
        headers = {}
        if password is not None:
            secret = base64.b64encode(f"{identity}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {secret}"
        url = f"{house.csms.url_for(door)}/{identity}"
        connection = await websockets.connect(
            url, subprotocols=["ocpp2.0.1"], additional_headers=headers, ping_interval=None, ssl=context
        )
        return cls(connection)

    async def say(self, action, payload):
        """What it is answered: the payload, or the code of a CALLERROR; CALLs in between are passed over."""
        call_id = f"r{next(self._numbers)}"
        await self.connection.send(json.dumps([2, call_id, action, payload]))
        while True:
            heard = json.loads(await self.connection.recv())
            if heard[1] == call_id:
                return heard[2]

    async def until_closed(self):
        async with asyncio.timeout(10):
            with contextlib.suppress(websockets.ConnectionClosed):
                async for _ in self.connection:
                    pass

    async def boot(self, serial=SERIAL):
        station = {"model": "m", "vendorName": "v"} | ({"serialNumber": serial} if serial else {})
        return await self.say("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    async def answer(self, action, payload):
        """Wait for a CALL of this action and answer it."""
        while True:
            heard = json.loads(await self.connection.recv())
            if heard[0] == 2 and heard[2] == action:
                await self.connection.send(json.dumps([3, heard[1], payload]))
                return heard[3]

    async def refuse(self, action):
        """Wait for a CALL of this action and answer it with CALLERROR."""
        while True:
            heard = json.loads(await self.connection.recv())
            if heard[0] == 2 and heard[2] == action:
                await self.connection.send(json.dumps([4, heard[1], "NotSupported", "", {}]))
                return


async def refused(dialling):
    """The status and the reason of a refusal."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        await dialling
    return caught.value.response.status_code, caught.value.response.body.decode().partition(":")[0].strip()


def security_profile(value, status="Accepted"):
    told = {
        "attributeStatus": status,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "SecurityProfile"},
    }
    return {"getVariableResult": [told | ({} if value is None else {"attributeValue": value})]}


def set_password(status):
    return {
        "setVariableResult": [
            {
                "attributeStatus": status,
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
            }
        ]
    }


@pytest.mark.parametrize("way", ["listed", "password"])
async def test_of_many_at_once_one_is_in(new_house, way):
    """Two stations claim one entry: one is in, the others are refused, and that is told."""
    house = await new_house()
    expected = await house.expect(way)

    outcomes = await asyncio.gather(
        *(Raw.dial(house, expected.password) for _ in range(8)), return_exceptions=True
    )

    inside = [one for one in outcomes if isinstance(one, Raw)]
    others = [one.response for one in outcomes if not isinstance(one, Raw)]
    assert len(inside) == 1
    assert {one.status_code for one in others} == {403}
    assert {one.body.decode().split(":")[0] for one in others} == {"onboarding-in-use"}
    assert len(house.told("onboarding-disputed")) == 7
    assert (await inside[0].boot())["status"] == "Pending"
    assert (await house.store.onboarding(IDENTITY)).connections == 1
    await inside[0].connection.close()


async def test_a_second_one_between_the_count_and_the_door(new_house):
    """Counted one after the other, before either is in: the second to arrive finds the first."""
    house = await new_house()
    expected = await house.expect("password")
    store, save = house.store, house.store.save_onboarding
    first_counted, second_counted = asyncio.Event(), asyncio.Event()

    async def slowly(entry):
        saved = await save(entry)
        if first_counted.is_set():
            store.save_onboarding = save
            second_counted.set()
        else:
            first_counted.set()
            await second_counted.wait()
        return saved

    store.save_onboarding = slowly
    first = asyncio.create_task(Raw.dial(house, expected.password))
    await first_counted.wait()
    outcomes = await asyncio.gather(first, Raw.dial(house, expected.password), return_exceptions=True)

    inside = [one for one in outcomes if isinstance(one, Raw)]
    assert len(inside) == 1
    assert (await inside[0].boot())["status"] == "Pending"
    assert (await store.onboarding(IDENTITY)).connections == 1
    await inside[0].connection.close()


async def test_it_may_come_back_while_it_has_nothing_of_its_own(new_house):
    """A connection that broke locks nobody out; when all are used up, that is the end."""
    house = await new_house()
    expected = await house.expect("password", connections=2)
    for _ in range(2):
        raw = await Raw.dial(house, expected.password)
        assert (await raw.boot())["status"] == "Pending"
        await raw.answer("SetVariables", set_password("Rejected"))
        await raw.connection.close()
        await house.until(lambda: house.csms.connection(IDENTITY) is None)

    assert await refused(Raw.dial(house, expected.password)) == (403, "onboarding-used-up")

    await house.until(lambda: len(house.told("onboarding-stuck")) == 2)
    entry = await house.csms.onboarding.find(IDENTITY)
    assert (entry.stage, entry.connections) == (Stage.OPEN, 2)
    assert "Rejected" in entry.reason


async def test_a_decision_that_was_overtaken_costs_no_connection(new_house):
    """What is decided again because something changed meanwhile is counted once."""
    house = await new_house()
    expected = await house.expect("password", connections=1)
    store, save = house.store, house.store.save_onboarding

    async def and_something_changes(entry):
        store.save_onboarding = save
        saved = await save(entry)
        house.csms._offices.ground.shifted(IDENTITY)
        return saved

    store.save_onboarding = and_something_changes
    raw = await Raw.dial(house, expected.password)

    assert (await raw.boot())["status"] == "Pending"
    assert (await store.onboarding(IDENTITY)).connections == 1
    await raw.connection.close()


async def test_a_lost_answer_leaves_both_passwords(new_house):
    """It may have taken the new one: whichever it comes with lets it in, and its own shuts the way in."""
    house = await new_house()
    expected = await house.expect("password", target=1)
    raw = await Raw.dial(house, expected.password)
    await raw.boot()
    heard = json.loads(await raw.connection.recv())
    own = heard[3]["setVariableData"][0]["attributeValue"]
    raw.connection.transport.abort()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    again = await Raw.dial(house, expected.password)
    assert (await again.boot())["status"] == "Pending"
    again.connection.transport.abort()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)

    itself = await Raw.dial(house, own)

    assert (await itself.boot())["status"] == "Accepted"
    await house.until(lambda: house.is_at(Stage.DONE))
    assert await refused(Raw.dial(house, expected.password)) == (401, "wrong-password")
    await itself.connection.close()


@pytest.mark.parametrize("way", ["listed", "password"])
async def test_another_serial_number_is_somebody_else(new_house, way):
    """Hung up, told, and given nothing; the one that is meant still gets in."""
    house = await new_house()
    expected = await house.expect(way)
    raw = await Raw.dial(house, expected.password)

    with pytest.raises(websockets.ConnectionClosed):
        await raw.boot("SN-9")

    mismatch = house.told("serial-number-mismatch")[0]
    assert (mismatch.identity, mismatch.reported) == (IDENTITY, "SN-9")
    assert await house.stage() is Stage.OPEN
    assert "given-password" not in house.steps()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    right = await Raw.dial(house, expected.password)
    assert (await right.boot())["status"] == "Pending"
    await right.connection.close()


async def test_its_time_passes(new_house):
    """Who is in is sent away, who comes later is refused, and it is written down why."""
    house = await new_house()
    expected = await house.expect("password", time=timedelta(seconds=30))
    raw = await Raw.dial(house, expected.password)
    await raw.boot()
    late = lambda: datetime.now(UTC) + timedelta(minutes=1)  # noqa: E731
    house.csms.onboarding._now = late

    await house.csms.onboarding.look()

    await raw.until_closed()
    assert await refused(Raw.dial(house, expected.password)) == (403, "onboarding-expired")
    entry = await house.csms.onboarding.find(IDENTITY)
    assert (entry.stage, bool(entry.reason), entry.ended_at is not None) == (Stage.EXPIRED, True, True)
    assert house.told("onboarding-stuck")


async def test_unknown_names_stay_unknown(new_house):
    """That others are expected changes nothing for who is not."""
    house = await new_house()
    await house.expect("listed")
    assert await refused(Raw.dial(house, identity="CP9")) == (404, "unknown-station")
    assert await refused(Raw.dial(house, "a-guessed-password", identity="CP9")) == (404, "unknown-station")


async def test_what_may_be_said_in_pending(new_house):
    """B02.FR.02, B02.FR.09: nothing but a BootNotification, and the request that was asked for."""
    house = await new_house()
    expected = await house.expect("password")
    raw = await Raw.dial(house, expected.password)
    assert await raw.say("Heartbeat", {}) == "SecurityError"
    boot_answer = await raw.boot()
    assert (boot_answer["status"], boot_answer["interval"]) == ("Pending", 1)
    csr = make_request(new_key(KeyFamily.EC_P256), common_name=SERIAL, organization="CSO")
    event = {"type": "StartupOfTheDevice", "timestamp": "2026-11-22T12:00:00Z"}
    for action, payload in [
        ("Heartbeat", {}),
        ("SecurityEventNotification", event),
        ("SignCertificate", {"csr": csr}),
    ]:
        assert await raw.say(action, payload) == "SecurityError", action
    assert await house.store.security_events(IDENTITY) == []
    assert await house.store.certificates(IDENTITY) == []
    assert (await raw.boot())["status"] == "Pending"
    station = await house.store.station(IDENTITY)
    assert (station.observed, station.registered_at, station.floor) == (None, None, 1)
    await raw.connection.close()


async def test_who_keeps_the_old_connection_is_sent_away(new_house):
    """A01: it has taken a password and does not come back with it by itself."""
    house = await new_house()
    house.csms.onboarding._come_back_seconds = 0.1
    expected = await house.expect("password")
    raw = await Raw.dial(house, expected.password)
    await raw.boot()
    await raw.answer("SetVariables", set_password("Accepted"))

    await raw.until_closed()

    assert await house.stage() is Stage.RAISING
    assert await refused(Raw.dial(house, expected.password)) == (401, "wrong-password")


async def test_a_listed_one_with_a_password_of_its_own_needs_it(new_house):
    """A01.FR.03: from its answer on the list opens nothing."""
    house = await new_house()
    await house.expect("listed")
    raw = await Raw.dial(house)
    await raw.boot()
    await raw.answer("GetVariables", security_profile("1"))
    data = await raw.answer("SetVariables", set_password("Accepted"))
    await house.until(lambda: house.is_at(Stage.RAISING))

    assert await refused(Raw.dial(house)) == (401, "credentials-missing")
    assert await refused(Raw.dial(house, "another-password-")) == (401, "wrong-password")
    own = await Raw.dial(house, data["setVariableData"][0]["attributeValue"])
    assert (await own.boot())["status"] == "Accepted"
    await own.connection.close()


async def test_a_listed_one_on_profile_0_is_given_nothing_it_cannot_send(new_house):
    """Its way in stays open, and it is said what to set; set to profile 1 it goes on by itself."""
    house = await new_house()
    await house.expect("listed")
    station, happened = house.station(door=0)
    await house.until(lambda: house.told("onboarding-stuck"))

    entry = await house.store.onboarding(IDENTITY)
    assert entry.stage is Stage.OPEN
    assert "profile 0" in entry.reason
    assert "set it to profile 1 or 2" in entry.reason
    assert not [one for one in happened if isinstance(one, told.Answered) and one.action == "SetVariables"]
    assert house.csms.connection(IDENTITY).pending == "onboarding"
    station.stop()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    house.station(door=1)
    await house.until(lambda: house.is_at(Stage.DONE), timeout=30)
    assert (await house.store.onboarding(IDENTITY)).reason == ""


@pytest.mark.parametrize("says", ["UnknownVariable", "CALLERROR"])
async def test_a_listed_one_that_does_not_tell_its_profile_is_believed(new_house, says):
    """And when it comes without what it has accepted, that stands beside it until it comes with it."""
    house = await new_house()
    await house.expect("listed")
    raw = await Raw.dial(house)
    await raw.boot()
    if says == "CALLERROR":
        await raw.refuse("GetVariables")
    else:
        await raw.answer("GetVariables", security_profile(None, says))
    data = await raw.answer("SetVariables", set_password("Accepted"))
    await house.until(lambda: house.is_at(Stage.RAISING))

    for _ in range(3):
        assert await refused(Raw.dial(house)) == (401, "credentials-missing")
    await house.until(lambda: house.told("onboarding-stuck"))

    entry = await house.csms.onboarding.find(IDENTITY)
    assert "comes without it: set it to security profile 1 or 2" in entry.reason
    assert len(house.told("onboarding-stuck")) == 1
    own = await Raw.dial(house, data["setVariableData"][0]["attributeValue"])
    await own.boot()
    await house.until(lambda: "raised" in house.steps())
    assert (await house.csms.onboarding.find(IDENTITY)).reason == ""
    await own.connection.close()


async def test_an_upgrade_that_cannot_be_begun_says_why(new_house):
    """It is an ordinary station by then; what is missing stands beside it."""
    house = await new_house()
    expected = await house.expect("password")
    raw = await Raw.dial(house, expected.password)
    await raw.boot()
    data = await raw.answer("SetVariables", set_password("Accepted"))
    await house.until(lambda: house.is_at(Stage.RAISING))
    itself = await Raw.dial(house, data["setVariableData"][0]["attributeValue"])
    house.csms.url_for = lambda _: None
    await itself.boot()

    await house.until(lambda: house.told("onboarding-stuck"))

    assert "no door serves profile" in (await house.csms.onboarding.find(IDENTITY)).reason
    await itself.connection.close()


async def own_password(house, **more):
    """Somebody who was given one, and has hung up."""
    expected = await house.expect("password", **more)
    raw = await Raw.dial(house, expected.password)
    await raw.boot()
    data = await raw.answer("SetVariables", set_password("Accepted"))
    await raw.connection.close()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    await house.until(lambda: house.is_at(Stage.RAISING))
    return data["setVariableData"][0]["attributeValue"]


async def test_an_upgrade_that_was_not_begun_is_begun_at_the_next_connection(new_house):
    """Killed between its boot and the upgrade: it only reconnects, and is raised all the same."""
    house = await new_house()
    password = await own_password(house)
    accepted, house.csms.onboarding.accepted = house.csms.onboarding.accepted, lambda _: None
    raw = await Raw.dial(house, password)
    assert (await raw.boot())["status"] == "Accepted"
    await raw.connection.close()
    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    assert await house.store.upgrades(IDENTITY) == []
    house.csms.onboarding.accepted = accepted

    again = await Raw.dial(house, password)

    await house.until(lambda: "raised" in house.steps())
    assert len(await house.store.upgrades(IDENTITY)) == 1
    await again.connection.close()


async def test_a_password_of_its_own_is_not_replaced_again(new_house):
    """`replace_factory_passwords` is for passwords of the factory; this one nobody has seen."""
    house = await new_house(replace_factory_passwords=True)
    password = await own_password(house, target=1)
    replaced, house.csms.passwords.first_contact = [], lambda session: replaced.append(session.identity)
    raw = await Raw.dial(house, password)

    assert (await raw.boot())["status"] == "Accepted"

    await house.until(lambda: house.is_at(Stage.DONE))
    assert replaced == []
    await raw.connection.close()


# -- what a person may ask for ------------------------------------------------------------------------------
NONSENSE = [
    ("guess", {}, "no way in"),
    ("listed", {"serial_number": None}, "serial number"),
    ("listed", {"password": "a-password-for-once"}, "--by password"),
    ("listed", {"manufacturer": "maker"}, "--by certificate"),
    ("listed", {"time": timedelta(days=91)}, "90 days"),
    ("listed", {"time": timedelta(seconds=1)}, "10 seconds"),
    ("listed", {"connections": 0}, "1 to 1000"),
    ("listed", {"connections": 1001}, "1 to 1000"),
    ("listed", {"target": 1, "profile": 2}, "lower than"),
    ("password", {"password": "short"}, "16"),
    ("certificate", {"target": 2}, "profile 3"),
    ("certificate", {"manufacturer": "other"}, "no manufacturer"),
]


async def test_what_cannot_be_expected(new_house):
    """Each with what is wrong, and nothing is kept."""
    house = await new_house(manufacturers=(maker(),))
    for way, more, says in NONSENSE:
        with pytest.raises(BadInput, match=says):
            await house.expect(way, **more)
    assert await house.store.stations() == []


async def test_no_manufacturer_is_trusted(new_house):
    """Without [[manufacturers]] nobody comes by a certificate that is not ours."""
    house = await new_house()
    with pytest.raises(BadInput, match="no manufacturer is trusted"):
        await house.expect("certificate")


async def test_a_new_station_is_not_raised_by_hand(new_house):
    """It has nothing an upgrade could begin with; it is raised by itself."""
    house = await new_house()
    await house.expect("listed")
    with pytest.raises(BadInput, match="raised by itself"):
        await house.csms.begin_upgrade(IDENTITY, 3)


async def test_who_is_not_expected_any_more(new_house):
    """While it is new it is forgotten and sent away; later it is a station like any other."""
    house = await new_house()
    await house.expect("listed")
    raw = await Raw.dial(house)
    await raw.boot()
    await house.csms.onboarding.check_removable(IDENTITY)
    await house.csms.remove_station(IDENTITY)
    await raw.until_closed()
    assert await refused(Raw.dial(house)) == (404, "unknown-station")
    with pytest.raises(NotRegistered):
        await house.csms.onboarding.find(IDENTITY)
    await house.expect("listed")
    entry = await house.store.onboarding(IDENTITY)
    await house.store.save_onboarding(replace(entry, stage=Stage.RAISING))
    with pytest.raises(BadInput, match="not new any more"):
        await house.csms.onboarding.check_removable(IDENTITY)
    await house.csms.add_station("other")
    with pytest.raises(BadInput, match="did not come in as new"):
        await house.csms.onboarding.find("other")


# -- manufacturers' certificates that are refused -----------------------------------------------------------
STRANGER = TestAuthority.create("Stranger")


@pytest.mark.parametrize(
    ("certificate", "entry", "settings", "reason"),
    [
        (MAKER.station_certificate("SN-9"), {}, {}, "certificate-of-another-station"),
        (MAKER.station_certificate(SERIAL), {"manufacturer": "other"}, {}, "manufacturer-certificate"),
        (MAKER.station_certificate(SERIAL), {"way": "listed"}, {}, "manufacturer-certificate"),
        (
            MAKER.station_certificate(SERIAL),
            {},
            {"organizations": frozenset({"Another"})},
            "organization-mismatch",
        ),
        (STRANGER.station_certificate(SERIAL), {}, {}, None),
    ],
    ids=["another's CN", "another maker", "expected another way", "another O", "an unknown CA"],
)
async def test_a_certificate_that_lets_nobody_in(new_house, certificate, entry, settings, reason):
    """Each for its reason; what no anchor has signed does not get as far as HTTP."""
    other = maker("other", TestAuthority.create("Other"))
    house = await new_house(manufacturers=(maker(**settings), other))
    await house.expect(**{"way": "certificate", **entry})

    _, happened = house.station(door=3, certificate=certificate)

    if reason is None:
        await house.until(lambda: house.told("handshake-failed"))
        assert "CERTIFICATE_VERIFY_FAILED" in house.told("handshake-failed")[0].reason
    else:
        await house.until(lambda: house.told("connection-refused"))
        assert house.told("connection-refused")[0].reason == reason
    assert not [one for one in happened if isinstance(one, told.Booted)]


async def test_a_factory_certificate_that_has_expired(new_house):
    """A00.FR.807: in with an allowance, in Pending, and replaced at once; without one it is refused."""
    authority = load_or_create(
        new_house.scratch / "maker",
        organization="Maker",
        hostname="m",
        now=datetime.now(UTC) - timedelta(days=20),
    )
    issuing = authority.hierarchy.stations
    rule = StatusRule(policy=StatusPolicy.OFF)
    house = await new_house(
        manufacturers=(Manufacturer(name="maker", certificates=(issuing.certificate,), rule=rule),)
    )
    await house.expect("certificate")
    old, _ = house.expired(issuer=issuing)
    station, happened = house.station(door=3, certificate=old)
    await house.until(lambda: house.told("handshake-failed"))

    await house.csms.allowances.give(IDENTITY, HOUR)

    await house.until(lambda: house.is_at(Stage.DONE), timeout=20)
    assert next(one.status for one in happened if isinstance(one, told.Booted)) == "Pending"
    (allowance,) = await house.csms.allowances.of(IDENTITY)
    assert (allowance.how, allowance.uses >= 1) == ("renewed", True)
    await station.until(lambda one: one.accepted, timeout=10)


@pytest.mark.parametrize("step", ["came-in", "given-root"])
async def test_a_restart_in_the_middle(new_house, step):
    """Another process goes on where this one stood, with the certificate of the manufacturer or with ours."""
    house = await new_house(manufacturers=(maker(),))
    await house.expect("certificate")
    station, _ = house.station(door=3, certificate=MAKER.station_certificate(SERIAL))
    await house.until(lambda: step in house.steps())
    await house.shut()
    await house.reopen()

    await house.until(lambda: house.is_at(Stage.DONE), timeout=30)

    active = [one for one in await house.store.certificates(IDENTITY) if one.state is CertificateState.ACTIVE]
    assert len(active) == 1
    await station.until(lambda one: one.accepted, timeout=10)


class Lists:
    """The maker's CRL over plain HTTP; what is not set is not there."""

    def __init__(self):
        self.list = None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/maker.crl"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if self.list is not None:
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.list)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + self.list)
        writer.close()

    def revoke(self, *serial_numbers):
        issuing, now = MAKER._hierarchy.stations, datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuing.certificate.subject)
            .last_update(now - HOUR)
            .next_update(now + HOUR)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.certificate.public_key()),
                critical=False,
            )
        )
        for number in serial_numbers:
            gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now - HOUR)
            builder = builder.add_revoked_certificate(gone.build())
        self.list = builder.sign(issuing.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("policy", "told_by_ca", "reason"),
    [
        (StatusPolicy.REQUIRED, "good", None),
        (StatusPolicy.REQUIRED, "revoked", "certificate-revoked"),
        (StatusPolicy.REQUIRED, "nothing", "certificate-status-unknown"),
        (StatusPolicy.WHEN_REACHABLE, "nothing", None),
        (StatusPolicy.WHEN_REACHABLE, "revoked", "certificate-revoked"),
        (StatusPolicy.OFF, "revoked", None),
    ],
)
async def test_what_its_manufacturer_says_of_a_certificate(new_house, policy, told_by_ca, reason):
    """A00.FR.702: its CA is asked before it is let in, and an operator has said what silence means."""
    factory = MAKER.station_certificate(SERIAL)
    async with Lists() as lists:
        if told_by_ca != "nothing":
            revoked = told_by_ca == "revoked"
            lists.revoke(*([read_certificates(factory.chain_pem)[0].serial_number] if revoked else []))
        made = replace(maker(), rule=StatusRule(policy=policy, crl=lists.url))
        house = await new_house(manufacturers=(made,))
        await house.expect("certificate")

        _, happened = house.station(door=3, certificate=factory)

        if reason is None:
            await house.until(lambda: house.told("station-pending"))
        else:
            await house.until(lambda: house.told("connection-refused"))
            assert house.told("connection-refused")[0].reason == reason
            assert not [one for one in happened if isinstance(one, told.Booted)]


async def test_strangers_make_us_ask_nobody(new_house):
    """Its CA is asked only for a station that is expected by its certificate."""
    async with Lists() as lists:
        made = replace(maker(), rule=StatusRule(policy=StatusPolicy.REQUIRED, crl=lists.url))
        house = await new_house(manufacturers=(made,))
        await house.expect("listed")
        asked = []
        house.csms.foreign_status.verdict = lambda *_: asked.append(1)

        house.station(door=3, certificate=MAKER.station_certificate(SERIAL))
        house.station(door=3, certificate=MAKER.station_certificate(SERIAL), identity="CP9")

        await house.until(lambda: house.told("connection-refused", identity=IDENTITY))
        await house.until(lambda: house.told("connection-refused", identity="CP9"))
        assert asked == []


def client(house, certificate, directory):
    """A TLS context that shows *certificate* and trusts the house."""
    context = ssl.create_default_context(cadata=house.csms.authority.root_pem)
    file = directory / "client.pem"
    file.write_bytes(certificate.key_pem + certificate.chain_pem.encode())
    context.load_cert_chain(file)
    return context


async def test_a_root_that_is_not_shown_is_not_installed(new_house, tmp_path):
    """Accepted is a hint: without the root among what it shows it is asked for no request, and that is told."""
    house = await new_house(manufacturers=(maker(),))
    await house.expect("certificate")
    raw = await Raw.dial(house, door=3, context=client(house, MAKER.station_certificate(SERIAL), tmp_path))
    await raw.boot()
    await raw.answer("SetVariables", set_password("Accepted"))
    await raw.answer("InstallCertificate", {"status": "Accepted"})
    await raw.answer("GetInstalledCertificateIds", {"status": "NotFound"})

    await house.until(lambda: house.told("onboarding-stuck"))

    assert "shows no such root" in (await house.csms.onboarding.find(IDENTITY)).reason
    assert "given-root" not in house.steps()
    assert await house.store.renewals(IDENTITY) == []
    await raw.connection.close()


async def test_who_has_a_manufacturers_certificate_may_not_try_names(new_house, tmp_path):
    """It proves no station of ours: many names from one address are slowed, as with passwords."""
    house = await new_house(manufacturers=(maker(),))
    context = client(house, MAKER.station_certificate(SERIAL), tmp_path)
    answers = [await refused(Raw.dial(house, door=3, context=context, identity=f"X{n}")) for n in range(53)]
    assert answers[0] == (404, "unknown-station")
    assert answers[-1] == (429, "too-many-failures")


async def test_new_server_certificates_change_nothing_for_who_is_allowed(new_house):
    """A door with a new context still lets the expired certificate reach admission, and an old one never."""
    house = await new_house()
    certificate, _ = await house.with_expired()
    await house.csms.allowances.give(IDENTITY, HOUR)
    assert await house.csms.server_certificates.reload()

    house.station(door=3, certificate=certificate)

    await house.until(lambda: house.told("station-pending"))
    assert not house.told("handshake-failed")
    await house.csms.allowances.withdraw(IDENTITY)
    assert await house.csms.server_certificates.reload()
    await house.until(lambda: house.told("handshake-failed"))


async def test_a_disputed_connection_has_to_show_that_it_lives(new_house):
    """A dead one does not shut its own station out: it is pinged when somebody else comes."""
    house = await new_house()
    expected = await house.expect("password")
    first = await Raw.dial(house, expected.password)
    await first.boot()
    link = house.csms._sessions.get(IDENTITY).link
    heard = link.last_heard
    assert (await refused(Raw.dial(house, expected.password)))[1] == "onboarding-in-use"
    await house.until(lambda: link.last_heard > heard)  # a pong
    assert house.csms.connection(IDENTITY) is not None
    link.pinged, link.last_heard = True, heard - 30  # it was asked, half a minute ago

    assert (await refused(Raw.dial(house, expected.password)))[1] == "onboarding-in-use"

    await house.until(lambda: house.csms.connection(IDENTITY) is None)
    again = await Raw.dial(house, expected.password)
    await again.connection.close()
