"""Two listening sockets, one with TLS, for one station: who came, with what, and how it ended.

The TLS context is chosen for each connection anew, so a bad certificate can be shown once and the good one the
next time.  Everybody is let in who names the station's identity; what was presented is judged by the checks.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import aiofastnet

from ocppsec.audit.stations.conversation import Conversation
from ocppsec.link.accept import accept
from ocppsec.link.deflate import accept_offer
from ocppsec.link.link import Limits, Link
from ocppsec.link.sockets import deliver_alerts

SUBPROTOCOL = "ocpp2.0.1"
_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One connection: let in, or the way it ended before."""

    secure: bool
    number: int
    failed: str = ""
    """Why there was no request: what TLS said, or that the station hung up."""
    path: str = ""
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    tls_version: str = ""
    cipher: str = ""
    certificate: bytes | None = None
    talk: Conversation | None = None
    """None where it was turned away, or never asked."""
    at: float = 0.0
    """When it was answered, by the clock of the loop."""

    @property
    def identity(self) -> str:
        return unquote(urlsplit(self.path).path.rpartition("/")[2])

    def header(self, name: str) -> tuple[str, ...]:
        return self.headers.get(name, ())


class Desk:
    """Use as an async context."""

    def __init__(self, *, host: str, ports: tuple[int, int], new_id: Callable[[], str]) -> None:
        self.context: ssl.SSLContext | None = None
        self.visits: list[Visit] = []
        self.changed = asyncio.Event()
        self.admit = True
        """False answers every request with 401."""
        self.closed: Callable[[str], bool] = lambda _path: False
        """Paths that are answered with 503."""
        self.prepare: Callable[[Conversation], None] = lambda _talk: None
        """Called with each new conversation before its first message."""
        self._host = host
        self._ports = ports
        self._new_id = new_id
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._turned_away: list[asyncio.Transport] = []

    @property
    def ports(self) -> tuple[int, int]:
        """Without and with TLS."""
        plain, secure = (int(listener.getsockname()[1]) for listener in self._listeners)
        return plain, secure

    async def open(self) -> None:
        """Raises OSError when a port cannot be had."""
        for port, secure in zip(self._ports, (False, True), strict=True):
            listener = socket.create_server((self._host, port), backlog=16)
            listener.setblocking(False)
            self._listeners.append(listener)
            self._start(self._accept(listener, secure=secure))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        for transport in self._turned_away:
            transport.abort()
        for visit in self.visits:
            if visit.talk is not None:
                visit.talk.drop()

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, visit: Visit) -> None:
        self.visits.append(visit)
        self.changed.set()

    async def _accept(self, listener: socket.socket, *, secure: bool) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve(sock, secure=secure))

    async def _serve(self, sock: socket.socket, *, secure: bool) -> None:
        loop = asyncio.get_running_loop()
        reader = _Head()
        context = self.context if secure else None
        number = len(self.visits)
        if secure and context is None:
            sock.close()
            return
        options: dict[str, Any] = {}
        if context is not None:
            deliver_alerts(context)
            options = {"ssl": context, "ssl_handshake_timeout": 10.0, "ssl_shutdown_timeout": 1.0}
        try:
            await aiofastnet.connect_accepted_socket(loop, lambda: reader, sock, **options)
            async with asyncio.timeout(10):
                raw = await reader.head
        except (ssl.SSLError, OSError, TimeoutError) as error:
            sock.close()
            self._note(Visit(secure=secure, number=number, failed=_words(error)))
            return
        self._answer(reader, raw, secure=secure, number=number)

    def _answer(self, reader: "_Head", raw: bytes, *, secure: bool, number: int) -> None:
        transport = reader.transport
        assert transport is not None
        head, _, early = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers: dict[str, tuple[str, ...]] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = (*headers.get(name.strip().lower(), ()), value.strip())
        tls = transport.get_extra_info("ssl_object")
        words = lines[0].split()
        offered = {
            one.strip() for value in headers.get("sec-websocket-protocol", ()) for one in value.split(",")
        }
        path = words[1] if len(words) > 1 else ""
        closed = self.closed(path)
        talk = Conversation() if self.admit and not closed and SUBPROTOCOL in offered else None
        visit = Visit(
            secure=secure,
            number=number,
            path=path,
            headers=headers,
            tls_version=tls.version() if tls else "",
            cipher=tls.cipher()[0] if tls else "",
            certificate=tls.getpeercert(True) if tls else None,
            talk=talk,
            at=asyncio.get_running_loop().time(),
        )
        if talk is None:
            status = b"503 Service Unavailable" if closed else b"401 Unauthorized"
            transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            transport.close()
            self._turned_away.append(transport)
        else:
            self.prepare(talk)
            self._upgrade(transport, talk, visit, early)
        self._note(visit)

    def _upgrade(self, transport: asyncio.Transport, talk: Conversation, visit: Visit, early: bytes) -> None:
        agreed = accept_offer(", ".join(visit.header("sec-websocket-extensions")) or None)
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        if agreed is not None:
            headers["Sec-WebSocket-Extensions"] = agreed[0]
        limits = Limits()
        link = Link(talk, new_id=self._new_id, limits=limits, deflate=agreed[1] if agreed else None)
        key = (visit.header("sec-websocket-key") or ("",))[0]
        accept(transport, link, key=key, headers=headers, limits=limits, early=early)
        transport.resume_reading()


class _Head(asyncio.Protocol):
    """Collects a request head, then stops reading."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.head: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.head.done() and (b"\r\n\r\n" in self._data or len(self._data) > _HEAD_BYTES):
            assert self.transport is not None
            self.transport.pause_reading()
            self.head.set_result(self._data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.head.done():
            self.head.set_exception(
                exc or ConnectionError("the station hung up before it asked for anything")
            )
            with contextlib.suppress(Exception):
                self.head.exception()


def _words(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return str(error) or type(error).__name__
