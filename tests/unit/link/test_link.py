"""The link: frames to messages, deadlines, closing.  No sockets: picows's own test frames and a transport that
writes down what it is told.
"""

import asyncio
import json
import zlib
from typing import Any

import pytest
from picows import WSMsgType
from picows.picows import _make_test_ws_frame as frame

from ocppsec.link.deflate import accept_offer
from ocppsec.link.errors import CallFailed, CallRefused, CallTimedOut, LinkClosed
from ocppsec.link.link import Limits, Link
from ocppsec.ocppj.connection import CallReceived
from ocppsec.ocppj.errors import ErrorCode, LocalError

HEARTBEAT = '[2,"7","Heartbeat",{}]'
ANSWER = {"currentTime": "2026-11-22T12:00:00Z"}


class Underlying:
    def __init__(self) -> None:
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Transport:
    """Writes down what a link sends."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.compressed: list[bytes] = []
        self.pings = 0
        self.closed_with: int | None = None
        self.is_close_frame_sent = False
        self.disconnected: list[bool] = []
        self.underlying_transport = Underlying()

    def send(self, kind: WSMsgType, message: Any, fin: bool = True, rsv1: bool = False) -> None:
        assert kind == WSMsgType.TEXT
        assert fin
        if rsv1:
            self.compressed.append(bytes(message))
        else:
            self.sent.append(message)

    def send_ping(self, message: bytes = b"") -> None:
        self.ping = message
        self.pings += 1

    def send_close(self, code: Any, reason: str = "") -> None:
        self.is_close_frame_sent = True
        self.closed_with = int(code)

    def disconnect(self, graceful: bool = True) -> None:
        self.disconnected.append(graceful)


class AnswersHeartbeats:
    def __init__(self) -> None:
        self.calls: list[CallReceived] = []
        self.dropped: list[str] = []
        self.closed = 0

    def on_open(self, link: Link) -> None: ...

    def on_call(self, link: Link, call: CallReceived) -> None:
        self.calls.append(call)
        link.answer(call.id, ANSWER)

    def on_dropped(self, link: Link, reason: str) -> None:
        self.dropped.append(reason)

    def on_closed(self, link: Link) -> None:
        self.closed += 1


class Breaks(AnswersHeartbeats):
    def on_call(self, link: Link, call: CallReceived) -> None:
        raise RuntimeError("a bug of ours")


def open_link(handler: Any = None, *, deflate: Any = None, limit: int = 1000) -> tuple[Link, Transport, Any]:
    handler = handler or AnswersHeartbeats()
    numbers = iter(range(1000))
    link = Link(
        handler, new_id=lambda: str(next(numbers)), limits=Limits(message_bytes=limit), deflate=deflate
    )
    transport = Transport()
    link.on_ws_connected(transport)  # type: ignore[arg-type]
    return link, transport, handler


def feed(link: Link, transport: Transport, *frames: Any) -> None:
    for each in frames:
        link.on_ws_frame(transport, each)  # type: ignore[arg-type]


async def test_a_call_is_answered() -> None:
    """A text frame with a CALL reaches the handler, and its answer goes out."""
    link, transport, handler = open_link()

    feed(link, transport, frame(WSMsgType.TEXT, HEARTBEAT.encode(), True, False))

    assert [call.action for call in handler.calls] == ["Heartbeat"]
    assert [json.loads(text) for text in transport.sent] == [[3, "7", ANSWER]]


async def test_fragments_make_one_message() -> None:
    """A message in three frames is one message."""
    link, transport, handler = open_link()
    data = HEARTBEAT.encode()

    feed(
        link,
        transport,
        frame(WSMsgType.TEXT, data[:5], False, False),
        frame(WSMsgType.CONTINUATION, data[5:9], False, False),
        frame(WSMsgType.CONTINUATION, data[9:], True, False),
    )

    assert len(handler.calls) == 1


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([(WSMsgType.CONTINUATION, b"x", True, False)], 1002, id="continuation-of-nothing"),
        pytest.param(
            [(WSMsgType.TEXT, b"x", False, False), (WSMsgType.TEXT, b"y", True, False)],
            1002,
            id="message-in-message",
        ),
        pytest.param([(WSMsgType.TEXT, b"x", True, True)], 1002, id="compressed-without-agreement"),
        pytest.param([(WSMsgType.TEXT, b"\xff\xfe", True, False)], 1007, id="not-utf-8"),
        pytest.param(
            [(WSMsgType.TEXT, b"\xff", False, False), (WSMsgType.CONTINUATION, b"\xff", True, False)],
            1007,
            id="fragments-not-utf-8",
        ),
        pytest.param(
            [(WSMsgType.TEXT, b"x" * 600, False, False), (WSMsgType.CONTINUATION, b"x" * 600, False, False)],
            1009,
            id="fragments-too-long",
        ),
    ],
)
async def test_bad_frames_close(frames: list[tuple[Any, ...]], code: int) -> None:
    """What RFC 6455 forbids closes the connection with the right code, and reaches nobody."""
    link, transport, handler = open_link()

    feed(link, transport, *(frame(*each) for each in frames))

    assert transport.closed_with == code
    assert handler.calls == []


async def test_nothing_is_heard_after_the_close_frame() -> None:
    """Once we said close, what the peer still sends reaches nobody."""
    link, transport, handler = open_link()
    link.close(1008, "enough")

    feed(link, transport, frame(WSMsgType.TEXT, HEARTBEAT.encode(), True, False))

    assert handler.calls == []


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def agreed_deflate() -> Any:
    agreed = accept_offer("permessage-deflate; client_max_window_bits")
    assert agreed is not None
    return agreed[1]


async def test_a_compressed_message_is_inflated() -> None:
    """With permessage-deflate agreed, a compressed CALL is a CALL."""
    link, transport, handler = open_link(deflate=agreed_deflate())

    feed(link, transport, frame(WSMsgType.TEXT, raw_deflate(HEARTBEAT.encode()), True, True))

    assert len(handler.calls) == 1


async def test_a_zip_bomb_closes() -> None:
    """A message that inflates beyond the limit closes with 1009."""
    link, transport, _ = open_link(deflate=agreed_deflate())

    feed(link, transport, frame(WSMsgType.TEXT, raw_deflate(b" " * 100_000), True, True))

    assert transport.closed_with == 1009


async def test_corrupt_compressed_data_closes() -> None:
    """Compressed data that is none closes with 1007."""
    link, transport, _ = open_link(deflate=agreed_deflate())

    feed(link, transport, frame(WSMsgType.TEXT, b"\xff\xff\xff\xff", True, True))

    assert transport.closed_with == 1007


async def test_long_messages_go_out_compressed() -> None:
    """With deflate agreed, a long CALL leaves compressed."""
    link, transport, _ = open_link(deflate=agreed_deflate(), limit=100_000)

    link.call_soon("DataTransfer", {"vendorId": "V", "data": "x" * 2000}, timeout=5)

    assert transport.sent == []
    assert len(transport.compressed[0]) < 300


async def test_a_bug_of_ours_closes_and_is_told() -> None:
    """An exception in a handler closes with 1011 and reaches the loop's handler, not the peer."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    link, transport, _ = open_link(Breaks())

    feed(link, transport, frame(WSMsgType.TEXT, HEARTBEAT.encode(), True, False))

    assert transport.closed_with == 1011
    assert isinstance(told[0]["exception"], RuntimeError)


