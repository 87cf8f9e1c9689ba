"""New stations, and one with an expired certificate: our CSMS and our station, real sockets and real TLS."""

import asyncio
import contextlib
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509

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
from ocppsec.ocppj.messages import RegistrationStatus
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState, Stage
from ocppsec.registry.open import open_store
from ocppsec.registry.records import BootFacts, UpgradeStatus
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
            url=self.csms.url_for(door),
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

    def expired(self, *, serial=SERIAL, begin=timedelta(days=5), life=timedelta(days=2)):
        """A certificate of our own CA, with its record, whose time was some days ago."""
        now = datetime.now(UTC) - begin
        key = new_key(KeyFamily.EC_P256)
        csr = make_request(key, common_name=serial, organization="CSO")
        approved = check_request(csr, Expected(serial_number=serial, organization="CSO"))
        issued = issue_station_certificate(
            approved,
            self.csms.authority.hierarchy.stations,
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


@pytest.fixture
async def new_house(tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        async def make(**settings):
            directory = tmp_path / "state"
            directory.mkdir(mode=0o700, exist_ok=True)
            # The CA is older than what it is said to have issued.
            load_or_create(
                directory,
                organization="CSO",
                hostname="localhost",
                now=datetime.now(UTC) - timedelta(days=20),
            )
            house = House(directory, **settings)
            await house.open()
            stack.push_async_callback(house.close)
            return house

        yield make


def boot(profile):
    return BootFacts(
        at=datetime.now(UTC), profile=profile, vendor="v", model="m", firmware_version="1",
        serial_number=SERIAL, reason="PowerUp",
    )  # fmt: skip


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
    assert "allow-expired" in failed.advice


async def test_an_expired_certificate_that_is_allowed_is_renewed_at_once(new_house):
    """A00.FR.429: Pending, renewed, and an ordinary station; every step is told."""
    house = await new_house()
    certificate, old = await house.with_expired()
    given = await house.csms.allowances.give(IDENTITY, HOUR)

    station, happened = house.station(door=3, certificate=certificate, organization="CSO")
    await station.until(lambda one: one.accepted, timeout=15)

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


@pytest.mark.parametrize(
    ("who", "time", "error"),
    [
        ("nobody", HOUR, NotRegistered),
        (IDENTITY, timedelta(days=8), BadInput),
        (IDENTITY, timedelta(seconds=1), BadInput),
        ("on one", HOUR, BadInput),
    ],
)
async def test_what_cannot_be_allowed(new_house, who, time, error):
    """For a station that has a certificate, and for a bounded time."""
    house = await new_house()
    await house.with_expired()
    await house.csms.add_station("on one")
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
