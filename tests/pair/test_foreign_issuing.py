"""Stations with certificates of other people's CAs: our CSMS and our station, real TLS, real CAs where there are any."""

import asyncio
import contextlib
import random
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from est_server import EstServer
from fake_step_ca import FakeStepCa
from fake_vault import FakeVault
from foreign_ca import ca, key_pem, name, new_order, pem, sign
from real_cfssl import AUTH_KEY, Cfssl

from ocppsec.certificates.hash_data import hash_data
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.foreign_issuing import ForeignIssuer, open_foreign
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.service import Csms
from ocppsec.issuers.choice import CaKind, ForeignCa
from ocppsec.issuers.issuer import AskFailed, NotAsked
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import NewStation, OrderState, UpgradeStatus
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.upgrades.renewal import Terms

IDENTITY, SERIAL = "CP1", "SN-1"
HASTE = RenewalSettings(
    terms=Terms(message=5, csr=5, signing=20, reconnect=3, handshake=3, back_off=0.1), check_seconds=0.1
)


VERIFY = "verify -x509_strict -purpose sslclient -CAfile root.pem -untrusted ca.pem leaf.pem"


class House:
    """One CSMS with a CA of others, and one station."""

    def __init__(self, directory, issuer):
        self.directory, self.issuer = directory, issuer
        self.store, self.events, self.tasks = MemoryStore(), [], []
        self.station = None

    async def open_again(self):
        """A new process on the same state and the same ports."""
        ports = [int(door.url.split(":")[2].split("/")[0]) for door in self.csms.doors]
        await self.open(*dict.fromkeys(ports))

    async def open(self, ws=0, wss=0, mtls=0):
        configuration = Configuration(
            state=self.directory,
            doors=default_doors("127.0.0.1", ws_port=ws, wss_port=wss, mtls_port=mtls),
            hostname="localhost",
            organization="CSO",
            issuer=self.issuer,
            renewal=HASTE,
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        await self.csms.start()

    async def close(self):
        if self.station is not None:
            self.station.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.csms.stop()

    async def connect(self):
        added = await self.csms.add_station(IDENTITY, serial_number=SERIAL)
        config = StationConfig(
            identity=IDENTITY,
            serial_number=SERIAL,
            url=self.csms.url_for(1),
            password=added.generated_password,
            pace=0.02,
            traits=Traits(renewal_days=0),
            reboot_seconds=0.1,
        )
        self.memory = PassingMemory()
        self.station = Station(
            config,
            self.memory,
            clock=lambda: datetime.now(UTC),
            random=random.Random(1).random,
            observe=lambda _: None,
        )
        self.tasks.append(asyncio.create_task(self.station.run()))
        await self.station.until(lambda station: station.accepted, timeout=10)

    async def upgrade(self):
        begun = await self.csms.begin_upgrade(IDENTITY, 3)
        async with asyncio.timeout(20):
            while (ended := await self.store.upgrade(begun.id)).status is UpgradeStatus.OPEN:
                await asyncio.sleep(0.02)
        return ended

    async def grow(self):
        await self.connect()
        ended = await self.upgrade()
        assert ended.status is UpgradeStatus.DONE, ended.reason

    async def until(self, condition, timeout=15):
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.02)

    async def in_use(self):
        states = await self.store.certificates(IDENTITY)
        return next(each for each in states if each.state is CertificateState.ACTIVE)

    def told(self, name):
        return [event for event in self.events if event.name == name]


