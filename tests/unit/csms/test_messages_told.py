"""What was said at a step of an upgrade, as it is kept for evidence."""

import hashlib
import json

import pytest

from ocppsec.csms.messages_told import LONGEST, LONGEST_TEXT, MOST_IN_A_LIST, shortened, with_messages
from ocppsec.ocppj.messages import Reset, ResetRequest, parse_request, parse_response
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    CsrReceived,
    LinkLost,
    Note,
    RaiseFloor,
    ReportReceived,
    Send,
)

SECRET = "correct-horse-battery"


def told(event, *effects):
    (note, *_) = [one for one in with_messages(effects, event) if isinstance(one, Note)]
    return None if note.messages is None else json.loads(note.messages)


def test_the_answer_and_the_next_request():
    """In their order, at the first note; the other effects are as they were."""
    answer = Answered(parse_response("InstallCertificate", {"status": "Accepted"}))
    effects = (RaiseFloor(2), Note("one"), Send(ResetRequest(type=Reset.ON_IDLE)), Note("two"))

    kept = with_messages(effects, answer)

    assert kept[0] == effects[0]
    assert kept[2:] == effects[2:]
    assert json.loads(kept[1].messages) == [
        {"from": "station", "result of": "InstallCertificate", "payload": {"status": "Accepted"}},
        {"from": "csms", "action": "Reset", "payload": {"type": "OnIdle"}},
    ]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(
            CallRefused("NotSupported", "no"),
            {"from": "station", "error": "NotSupported", "description": "no"},
            id="callerror",
        ),
        pytest.param(CallTimedOut(), {"from": "station", "no answer": True}, id="silence"),
        pytest.param(
            CsrReceived("a request"),
            {
                "from": "station",
                "action": "SignCertificate",
                "payload": {"csr": f"sha256:{hashlib.sha256(b'a request').hexdigest()} (9 characters)"},
            },
            id="csr",
        ),
        pytest.param(
            ReportReceived(
                parse_request(
                    "NotifyReport", {"requestId": 1, "generatedAt": "2026-11-22T12:00:00Z", "seqNo": 0}
                )
            ),
            {
                "from": "station",
                "action": "NotifyReport",
                "payload": {"requestId": 1, "generatedAt": "2026-11-22T12:00:00Z", "seqNo": 0},
            },
            id="report",
        ),
    ],
)
def test_whatever_comes(event, expected):
    """Each thing that a station says, or does not, is told as what it is."""
    (only,) = told(event, Note("a step"))
    only.get("payload", {}).pop("tbc", None)
    assert only == expected


@pytest.mark.parametrize("event", [None, LinkLost()])
def test_nothing_was_said(event):
    """What is no message is none; a decision without a line of history keeps nothing."""
    assert told(event, Note("a step")) is None
    assert with_messages((RaiseFloor(2),), CallTimedOut()) == (RaiseFloor(2),)


def test_bounds():
    """Long texts are told by their hash, long lists by how much was left out, too much of all not at all."""
    long = "x" * (LONGEST_TEXT + 1)
    assert shortened(long) == f"sha256:{hashlib.sha256(long.encode()).hexdigest()} ({len(long)} characters)"
    assert shortened(["a"] * (MOST_IN_A_LIST + 3))[-1] == "3 more"
    assert len(shortened(["a"] * MOST_IN_A_LIST)) == MOST_IN_A_LIST
    result = {
        "attributeStatus": "Accepted",
        "component": {"name": "c" * 50},
        "variable": {"name": "v" * 50},
        "attributeValue": "w" * LONGEST_TEXT,
    }
    many = parse_response("GetVariables", {"getVariableResult": [result] * 40})
    (only,) = told(Answered(many), Note("a step"))
    assert only["left out"].endswith("characters")
    assert int(only["left out"].split()[0]) > LONGEST


def test_no_password():
    """A station that tells its password, which it must not, does not bring it into the evidence."""
    result = {
        "attributeStatus": "Accepted",
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "basicauthPassword"},
        "attributeValue": SECRET,
    }
    answer = Answered(parse_response("GetVariables", {"getVariableResult": [result]}))
    kept = with_messages((Note("a step"),), answer)

    assert SECRET not in kept[0].messages
    assert "a password" in kept[0].messages
