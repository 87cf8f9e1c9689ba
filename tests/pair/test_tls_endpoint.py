"""Both TLS endpoints of the doors against a plain `ssl` client on loopback: who fails is told why, and so are we.

Guards the private parts that `link.sockets` (aiofastnet) and `csms.alerting` (asyncio.sslproto) lean on.
"""

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from ocppsec.csms import tls

ROOT = trustme.CA()
STRANGER = trustme.CA()
LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]


async def aiofastnet_endpoint(
    sock: socket.socket, context: ssl.SSLContext, protocol: Any
) -> asyncio.Transport:
    return await tls.handshake(sock, context, protocol, timeout=1.0)


async def sslproto_endpoint(sock: socket.socket, context: ssl.SSLContext, protocol: Any) -> asyncio.Transport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls, "deliver_alerts", lambda _: False)  # as on a Python with a static OpenSSL
        return await tls.handshake(sock, context, protocol, timeout=1.0)


ENDPOINTS = [
    pytest.param(aiofastnet_endpoint, id="aiofastnet"),
    pytest.param(sslproto_endpoint, id="sslproto"),
]


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    """As the door of profile 3 has it, with one chain."""
    server = ROOT.issue_cert("localhost")
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    (tmp_path / "server.pem").write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    return tls.server_context(
        [tls.Chain(certificate=tmp_path / "server.pem", key=tmp_path / "server.key")],
        client_anchors=ROOT.cert_pem.bytes().decode(),
        required=True,
    )


def client(*, trusts: trustme.CA = ROOT, shows: trustme.CA | None = ROOT) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusts.configure_trust(made)
    if shows is not None:
        shows.issue_cert("station.example").configure_cert(made)
    return made


def only_tls_1_1() -> ssl.SSLContext:
    made = client()
    made.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = ssl.TLSVersion.TLSv1_1
    return made


def only_a_foreign_suite() -> ssl.SSLContext:
    made = client()
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("ECDHE-RSA-AES128-SHA256")
    return made


def dial(port: int, made: ssl.SSLContext) -> str:
    """What the client sees: ``ok`` or OpenSSL's reason."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        try:
            with made.wrap_socket(sock, server_hostname="localhost") as secured:
                secured.sendall(b"hello")
                return "ok" if secured.recv(5) == b"hello" else "closed"
        except ssl.SSLError as error:
            return error.reason or str(error)


async def meet(endpoint: Any, context: ssl.SSLContext, dialling: Callable[[int], str]) -> tuple[str, str]:
    """What the client saw, and what the server said of it."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        dialled = loop.run_in_executor(None, dialling, listener.getsockname()[1])
        sock, _ = await loop.sock_accept(listener)
        transport = None
        try:
            transport = await endpoint(sock, context, Echo)
            told = "ok"
        except (ssl.SSLError, OSError) as error:
            told = tls.explain(error)[0]
        seen = await dialled
        if transport is not None:
            transport.close()
        await asyncio.sleep(0.05)  # uvloop closes its sockets a turn of the loop later
        return seen, told


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    ("make", "seen", "told"),
    [
        pytest.param(client, {"ok"}, "ok", id="good"),
        pytest.param(
            lambda: client(shows=None),
            {"TLSV13_ALERT_CERTIFICATE_REQUIRED"},
            "PEER_DID_NOT_RETURN_A_CERTIFICATE",
            id="no-certificate",
        ),
        pytest.param(
            lambda: client(shows=STRANGER),
            {"TLSV1_ALERT_UNKNOWN_CA"},
            "CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate",
            id="foreign-certificate",
        ),
        pytest.param(only_tls_1_1, {"TLSV1_ALERT_PROTOCOL_VERSION"}, "UNSUPPORTED_PROTOCOL", id="tls-1.1"),
        pytest.param(
            only_a_foreign_suite, {"SSLV3_ALERT_HANDSHAKE_FAILURE"}, "NO_SHARED_CIPHER", id="no-suite"
        ),
        pytest.param(
            lambda: client(trusts=STRANGER),
            {"CERTIFICATE_VERIFY_FAILED"},
            "TLSV1_ALERT_UNKNOWN_CA",
            id="client-does-not-trust-us",
        ),
    ],
)
def test_both_sides_learn_why(
    endpoint: Any,
    loop: Callable[[], asyncio.AbstractEventLoop],
    make: Callable[[], ssl.SSLContext],
    seen: set[str],
    told: str,
    context: ssl.SSLContext,
) -> None:
    """The right alert reaches the client, and the reason reaches the server."""
    made = make()
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, __: None)
        client_saw, server_said = runner.run(meet(endpoint, context, lambda port: dial(port, made)))

    assert client_saw in seen
    assert server_said == told


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_silence_ends_at_the_deadline(
    endpoint: Any, loop: Callable[[], asyncio.AbstractEventLoop], context: ssl.SSLContext
) -> None:
    """A client that never says a word in the handshake is given up."""

    def says_nothing(port: int) -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            return "closed" if sock.recv(1) == b"" else "data"

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, __: None)
        client_saw, server_said = runner.run(meet(endpoint, context, says_nothing))

    assert (client_saw, server_said) == ("closed", "handshake-timeout")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_handshake_needs_no_disk(
    loop: Callable[[], asyncio.AbstractEventLoop], context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client certificate is never written to a temporary file: a full /tmp shuts no door."""

    def no_disk(*_: Any, **__: Any) -> Any:
        raise OSError("no space left on device")

    made = client()
    monkeypatch.setattr("tempfile.NamedTemporaryFile", no_disk)

    with asyncio.Runner(loop_factory=loop) as runner:
        seen = runner.run(meet(aiofastnet_endpoint, context, lambda port: dial(port, made)))

    assert seen == ("ok", "ok")


@pytest.mark.parametrize("endpoint", [pytest.param(aiofastnet_endpoint, id="aiofastnet")])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_nobody_resumes(endpoint: Any, version: ssl.TLSVersion, context: ssl.SSLContext) -> None:
    """A client that offers the session of an earlier connection gets a full handshake: nothing is remembered."""
    made = client()
    made.minimum_version = made.maximum_version = version
    sessions: list[Any] = [None]

    def come_back(port: int) -> str:
        sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        with made.wrap_socket(sock, server_hostname="localhost", session=sessions[-1]) as secured:
            secured.sendall(b"hello")
            secured.recv(5)
            sessions.append(secured.session)
            seen = "resumed" if secured.session_reused else "full"
            secured.unwrap()  # a session that did not end in good order is forgotten anyway
            return seen

    with asyncio.Runner() as runner:
        seen = [runner.run(meet(endpoint, context, come_back))[0] for _ in range(2)]

    assert seen == ["full", "full"]
    assert context.session_stats()["number"] == 0


@pytest.mark.parametrize(
    "error", [ssl.SSLSyscallError(5, "reset"), ssl.SSLEOFError(8, "eof"), ssl.SSLError()]
)
def test_every_failure_can_be_told(error: ssl.SSLError) -> None:
    """aiofastnet makes some of OpenSSL's errors by hand, without a reason; a reset in a handshake is one."""
    reason, advice = tls.explain(error)
    assert reason
    assert advice
    if isinstance(error, ssl.SSLSyscallError):
        assert reason == "connection-lost"