@pytest.fixture
async def new_house(tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        async def make(issuer):
            house = House(tmp_path / "state", issuer)
            await house.open()
            stack.push_async_callback(house.close)
            return house

        yield make


@pytest.fixture
def openssl():
    return shutil.which("openssl") or pytest.skip("the openssl command is not installed")


@pytest.fixture
def cfssl(tmp_path):
    with Cfssl(tmp_path) as server:
        yield (
            server,
            ForeignCa(
                kind=CaKind.CFSSL, url=server.url, ca=server.trust_file, profile="stations", secret=AUTH_KEY
            ),
        )


@pytest.fixture
def est(tmp_path, openssl):
    with EstServer(tmp_path, openssl=openssl, users={"csms": "password-1"}) as server:
        yield (
            server,
            ForeignCa(
                kind=CaKind.EST,
                url=server.url,
                ca=server.trust_file,
                tls_ca=server.tls_ca,
                user="csms",
                secret="password-1",
            ),
        )


@pytest.fixture
def vault(tmp_path):
    with FakeVault(tmp_path) as server:
        yield (
            server,
            ForeignCa(
                kind=CaKind.VAULT,
                url=server.url,
                ca=server.trust_file,
                tls_ca=server.tls_ca,
                profile="stations",
                mount="pki_int",
                user=server.role_id,
                secret=server.secret_id,
            ),
        )


# -- the whole way ------------------------------------------------------------------------------------------
async def test_from_1_to_3_and_renewed_with_certificates_of_the_real_cfssl(
    cfssl, new_house, tmp_path, openssl
):
    """The station, which verifies its own certificate, has got both roots; the door trusts the CA that issues."""
    server, settings = cfssl
    house = await new_house(settings)
    await house.grow()
    first = await house.in_use()
    assert house.csms.connection(IDENTITY).profile == 3
    leaf, above = x509.load_pem_x509_certificates(first.chain.encode())
    assert above == server.issuing.certificate
    (tmp_path / "leaf.pem").write_bytes(pem(leaf))
    (tmp_path / "root.pem").write_bytes(pem(server.root.certificate))
    said = subprocess.run(
        [openssl, *VERIFY.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "leaf.pem: OK\n", said.stderr

    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: house.told("certificate-renewed"))
    second = await house.in_use()
    assert second.fingerprint != first.fingerprint
    orders = await house.store.orders()
    assert [(each.state, each.fingerprint) for each in orders] == [
        (OrderState.ISSUED, second.fingerprint),
        (OrderState.ISSUED, first.fingerprint),
    ]
    assert len(house.told("certificate-asked")) == 2


async def test_the_station_has_both_roots(est, new_house):
    """PKI facts 7: a station that verifies its own certificate needs the root of who signed it."""
    server, settings = est
    house = await new_house(settings)
    await house.grow()
    answer = await house.csms.call(
        IDENTITY, "GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]}, timeout=5
    )
    listed = {
        each["certificateHashData"]["issuerKeyHash"].lower() for each in answer["certificateHashDataChain"]
    }
    wanted = {
        hash_data(root, root, "SHA256").issuer_key_hash.lower()
        for root in (server.root.certificate, house.csms.authority.hierarchy.root.certificate)
    }
    assert listed == wanted


async def test_renewals_reenrol_at_est(est, new_house):
    server, settings = est
    house = await new_house(settings)
    await house.grow()
    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: house.told("certificate-renewed"))
    assert [heard.path.rpartition("/")[2] for heard in server.posted] == ["simpleenroll", "simplereenroll"]


async def test_at_the_start_it_is_told_whether_the_ca_is_the_right_one(est, desk, tmp_path):
    server, settings = est
    other, other_root = ca("Issuing", root := ca("Another root")), root
    (tmp_path / "other.pem").write_bytes(pem(other.certificate, other_root.certificate))
    events = []
    await desk(settings, events).look()
    await desk(replace(settings, ca=tmp_path / "other.pem"), events).look()
    server.manner = "500"
    await desk(settings, events).look()
    assert [event.name for event in events] == ["issuer-found", "issuer-in-doubt", "issuer-in-doubt"]
    assert "not those of issuer.ca: CN=EST" in events[1].reason
    assert "answered 500" in events[2].reason


# -- trouble ------------------------------------------------------------------------------------------------
async def test_an_upgrade_says_which_ca_did_what(vault, new_house):
    """The reason names the CA and what it did; the station stays where it was."""
    server, settings = vault
    house = await new_house(settings)
    await house.connect()
    server.manner = "500"
    ended = await house.upgrade()
    assert ended.status is UpgradeStatus.FAILED
    assert f"the Vault at {server.url} answered 500" in ended.reason
    assert house.csms.connection(IDENTITY).profile == 2
    assert await house.store.certificates(IDENTITY) == []


async def test_a_renewal_waits_for_a_ca_that_is_away(est, new_house):
    """The old certificate stays in force, and the renewal comes to its end when the CA is back."""
    server, settings = est
    house = await new_house(settings)
    await house.grow()
    first = await house.in_use()
    server.manner = "html"
    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: house.told("renewal-stuck"))
    assert "text/html, not application/pkcs7-mime" in house.told("renewal-stuck")[0].reason
    assert (await house.in_use()).fingerprint == first.fingerprint
    server.manner = None
    await house.until(lambda: house.told("certificate-renewed"))