async def test_a_call_gets_its_result() -> None:
    """The CALLRESULT with the CALL's id is the result; one with another id is dropped."""
    link, transport, handler = open_link()
    future = link.call_soon("Reset", {"type": "OnIdle"}, timeout=5)

    feed(link, transport, frame(WSMsgType.TEXT, b'[3,"other",{"status":"Rejected"}]', True, False))
    assert not future.done()
    feed(link, transport, frame(WSMsgType.TEXT, b'[3,"0",{"status":"Accepted"}]', True, False))

    assert await future == {"status": "Accepted"}
    assert len(handler.dropped) == 1


async def test_a_refused_call_raises() -> None:
    """A CALLERROR becomes CallRefused with its code."""
    link, transport, _ = open_link()
    future = link.call_soon("Reset", {"type": "OnIdle"}, timeout=5)

    feed(link, transport, frame(WSMsgType.TEXT, b'[4,"0","NotSupported","no",{}]', True, False))

    with pytest.raises(CallRefused) as caught:
        await future
    assert caught.value.code == "NotSupported"


async def test_a_late_answer_is_harmless() -> None:
    """After the deadline the next CALL goes, and the late answer of the first changes nothing."""
    link, transport, _ = open_link()
    first = link.call_soon("Reset", {"type": "OnIdle"}, timeout=0.001)
    second = link.call_soon("GetLocalListVersion", {}, timeout=5)
    assert len(transport.sent) == 1  # one CALL at a time

    with pytest.raises(CallTimedOut):
        await first
    assert len(transport.sent) == 2
    feed(link, transport, frame(WSMsgType.TEXT, b'[3,"0",{"status":"Accepted"}]', True, False))
    assert not second.done()
    feed(link, transport, frame(WSMsgType.TEXT, b'[3,"1",{"versionNumber":3}]', True, False))

    assert await second == {"versionNumber": 3}


