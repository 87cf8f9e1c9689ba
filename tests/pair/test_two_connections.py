"""Two connections joined in memory, as CSMS and station are by a WebSocket."""

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from ocppsec.ocppj.connection import Answered, CallReceived, Connection, Dropped, DropReason, Refused
from ocppsec.ocppj.errors import ErrorCode

NOW = "2031-01-05T12:00:00Z"
ANSWERS = {"Heartbeat": {"currentTime": NOW}, "Reset": {"status": "Accepted"}}
PAYLOADS = {"Heartbeat": {}, "Reset": {"type": "OnIdle"}}


class Peer:
    """One end: its connection, what is on the way to it, and what it was told."""

    def __init__(self):
        self.connection = Connection()
        self.on_the_way = deque()
        self.heard = []
        self.unanswered = deque()

    def flush(self, other):
        other.on_the_way.extend(self.connection.outgoing())

    def take(self):
        if self.on_the_way:
            self.note(self.connection.receive(self.on_the_way.popleft()))

    def note(self, received):
        for one in received:
            self.heard.append(one)
            if isinstance(one, CallReceived):
                self.unanswered.append(one)

    def answer(self):
        if self.unanswered:
            call = self.unanswered.popleft()
            self.connection.answer(call.id, ANSWERS[call.action])
            self.note(self.connection.next_received())


def settle(a, b):
    """Deliver and answer until nothing moves."""
    while True:
        a.flush(b)
        b.flush(a)
        if not (a.on_the_way or b.on_the_way or a.unanswered or b.unanswered):
            return
        for peer in (a, b):
            peer.take()
            peer.answer()


def test_a_conversation():
    """Station and CSMS ask each other at the same time; both are answered."""
    csms, station = Peer(), Peer()
    station.connection.call("s1", "Heartbeat", {})
    csms.connection.call("c1", "Reset", {"type": "OnIdle"})
    settle(csms, station)
    assert csms.heard == [
        CallReceived("s1", "Heartbeat", {}),
        Answered("c1", "Reset", {"status": "Accepted"}),
    ]
    assert station.heard == [
        CallReceived("c1", "Reset", {"type": "OnIdle"}),
        Answered("s1", "Heartbeat", {"currentTime": NOW}),
    ]


def test_both_may_use_the_same_ids():
    """Ids are unique per sender only: an equal id of the other side is another CALL."""
    csms, station = Peer(), Peer()
    station.connection.call("1", "Heartbeat", {})
    csms.connection.call("1", "Reset", {"type": "OnIdle"})
    settle(csms, station)
    assert [one.action for one in csms.heard] == ["Heartbeat", "Reset"]
    assert csms.connection.dropped == station.connection.dropped == {}


def test_a_late_answer_does_not_answer_the_next_call():
    """LESSONS 12: after a timeout the late answer is dropped, and the second CALL gets its own."""
    csms, station = Peer(), Peer()
    csms.connection.call("c1", "Reset", {"type": "OnIdle"})
    csms.flush(station)
    station.take()
    csms.connection.give_up("c1")
    csms.connection.call("c2", "Reset", {"type": "Immediate"})
    settle(csms, station)
    assert csms.heard == [
        Dropped(DropReason.LATE_ANSWER, "c1"),
        Answered("c2", "Reset", {"status": "Accepted"}),
    ]
    assert [one.id for one in station.heard] == ["c1", "c2"]


def test_garbage_starts_no_ping_pong():
    """One unreadable message causes one CALLERROR, which is dropped: two of us never talk for ever about nothing."""
    csms, station = Peer(), Peer()
    csms.on_the_way.append("garbage")
    csms.take()
    csms.flush(station)
    assert len(station.on_the_way) == 1
    station.take()
    assert station.heard == [Dropped(DropReason.PEER_COULD_NOT_READ, "-1")]
    assert station.connection.outgoing() == []


def test_a_refusal_reaches_the_other_side():
    """Code, description and details of `refuse` come out as they went in."""
    csms, station = Peer(), Peer()
    station.connection.call("s1", "Heartbeat", {})
    station.flush(csms)
    csms.take()
    csms.connection.refuse("s1", ErrorCode.SECURITY_ERROR, "boot first", {"a": [1]})
    csms.flush(station)
    station.take()
    assert station.heard == [
        Refused("s1", "Heartbeat", "SecurityError", "boot first", {"a": [1]}, by_us=False)
    ]


MOVES = st.lists(
    st.sampled_from(
        [
            "a calls",
            "b calls",
            "a flushes",
            "b flushes",
            "a takes",
            "b takes",
            "a answers",
            "b answers",
            "a gives up",
        ]
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(MOVES)
def test_every_call_ends_exactly_once(moves):
    """In whatever order things happen, each CALL ends once with its own answer, or was given up."""
    a, b = Peer(), Peer()
    called, given_up = {"a": [], "b": []}, set()
    for number, move in enumerate(moves):
        name, act = move.split(" ", 1)
        me, other = (a, b) if name == "a" else (b, a)
        match act:
            case "calls":
                action = "Reset" if name == "a" else "Heartbeat"
                me.connection.call(f"{name}{number}", action, PAYLOADS[action])
                called[name].append(f"{name}{number}")
            case "flushes":
                me.flush(other)
            case "takes":
                me.take()
            case "answers":
                me.answer()
            case "gives up" if (id_ := me.connection.sent_call) is not None:
                me.connection.give_up(id_)
                given_up.add(id_)
    settle(a, b)
    for name, me, other in (("a", a, b), ("b", b, a)):
        assert [one.id for one in me.heard if isinstance(one, Answered)] == [
            id_ for id_ in called[name] if id_ not in given_up
        ]
        assert [one.id for one in other.heard if isinstance(one, CallReceived)] == called[name]
        assert not any(isinstance(one, Refused) for one in me.heard)