async def test_a_ca_that_decides_later_is_asked_again(est, new_house):
    """RFC 7030 4.2.3: the upgrade waits in a step that says for whom, with one order and one request."""
    server, settings = est
    house = await new_house(replace(settings, seconds=1.0))
    house.csms._asking_again.least = 0.05
    await house.connect()
    server.later = 2
    begun = await house.csms.begin_upgrade(IDENTITY, 3)
    await house.until(lambda: house.told("certificate-asked") and server.later < 2)
    async with asyncio.timeout(5):
        while "wait for a decision" not in (waiting := await house.store.upgrade(begun.id)).step:
            await asyncio.sleep(0.02)
    assert waiting.step == f"profile 3: wait for a decision of the EST server at {server.url}"
    async with asyncio.timeout(20):
        while (ended := await house.store.upgrade(begun.id)).status is UpgradeStatus.OPEN:
            await asyncio.sleep(0.02)
    assert ended.status is UpgradeStatus.DONE, ended.reason
    assert len({heard.body for heard in server.posted}) == 1
    assert [each.state for each in await house.store.orders()] == [OrderState.ISSUED]


async def test_a_renewal_waits_for_a_decision_over_a_restart(est, new_house):
    """The row is the truth: the next process asks again with the same request."""
    server, settings = est
    house = await new_house(replace(settings, seconds=1.0))
    await house.grow()
    server.later, server.retry_after = 1, "3600"
    await house.csms.renewer.renew(IDENTITY)
    await house.until(lambda: "decision" in (house.csms.renewer.open(IDENTITY) or Nobody).step)
    asked = server.posted[-1].body
    await house.csms.stop()
    await house.open_again()
    await house.until(lambda: house.told("certificate-renewed"))
    assert server.posted[-1].body == asked
    states = [each.state for each in await house.store.orders()]
    assert states == [OrderState.ISSUED, OrderState.UNKNOWN, OrderState.ISSUED]


class Nobody:
    step = ""


async def test_a_slow_ca_holds_nobody_up(est, new_house):
    """While it is waited for, stations are served, this one too; then it is said how long was waited."""
    server, settings = est
    house = await new_house(replace(settings, seconds=3.0))
    await house.connect()
    server.manner = "slow"
    upgrading = asyncio.create_task(house.upgrade())
    await house.until(lambda: server.posted)
    certificates = {"certificateType": ["CSMSRootCertificate"]}
    answer = await house.csms.call(IDENTITY, "GetInstalledCertificateIds", certificates, timeout=5)
    assert (answer["status"], upgrading.done()) == ("Accepted", False)
    assert [each.state for each in await house.store.orders()] == [OrderState.ASKED]
    assert "did not answer within 3 s" in (await upgrading).reason


