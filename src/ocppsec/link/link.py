"""The link: frames in, calls and answers out.

A `Link` is the listener of one picows WebSocket.  Text frames become messages, messages go through the
conversation, and what the conversation wants sent is sent.  A CALL's deadline starts when it really left, since
only one may be under way (Part 4, 4.1.1).  Nothing here reads a wall clock or knows an identity.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from ocppsec.link.deflate import WORTHWHILE, Deflate, Malformed, TooBig
from ocppsec.link.errors import CallFailed, CallRefused, CallTimedOut, LinkClosed
from ocppsec.ocppj.connection import Answered, CallReceived, Connection, Dropped, Received, Refused
from ocppsec.ocppj.errors import ErrorCode

_TEXT = WSMsgType.TEXT
_CONTINUATION = WSMsgType.CONTINUATION
_MOST_CALLS = 100
"""CALLs of ours that may wait for their turn: one is under way, and a peer that never answers takes its time."""
_CLOSING_SECONDS = 3.0
"""How long the peer has to answer our close frame before the socket goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    message_bytes: int = 512 * 1024
    """Largest message, after inflating.  A base report of a large station is some 100 KiB."""


class Handler(Protocol):
    """Who answers on this link.  All methods are synchronous; an answer may be given later."""

    def on_open(self, link: "Link") -> None: ...
    def on_call(self, link: "Link", call: CallReceived) -> None: ...
    def on_dropped(self, link: "Link", reason: str) -> None: ...
    def on_closed(self, link: "Link") -> None: ...


