"""Doors as `ocppsec audit door` sees them: our own, and those with something between that does not belong there."""

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
import sys

import pytest
import trustme

from ocppsec.audit.door_view import Verdict, look_at
from ocppsec.audit.target import Door
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.registry.memory import MemoryStore

OURS, STRANGER = trustme.CA(), trustme.CA()
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
KEYS = trustme.KeyType


@pytest.fixture
async def csms(tmp_path):
    configuration = Configuration(
        state=tmp_path,
        doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
        hostname="localhost",
        organization="CSO",
    )
    made = Csms(configuration, MemoryStore(), emit=lambda event: None)
    await made.start()
    yield made
    await made.stop()


def context(ca=OURS, *, name="localhost", key=KEYS.ECDSA, shows=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("DEFAULT:AES128-GCM-SHA256")
    for each in (key,) if isinstance(key, KEYS) else key:
        ca.issue_cert("localhost", common_name=name, key_type=each).configure_cert(made)
    if shows is not None:
        shows.configure_trust(made)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class Answering:
    """A server that says one thing to everybody."""

    def __init__(self, answer=NOT_FOUND, *, tls=None):
        self._answer, self._tls = answer, tls

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        return Door(url=f"{'ws' if self._tls is None else 'wss'}://localhost:{port}/ocpp")

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            if self._answer is None:
                await asyncio.sleep(5)
            writer.write(self._answer or b"")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def seen(door, *, root=OURS, resolve=None, patience=5.0):
    pem = root if isinstance(root, str) else root.cert_pem.bytes().decode()
    return await look_at(door, pem, patience=patience, resolve=resolve or here)


@pytest.fixture
async def s_server(tmp_path):
    """OpenSSL's own server with a certificate of each kind: unlike asyncio's it lets its alerts out."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl on this machine")
    running = []

    async def start(*keys, more=()):
        files = []
        for key, names in zip(keys, (("-cert", "-key"), ("-dcert", "-dkey")), strict=False):
            leaf = OURS.issue_cert("localhost", common_name="localhost", key_type=key)
            pem = tmp_path / f"{key.name}.pem"
            leaf.private_key_and_cert_chain_pem.write_to_path(pem)
            files += [names[0], pem, names[1], pem]
        process = await asyncio.create_subprocess_exec(
            *(openssl, "s_server", "-accept", "127.0.0.1:0", "-www", "-cipher", "DEFAULT:AES128-GCM-SHA256"),
            *map(str, (*files, *more)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        while not (line := (await process.stdout.readline()).decode()).startswith("ACCEPT"):
            assert line, "openssl s_server did not start"
        return Door(url=f"wss://localhost:{line.rpartition(':')[2].strip()}/ocpp")

    yield start
    for process in running:
        process.kill()
        await process.wait()


async def here(host, port):
    return ["127.0.0.1"]


def wrong(found):
    return [f"{one.about}: {one.said}" for one in found if one.verdict is Verdict.WRONG]


# -- our own doors ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("profile", "last"),
    [
        pytest.param(1, "HTTP 404", id="ws"),
        pytest.param(2, "HTTP 404", id="wss"),
        pytest.param(3, "shows no certificate", id="mtls"),
    ],
)
async def test_our_doors(csms, profile, last):
    """Each door of ours is right, and says no in its own way to who is nobody."""
    found = await seen(Door(url=csms.url_for(profile)), root=csms.authority.root_pem)

    assert wrong(found) == []
    assert last in found[-1].said
    kinds = [one.about.rpartition(", ")[2] for one in found if "believed" in one.said]
    assert kinds == ([] if profile == 1 else ["TLS 1.3", "TLS 1.2 with ECDSA", "TLS 1.2 with RSA"])


async def test_the_command(csms, tmp_path):
    """Exit code 0 where all is right, 1 where a root is not the one above the door, 2 without a root."""
    url, ours, other = csms.url_for(2), tmp_path / "ours.pem", tmp_path / "other.pem"
    ours.write_text(csms.authority.root_pem)
    STRANGER.cert_pem.write_to_path(other)

    async def run(*arguments):
        command = [sys.executable, "-m", "ocppsec.cli", "audit", "door", url, *map(str, arguments)]
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)

    right, bad, without = await asyncio.gather(
        run("--root", ours, "--json"), run("--root", other), run()
    )  # fmt: skip

    assert right.returncode == 0, right.stderr
    assert {one["verdict"] for one in json.loads(right.stdout)["doors"][0]["seen"]} == {"right"}
    assert (bad.returncode, without.returncode) == (1, 2)
    assert "does not verify" in bad.stdout
    assert "CSO" in bad.stdout, "whose certificate it is"
    assert "ocppsec ca export" in without.stderr


# -- what stations would meet -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("tls", "words"),
    [
        pytest.param(context(STRANGER, key=(KEYS.ECDSA, KEYS.RSA)), "does not verify", id="somebody-between"),
        pytest.param(
            context(name="csms.example", key=(KEYS.ECDSA, KEYS.RSA)), "commonName csms.example", id="name"
        ),
    ],
)
async def test_who_would_not_be_believed(tls, words):
    """A certificate that a station refuses is wrong in each way a station may ask, and nothing is said to that server."""
    async with Answering(tls=tls) as door:
        found = await seen(door)

    assert len(wrong(found)) == 3
    assert all(words in each for each in wrong(found))
    assert not any("HTTP" in one.said for one in found)


async def test_whose_certificate_it_was():
    """What reads along between is named by who issued its certificate."""
    async with Answering(tls=context(STRANGER, key=(KEYS.ECDSA, KEYS.RSA))) as door:
        found = await seen(door)

    issuer = "trustme"
    assert all(issuer in each and "SHA-256" in each for each in wrong(found))


async def test_a_family_that_is_missing(s_server):
    """Stations that speak RSA alone would find no way in: that is seen beside those that do."""
    found = await seen(await s_server(KEYS.ECDSA))

    assert [one.verdict for one in found[1:4]] == [Verdict.RIGHT, Verdict.RIGHT, Verdict.WRONG]
    assert "TLS 1.2 with RSA" in found[3].about
    assert "TLS alert" in found[3].said


async def test_a_door_that_wants_a_certificate(s_server):
    """Its server is believed, and it says no to who shows nothing: right, whatever the version of TLS."""
    found = await seen(await s_server(KEYS.ECDSA, KEYS.RSA, more=("-Verify", "1")))

    assert wrong(found) == []
    assert [one.said.partition(";")[2] for one in found[2:4]] == [
        " it wants one of the station (TLS alert: handshake failure)"
    ] * 2


async def test_a_door_that_wants_a_certificate_and_is_not_ours(s_server):
    """That it would want one makes nobody believe it."""
    found = await seen(await s_server(KEYS.ECDSA, KEYS.RSA, more=("-Verify", "1")), root=STRANGER)

    assert len(wrong(found)) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n<h1>Please log in</h1>", "HTTP 200", id="portal"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", "HTTP 302", id="elsewhere"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "let in", id="lets-everybody-in"),
        pytest.param(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "not ready", id="not-ready"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", "no HTTP", id="not-http"),
        pytest.param(b"", "the server ", id="hangs-up"),
        pytest.param(None, "nothing within", id="silent"),
    ],
)
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
async def test_who_is_no_csms(answer, words, secure):
    """Whatever answers in the CSMS's place is told from it."""
    tls = context(key=(KEYS.ECDSA, KEYS.RSA)) if secure else None
    async with Answering(answer, tls=tls) as door:
        found = await seen(door, patience=0.5)

    (one,) = wrong(found)
    assert words in one


async def test_no_way_through():
    """A port that nobody listens on, and a name without an address: each wrong with what to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def nowhere(host, port):
        raise OSError(-2, "Name or service not known")

    closed = await seen(Door(url=f"wss://localhost:{port}/ocpp"))
    nameless = await seen(Door(url="wss://csms.example/ocpp"), resolve=nowhere)

    assert "no TCP connection" in wrong(closed)[0]
    assert "csms.example has no address" in wrong(nameless)[0]
    assert all(found[-1].next for found in (closed, nameless))


async def test_each_address():
    """A name with two addresses is looked at at both: one of them may be shut."""
    async with Answering() as door:

        async def two(host, port):
            return ["127.0.0.1", "127.0.0.2"]

        found = await seen(door, resolve=two)

    assert [one.verdict for one in found] == [Verdict.RIGHT, Verdict.RIGHT, Verdict.WRONG]
    assert "127.0.0.2" in wrong(found)[0]
