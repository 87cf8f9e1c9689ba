"""Others ask whether a certificate is revoked: `openssl` over real HTTP, judged by its own words."""

import asyncio
import base64
import shutil
import urllib.request
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates import ocsp
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.certifier import Certifier
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.store import StoreUnavailable
from ocppsec.web.access import Access
from ocppsec.web.api import create_app
from ocppsec.web.server import ApiServer

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


class World:
    """A CSMS with its API on a real port, two stations with certificates, and the openssl command."""

    def __init__(self, directory):
        self.directory = directory
        self.store = MemoryStore()

    async def open(self):
        self.server = ApiServer("127.0.0.1", 0)
        self.url = self.server.listen()
        doors = default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0)
        configuration = Configuration(
            state=self.directory / "state",
            doors=doors,
            hostname="localhost",
            organization="CSO",
            public_url=self.url,
        )
        self.csms = Csms(configuration, self.store, emit=lambda _: None)
        await self.csms.start()
        access = Access(token="t" * 40, hosts=frozenset({"127.0.0.1"}), metrics_open=False)
        await self.server.start(
            create_app(self.csms, access=access, metrics=lambda: b"", on_bug=lambda *_: None)
        )
        for identity in ("CP1", "CP2"):
            await self.csms.add_station(identity, profile=3)
            await self.certify(identity)
        for name, authority in (
            ("root", self.csms.authority.hierarchy.root),
            ("stations", self.csms.authority.hierarchy.stations),
        ):
            await self.openssl_file(name, authority)

    async def openssl_file(self, name, authority):
        from ocppsec.certificates.pem import write_chain

        (self.directory / f"{name}.pem").write_text(write_chain((authority.certificate,)))

    async def certify(self, identity):
        certifier: Certifier = self.csms._certifier
        csr = make_request(new_key(KeyFamily.EC_P256), common_name=identity, organization="CSO")
        certified = await certifier.certify(identity, csr)
        (self.directory / f"{identity}.pem").write_text(certified.chain)
        return certified

    async def close(self):
        await self.server.stop()
        await self.csms.stop()

    async def openssl(self, *arguments):
        """(exit code, everything it said)."""
        process = await asyncio.create_subprocess_exec(
            "openssl",
            *arguments,
            cwd=self.directory,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode, said.decode()

    async def fetch(self, path, body=None):
        """(status, content type, body), without any token."""

        def ask():
            request = urllib.request.Request(self.url + path, data=body)
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.headers["content-type"], response.read()

        return await asyncio.to_thread(ask)

    async def revoke(self, identity):
        record = (await self.store.certificates(identity))[0]
        await self.csms.certificates.revoke(record.fingerprint, "keyCompromise")

    async def ask_ocsp(self, identity, *more):
        return await self.openssl(
            "ocsp", "-issuer", "stations.pem", "-cert", f"{identity}.pem", "-url", f"{self.url}/pki/ocsp",
            "-CAfile", "root.pem", "-verify_other", "stations.pem", *more,
        )  # fmt: skip


@pytest.fixture
async def world(tmp_path):
    world = World(tmp_path)
    await world.open()
    yield world
    await world.close()


@pytest.mark.parametrize("more", [(), ("-sha256",), ("-no_nonce",)], ids=["sha1", "sha256", "no nonce"])
async def test_openssl_ocsp(world, more):
    """`openssl ocsp` verifies the answer and reads good, revoked with its reason, and good of the other one."""
    options = [option for option in more if option.startswith("-no")]
    digest = [option for option in more if option.startswith("-sha")]

    async def ask(identity):
        return await world.openssl(
            "ocsp", *digest, "-issuer", "stations.pem", "-cert", f"{identity}.pem", *options,
            "-url", f"{world.url}/pki/ocsp", "-CAfile", "root.pem",
        )  # fmt: skip

    code, said = await ask("CP1")
    assert (code, "Response verify OK" in said, "CP1.pem: good" in said) == (0, True, True), said
    assert "WARNING" not in said, said

    await world.revoke("CP1")

    code, said = await ask("CP1")
    assert "Response verify OK" in said
    assert "CP1.pem: revoked" in said
    assert "keyCompromise" in said
    assert "CP2.pem: good" in (await ask("CP2"))[1]


async def test_openssl_ocsp_of_nobody(world):
    """A serial number nobody has is unknown; another CA's certificate is not ours to speak of."""
    common = ("-url", f"{world.url}/pki/ocsp", "-CAfile", "root.pem")
    _, said = await world.openssl("ocsp", "-issuer", "stations.pem", "-serial", "0x1234", *common)
    assert "0x1234: unknown" in said, said
    _, said = await world.openssl("ocsp", "-issuer", "root.pem", "-serial", "0x1234", *common)
    assert "unauthorized" in said, said


async def test_openssl_verify_with_the_crl(world):
    """`openssl verify -crl_check` lets the good one through and names the revoked one."""

    async def verify(identity):
        code, _ = await world.openssl("crl", "-inform", "DER", "-in", "stations.crl", "-out", "crl.pem")
        assert code == 0
        return await world.openssl(
            "verify", "-crl_check", "-CAfile", "root.pem", "-untrusted", "stations.pem", "-CRLfile", "crl.pem",
            f"{identity}.pem",
        )  # fmt: skip

    async def download():
        status, kind, der = await world.fetch("/pki/stations.crl")
        assert (status, kind) == (200, "application/pkix-crl")
        (world.directory / "stations.crl").write_bytes(der)

    await download()
    assert (await verify("CP1"))[0] == 0
    await world.revoke("CP1")
    await download()
    code, said = await verify("CP1")
    assert (code, "certificate revoked" in said) == (2, True)
    assert (await verify("CP2"))[0] == 0


async def test_a_certificate_says_where_to_ask(world):
    """The pointers in a certificate lead to the list, the responder and the issuer, each of which answers."""
    code, said = await world.openssl("x509", "-in", "CP1.pem", "-noout", "-ocsp_uri", "-text")
    assert code == 0
    assert f"OCSP - URI:{world.url}/pki/ocsp" in said
    assert f"URI:{world.url}/pki/stations.crl" in said
    status, kind, der = await world.fetch("/pki/stations.cer")
    assert (status, kind) == (200, "application/pkix-cert")
    assert x509.load_der_x509_certificate(der) == world.csms.authority.hierarchy.stations.certificate
    assert (await world.fetch("/pki/root.pem"))[2].decode() == world.csms.authority.root_pem


async def test_ocsp_by_get(world):
    """The request in the URL gets the answer that a POST gets."""
    await world.openssl(
        "ocsp", "-issuer", "stations.pem", "-cert", "CP1.pem", "-no_nonce", "-reqout", "request.der"
    )
    request = (world.directory / "request.der").read_bytes()
    in_url = urllib.request.quote(base64.b64encode(request).decode(), safe="")
    status, kind, said = await world.fetch(f"/pki/ocsp/{in_url}")
    assert (status, kind) == (200, "application/ocsp-response")
    assert x509.ocsp.load_der_ocsp_response(said).certificate_status is x509.ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize("body", [b"", b"junk", b"\x30" * 100_000], ids=["empty", "junk", "large"])
async def test_a_bad_request(world, body):
    """What is no request is answered as OCSP has it, and nothing else happens."""
    _, kind, said = await world.fetch("/pki/ocsp", body=body)
    assert kind == "application/ocsp-response"
    assert (
        x509.ocsp.load_der_ocsp_response(said).response_status
        is x509.ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    )
    assert (await world.fetch("/pki/ocsp/%25%25"))[1] == "application/ocsp-response"


async def test_the_list_goes_on_with_the_next_number(world):
    """After a restart the next list has a higher number and a later date, though the second is the same."""
    from ocppsec.certificates.crl import read_issue
    from ocppsec.csms.revocation import Revocation

    now = datetime.now(UTC)
    first = read_issue(await Revocation(world.store, world.csms.authority, now=lambda: now).list_in_force())
    again = Revocation(world.store, world.csms.authority, now=lambda: now)
    second = read_issue(await again.list_in_force())
    assert second.number == first.number + 1
    assert second.this_update > first.this_update
    assert read_issue(await again.list_in_force()) == second  # nothing new: the same list


async def test_the_store_is_away(world):
    """The list that is there stays in force; about one certificate nothing is guessed."""
    await world.fetch("/pki/stations.crl")

    async def away(*_, **__):
        raise StoreUnavailable("away")

    world.store.ledger = world.store.certificates_by_serial = away
    world.csms.revocation.changed()
    assert (await world.fetch("/pki/stations.crl"))[0] == 200
    assert "trylater" in (await world.ask_ocsp("CP1"))[1]


async def test_what_was_removed_is_on_the_list(world):
    """Removing a station revokes its certificates for others, too."""
    await world.csms.remove_station("CP1")
    assert "CP1.pem: revoked" in (await world.ask_ocsp("CP1"))[1]
    assert "cessationOfOperation" in (await world.ask_ocsp("CP1"))[1]


async def test_a_flood_of_questions_leaves_the_store_to_admission(world):
    """One question reads at a time, a few wait, and the others are told to try later."""
    reading, most, go = 0, 0, asyncio.Event()

    async def slow(serial_number):
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await go.wait()
        reading -= 1
        return []

    stations = world.csms.authority.hierarchy.stations.certificate
    issued = x509.load_pem_x509_certificate((world.directory / "CP1.pem").read_bytes())
    asked = x509.ocsp.OCSPRequestBuilder().add_certificate(issued, stations, hashes.SHA1())
    question = asked.build().public_bytes(Encoding.DER)
    await world.csms.revocation.answer(question)  # whoever answers has a certificate now
    world.store.certificates_by_serial = slow

    answers = [asyncio.create_task(world.csms.revocation.answer(question)) for _ in range(200)]
    await asyncio.sleep(0.05)
    go.set()
    said = await asyncio.gather(*answers)

    assert most == 1
    assert said.count(ocsp.TRY_LATER) == 150
    assert await world.csms.revocation.answer(question) != ocsp.TRY_LATER
