"""A door: a listening socket, and what happens on it until somebody decides.

Accept, look at the first byte, shake hands where it is TLS, read one request head.  Each stage has its own
deadline, and the number of connections that are still on the way is bounded.  Who may enter is asked of the
gate; a door knows only which wire it serves.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiofastnet

from ocppsec.csms import tls
from ocppsec.csms.http import Answer, HeadReader, Hung, Upgrade, parse
from ocppsec.events import Emit, HandshakeFailed
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.throttle import network_of

_TLS_RECORD = 0x16
_ALERT_PROTOCOL_VERSION = bytes.fromhex("15030100020246")
"""A fatal TLS alert in clear: all that can be said to a client that expects TLS where there is none."""
_ACCEPTS_AT_ONCE = 64
_CLIENT_HELLO_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSpec:
    """Where to listen and which profiles to serve there."""

    name: str
    host: str
    port: int
    profiles: frozenset[SecurityProfile]

    @property
    def plain(self) -> bool:
        return bool(self.profiles & {SecurityProfile.NONE, SecurityProfile.BASIC})

    @property
    def tls(self) -> bool:
        return bool(self.profiles & {SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT})

    @property
    def asks_for_certificate(self) -> bool:
        return SecurityProfile.TLS_CLIENT in self.profiles

    @property
    def requires_certificate(self) -> bool:
        return SecurityProfile.TLS_CLIENT in self.profiles and SecurityProfile.TLS_BASIC not in self.profiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds; each stage has its own, so that a slow one is named."""

    first_byte: float = 10.0
    handshake: float = 10.0
    head: float = 10.0
    decision: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A complete request, and on which wire it came."""

    spec: DoorSpec
    address: str
    request: Upgrade
    early: Callable[[], bytes]
    """What has arrived behind the head by the time this is asked; asked once, when the reading is handed over."""
    transport: asyncio.Transport
    certificate: bytes | None
    """The client certificate (DER), verified up to an anchor; None without one or without TLS."""
    tls_version: str | None
    cipher: str | None


Gate = Callable[[Arrival], Awaitable[Answer | None]]
"""Decides on an arrival.  None: it took the transport over.  An answer: it is to be refused with that."""


class Door:
    """One listening socket and the connections on it that nobody has decided on yet."""

    def __init__(
        self,
        spec: DoorSpec,
        gate: Gate,
        emit: Emit,
        *,
        context: Callable[[], ssl.SSLContext | None],
        deadlines: Deadlines,
        most_undecided: int = 1000,
    ) -> None:
        self.spec = spec
        self.port = 0
        self._gate = gate
        self._emit = emit
        self._context = context
        self._deadlines = deadlines
        self._most_undecided = most_undecided
        self._undecided: set[asyncio.Task[None]] = set()
        self._untouched: set[socket.socket] = set()
        """Accepted, and its task has not begun: a task that is cancelled now never closes it."""
        self._of_network: Counter[str] = Counter()
        self._sockets: list[socket.socket] = []
        self._paused = False

    async def open(self) -> None:
        """Listen; raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        host = self.spec.host or None
        found = await loop.getaddrinfo(host, self.spec.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = {(family, address) for family, _, _, _, address in found}
        if self.spec.port == 0:
            addresses = {min(addresses, key=lambda item: item[0])}  # one free port has one address
        try:
            for family, address in addresses:
                listener = socket.create_server(
                    (str(address[0]), int(address[1])), family=family, backlog=4096, reuse_port=False
                )
                listener.setblocking(False)
                if hasattr(socket, "TCP_DEFER_ACCEPT"):
                    # Wake us when the first bytes are there, or a second later: one turn of the loop less for each.
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
                self._sockets.append(listener)
        except OSError:
            self._close_sockets()
            raise
        self.port = int(self._sockets[0].getsockname()[1])
        self._listen()

    async def close(self) -> None:
        """Stop listening and drop who is still undecided; harmless when repeated."""
        self._pause()
        self._close_sockets()
        for task in self._undecided:
            task.cancel()
        await asyncio.gather(*self._undecided, return_exceptions=True)
        for sock in self._untouched:
            sock.close()
        self._untouched.clear()

    def address(self) -> tuple[str, int] | None:
        """Where this machine reaches it; None when it does not listen."""
        if not self._sockets:
            return None
        host = str(self._sockets[0].getsockname()[0])
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), self.port

    # -- accepting --------------------------------------------------------------------------------------
    def _listen(self) -> None:
        self._paused = False
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.add_reader(listener.fileno(), self._accept, listener)

    def _pause(self) -> None:
        self._paused = True
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.remove_reader(listener.fileno())

    def _close_sockets(self) -> None:
        for listener in self._sockets:
            listener.close()
        self._sockets.clear()

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._pause()  # out of descriptors: those waiting stay in the backlog for a second
                loop.call_later(1.0, self._resume)
                return
            network = network_of(str(address[0]))
            if self._is_crowded_by(network):
                sock.close()
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a close must not wait for an ACK
            self._untouched.add(sock)
            task = loop.create_task(self._serve(sock, str(address[0])))
            self._undecided.add(task)
            self._of_network[network] += 1
            task.add_done_callback(partial(self._decided, network))
            if len(self._undecided) >= self._most_undecided:
                self._pause()
                return

    def _is_crowded_by(self, network: str) -> bool:
        """Whoever holds half of the places gets none of the last quarter: he alone cannot shut the door."""
        nearly_full = len(self._undecided) >= self._most_undecided - self._most_undecided // 4
        return nearly_full and self._of_network[network] >= self._most_undecided // 2

    def _decided(self, network: str, task: asyncio.Task[None]) -> None:
        self._undecided.discard(task)
        self._of_network[network] -= 1
        if not self._of_network[network]:
            del self._of_network[network]
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "error while serving a connection", "exception": error}
            )
        self._resume()

    def _resume(self) -> None:
        if self._paused and self._sockets and len(self._undecided) < self._most_undecided:
            self._listen()

    # -- one connection ---------------------------------------------------------------------------------
    async def _serve(self, sock: socket.socket, address: str) -> None:
        """From the first byte to the decision; closes the socket unless the gate took it over."""
        self._untouched.discard(sock)
        try:
            async with asyncio.timeout(self._deadlines.first_byte):
                first = await _first_byte(sock)
        except TimeoutError:
            first = None
        except BaseException:
            sock.close()
            raise
        if first is None:
            sock.close()
        elif first == _TLS_RECORD and not self.spec.tls:
            self._tls_on_the_plain_door(sock, address)
        elif first != _TLS_RECORD and not self.spec.plain:
            await self._plain_on_the_tls_door(sock, address)
        else:
            reader = await self._reader(sock, address, secure=first == _TLS_RECORD)
            if reader is not None:
                await self._decide(reader, address)

    async def _reader(self, sock: socket.socket, address: str, *, secure: bool) -> HeadReader | None:
        """A transport that reads a request head; None when TLS failed, which is then an event."""
        loop = asyncio.get_running_loop()
        reader: HeadReader | None = None

        def protocol() -> HeadReader:
            nonlocal reader
            reader = HeadReader()
            return reader

        try:
            if secure:
                context = self._context()
                assert context is not None
                await tls.handshake(sock, context, protocol, timeout=self._deadlines.handshake)
            else:
                await aiofastnet.connect_accepted_socket(loop, protocol, sock)
        except (ssl.SSLError, OSError) as error:
            reason, advice = tls.explain(error)
            self._emit(HandshakeFailed(door=self.spec.name, address=address, reason=reason, advice=advice))
            return None
        return reader

    async def _decide(self, reader: HeadReader, address: str) -> None:
        transport = reader.transport
        assert transport is not None
        try:
            try:
                async with asyncio.timeout(self._deadlines.head):
                    data = await reader.head()
            except TimeoutError:
                text = f"request-timeout: no complete request head within {self._deadlines.head:g} s"
                await reader.refuse(Answer(status=408, text=text))
                return
            except Hung:
                transport.close()
                return
            parsed = parse(data)
            answer = parsed if isinstance(parsed, Answer) else await self._ask(reader, address, *parsed)
            if answer is not None:
                await reader.refuse(answer)
        except BaseException:
            transport.abort()
            raise

    async def _ask(
        self, reader: HeadReader, address: str, request: Upgrade, head_bytes: int
    ) -> Answer | None:
        transport = reader.transport
        assert transport is not None
        secure = transport.get_extra_info("ssl_object")
        arrival = Arrival(
            spec=self.spec,
            address=address,
            request=request,
            early=lambda: reader.behind(head_bytes),
            transport=transport,
            certificate=secure.getpeercert(True) if secure is not None else None,
            tls_version=secure.version() if secure is not None else None,
            cipher=secure.cipher()[0] if secure is not None else None,
        )
        try:
            async with asyncio.timeout(self._deadlines.decision):
                return await self._gate(arrival)
        except TimeoutError:
            return Answer(status=503, text="busy: try again later", headers=(("Retry-After", "10"),))

    def _tls_on_the_plain_door(self, sock: socket.socket, address: str) -> None:
        advice = (
            "the station dials wss:// here; this door is plain ws:// (profile 1): correct the URL or its port"
        )
        self._emit(
            HandshakeFailed(
                door=self.spec.name, address=address, reason="tls-on-the-plain-door", advice=advice
            )
        )
        with (
            contextlib.suppress(OSError),
            sock,
        ):  # the client may be gone; the event says what there is to say
            sock.recv(_CLIENT_HELLO_BYTES)  # a close with unread bytes would send a reset ahead of the alert
            sock.send(_ALERT_PROTOCOL_VERSION)

    async def _plain_on_the_tls_door(self, sock: socket.socket, address: str) -> None:
        advice = "the station dials ws:// here; this door is wss:// (profiles 2 and 3): correct the URL or its port"
        self._emit(
            HandshakeFailed(
                door=self.spec.name, address=address, reason="plain-on-the-tls-door", advice=advice
            )
        )
        reader = HeadReader()
        try:
            await aiofastnet.connect_accepted_socket(asyncio.get_running_loop(), lambda: reader, sock)
            async with asyncio.timeout(self._deadlines.head):
                await reader.head()
        except (OSError, Hung):
            if reader.transport is not None:
                reader.transport.abort()
            return
        await reader.refuse(Answer(status=400, text="wrong-door: this door speaks TLS; use wss://"))


async def _first_byte(sock: socket.socket) -> int | None:
    """The first byte, left in the socket; None when the peer closed without one."""
    loop = asyncio.get_running_loop()
    descriptor = sock.fileno()
    while True:
        try:
            data = sock.recv(1, socket.MSG_PEEK)
            return data[0] if data else None
        except (BlockingIOError, InterruptedError):
            readable: asyncio.Future[None] = loop.create_future()
            loop.add_reader(descriptor, _wake, readable)
            try:
                await readable
            finally:
                loop.remove_reader(descriptor)
        except OSError:
            return None


def _wake(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)
