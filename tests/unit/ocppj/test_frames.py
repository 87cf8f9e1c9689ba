import pytest

from ocppsec.ocppj.frames import Call, CallError, CallResult, Unreadable, decode, encode

DEEP = "[" * 100_000
DEEP_OBJECT = '{"a":' * 100 + "{}" + "}" * 100


def unreadable(data):
    with pytest.raises(Unreadable) as caught:
        decode(data)
    return caught.value


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        pytest.param('[2,"a1","Heartbeat",{}]', Call("a1", "Heartbeat", {}), id="CALL"),
        pytest.param(
            '[3,"a1",{"status":"Accepted"}]', CallResult("a1", {"status": "Accepted"}), id="CALLRESULT"
        ),
        pytest.param(
            '[4,"a1","SecurityError","no",{"x":1}]',
            CallError("a1", "SecurityError", "no", {"x": 1}),
            id="CALLERROR",
        ),
    ],
)
def test_a_frame_and_its_text_are_one(text, frame):
    """Each of the three frames reads as it was written, out of text and out of UTF-8."""
    assert decode(text) == frame
    assert decode(text.encode()) == frame
    assert encode(frame) == text


@pytest.mark.parametrize(
    ("text", "id_", "code"),
    [
        pytest.param("", "-1", "RpcFrameworkError", id="nothing"),
        pytest.param("hello", "-1", "RpcFrameworkError", id="not JSON"),
        pytest.param('{"a":1}', "-1", "RpcFrameworkError", id="an object"),
        pytest.param("17", "-1", "RpcFrameworkError", id="a number"),
        pytest.param("[]", "-1", "RpcFrameworkError", id="an empty list"),
        pytest.param("[2]", "-1", "RpcFrameworkError", id="a type alone"),
        pytest.param('[2,"a1","Heartbeat"]', "a1", "RpcFrameworkError", id="three elements"),
        pytest.param('[2,"a1","Heartbeat",{},{}]', "a1", "RpcFrameworkError", id="five elements"),
        pytest.param('[2,"a1",7,{}]', "a1", "RpcFrameworkError", id="action is no text"),
        pytest.param('[2,"a1",null,{}]', "a1", "RpcFrameworkError", id="action is null"),
        pytest.param('[2,"a1","Heartbeat",[]]', "a1", "FormatViolation", id="payload is a list"),
        pytest.param('[2,"","Heartbeat",null]', "-1", "RpcFrameworkError", id="payload is null, id is empty"),
        pytest.param('[2,"a1",null,null]', "a1", "RpcFrameworkError", id="payload and action are null"),
        pytest.param('[2,"","Heartbeat",{}]', "-1", "RpcFrameworkError", id="empty id"),
        pytest.param('[2,17,"Heartbeat",{}]', "-1", "RpcFrameworkError", id="id is a number"),
        pytest.param('[2,["a"],"Heartbeat",{}]', "-1", "RpcFrameworkError", id="id is a list"),
        pytest.param(f'[2,"{"x" * 37}","Heartbeat",{{}}]', "-1", "RpcFrameworkError", id="id of 37"),
        pytest.param('[7,"a1",{}]', "a1", "MessageTypeNotSupported", id="type 7"),
        pytest.param(
            '[6,"a1","NotifyPeriodicEventStream",{}]', "a1", "MessageTypeNotSupported", id="SEND of 2.1"
        ),
        pytest.param('["2","a1","Heartbeat",{}]', "a1", "MessageTypeNotSupported", id="type is a text"),
        pytest.param('[true,"a1",{}]', "a1", "MessageTypeNotSupported", id="type is true"),
        pytest.param('[2.5,"a1",{}]', "a1", "MessageTypeNotSupported", id="type 2.5"),
        pytest.param("[99]", "-1", "MessageTypeNotSupported", id="type 99 without id"),
        pytest.param(f"[{'9' * 10_000}]", "-1", "RpcFrameworkError", id="type of 10,000 digits"),
        pytest.param(DEEP, "-1", "RpcFrameworkError", id="100,000 lists"),
        pytest.param(DEEP + "]" * 100_000, "-1", "RpcFrameworkError", id="100,000 closed lists"),
        pytest.param('{"a":' * 100_000, "-1", "RpcFrameworkError", id="100,000 objects"),
        pytest.param(
            f'[2,"a1","DataTransfer",{DEEP}', "a1", "FormatViolation", id="100,000 lists as payload"
        ),
        pytest.param(
            f'[2,"a1","X",{{"a":{"[" * 100}{"]" * 100}}}]', "a1", "FormatViolation", id="100 lists as payload"
        ),
        pytest.param(
            f'[2,"a1",{"[" * 500}{"]" * 500},{{}}]', "a1", "RpcFrameworkError", id="action is 500 lists"
        ),
        pytest.param(f'[2,"a1","X",{DEEP_OBJECT}]', "a1", "FormatViolation", id="100 objects as payload"),
        pytest.param('[2,"a1","X",{"a":1,"a":2}]', "a1", "FormatViolation", id="a name twice"),
        pytest.param('[2,"a1","X",{"a" :1,"a":2}]', "a1", "FormatViolation", id="a name twice, spaced"),
        pytest.param('[2,"a1","X",{"a":1,"\\u0061":2}]', "a1", "FormatViolation", id="a name twice, escaped"),
        pytest.param(
            '[2,"a1","X",{"a":1,"a":2,"b":"\\u003a"}]', "a1", "FormatViolation", id="a name twice, evened out"
        ),
        pytest.param(
            '[2,"a1","X",{"b":[{"a":{},"a":2}]}]', "a1", "FormatViolation", id="a name twice, inside"
        ),
        pytest.param('[2,"a1","X",{"a":NaN}]', "a1", "FormatViolation", id="NaN"),
        pytest.param('[2,"a1","X",{"a":-Infinity}]', "a1", "FormatViolation", id="infinity"),
        pytest.param('[2,"a1","X",{"a":1e999}]', "a1", "FormatViolation", id="1e999"),
        pytest.param(f'[2,"a1","X",{{"a":{"9" * 10_000}}}]', "a1", "FormatViolation", id="10,000 digits"),
        pytest.param('[2,"a1","X",{"a":"\\ud800"}]', "a1", "FormatViolation", id="lone surrogate, escaped"),
        pytest.param('[2,"a1","X",{"a":"\ud800"}]', "a1", "FormatViolation", id="lone surrogate"),
        pytest.param('[2,"\\ud800","X",{}]', "-1", "RpcFrameworkError", id="lone surrogate as id"),
        pytest.param(b'[2,"a1","X",{"a":"\xff"}]', "a1", "FormatViolation", id="not UTF-8"),
        pytest.param(b'[2,"\xff","X",{}]', "-1", "RpcFrameworkError", id="id is not UTF-8"),
        pytest.param(b"\x00\x01\x02\x03", "-1", "RpcFrameworkError", id="binary"),
        pytest.param('\ufeff[2,"a1","X",{}]', "-1", "RpcFrameworkError", id="byte order mark"),
        pytest.param('[2,"a1","X",{}] and more', "a1", "FormatViolation", id="text after the frame"),
        pytest.param('[2,"a1","X",{', "a1", "FormatViolation", id="cut off"),
        pytest.param('[35,"a1",{', "-1", "RpcFrameworkError", id="cut off, and neither 3 nor 5"),
        pytest.param('[2.0,"a1","Heartbeat",{}]', "a1", "RpcFrameworkError", id="type is 2.0"),
        pytest.param('[2,"a1', "-1", "RpcFrameworkError", id="cut off within the id"),
        pytest.param(f'[2,"{"x" * 37}",{{', "-1", "RpcFrameworkError", id="cut off after an id of 37"),
        pytest.param("[2,'a1','X',{}]", "-1", "RpcFrameworkError", id="single quotes"),
    ],
)
def test_what_is_no_frame_gets_the_callerror_of_the_standard(text, id_, code):
    """Whatever is sent instead of a CALL: the answer has its id or -1, the right code, and can be read."""
    found = unreadable(text)
    assert found.answer is not None
    assert (found.answer.id, found.answer.code) == (id_, code)
    assert found.answered_id is None
    assert decode(encode(found.answer)) == found.answer


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        pytest.param('[3,"a1"]', "a1", id="result without payload"),
        pytest.param('[3,"a1",{},{}]', "a1", id="result with too much"),
        pytest.param('[3,"a1",[]]', "a1", id="result with a list"),
        pytest.param('[3,"",null]', None, id="result with null and an empty id"),
        pytest.param('[3,"a1",{"a":1,"a":2}]', "a1", id="result with a name twice"),
        pytest.param(f'[3,"a1",{{"a":{"[" * 100}{"]" * 100}}}]', "a1", id="result too deep"),
        pytest.param(f'[3,"a1",{DEEP}', "a1", id="result of 100,000 lists"),
        pytest.param('[3,"a1",{"a":1e999}]', "a1", id="result with a huge number"),
        pytest.param("[3,17,{}]", None, id="result with a number as id"),
        pytest.param("[3]", None, id="result alone"),
        pytest.param('[3.0,"a1",{}]', "a1", id="result with a point"),
        pytest.param(f'[3,"{"x" * 37}",{{}}]', None, id="result with an id of 37"),
        pytest.param("[4]", None, id="error alone"),
        pytest.param('[4,"a1"]', "a1", id="error without a code"),
        pytest.param('[4,"a1",500,"",{}]', "a1", id="error with a number as code"),
        pytest.param('[4,"","X","",{}]', None, id="error with an empty id"),
        pytest.param('[4,"a1","X","",{', "a1", id="error cut off"),
        pytest.param('[4,"a1","X","",{"a":1,"a":1}]', "a1", id="error with a name twice"),
    ],
)
def test_an_answer_is_never_answered(text, id_):
    """However broken an answer is, there is silence; whose answer it was meant to be is told."""
    found = unreadable(text)
    assert found.answer is None
    assert found.answered_id == id_


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        pytest.param('[4,"a1","NotSupported"]', CallError("a1", "NotSupported", "", {}), id="code only"),
        pytest.param('[4,"a1","NotSupported",""]', CallError("a1", "NotSupported", "", {}), id="no details"),
        pytest.param(
            '[4,"a1","NotSupported",null,null]', CallError("a1", "NotSupported", "", {}), id="nulls"
        ),
        pytest.param(
            '[4,"a1","NotSupported","no","why"]',
            CallError("a1", "NotSupported", "no", {}),
            id="text as details",
        ),
        pytest.param(
            '[4,"a1","FormationViolation","",{}]', CallError("a1", "FormatViolation", "", {}), id="1.6"
        ),
        pytest.param(
            f'[4,"a1","X","{"d" * 300}",{{}}]', CallError("a1", "X", "d" * 255, {}), id="long description"
        ),
        pytest.param(f'[4,"a1","{"X" * 300}","",{{}}]', CallError("a1", "X" * 50, "", {}), id="long code"),
    ],
)
def test_a_careless_callerror_still_counts(text, frame):
    """A refusal is understood although details are missing, misspelt or too long."""
    assert decode(text) == frame


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[2,"a:1","X:Y",{"url":"wss://a:1/b","b":{"c":":"}}]', id="colons in texts"),
        pytest.param('[2,"a1","X",{"a":"\\u003a\\u0041","b":"\\ud83d\\ude00"}]', id="escapes"),
        pytest.param('[2,"a1","X",{"a":{"x":1},"b":{"x":1}}]', id="one name in two objects"),
        pytest.param(' [ 2 , "a1" , "X" , { "a" : "b" } ] \r\n', id="spaces"),
        pytest.param(f'[2,"{"x" * 36}","X",{{}}]', id="id of 36"),
        pytest.param(f'[2,"{"😀" * 36}","X",{{}}]', id="id of 36 that is 144 bytes"),
        pytest.param('[2,"-1","X",{}]', id="id -1"),
        pytest.param(f'[2,"a1","X",{{"a":{"[" * 60}{"]" * 60}}}]', id="60 lists"),
        pytest.param(f'[2,"a1","X",{{"a":[{",".join(["[]"] * 500)}]}}]', id="500 lists side by side"),
        pytest.param(f'[2,"a1","X",{{"a":{"9" * 4000}}}]', id="4,000 digits"),
    ],
)
def test_unusual_calls_are_calls(text):
    """What looks odd but breaks no rule is let through."""
    assert isinstance(decode(text), Call)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        pytest.param('[2,"a1","Heartbeat",null]', Call("a1", "Heartbeat", {}), id="CALL"),
        pytest.param('[3,"a1",null]', CallResult("a1", {}), id="CALLRESULT"),
    ],
)
def test_null_is_an_empty_payload(text, frame):
    """Part 4, 4.1.5: null for "no payload" is understood, and written as an object."""
    assert decode(text) == frame
    assert encode(frame) == text.replace("null", "{}")


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"a": float("nan")}, id="NaN"),
        pytest.param({"a": [float("inf")]}, id="infinity"),
        pytest.param({"a": "\ud800"}, id="lone surrogate"),
        pytest.param({"a": object()}, id="object"),
        pytest.param({"a": 10**5000}, id="5,001 digits"),
    ],
)
def test_what_json_cannot_say_is_not_written(payload):
    """We never send a null for a NaN, nor half a character."""
    with pytest.raises(ValueError):
        encode(Call("a1", "X", payload))


