"""The CSMS's own certificate from a public CA, by ACME against the real pebble; `openssl` is the station."""

import asyncio
import contextlib
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from foreign_ca import ca, pem
from real_pebble import Pebble

from ocppsec.certificates.keys import KeyFamily
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.public_certificate import PublicCertificate
from ocppsec.csms.service import Csms
from ocppsec.issuers.acme import AcmeSettings, obtain
from ocppsec.issuers.http01 import answering
from ocppsec.issuers.issuer import AskFailed
from ocppsec.registry.memory import MemoryStore

HOSTNAME = "csms.example.org"


@pytest.fixture(scope="module")
def pebble(tmp_path_factory):
    with Pebble(tmp_path_factory.mktemp("pebble")) as server:
        yield server


def settings(pebble, **changed):
    given = {
        "directory": pebble.url,
        "root": pebble.root(),
        "agreed": True,
        "email": "operator@example.org",
        "http_host": "127.0.0.1",
        "http_port": pebble.http_port,
        "tls_ca": pebble.tls_ca,
    }
    return AcmeSettings(**given | changed)


@pytest.fixture
async def new_csms(tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        events = []

        async def make(acme):
            configuration = Configuration(
                state=tmp_path / "state",
                doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
                hostname=HOSTNAME,
                organization="CSO",
                acme=acme,
            )
            csms = Csms(configuration, MemoryStore(), emit=events.append)
            await csms.start()
            stack.push_async_callback(csms.stop)
            return csms, events

        yield make


async def until(condition, timeout=30):
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.05)


def named(events, name):
    return [event for event in events if event.name == name]


