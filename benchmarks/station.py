"""A station with no opinions: dials, upgrades, sends finished frames and hands out what comes back."""

import asyncio
import base64
import ssl
from collections import deque
from typing import cast
from urllib.parse import urlsplit

from benchmarks.fleet import Fleet, Member
from benchmarks.frames import CLOSE, Message, boot

_SECONDS = 30.0
"""For anything a server has to do."""


class Failed(Exception):  # noqa: N818
    """A server did something other than what is being measured."""


class Station(asyncio.Protocol):
    """One connection.  `ask` sends a CALL and waits for its CALLRESULT."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._upgraded = False
        self._texts: deque[bytes] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None

    # -- what the transport calls -----------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are transports by behaviour only

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._lost.done():
            self._lost.set_result(None)
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded and not self._read_head():
            return
        while self._read_frame():
            pass

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._upgraded = True
        self._texts.append(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._wake()
        return True

    def _read_frame(self) -> bool:
        """Servers send whole, unmasked frames of less than 64 KiB."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        size, start = buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + size:
            return False
        if buffer[0] == 0x81:
            self._texts.append(bytes(buffer[start : start + size]))
            self._wake()
        del buffer[: start + size]
        return True

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # -- what a run calls -------------------------------------------------------------------------------
    async def _next(self) -> bytes:
        while not self._texts:
            if self._lost.done():
                raise Failed("the server closed the connection")
            self._waiting = self._loop.create_future()
            await self._waiting
        return self._texts.popleft()

    async def upgrade(self, request: bytes) -> None:
        assert self._transport is not None
        self._transport.write(request)
        head = await self._next()
        if not head.startswith(b"HTTP/1.1 101 "):
            raise Failed(f"not let in: {head.decode(errors='replace')}")

    async def ask(self, message: Message) -> bytes:
        """Gives the answer's text; raises `Failed` when it is not the CALLRESULT of *message*."""
        text = await self.tell(message)
        if not message.is_answered_by(text):
            raise Failed(f"not answered: {text.decode(errors='replace')}")
        return text

    async def tell(self, message: Message) -> bytes:
        """Whatever the answer is."""
        assert self._transport is not None
        self._transport.write(message.frame)
        return await self._next()

    async def close(self) -> None:
        """Close as a station does that restarts: a close frame, the server's, the end."""
        assert self._transport is not None
        self._transport.write(CLOSE)
        await self._lost


class Dialler:
    """Knows how each member of the fleet connects."""

    def __init__(self, fleet: Fleet, url: str, members: tuple[Member, ...]) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._contexts = {
            member.identity: _context(fleet, member) for member in members if parts.scheme == "wss"
        }

    async def connect(self, member: Member) -> Station:
        loop = asyncio.get_running_loop()
        context = self._contexts.get(member.identity)
        _, station = await loop.create_connection(
            Station,
            "127.0.0.1",
            self._port,
            ssl=context,
            server_hostname=self._host if context is not None else None,
        )
        await station.upgrade(self._request(member))
        return station

    async def connect_and_boot(self, member: Member) -> Station:
        async with asyncio.timeout(_SECONDS):
            station = await self.connect(member)
            answer = await station.ask(boot(member.identity))
            if b'"Accepted"' not in answer:
                raise Failed(f"not accepted: {answer.decode(errors='replace')}")
            return station

    def _request(self, member: Member) -> bytes:
        lines = [
            f"GET {self._path}/{member.identity} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==",
            "Sec-WebSocket-Protocol: ocpp2.0.1",
            "User-Agent: benchmark",
        ]
        if member.password:
            credentials = base64.b64encode(f"{member.identity}:{member.password}".encode()).decode()
            lines.append(f"Authorization: Basic {credentials}")
        return "\r\n".join([*lines, "", ""]).encode()


def _context(fleet: Fleet, member: Member) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(fleet.root)
    if member.certificate:
        context.load_cert_chain(fleet.directory / member.certificate)
    return context