async def test_the_end_ends_every_call() -> None:
    """When the connection ends, each waiting CALL fails with LinkClosed, and later ones at once."""
    link, transport, handler = open_link()
    waiting = link.call_soon("Reset", {"type": "OnIdle"}, timeout=5)

    link.on_ws_disconnected(transport)  # type: ignore[arg-type]

    with pytest.raises(LinkClosed):
        await waiting
    with pytest.raises(LinkClosed):
        await link.call("Reset", {"type": "OnIdle"}, timeout=5)
    assert handler.closed == 1
    assert link.close_code == 1006


async def test_an_invalid_request_is_never_sent() -> None:
    """A CALL the schema forbids is our error and does not leave."""
    link, transport, _ = open_link()

    with pytest.raises(LocalError):
        link.call_soon("Reset", {"type": "Whenever"}, timeout=5)

    assert transport.sent == []


async def test_silence_is_pinged_then_dropped() -> None:
    """A silent peer gets one ping; one that stays silent loses its socket; one that speaks does not."""
    link, transport, _ = open_link()
    start = link.last_heard

    link.sweep(start + 9, idle=10, reply=5)
    assert transport.pings == 0
    link.sweep(start + 11, idle=10, reply=5)
    link.sweep(start + 12, idle=10, reply=5)
    assert transport.pings == 1
    link.sweep(start + 16, idle=10, reply=5)
    assert transport.disconnected == [False]


async def test_a_peer_that_does_not_read_is_not_read() -> None:
    """When the peer does not take our answers, we stop reading its questions until it does."""
    link, transport, _ = open_link()

    link.pause_writing()
    assert not transport.underlying_transport.reading
    link.resume_writing()
    assert transport.underlying_transport.reading


async def test_refuse_sends_a_callerror() -> None:
    """`refuse` answers CALLERROR with the code given."""

    class Refuses(AnswersHeartbeats):
        def on_call(self, link: Link, call: CallReceived) -> None:
            link.refuse(call.id, ErrorCode.SECURITY_ERROR, "not yet")

    link, transport, _ = open_link(Refuses())

    feed(link, transport, frame(WSMsgType.TEXT, HEARTBEAT.encode(), True, False))

    assert json.loads(transport.sent[0])[:3] == [4, "7", "SecurityError"]


async def test_wait_closed_returns_at_the_end() -> None:
    """`wait_closed` returns when the socket is gone, also when it is gone already."""
    link, transport, _ = open_link()
    waiting = asyncio.ensure_future(link.wait_closed())
    await asyncio.sleep(0)
    assert not waiting.done()

    link.on_ws_disconnected(transport)  # type: ignore[arg-type]

    await waiting
    await link.wait_closed()


async def test_an_answer_is_known_before_the_next_call_is_heard() -> None:
    """A CALL that came right behind our answer reaches the handler after who waits for the answer has it."""
    order: list[str] = []

    class Notes(AnswersHeartbeats):
        def on_call(self, link: Link, call: CallReceived) -> None:
            order.append("call")

    link, transport, _ = open_link(Notes())

    async def asks() -> None:
        await link.call("Reset", {"type": "OnIdle"}, timeout=5)
        order.append("answer")

    task = asyncio.ensure_future(asks())
    await asyncio.sleep(0)
    feed(
        link,
        transport,
        frame(WSMsgType.TEXT, b'[3,"0",{"status":"Accepted"}]', True, False),
        frame(WSMsgType.TEXT, HEARTBEAT.encode(), True, False),
    )
    await task
    await asyncio.sleep(0)

    assert order == ["answer", "call"]