async def test_a_stranger_of_the_same_ca_stays_outside(est, new_house, tmp_path, openssl):
    """What the other CA signs for others is in nobody's record; what lives elsewhere under its root fails in TLS."""
    server, settings = est
    house = await new_house(settings)
    await house.grow()
    url = house.csms.url_for(3)
    port = url.split(":")[2].split("/")[0]
    sibling = ca("Another CA under that root", server.root)
    said = {}
    for who, issuer in (("ours", server.issuing), ("sibling", sibling)):
        key = ca("key").key
        leaf = sign(issuer, key.public_key(), subject=name(SERIAL, "CSO"))
        (tmp_path / f"{who}.pem").write_bytes(pem(leaf, issuer.certificate))
        (tmp_path / f"{who}.key").write_bytes(key_pem(key))
        request = (
            f"GET /ocpp/{IDENTITY} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
        )
        process = await asyncio.create_subprocess_exec(
            openssl,
            *f"s_client -quiet -connect 127.0.0.1:{port} -servername localhost".split(),
            *("-cert_chain", f"{who}.pem", "-cert", f"{who}.pem", "-key", f"{who}.key"),
            cwd=tmp_path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        process.stdin.write(request.encode())
        await process.stdin.drain()
        said[who] = (await asyncio.wait_for(process.stdout.read(), 10)).decode(errors="replace")
        process.stdin.close()
        await process.wait()
    assert "403" in said["ours"]
    assert "certificate-unknown" in said["ours"]
    assert "unknown ca" in said["sibling"]


# -- revocation ---------------------------------------------------------------------------------------------
async def test_a_revoked_certificate_is_refused_here_at_once_and_its_ca_is_told(vault, new_house):
    server, settings = vault
    house = await new_house(settings)
    await house.grow()
    record = await house.in_use()
    await house.csms.certificates.revoke(record.fingerprint, "keyCompromise")
    await house.until(lambda: house.csms.connection(IDENTITY) is None, timeout=1)
    await house.until(lambda: server.revoked)
    assert int(server.revoked[0].replace(":", ""), 16) == int(record.serial_number, 16)
    await house.until(lambda: house.told("revocation-told"))
    assert (await house.store.orders())[0].revocation == "told"


async def test_our_own_crl_does_not_speak_for_another_ca(vault, new_house):
    _, settings = vault
    house = await new_house(settings)
    await house.grow()
    await house.csms.certificates.revoke((await house.in_use()).fingerprint, "keyCompromise")
    der = await house.csms.revocation.list_in_force()
    assert list(x509.load_der_x509_crl(der)) == []
    await house.until(lambda: house.told("revocation-told"))


# -- orders and crashes -------------------------------------------------------------------------------------
@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    await opened.add_station(
        NewStation(
            identity=IDENTITY,
            serial_number=SERIAL,
            profile=SecurityProfile.TLS_BASIC,
            password_hash=None,
            added_at=datetime.now(UTC),
        )
    )
    yield opened
    await opened.close()


@pytest.fixture
async def desk(store):
    """Makes the desk of one process after the other."""
    opened = []

    def make(settings, events=None, now=lambda: datetime.now(UTC)):
        issuer = open_foreign(
            settings,
            store,
            lifetime=timedelta(days=90),
            emit=(events if events is not None else []).append,
            now=now,
        )
        opened.append(issuer)
        return issuer

    yield make
    for each in opened:
        await each.close()


def of(order):
    """What `issue` takes."""
    csr = x509.load_der_x509_csr(order.csr)
    return order.approved, csr.public_bytes(Encoding.PEM).decode()


async def test_killed_while_the_ca_was_asked(est, desk, store):
    """Nobody knows what came of it: that is said at the next start, and the same request is asked again."""
    server, settings = est
    server.manner = "slow"
    approved, csr = of(new_order())
    asking = asyncio.create_task(desk(settings).issue(approved, csr, identity=IDENTITY))
    while not server.heard:
        await asyncio.sleep(0.01)
    assert [each.state for each in await store.orders()] == [OrderState.ASKED]
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    server.manner, events = None, []
    again = desk(settings, events)
    await again.recover()
    (lost,) = await store.orders()
    assert (lost.state, lost.reason) == (OrderState.UNKNOWN, "the CSMS ended while the CA was asked")
    assert [event.name for event in events] == ["certificate-unaccounted"]
    issued = await again.issue(approved, csr, identity=IDENTITY)
    assert issued.public_key_sha256 == approved.public_key_sha256


async def test_killed_between_the_answer_and_the_record(est, desk, store):
    """The answer was kept first: the next process gives the same certificate, and the CA hears nothing."""
    server, settings = est
    approved, csr = of(new_order())
    first = await desk(settings).issue(approved, csr, identity=IDENTITY)
    assert await store.certificates(IDENTITY) == []  # whoever asked was killed here
    again = desk(settings)
    await again.recover()
    assert await again.issue(approved, csr, identity=IDENTITY) == first
    assert len(server.heard) == 1


async def test_an_answer_that_nobody_takes_is_revoked_there(vault, desk, store):
    """The station was removed while the CA signed: told after an hour, and never given to anybody."""
    server, settings = vault
    moment = datetime.now(UTC)
    issuer = desk(settings, now=lambda: moment)
    approved, csr = of(new_order())
    first = await issuer.issue(approved, csr, identity=IDENTITY)
    await issuer.tell()
    assert server.revoked == []
    moment += timedelta(hours=1, minutes=1)
    await issuer.tell()
    assert [int(serial.replace(":", ""), 16) for serial in server.revoked] == [
        first.certificate.serial_number
    ]
    second = await issuer.issue(approved, csr, identity=IDENTITY)
    assert second.fingerprint != first.fingerprint


async def test_two_at_once_for_one_key_get_one_certificate(est, desk):
    server, settings = est
    issuer = desk(settings)
    approved, csr = of(new_order())
    both = await asyncio.gather(*(issuer.issue(approved, csr, identity=IDENTITY) for _ in range(2)))
    assert both[0] == both[1]
    assert len(server.heard) == 1


async def test_a_wrong_answer_is_kept_as_unused_and_its_ca_is_to_revoke_it(desk, store, tmp_path):
    """It never becomes anybody's certificate."""
    with FakeStepCa(tmp_path) as server:
        settings = ForeignCa(
            kind=CaKind.STEP_CA,
            url=server.url,
            ca=server.trust_file,
            tls_ca=server.tls_ca,
            user=server.provisioner,
            secret=server.jwk,
        )
        events = []
        issuer = desk(settings, events)
        approved, csr = of(new_order(organization="Another CSO"))  # its template says CSO
        with pytest.raises(AskFailed, match="organization 'CSO', not 'Another CSO'"):
            await issuer.issue(approved, csr, identity=IDENTITY)
        (order,) = await store.orders()
        assert order.state is OrderState.UNUSED
        await issuer.tell()
        leaf = x509.load_pem_x509_certificate(order.certificate.encode())
        assert server.revoked == [(str(leaf.serial_number), 0, True)]
        assert [event.name for event in events] == [
            "certificate-asked",
            "certificate-unaccounted",
            "revocation-told",
        ]


async def test_a_ca_that_was_not_reached_leaves_nothing_in_doubt(est, desk, store):
    _, settings = est
    events = []
    issuer = desk(replace(settings, url="https://localhost:9"), events)
    approved, csr = of(new_order())
    with pytest.raises(NotAsked):
        await issuer.issue(approved, csr, identity=IDENTITY)
    (order,) = await store.orders()
    assert order.state is OrderState.REFUSED
    assert [event.name for event in events] == ["certificate-asked"]


@pytest.mark.parametrize("manner", ["slow", "truncated", "500"])
async def test_a_ca_that_may_have_signed_leaves_a_doubt_that_is_told(est, desk, store, manner):
    """It heard the request, and no answer came: a certificate may exist there that nobody here has."""
    server, settings = est
    server.manner, events = manner, []
    issuer = desk(replace(settings, seconds=1.0), events)
    approved, csr = of(new_order())
    with pytest.raises(AskFailed):
        await issuer.issue(approved, csr, identity=IDENTITY)
    (order,) = await store.orders()
    assert order.state is OrderState.UNKNOWN
    assert [event.name for event in events] == ["certificate-asked", "certificate-unaccounted"]


async def test_what_est_cannot_be_told_is_said_once(est, desk, store):
    """RFC 7030 has no revocation: the operator of that CA has to be told by a person."""
    _, settings = est
    events = []
    issuer = desk(settings, events)
    await taken(issuer, store)
    for _ in range(2):
        await issuer.tell()
    (said,) = [event for event in events if event.name == "revocation-not-told"]
    assert (said.tried_again, "tell its operator" in said.reason) == (False, True)
    assert (await store.orders())[0].revocation.startswith("not told: ")


async def test_a_ca_that_is_away_is_told_later(vault, desk, store):
    server, settings = vault
    events = []
    issuer = desk(settings, events)
    await taken(issuer, store)
    server.manner = "500"
    for _ in range(2):
        await issuer.tell()
    assert [event.tried_again for event in events if event.name == "revocation-not-told"] == [True]
    server.manner = None
    await issuer.tell()
    assert len(server.revoked) == 1
    await issuer.tell()
    assert len(server.revoked) == 1


async def taken(issuer: ForeignIssuer, store):
    """A certificate that was issued, recorded and revoked."""
    approved, csr = of(new_order())
    issued = await issuer.issue(approved, csr, identity=IDENTITY)
    await store.add_certificate(
        CertificateRecord(
            fingerprint=issued.fingerprint,
            identity=IDENTITY,
            serial_number=issued.serial_number,
            subject=issued.subject,
            public_key_sha256=issued.public_key_sha256,
            not_before=issued.not_before,
            not_after=issued.not_after,
            state=CertificateState.PENDING,
            issued_at=datetime.now(UTC),
            chain=write_chain((issued.certificate,)),
        )
    )
    await store.set_certificate_state(
        issued.fingerprint, CertificateState.REVOKED, at=datetime.now(UTC), reason="keyCompromise"
    )