async def test_it_is_fetched_tested_and_served_while_we_run(pebble, new_csms):
    """Until it is there ours is served; a station that trusts the public root alone is content then."""
    acme = settings(pebble)
    csms, events = await new_csms(acme)
    assert (csms.configuration.state / "tls" / "server-ec.pem").exists()
    await until(
        lambda: any("acme.pem" in used.certificates for used in named(events, "server-certificates-used"))
    )
    (obtained,) = named(events, "public-certificate-obtained")
    assert obtained.issuer == f"the ACME CA at {pebble.url}"

    openssl = shutil.which("openssl") or pytest.skip("the openssl command is not installed")
    port = csms.url_for(2).split(":")[2].split("/")[0]
    process = await asyncio.create_subprocess_exec(
        openssl,
        *f"s_client -connect 127.0.0.1:{port} -servername {HOSTNAME} -verify_hostname {HOSTNAME}".split(),
        *("-verify_return_error", "-CAfile", str(acme.root)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    assert b"Verify return code: 0 (ok)" in said
    assert (csms.configuration.state / "tls" / "acme.pem").stat().st_mode & 0o777 == 0o600


async def test_a_restart_fetches_nothing(pebble, new_csms, monkeypatch):
    """What is there and good is used at once; the account is kept."""
    csms, events = await new_csms(settings(pebble))
    await until(lambda: named(events, "public-certificate-obtained"))
    await csms.stop()
    events.clear()
    await new_csms(settings(pebble, directory="https://localhost:1/dir"))
    (used,) = named(events, "server-certificates-used")
    assert used.certificates == ("acme.pem",)
    assert not named(events, "public-certificate-failed")


async def test_a_ca_that_is_away_keeps_no_door_shut(pebble, new_csms):
    csms, events = await new_csms(settings(pebble, directory="https://localhost:1/dir"))
    await until(lambda: named(events, "public-certificate-failed"))
    (failed,) = named(events, "public-certificate-failed")
    assert "https://localhost:1/dir" in failed.reason
    assert failed.seconds == 900
    assert csms.url_for(2)


class Desk:
    """One `PublicCertificate` by itself, without doors."""

    def __init__(self, acme, directory, *, ahead=timedelta(), hostname=HOSTNAME):
        self.events, self.changed = [], 0
        self.desk = PublicCertificate(
            acme,
            directory,
            hostname=hostname,
            emit=self.events.append,
            now=lambda: datetime.now(UTC) + ahead,
            changed=self._changed,
            first_pause=0.05,
            look_seconds=0.05,
        )

    def _changed(self):
        self.changed += 1

    async def run_until(self, name, count=1):
        running = asyncio.create_task(self.desk.run())
        try:
            await until(lambda: len(named(self.events, name)) >= count)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_it_is_renewed_after_two_thirds_of_its_life(pebble, tmp_path):
    first = Desk(settings(pebble), tmp_path / "tls")
    await first.run_until("public-certificate-obtained")
    assert not first.desk.is_due()
    assert Desk(settings(pebble), tmp_path / "tls", hostname="new.example.org").desk.is_due()
    leaf = x509.load_pem_x509_certificate((tmp_path / "tls" / "acme.pem").read_bytes())
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert not Desk(settings(pebble), tmp_path / "tls", ahead=life * 0.6).desk.is_due()
    assert Desk(settings(pebble), tmp_path / "tls", ahead=life * 0.7).desk.is_due()


async def test_what_stations_would_not_take_replaces_nothing(pebble, tmp_path):
    """Another root than the one stations trust: told, and the file stays as it was."""
    (tmp_path / "other.pem").write_bytes(pem(ca("Another root").certificate))
    good, bad = settings(pebble), settings(pebble, root=tmp_path / "other.pem")
    await Desk(good, tmp_path / "tls").run_until("public-certificate-obtained")
    before = (tmp_path / "tls" / "acme.pem").read_bytes()
    desk = Desk(bad, tmp_path / "tls", ahead=timedelta(days=5000))
    await desk.run_until("public-certificate-failed", count=2)
    assert "a station would refuse it" in named(desk.events, "public-certificate-failed")[0].reason
    assert [event.seconds for event in desk.events[:2]] == [0.05, 0.1]
    assert ((tmp_path / "tls" / "acme.pem").read_bytes(), desk.changed) == (before, 0)
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == ["acme-account.key", "acme.pem"]


async def ordered(acme, tmp_path, hostname=HOSTNAME):
    return await asyncio.to_thread(obtain, acme, hostname, account_key=tmp_path / "account.key")


async def test_an_account_is_used_again_and_keys_are_of_any_family(pebble, tmp_path):
    for family in (KeyFamily.EC_P256, KeyFamily.RSA_2048):
        got = await ordered(settings(pebble, key_family=family), tmp_path)
        leaf = x509.load_pem_x509_certificate(got.chain_pem.encode())
        assert leaf.public_key() == got.key.public_key()


async def test_why_a_name_could_not_be_checked(pebble, tmp_path):
    """Nobody passes the CA's question on to us."""
    elsewhere = settings(pebble, http_port=0)
    with pytest.raises(AskFailed, match=f"could not check {HOSTNAME}: .*(refused|connect|Error)"):
        await ordered(elsewhere, tmp_path)


async def test_a_port_that_is_taken(pebble, tmp_path):
    words = r"cannot be answered: 127.0.0.1:\d+: Address already in use; set acme"
    with answering("127.0.0.1", 0, {}) as port, pytest.raises(AskFailed, match=words):
        await ordered(settings(pebble, http_port=port), tmp_path)


async def test_a_name_no_public_ca_takes(pebble, tmp_path):
    with pytest.raises(AskFailed, match="the ACME CA at"):
        await ordered(settings(pebble), tmp_path, hostname="not_a_name")


async def test_a_directory_that_is_none(pebble, tmp_path):
    with pytest.raises(AskFailed, match="the ACME CA at"):
        await ordered(settings(pebble, directory=pebble.url.replace("/dir", "/nowhere")), tmp_path)


async def test_an_acme_ca_with_another_tls_certificate(pebble, tmp_path):
    with pytest.raises(AskFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await ordered(settings(pebble, tls_ca=None), tmp_path)


async def test_only_the_challenge_is_answered():
    with answering("127.0.0.1", 0, {"/.well-known/acme-challenge/token": "token.thumbprint"}) as port:
        for path, wanted in (("/.well-known/acme-challenge/token", b"200"), ("/etc/passwd", b"404")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            said = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert said.split()[1] == wanted
            assert said.endswith(b"token.thumbprint") == (wanted == b"200")