class Link(WSListener):
    """One open WebSocket with one conversation on it."""

    __slots__ = (
        "_assembling",
        "_assembling_compressed",
        "_assembling_text",
        "_calls",
        "_closed",
        "_conversation",
        "_deflate",
        "_gone",
        "_handler",
        "_held",
        "_limits",
        "_loop",
        "_new_id",
        "_proof",
        "_proofs",
        "_timed",
        "_timer",
        "_transport",
        "close_code",
        "close_reason",
        "last_heard",
        "pinged",
    )

    def __init__(
        self, handler: Handler, *, new_id: Callable[[], str], limits: Limits, deflate: Deflate | None = None
    ) -> None:
        self._handler = handler
        self._new_id = new_id
        self._limits = limits
        self._deflate = deflate
        self._loop = asyncio.get_running_loop()
        self._conversation = Connection()
        self._transport: WSTransport | None = None
        self._calls: dict[str, tuple[asyncio.Future[dict[str, Any]], str, float]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timed: str | None = None
        self._held: list[CallReceived] | None = None
        self._proof: _Proof | None = None
        self._proofs = 0
        self._assembling: bytearray | None = None
        self._assembling_text = False
        self._assembling_compressed = False
        self._closed = False
        self._gone: asyncio.Future[None] | None = None
        self.close_code: int | None = None
        """How it ended: the peer's close code, else ours; None while open, 1006 when the peer just vanished."""
        self.close_reason = ""
        self.last_heard = 0.0
        """Loop time of the last frame."""
        self.pinged = False

    # -- what users of a link do ------------------------------------------------------------------------
    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def tls(self) -> Any:
        """The connection's `ssl.SSLObject` (or one that acts like it); None without TLS."""
        return (
            None
            if self._transport is None
            else self._transport.underlying_transport.get_extra_info("ssl_object")
        )

    def call_soon(
        self, action: str, payload: dict[str, Any], *, timeout: float
    ) -> asyncio.Future[dict[str, Any]]:
        """Send a CALL when its turn comes; the future gives the result's payload or raises a `CallFailed`.

        Raises `ocppj.errors.LocalError` at once when the request is not valid.
        """
        future: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        if self._closed or self._transport is None:
            future.set_exception(LinkClosed("the connection is closed"))
            return future
        if len(self._calls) >= _MOST_CALLS:
            future.set_exception(CallFailed(f"{_MOST_CALLS} CALLs wait for this peer already"))
            return future
        call_id = self._new_id()
        self._conversation.call(call_id, action, payload)
        self._calls[call_id] = (future, action, timeout)
        self._flush()
        return future

    async def call(self, action: str, payload: dict[str, Any], *, timeout: float) -> dict[str, Any]:
        """Like `call_soon`, awaited."""
        return await self.call_soon(action, payload, timeout=timeout)

    def answer(self, call_id: str, payload: dict[str, Any]) -> None:
        """Answer a CALL; raises `LocalError` when *payload* is not valid (the peer then gets InternalError)."""
        try:
            self._conversation.answer(call_id, payload)
        finally:
            self._flush()
            self._deliver(self._conversation.next_received())

    def refuse(self, call_id: str, code: ErrorCode, description: str = "") -> None:
        """Answer a CALL with CALLERROR."""
        self._conversation.refuse(call_id, code, description)
        self._flush()
        self._deliver(self._conversation.next_received())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Start the closing handshake; harmless when repeated.  The socket goes after three seconds at the latest."""
        if self._closed or self._transport is None:
            return
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._transport.send_close(WSCloseCode(code), reason)
        self._loop.call_later(_CLOSING_SECONDS, self._transport.disconnect, False)

    async def wait_closed(self) -> None:
        """Returns when the socket is gone."""
        if self._closed:
            return
        if self._gone is None:
            self._gone = self._loop.create_future()
        await asyncio.shield(self._gone)

    def abort(self, reason: str) -> None:
        """Drop the socket now: the peer is gone or not to be talked to."""
        if self._closed or self._transport is None:
            return
        if self.close_code is None:
            self.close_code, self.close_reason = 1006, reason
        self._transport.disconnect(False)

    def prove(
        self, then: Callable[[], None], *, until: float | None = None, except_for: str | None = None
    ) -> None:
        """Ping, and call *then* when what was sent before has reached the peer: it answers this ping, or sends a CALL.

        Behind *until* (the loop's time) only a CALL counts: who answers a ping may have given up waiting for what
        came before it.  CALLs with the action *except_for* do not count: they ask for it again.  Never called when
        the connection ends without another word.
        """
        if self._closed or self._transport is None:
            return
        self._proofs += 1
        ping = b"%d" % self._proofs
        self._proof = _Proof(then, ping, until, except_for)
        self._transport.send_ping(ping)

    def sweep(self, now: float, *, idle: float, reply: float) -> None:
        """Ping a silent peer and drop a dead one; called from time to time with the loop's time."""
        silent = now - self.last_heard
        if silent >= idle + reply and self.pinged:
            self.abort(f"no answer to a ping within {reply:g} s")
        elif silent >= idle and not self.pinged and self._transport is not None:
            self.pinged = True
            self._transport.send_ping()

    # -- what picows calls ------------------------------------------------------------------------------
    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.last_heard = self._loop.time()
        self._handler.on_open(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.last_heard = self._loop.time()
        self.pinged = False
        if self._proof is not None and frame.msg_type == WSMsgType.PONG:
            self._answered_ping(self._proof, frame.get_payload_as_bytes())
        if transport.is_close_frame_sent and frame.msg_type != WSMsgType.CLOSE:
            return
        try:
            odd = frame.rsv1 or frame.rsv2 or frame.rsv3 or self._assembling is not None
            if frame.msg_type == _TEXT and frame.fin and not odd:
                self._receive(frame.get_payload_as_utf8_text())
            else:
                self._unusual(transport, frame)
        except UnicodeDecodeError:
            self.close(1007, "text that is not UTF-8")
        except Exception as error:  # noqa: BLE001  ours to mend; the peer must not hang
            self.close(1011, "internal error")
            self._loop.call_exception_handler(
                {"message": "error while handling a message", "exception": error}
            )

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        self._closed = True
        if self.close_code is None:
            self.close_code, self.close_reason = 1006, "the peer went without a word"
        if self._timer is not None:
            self._timer.cancel()
        calls, self._calls = self._calls, {}
        for future, _, _ in calls.values():
            if not future.done():
                future.set_exception(
                    LinkClosed(f"the connection ended: {self.close_reason or self.close_code}")
                )
                future.exception()  # nobody has to fetch it
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        self._handler.on_closed(self)

    def pause_writing(self) -> None:
        """The peer does not read: then we do not read either, so that its flood stays with it."""
        if self._transport is not None:
            self._transport.underlying_transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.underlying_transport.resume_reading()

    # -- frames to messages -----------------------------------------------------------------------------
    def _unusual(self, transport: WSTransport, frame: WSFrame) -> None:
        """All frames but a whole, plain text message."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            self._closing(transport, frame)
        elif frame.rsv2 or frame.rsv3 or (frame.rsv1 and (self._deflate is None or kind not in _MESSAGES)):
            self.close(1002, "reserved bits nobody agreed on")
        elif kind in _MESSAGES:
            if self._assembling is not None:
                self.close(1002, "a new message inside a fragmented one")
                return
            self._assembling = bytearray()
            self._assembling_text = kind == _TEXT
            self._assembling_compressed = frame.rsv1
            self._append(frame)
        elif kind == _CONTINUATION:
            if self._assembling is None:
                self.close(1002, "a continuation of nothing")
                return
            self._append(frame)

    def _append(self, frame: WSFrame) -> None:
        assembling = self._assembling
        assert assembling is not None
        assembling += frame.get_payload_as_memoryview()
        if len(assembling) > self._limits.message_bytes:
            self.close(1009, f"a message of more than {self._limits.message_bytes} bytes")
        elif frame.fin:
            self._assembling = None
            self._whole(bytes(assembling), text=self._assembling_text, compressed=self._assembling_compressed)

    def _whole(self, message: bytes, *, text: bool, compressed: bool) -> None:
        if compressed and self._deflate is not None:
            try:
                message = self._deflate.inflate(message, self._limits.message_bytes)
            except TooBig as error:
                self.close(1009, f"a message that {error}")
                return
            except Malformed as error:
                self.close(1007, str(error))
                return
        self._receive(message.decode() if text else message)

    def _closing(self, transport: WSTransport, frame: WSFrame) -> None:
        code = frame.get_close_code()
        if self.close_code is None:
            self.close_code, self.close_reason = (
                int(code.value) or 1005,
                frame.get_close_reason() or "",
            )
        if not transport.is_close_frame_sent:
            transport.send_close(code if code.value else WSCloseCode.OK)
        transport.disconnect()

    # -- messages to the conversation and back ----------------------------------------------------------
    def _receive(self, message: str | bytes) -> None:
        received = self._conversation.receive(message)
        self._flush()
        self._deliver(received)

    def _deliver(self, received: tuple[Received, ...]) -> None:
        for item in received:
            match item:
                case CallReceived() if self.close_code is not None:
                    pass  # it waited its turn, and nobody is to be served on this connection any more
                case CallReceived() if self._held is not None:
                    self._held.append(item)
                case CallReceived():
                    if self._proof is not None and item.action != self._proof.except_for:
                        self._proved(self._proof)
                    self._handler.on_call(self, item)
                case Answered():
                    self._settle(item.id, item.payload)
                case Refused():
                    error = CallRefused(item.code, item.description, item.details, by_us=item.by_us)
                    self._settle(item.id, error)
                case Dropped():
                    self._handler.on_dropped(self, item.reason)

    def _answered_ping(self, proof: "_Proof", ping: bytes) -> None:
        if ping == proof.ping and (proof.until is None or self.last_heard <= proof.until):
            self._proved(proof)

    def _proved(self, proof: "_Proof") -> None:
        self._proof = None
        proof.then()

    def _settle(self, call_id: str, outcome: dict[str, Any] | CallFailed) -> None:
        future, _, _ = self._calls.pop(call_id)
        if future.done():
            return  # whoever asked has gone
        if isinstance(outcome, CallFailed):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
        if self._held is None:
            # An answer and the peer's next CALL often share a segment.  Whoever awaits the answer wakes first, and
            # only then hears of the CALL: it may be allowed by that very answer (B01.FR.08).
            self._held = []
            self._loop.call_soon(self._release)

    def _release(self) -> None:
        held, self._held = self._held or [], None
        if not self._closed:
            self._deliver(tuple(held))

    def _flush(self) -> None:
        """Send what the conversation wants sent, and start the deadline of a CALL that just left."""
        transport = self._transport
        if transport is None:
            return
        for text in self._conversation.outgoing():
            if self._deflate is not None and len(text) >= WORTHWHILE:
                transport.send(_TEXT, self._deflate.compress(text.encode()), True, True)
            else:
                transport.send(_TEXT, text)
        sent = self._conversation.sent_call
        if sent != self._timed:
            self._watch(sent)

    def _watch(self, sent: str | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timed = sent
        if sent is not None:
            self._timer = self._loop.call_later(self._calls[sent][2], self._expire, sent)

    def _expire(self, call_id: str) -> None:
        _, action, timeout = self._calls[call_id]
        self._conversation.give_up(call_id)
        self._settle(call_id, CallTimedOut(action, timeout))
        self._flush()


_MESSAGES = (WSMsgType.TEXT, WSMsgType.BINARY)


class _Proof(NamedTuple):
    """What counts as having been told; anything else may have been on its way before."""

    then: Callable[[], None]
    ping: bytes
    until: float | None
    except_for: str | None