class AnswersLater(AnswersHeartbeats):
    def on_call(self, link: Link, call: CallReceived) -> None:
        self.calls.append(call)


@pytest.mark.parametrize("end", [pytest.param("close", id="by-us"), pytest.param("abort", id="dropped")])
async def test_what_waited_its_turn_is_not_served_after_the_end(end: str) -> None:
    """A station that was removed, replaced or revoked is not served with the CALLs it had piled up before."""
    link, transport, handler = open_link(AnswersLater())
    calls = [HEARTBEAT.replace("7", number).encode() for number in ("1", "2")]
    feed(link, transport, *(frame(WSMsgType.TEXT, each, True, False) for each in calls))
    getattr(link, end)(*((1008, "gone") if end == "close" else ("gone",)))

    link.answer("1", ANSWER)

    assert [call.id for call in handler.calls] == ["1"]


class ReservedBits:
    """A whole text frame with reserved bits set; picows's own test frames cannot have them."""

    msg_type = WSMsgType.TEXT
    fin = True
    rsv1 = False

    def __init__(self, *, rsv2: bool, rsv3: bool) -> None:
        self.rsv2, self.rsv3 = rsv2, rsv3

    def get_payload_as_utf8_text(self) -> str:
        return HEARTBEAT


@pytest.mark.parametrize(("rsv2", "rsv3"), [(True, False), (False, True)])
async def test_reserved_bits_nobody_agreed_on_close(rsv2: bool, rsv3: bool) -> None:
    """RFC 6455 5.2: the connection fails, whatever the frame holds."""
    link, transport, handler = open_link()

    feed(link, transport, ReservedBits(rsv2=rsv2, rsv3=rsv3))

    assert transport.closed_with == 1002
    assert handler.calls == []


async def test_calls_to_a_silent_peer_do_not_pile_up() -> None:
    """A hundred may wait; the next is refused at once."""
    link, _, _ = open_link()
    waiting = [link.call_soon("GetLocalListVersion", {}, timeout=60) for _ in range(100)]

    with pytest.raises(CallFailed):
        await link.call("GetLocalListVersion", {}, timeout=60)

    assert not any(each.done() for each in waiting)


def pong(of: bytes) -> Any:
    return frame(WSMsgType.PONG, of, True, False)


def a_call(action: str) -> Any:
    return frame(WSMsgType.TEXT, json.dumps([2, action, action, {}]).encode(), True, False)


async def test_what_was_sent_has_arrived_when_the_peer_is_heard_again() -> None:
    """`prove` pings, and tells once, at the answer; not when the connection just ends."""
    told: list[str] = []
    link, transport, _ = open_link()
    link.prove(lambda: told.append("heard"))
    assert (transport.pings, told) == (1, [])

    feed(link, transport, pong(transport.ping), pong(transport.ping))
    assert told == ["heard"]

    link.prove(lambda: told.append("never"))
    link.on_ws_disconnected(transport)  # type: ignore[arg-type]
    assert told == ["heard"]


@pytest.mark.parametrize(
    ("heard", "seconds", "proves"),
    [
        pytest.param(lambda _: a_call("Heartbeat"), 5.0, True, id="a CALL"),
        pytest.param(lambda _: a_call("Heartbeat"), -5.0, True, id="a CALL, late"),
        pytest.param(lambda _: a_call("BootNotification"), 5.0, False, id="it asks again"),
        pytest.param(pong, 5.0, True, id="the answer to the ping"),
        pytest.param(pong, -5.0, False, id="that answer, too late"),
        pytest.param(lambda _: pong(b""), 5.0, False, id="the answer to a ping before"),
        pytest.param(lambda _: frame(WSMsgType.PING, b"", True, False), 5.0, False, id="a ping of its own"),
        pytest.param(lambda _: frame(WSMsgType.CLOSE, b"", True, False), 5.0, False, id="its close"),
    ],
)
async def test_what_proves_that_the_peer_was_told(heard: Any, seconds: float, proves: bool) -> None:
    """Anything else may have been on its way before: killed then, the peer would not know what we hold it to."""
    told: list[str] = []
    link, transport, _ = open_link()
    until = asyncio.get_running_loop().time() + seconds
    link.prove(lambda: told.append("heard"), until=until, except_for="BootNotification")

    feed(link, transport, heard(transport.ping))

    assert told == ["heard"] * proves
