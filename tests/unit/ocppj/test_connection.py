import pytest

from ocppsec.ocppj.connection import (
    MAX_WAITING,
    Answered,
    CallReceived,
    Connection,
    Dropped,
    DropReason,
    Refused,
)
from ocppsec.ocppj.errors import ErrorCode, LocalError

NOW = "2031-01-05T12:00:00Z"
BEAT = {"currentTime": NOW}
SET_PASSWORD = {
    "setVariableData": [
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": "hunter2hunter2hunter2",
        },
    ],
}


def heartbeat(id_):
    return f'[2,"{id_}","Heartbeat",{{}}]'


def waiting_for_answer(id_="c1"):
    """A connection whose Reset has left and has no answer yet."""
    connection = Connection()
    connection.call(id_, "Reset", {"type": "OnIdle"})
    connection.outgoing()
    return connection


# -- the peer asks ----------------------------------------------------------------------------------------


def test_a_call_is_received_and_answered():
    """A valid CALL is reported once; its answer leaves once, under its id."""
    connection = Connection()
    assert connection.receive(heartbeat("s1")) == (CallReceived("s1", "Heartbeat", {}),)
    assert connection.outgoing() == []
    connection.answer("s1", BEAT)
    assert connection.outgoing() == [f'[3,"s1",{{"currentTime":"{NOW}"}}]']
    assert connection.outgoing() == []


def test_a_call_can_be_refused():
    """A refusal is a CALLERROR with code, description and details."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.refuse("s1", ErrorCode.SECURITY_ERROR, "boot first", {"state": "Pending"})
    assert connection.outgoing() == ['[4,"s1","SecurityError","boot first",{"state":"Pending"}]']


def test_a_refusal_has_at_most_255_characters():
    """Part 4, 4.2.3: a longer description is cut, not refused."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.refuse("s1", ErrorCode.GENERIC_ERROR, "x" * 300)
    assert connection.outgoing() == [f'[4,"s1","GenericError","{"x" * 255}",{{}}]']


def test_an_invalid_call_is_refused_by_the_room():
    """A CALL the schema refuses gets its CALLERROR without anybody being asked."""
    connection = Connection()
    assert connection.receive('[2,"s1","Heartbeat",{"x":1}]') == ()
    assert connection.outgoing() == ['[4,"s1","FormatViolation","payload: additionalProperties x",{}]']
    assert connection.refused == {"FormatViolation": 1}


def test_an_unknown_action_is_not_implemented():
    """An action without a schema is answered NotImplemented."""
    connection = Connection()
    assert connection.receive('[2,"s1","MakeCoffee",{}]') == ()
    assert connection.outgoing() == ['[4,"s1","NotImplemented","no such action in OCPP 2.0.1",{}]']


def test_the_direction_is_not_judged_here():
    """Reset is reported to whoever receives it: which role we play is the handler's to know."""
    assert Connection().receive('[2,"s1","Reset",{"type":"OnIdle"}]')[0].action == "Reset"


def test_the_connection_goes_on_after_garbage():
    """After an unreadable message the next CALL is served as if nothing had been."""
    connection = Connection()
    assert connection.receive("[" * 100_000) == ()
    assert connection.outgoing() == ['[4,"-1","RpcFrameworkError","not JSON",{}]']
    assert connection.receive(heartbeat("s1")) == (CallReceived("s1", "Heartbeat", {}),)


def test_impatient_calls_are_seen_one_by_one():
    """CALLs sent before the first was answered wait, and come in order."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    assert connection.receive(heartbeat("s2")) == ()
    assert connection.receive(heartbeat("s3")) == ()
    assert connection.next_received() == ()
    connection.answer("s1", BEAT)
    assert connection.next_received() == (CallReceived("s2", "Heartbeat", {}),)
    assert connection.next_received() == ()
    connection.refuse("s2", ErrorCode.NOT_SUPPORTED)
    assert connection.next_received() == (CallReceived("s3", "Heartbeat", {}),)
    connection.answer("s3", BEAT)
    assert connection.next_received() == ()
    assert [text[:8] for text in connection.outgoing()] == ['[3,"s1",', '[4,"s2",', '[3,"s3",']


def test_a_call_cannot_overtake_those_that_wait():
    """A CALL that arrives after an answer, but before the next was taken up, queues behind."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.receive(heartbeat("s2"))
    connection.answer("s1", BEAT)
    assert connection.receive(heartbeat("s3")) == (CallReceived("s2", "Heartbeat", {}),)
    connection.answer("s2", BEAT)
    assert connection.next_received() == (CallReceived("s3", "Heartbeat", {}),)


