"""The HTTP of the opening handshake: one request head in, one complete answer out.

h11 parses; this module bounds how much and how long, tells a WebSocket request from anything else, and delivers
a refusal in full before the connection closes, over TLS too (an answer that a reset overtakes is no answer).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import h11

from ocppsec.link.accept import websocket_key_is_valid

HEAD_BYTES = 8 * 1024
"""A station's request head is some 400 bytes; apache and nginx stop at 8 KiB too."""
_LINGER_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A refusal as it goes over the wire."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        body = (self.text + "\n").encode()
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}"]
        lines += ["Cache-Control: no-store", "Connection: close", "", ""]
        return "\r\n".join(lines).encode() + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """A valid request for a WebSocket."""

    target: str
    key: str
    subprotocols: tuple[str, ...]
    extensions: str | None
    authorization: tuple[str, ...]
    """Every Authorization header, as sent."""

    def __repr__(self) -> str:
        return f"Upgrade(target={self.target!r})"


class Hung(Exception):  # noqa: N818
    """The client went before it had asked for anything."""


class HeadReader(asyncio.Protocol):
    """Collects bytes up to the end of the head, then stops reading until somebody decides."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._data = bytearray()
        self._head: asyncio.Future[bytes] = self._loop.create_future()
        self._lost: asyncio.Future[None] | None = None
        self._refusing = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # aiofastnet's are transports by behaviour only

    def data_received(self, data: bytes) -> None:
        if self._refusing or self.transport is None:
            return  # what comes behind a refusal is read so that no reset overtakes it, and dropped
        start = max(0, len(self._data) - 3)
        self._data += data
        end = self._data.find(b"\r\n\r\n", start)
        if end < 0 and len(self._data) <= HEAD_BYTES:
            return
        self.transport.pause_reading()
        if not self._head.done():
            self._head.set_result(bytes(self._data))

    def eof_received(self) -> bool:
        self._hung("the client closed before its request was complete")
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._hung("the connection was lost before the request was complete")
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def _hung(self, reason: str) -> None:
        if not self._head.done():
            self._head.set_exception(Hung(reason))
            self._head.exception()  # nobody may be waiting any more

    def behind(self, start: int) -> bytes:
        """All that has arrived from *start* on: frames of a client that did not wait for the answer."""
        return bytes(self._data[start:])

    async def head(self) -> bytes:
        """All bytes received so far, the whole head among them (or more than `HEAD_BYTES` without one)."""
        return await asyncio.shield(self._head)

    async def refuse(self, answer: Answer) -> None:
        """Send *answer* in full, then close.  Returns when the connection is gone, two seconds later at most."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self._refusing = True
        self._lost = self._loop.create_future()
        transport.write(answer.encode())
        try:
            if transport.can_write_eof() and transport.get_extra_info("ssl_object") is None:
                transport.write_eof()
            else:
                transport.close()  # sends close_notify behind the answer and reads on until the peer's
        except OSError:  # reset meanwhile: there is nobody to refuse any more
            transport.abort()
            return
        transport.resume_reading()
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                await self._lost
        except TimeoutError:
            transport.abort()


def parse(data: bytes) -> tuple[Upgrade, int] | Answer:
    """The request in *data* and the length of its head, or why it is none we serve."""
    end = data.find(b"\r\n\r\n")
    if end < 0 or end > HEAD_BYTES:
        return Answer(
            status=431, text=f"request-head-too-large: a request head has at most {HEAD_BYTES} bytes"
        )
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES + 4)
    try:
        connection.receive_data(data[: end + 4])
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        return Answer(status=400, text=f"bad-request: {error}")
    if not isinstance(event, h11.Request):
        return Answer(status=400, text="bad-request: no HTTP request")
    wanted = _upgrade(event)
    return wanted if isinstance(wanted, Answer) else (wanted, end + 4)


def _upgrade(request: h11.Request) -> Upgrade | Answer:
    """RFC 6455 4.2.1, point by point."""
    headers = [
        (bytes(name).decode("ascii"), bytes(value).decode("latin-1")) for name, value in request.headers
    ]
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    if bytes(request.method) != b"GET":
        return Answer(status=405, text="not-a-websocket-request: GET only", headers=(("Allow", "GET"),))
    if bytes(request.http_version) != b"1.1":
        return Answer(
            status=426, text="not-a-websocket-request: HTTP/1.1 only", headers=tuple(upgrade.items())
        )
    if "websocket" not in _tokens(headers, "upgrade") or "upgrade" not in _tokens(headers, "connection"):
        text = (
            "not-a-websocket-request: this is an OCPP endpoint; charging stations connect here by WebSocket"
        )
        return Answer(status=426, text=text, headers=tuple(upgrade.items()))
    if _all(headers, "sec-websocket-version") != ["13"]:
        return Answer(status=426, text="websocket-version: 13 only", headers=tuple(upgrade.items()))
    keys = _all(headers, "sec-websocket-key")
    if len(keys) != 1 or not websocket_key_is_valid(keys[0]):
        return Answer(status=400, text="bad-request: exactly one valid Sec-WebSocket-Key is needed")
    if any(value not in ("", "0") for value in _all(headers, "content-length")) or _all(
        headers, "transfer-encoding"
    ):
        return Answer(status=400, text="bad-request: a WebSocket request has no body")
    return Upgrade(
        target=bytes(request.target).decode("ascii"),
        key=keys[0],
        subprotocols=tuple(
            name.strip() for value in _all(headers, "sec-websocket-protocol") for name in value.split(",")
        ),
        extensions=", ".join(_all(headers, "sec-websocket-extensions")) or None,
        authorization=tuple(_all(headers, "authorization")),
    )


def _all(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key == name]


def _tokens(headers: Sequence[tuple[str, str]], name: str) -> set[str]:
    return {token.strip().lower() for value in _all(headers, name) for token in value.split(",")}
