"""What checks work with: a pace, the doors, a proper station to compare with, and a record of every exchange.

Nothing secret gets into the record: credentials are told in words.
"""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from ocppsec.audit.finding import Exchange, Outcome, failed, inconclusive, passed
from ocppsec.audit.hello import Alert, ServerHello, client_hello, read_answer
from ocppsec.audit.target import Door, Papers, Target
from ocppsec.audit.websocket import Answerer, Socket, not_supported
from ocppsec.audit.wire import Ended, TlsFacts, Wire, client_context, save_papers

_BODY_BYTES = 65_536
_SHOWN = 200
_LONGEST_WAIT = 15.0
"""Of a Retry-After we obey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What goes into the Authorization header; *told* is what a report says of it."""

    header: str = field(repr=False)
    told: str


def basic(user: str, password: str, told: str) -> Credentials:
    raw = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials(header=f"Basic {raw}", told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One request to be let in."""

    door: Door
    identity: str
    credentials: Credentials | None = None
    papers: Papers | None = None
    subprotocols: str | None = "ocpp2.0.1"
    deflate: bool = False
    session: ssl.SSLSession | None = None
    most: ssl.TLSVersion | None = None
    path: str | None = None
    """Instead of the identity's, percent-encoded already."""
    label: str = ""
    """What is special about it, for the report."""

    def __str__(self) -> str:
        who = self.label or f"as {self.identity}"
        with_what = self.credentials.told if self.credentials else "no credentials"
        if self.papers is not None:
            with_what = "a client certificate" + (f" and {with_what}" if self.credentials else "")
        return f"WebSocket request to {self.door.url} {who}, {with_what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a knock led to."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    complete: bool = False
    """The whole HTTP answer came."""
    ended: Ended | None = None
    """How the connection ended, where it did."""
    tls: TlsFacts | None = None
    socket: Socket | None = None
    tls_session: ssl.SSLSession | None = None

    @property
    def admitted(self) -> bool:
        return self.socket is not None

    @property
    def refused(self) -> bool:
        """With a 4xx, by a TLS alert, or by hanging up in the handshake: in any case not in, and not by accident."""
        if self.status is not None:
            return 400 <= self.status < 500
        return self.ended is not None and not self.ended.silent

    @property
    def silent(self) -> bool:
        return self.status is None and self.ended is not None and self.ended.silent

    def __str__(self) -> str:
        if self.status == 101:
            chosen = self.headers.get("sec-websocket-protocol", "none")
            return f"101, let in (subprotocol {chosen})"
        if self.status is not None:
            body = f": {self.body.strip()[:_SHOWN]}" if self.body.strip() else ""
            return f"HTTP {self.status}{body}{'' if self.complete else ' (torn off)'}"
        return self.ended.how if self.ended else "nothing"


Operator = Callable[[str], Awaitable[bool]]
"""Asks somebody at the CSMS to do something; True when it is done."""


async def nobody(what: str) -> bool:  # noqa: ARG001
    return False


class Lab:
    """One audit's workplace.  Use as an async context."""

    def __init__(self, target: Target, *, pause: float, patience: float, operator: Operator = nobody) -> None:
        self.target = target
        self.patience = patience
        self.operator = operator
        self.profile = target.profile
        """The highest the station was seen on; `raise_to` when a check took it higher."""
        self.trail: list[Exchange] = []
        self._pause = pause
        self._next = 0.0
        self._directory = tempfile.TemporaryDirectory(prefix="ocppsec-audit-")
        self._files: dict[Papers, tuple[str, str]] = {}
        self._contexts: dict[Any, ssl.SSLContext] = {}
        self._controls: dict[tuple[str, bool], Answer] = {}
        self._open: list[Socket] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.tidy()
        self._directory.cleanup()

    async def tidy(self) -> None:
        """Close what a check left open."""
        sockets, self._open = self._open, []
        for socket in sockets:
            await socket.close()

    def note(self, sent: str, received: object) -> None:
        told = json.dumps(received) if isinstance(received, list | dict) else str(received)
        self.trail.append(Exchange(sent=sent, received=told))

    @property
    def stranger(self) -> str:
        """An identity nobody has."""
        return f"AUDIT-{os.urandom(6).hex().upper()}"

    # -- connections --------------------------------------------------------------------------------------
    async def wait_turn(self) -> None:
        """No more than one connection in a pause: an audit is no flood."""
        loop = asyncio.get_running_loop()
        wait = self._next - loop.time()
        self._next = max(loop.time(), self._next) + self._pause
        if wait > 0:
            await asyncio.sleep(wait)

    async def dial(self, door: Door) -> Wire:
        await self.wait_turn()
        return await Wire.dial(door.host, door.port, patience=self.patience)

    def context(
        self,
        papers: Papers | None = None,
        *,
        ciphers: str | None = None,
        most: ssl.TLSVersion | None = None,
        roots: str | None = None,
    ) -> ssl.SSLContext:
        """Made once: OpenSSL resumes a session only with the context it is from."""
        key = (papers, ciphers, most, roots)
        if key not in self._contexts:
            self._contexts[key] = self._new_context(papers, ciphers=ciphers, most=most, roots=roots)
        return self._contexts[key]

    def _new_context(
        self,
        papers: Papers | None,
        *,
        ciphers: str | None,
        most: ssl.TLSVersion | None,
        roots: str | None,
    ) -> ssl.SSLContext:
        files = None
        if papers is not None:
            if papers not in self._files:
                self._files[papers] = save_papers(papers, self._directory.name, str(len(self._files)))
            files = self._files[papers]
        return client_context(papers_files=files, ciphers=ciphers, most=most, roots=roots)

    async def handshake(self, door: Door, **how: Any) -> TlsFacts | Ended:
        """TLS alone; *how* is for `context`."""
        try:
            wire = await self.dial(door)
            try:
                return await wire.handshake(self.context(**how), door.host)
            finally:
                wire.abort()
        except Ended as ended:
            return ended

    async def hello(self, door: Door, **offer: Any) -> ServerHello | Alert | Ended:
        """What a hand-made ClientHello is answered with."""
        try:
            wire = await self.dial(door)
            try:
                await wire.send(client_hello(host=door.host, **offer))
                data = b""
                while (answer := read_answer(data)) is None:
                    data += await wire.receive()
                return answer
            except ValueError as error:
                return Ended(f"no TLS: {error}")
            finally:
                wire.abort()
        except Ended as ended:
            return ended

    async def knock(self, knock: Knock, *, obey: bool = True) -> Answer:
        """Ask to be let in; the answer goes into the record.  *obey* a Retry-After once, within reason."""
        answer = await self._ask(knock)
        wait = _retry_after(answer) if obey else None
        if wait is not None:
            await asyncio.sleep(wait)
            answer = await self._ask(knock)
        self.note(str(knock), answer)
        return answer

    async def knock_now(self, knock: Knock) -> Answer:
        """Without the record and without a pause before it: for checks that count and measure."""
        return await self._ask(knock, paced=False)

    async def _ask(self, knock: Knock, *, paced: bool = True) -> Answer:
        facts: TlsFacts | None = None
        wire: Wire | None = None
        try:
            if paced:
                await self.wait_turn()
            wire = await Wire.dial(knock.door.host, knock.door.port, patience=self.patience)
            if knock.door.secure:
                context = self.context(knock.papers, most=knock.most)
                facts = await wire.handshake(context, knock.door.host, session=knock.session)
            key = base64.b64encode(os.urandom(16)).decode()
            await wire.send(_request(knock, key))
            answer = await _read_answer(wire, facts)
        except Ended as ended:
            answer = Answer(ended=ended, tls=facts)
        if answer.status == 101:
            assert wire is not None
            deflate = "permessage-deflate" in answer.headers.get("sec-websocket-extensions", "")
            socket = Socket(wire, answer.body.encode("latin-1"), deflate=deflate, patience=self.patience)
            self._open.append(socket)
            return Answer(
                status=101,
                headers=answer.headers,
                complete=True,
                tls=facts,
                socket=socket,
                tls_session=wire.session,
            )
        if wire is not None:
            wire.abort()
        return answer

    # -- the proper station ---------------------------------------------------------------------------------
    def right(self) -> Credentials:
        assert self.target.identity is not None
        assert self.target.password is not None
        return basic(self.target.identity, self.target.password, "the right password")

    def proper(self, door: Door, **more: Any) -> Knock | None:
        """How the known station knocks there: with its certificate once it is on profile 3, else with its password."""
        target = self.target
        if target.identity is None:
            return None
        if door is target.mutual and target.papers is not None and self.profile == 3:
            return Knock(door=door, identity=target.identity, papers=target.papers, **more)
        if target.password is None:
            return None
        return Knock(door=door, identity=target.identity, credentials=self.right(), **more)

    def with_certificate(self, **more: Any) -> Knock | None:
        target = self.target
        if target.mutual is None or target.identity is None or target.papers is None:
            return None
        return Knock(door=target.mutual, identity=target.identity, papers=target.papers, **more)

    async def control(self, knock: Knock | None) -> Answer | None:
        """Whether a proper station is let in there; asked once for each door and kind of proof."""
        if knock is None:
            return None
        key = (knock.door.url, knock.papers is not None)
        if key not in self._controls:
            answer = await self.knock(knock)
            if answer.socket is not None:
                await answer.socket.close()
            self._controls[key] = answer
        return self._controls[key]

    async def judge_refusal(self, answer: Answer, control: Knock | None, *, bad: str, good: str) -> Outcome:
        """Pass only when *answer* is a refusal and the same door lets a proper station in.

        *bad* says what it means that it was let in, *good* what it means that it was not.
        """
        if answer.admitted:
            return failed(bad)
        proper = await self.control(control)
        if proper is None:
            return inconclusive(
                f"refused ({answer}), but whoever is refused everything is no proof: give --identity with"
                " --password-file or --certificate, so that a proper station can be compared"
            )
        if not proper.admitted:
            return inconclusive(f"refused, but so is the station that should be let in ({proper})")
        if not answer.refused:
            return failed(f"neither let in nor refused: {answer}")
        return passed(good)

    @contextlib.asynccontextmanager
    async def station(self, answer: Answerer = not_supported) -> AsyncIterator[Socket | None]:
        """The known station, connected and booted; None where it is not let in or not accepted."""
        socket = await self.connected()
        if socket is not None:
            socket.answer = answer
            try:
                booted = await socket.boot(self.target.serial)
                self.note("BootNotification", booted)
                if booted[0] != 3 or booted[2].get("status") != "Accepted":
                    socket = None
            except Ended as ended:
                self.note("BootNotification", ended.how)
                socket = None
        try:
            yield socket
        finally:
            await self.tidy()

    async def connected(self, **more: Any) -> Socket | None:
        """The known station's open connection, best door first."""
        knock = self.best(**more)
        if knock is None:
            return None
        answer = await self.knock(knock)
        return answer.socket

    def best(self, **more: Any) -> Knock | None:
        """The knock of the known station where it is: on its profile, so that nothing is raised by it."""
        if self.profile == 3:
            return self.with_certificate(**more)
        door = self.target.plain if self.profile < 2 else self.target.secure
        return self.proper(door or self.target.first, **more)


def _request(knock: Knock, key: str) -> bytes:
    lines = [
        f"GET {knock.path or knock.door.path(knock.identity)} HTTP/1.1",
        f"Host: {knock.door.host_header}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    lines += [f"Sec-WebSocket-Protocol: {knock.subprotocols}"] if knock.subprotocols else []
    if knock.deflate:
        offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        lines.append(f"Sec-WebSocket-Extensions: {offer}")
    lines += [f"Authorization: {knock.credentials.header}"] if knock.credentials else []
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_answer(wire: Wire, facts: TlsFacts | None) -> Answer:
    """One HTTP answer and how the connection ended behind it.  Raises `Ended` when there is none."""
    raw = b""
    while b"\r\n\r\n" not in raw and len(raw) < _BODY_BYTES:
        raw += await wire.receive()
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise Ended(f"no HTTP: {lines[0][:_SHOWN]!r}")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
    }
    if words[1] == "101":
        return Answer(status=101, headers=headers, body=body.decode("latin-1"), tls=facts)
    promised = headers.get("content-length", "")
    size = int(promised) if promised.isdigit() else None
    ended: Ended | None = None
    while ended is None and (size is None or len(body) < size) and len(body) < _BODY_BYTES:
        try:
            body += await wire.receive()
        except Ended as how:
            ended = how
    complete = len(body) >= size if size is not None else bool(ended and ended.orderly)
    return Answer(
        status=int(words[1]),
        headers=headers,
        body=body.decode(errors="replace"),
        complete=complete,
        ended=ended,
        tls=facts,
    )


def _retry_after(answer: Answer) -> float | None:
    value = answer.headers.get("retry-after", "")
    if answer.status not in (429, 503) or not value.isdigit() or int(value) > _LONGEST_WAIT:
        return None
    return float(value)