def test_only_so_many_calls_wait():
    """The seventeenth waiting CALL gets a CALLERROR; memory is bounded."""
    connection = Connection()
    for number in range(1 + MAX_WAITING):
        connection.receive(heartbeat(f"s{number}"))
    assert connection.outgoing() == []
    assert connection.receive(heartbeat("late")) == ()
    assert connection.outgoing() == [
        '[4,"late","GenericError","too many CALLs before the first was answered",{}]'
    ]


@pytest.mark.parametrize("id_", ["s1", "s2"])
def test_a_repeated_call_is_answered_once(id_):
    """A CALL with the id of an unanswered one, taken up or waiting, is dropped: one answer serves both."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.receive(heartbeat("s2"))
    assert connection.receive(heartbeat(id_)) == (Dropped(DropReason.REPEATED_CALL, id_),)
    connection.answer("s1", BEAT)
    connection.next_received()
    connection.answer("s2", BEAT)
    assert connection.next_received() == ()
    assert len(connection.outgoing()) == 2


def test_a_retry_may_reuse_its_id():
    """Errata 2024-09: after its answer, the same id may come again and is a new CALL."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.answer("s1", BEAT)
    assert connection.receive(heartbeat("s1")) == (CallReceived("s1", "Heartbeat", {}),)


@pytest.mark.parametrize("act", ["answer", "refuse"])
@pytest.mark.parametrize("id_", ["s2", "s9"])
def test_only_the_call_being_answered_can_be_answered(act, id_):
    """Answering a CALL that waits or never came is our mistake, and sends nothing."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.receive(heartbeat("s2"))
    with pytest.raises(LocalError):
        connection.answer(id_, BEAT) if act == "answer" else connection.refuse(id_, ErrorCode.GENERIC_ERROR)
    assert connection.outgoing() == []
    connection.answer("s1", BEAT)


@pytest.mark.parametrize("act", ["answer", "refuse"])
def test_nothing_is_answered_twice(act):
    """A second answer to one CALL is our mistake."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    connection.answer("s1", BEAT)
    with pytest.raises(LocalError):
        connection.answer("s1", BEAT) if act == "answer" else connection.refuse("s1", ErrorCode.GENERIC_ERROR)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({}, id="by schema"),
        pytest.param({"currentTime": "2031-01-05T12:00:00"}, id="a date without offset"),
        pytest.param({**BEAT, "customData": {"vendorId": "x", "y": float("nan")}}, id="NaN"),
        pytest.param({**BEAT, "customData": {"vendorId": "x", "y": "\ud800"}}, id="lone surrogate"),
    ],
)
def test_an_answer_we_got_wrong_is_an_internal_error(payload):
    """The peer gets InternalError at once instead of waiting; we get LocalError; the turn is over."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    with pytest.raises(LocalError):
        connection.answer("s1", payload)
    assert connection.outgoing() == ['[4,"s1","InternalError","no valid answer was found",{}]']
    assert connection.receive(heartbeat("s2")) == (CallReceived("s2", "Heartbeat", {}),)


def test_a_refusal_whose_words_json_cannot_say_is_sent_without_them():
    """The peer learns the code at least; we learn of our mistake."""
    connection = Connection()
    connection.receive(heartbeat("s1"))
    with pytest.raises(LocalError):
        connection.refuse("s1", ErrorCode.GENERIC_ERROR, "\ud800")
    assert connection.outgoing() == ['[4,"s1","GenericError","",{}]']


# -- we ask -----------------------------------------------------------------------------------------------


def test_our_call_leaves_and_is_answered():
    """The answer to our CALL is reported with the action it belongs to, and ends the wait."""
    connection = Connection()
    connection.call("c1", "Reset", {"type": "OnIdle"})
    assert connection.sent_call is None
    assert connection.outgoing() == ['[2,"c1","Reset",{"type":"OnIdle"}]']
    assert connection.sent_call == "c1"
    assert connection.receive('[3,"c1",{"status":"Accepted"}]') == (
        Answered("c1", "Reset", {"status": "Accepted"}),
    )
    assert connection.sent_call is None


def test_one_call_at_a_time():
    """Part 4, 4.1.1: the next CALL leaves only after the answer to the one before."""
    connection = Connection()
    connection.call("c1", "Reset", {"type": "OnIdle"})
    connection.call("c2", "Reset", {"type": "Immediate"})
    assert connection.outgoing() == ['[2,"c1","Reset",{"type":"OnIdle"}]']
    assert connection.outgoing() == []
    connection.receive('[3,"c1",{"status":"Accepted"}]')
    assert connection.outgoing() == ['[2,"c2","Reset",{"type":"Immediate"}]']
    assert connection.sent_call == "c2"


def test_calls_may_cross():
    """An unanswered CALL of ours does not keep us from answering theirs, nor the reverse."""
    connection = waiting_for_answer()
    connection.receive(heartbeat("c1"))
    connection.answer("c1", BEAT)
    assert connection.outgoing() == [f'[3,"c1",{{"currentTime":"{NOW}"}}]']
    assert connection.sent_call == "c1"


def test_our_call_is_refused():
    """A CALLERROR is reported with its action, code, description and details."""
    received = waiting_for_answer().receive('[4,"c1","NotSupported","no reset here",{"a":1}]')
    assert received == (Refused("c1", "Reset", "NotSupported", "no reset here", {"a": 1}, by_us=False),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param('[3,"c1",{"status":"Perhaps"}]', "PropertyConstraintViolation", id="unknown status"),
        pytest.param('[3,"c1",{}]', "OccurrenceConstraintViolation", id="no status"),
        pytest.param('[3,"c1"]', "FormatViolation", id="no payload"),
        pytest.param(
            '[3,"c1",{"status":"Accepted","status":"Rejected"}]', "FormatViolation", id="two statuses"
        ),
        pytest.param('[3,"c1",{"status":', "FormatViolation", id="cut off"),
        pytest.param('[4,"c1"]', "FormatViolation", id="no code"),
    ],
)
def test_an_unusable_answer_ends_the_wait_at_once(text, code):
    """An answer to our CALL that cannot be used is refused by us; it is not answered; the next CALL may go."""
    connection = waiting_for_answer()
    (received,) = connection.receive(text)
    assert (received.id, received.action, received.code, received.by_us) == ("c1", "Reset", code, True)
    assert connection.sent_call is None
    assert connection.outgoing() == []


def test_a_late_answer_is_dropped():
    """LESSONS 12: an answer after the deadline is counted and touches nothing."""
    connection = waiting_for_answer()
    connection.give_up("c1")
    assert connection.sent_call is None
    connection.call("c2", "Reset", {"type": "OnIdle"})
    connection.outgoing()
    assert connection.receive('[3,"c1",{"status":"Rejected"}]') == (Dropped(DropReason.LATE_ANSWER, "c1"),)
    assert connection.dropped == {"late-answer": 1}
    assert connection.sent_call == "c2"


@pytest.mark.parametrize("second", ['[3,"c1",{"status":"Accepted"}]', '[4,"c1","GenericError","",{}]'])
def test_a_doubled_answer_is_dropped(second):
    """LESSONS 12: only the first answer counts."""
    connection = waiting_for_answer()
    connection.receive('[3,"c1",{"status":"Accepted"}]')
    assert connection.receive(second) == (Dropped(DropReason.LATE_ANSWER, "c1"),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param('[3,"c9",{}]', DropReason.ANSWER_TO_NOTHING, id="another id"),
        pytest.param('[4,"c9","GenericError","",{}]', DropReason.ANSWER_TO_NOTHING, id="another id, error"),
        pytest.param('[4,"-1","RpcFrameworkError","",{}]', DropReason.PEER_COULD_NOT_READ, id="-1"),
        pytest.param('[3,"-1",{}]', DropReason.ANSWER_TO_NOTHING, id="a result for -1"),
        pytest.param("[3]", DropReason.UNREADABLE_ANSWER, id="no id"),
        pytest.param('[3,"c9",[]]', DropReason.UNREADABLE_ANSWER, id="another id, unreadable"),
    ],
)
def test_answers_to_something_else_are_dropped(text, reason):
    """What answers nothing of ours is counted, never answered, and leaves our CALL waiting."""
    connection = waiting_for_answer()
    (dropped,) = connection.receive(text)
    assert dropped.reason is reason
    assert connection.dropped == {reason: 1}
    assert connection.outgoing() == []
    assert connection.sent_call == "c1"


def test_a_queued_call_is_not_answered_before_it_left():
    """An answer that guesses the id of a CALL still in the queue is no answer."""
    connection = waiting_for_answer("c1")
    connection.call("c2", "Reset", {"type": "OnIdle"})
    assert connection.receive('[3,"c2",{"status":"Accepted"}]') == (
        Dropped(DropReason.ANSWER_TO_NOTHING, "c2"),
    )


def test_giving_up_a_queued_call_keeps_it_from_leaving():
    """A CALL whose caller lost patience before its turn is never sent."""
    connection = waiting_for_answer("c1")
    connection.call("c2", "Reset", {"type": "OnIdle"})
    connection.call("c3", "Reset", {"type": "Immediate"})
    connection.give_up("c2")
    assert connection.sent_call == "c1"
    connection.receive('[3,"c1",{"status":"Accepted"}]')
    assert connection.outgoing() == ['[2,"c3","Reset",{"type":"Immediate"}]']


def test_giving_up_what_ended_does_nothing():
    """Deadline and answer may cross; the CALL that went out meanwhile is not touched."""
    connection = waiting_for_answer("c1")
    connection.receive('[3,"c1",{"status":"Accepted"}]')
    connection.call("c2", "Reset", {"type": "OnIdle"})
    connection.outgoing()
    connection.give_up("c1")
    assert connection.sent_call == "c2"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        pytest.param("Reset", {"type": "Later"}, id="wrong value"),
        pytest.param("Reset", {"type": "OnIdle", "statusInfo": None}, id="unknown field"),
        pytest.param("MakeCoffee", {}, id="unknown action"),
        pytest.param(
            "SecurityEventNotification", {"type": "x", "timestamp": "2031-01-05T12:00:00"}, id="no offset"
        ),
        pytest.param("DataTransfer", {"vendorId": "x", "data": float("nan")}, id="NaN"),
        pytest.param("DataTransfer", {"vendorId": "x", "data": "\ud800"}, id="lone surrogate"),
        pytest.param("DataTransfer", {"vendorId": "x", "data": object()}, id="no JSON"),
        pytest.param("DataTransfer", {"vendorId": "x", 1: 2}, id="key that is no text"),
    ],
)
def test_an_invalid_call_of_ours_never_leaves(action, payload):
    """What we send is checked as strictly as what we receive: LocalError, and nothing is queued."""
    connection = Connection()
    with pytest.raises(LocalError):
        connection.call("c1", action, payload)
    assert connection.outgoing() == []
    connection.call("c1", "Reset", {"type": "OnIdle"})


@pytest.mark.parametrize("id_", ["", "-1", "x" * 37, "\ud800"])
def test_an_impossible_id_never_leaves(id_):
    """Part 4, 4.1.4: ids have 1 to 36 characters; -1 means something else."""
    connection = Connection()
    with pytest.raises(LocalError):
        connection.call(id_, "Reset", {"type": "OnIdle"})
    assert connection.outgoing() == []


def test_an_id_of_36_characters_is_possible():
    """A UUID fits."""
    connection = Connection()
    connection.call("x" * 36, "Reset", {"type": "OnIdle"})
    assert len(connection.outgoing()) == 1


def test_an_id_is_not_used_twice():
    """Neither while it waits in the queue, nor for an answer, nor after it ended."""
    connection = waiting_for_answer("c1")
    connection.call("c2", "Reset", {"type": "OnIdle"})
    for used in ("c1", "c2"):
        with pytest.raises(LocalError, match="used before"):
            connection.call(used, "Reset", {"type": "OnIdle"})
    connection.receive('[3,"c1",{"status":"Accepted"}]')
    with pytest.raises(LocalError, match="used before"):
        connection.call("c1", "Reset", {"type": "OnIdle"})


def test_what_is_remembered_of_ended_calls_is_bounded():
    """A connection that lives for months does not grow; the last sixteen ids are still known."""
    connection = Connection()
    for number in range(100):
        connection.call(f"c{number}", "Reset", {"type": "OnIdle"})
        connection.outgoing()
        connection.receive(f'[3,"c{number}",{{"status":"Accepted"}}]')
    reasons = [connection.receive(f'[3,"c{number}",{{}}]')[0].reason for number in (83, 84, 99)]
    assert reasons == [DropReason.ANSWER_TO_NOTHING, DropReason.LATE_ANSWER, DropReason.LATE_ANSWER]


def test_no_error_and_no_repr_tells_a_password():
    """SetVariables carries the password of A01; nothing that may be logged shows it."""
    connection = Connection()
    too_long = {
        "setVariableData": [{**SET_PASSWORD["setVariableData"][0], "attributeValue": "hunter2" * 200}]
    }
    with pytest.raises(LocalError) as error:
        connection.call("c1", "SetVariables", too_long)
    assert "hunter2" not in str(error.value)
    connection.call("c1", "SetVariables", SET_PASSWORD)
    (received,) = Connection().receive(connection.outgoing()[0])
    assert "hunter2" not in repr(received)
    assert "hunter2" in str(received.payload)
    assert "hunter2" not in repr(Refused("c1", "X", "Y", "", {"a": "hunter2"}, by_us=False))