def test_endless_payloads_are_not_written():
    """A payload that holds itself is a ValueError, not a crash."""
    endless = {}
    endless["a"] = endless
    with pytest.raises(ValueError):
        encode(Call("a1", "X", endless))


def test_a_null_is_written_where_there_is_one():
    """The look for NaN leaves an honest null alone (DataTransfer may hold anything)."""
    assert encode(CallResult("a1", {"data": None})) == '[3,"a1",{"data":null}]'


@pytest.mark.parametrize("frame", [Call("a1", "X", {"p": "hunter2"}), CallResult("a1", {"p": "hunter2"})])
def test_no_repr_shows_a_payload(frame):
    """A frame in a log line cannot carry a password into it."""
    assert "hunter2" not in repr(frame)
    assert "a1" in repr(frame)


def test_no_repr_shows_the_words_of_a_refusal():
    """A CALLERROR that quotes what it refuses does not bring it into the log."""
    assert "hunter2" not in repr(CallError("a1", "X", "hunter2", {"p": "hunter2"}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('[2,17,"X",{}]', "id", id="id"),
        pytest.param('[2,"a1","X"]', "four elements", id="arity"),
        pytest.param('[2,"a1",7,{}]', "action", id="action"),
        pytest.param('[2,"a1","X",[]]', "payload", id="payload"),
        pytest.param('[2.0,"a1","X",{}]', "not shaped", id="type"),
        pytest.param('[9,"a1"]', "message type", id="unknown type"),
    ],
)
def test_a_refusal_says_what_is_wrong(text, words):
    """The description tells the maker of the station which element to look at."""
    assert words in unreadable(text).answer.description
