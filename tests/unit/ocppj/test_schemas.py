import subprocess
import sys
import time

import pytest

from ocppsec.ocppj.errors import ErrorCode, SchemaViolation
from ocppsec.ocppj.schemas import ACTIONS, FROM_CSMS, FROM_STATION, check_request, check_response

NOW = "2031-01-05T12:00:00Z"
ITEM = {"component": {"name": "c"}, "variable": {"name": "v"}}
REPORT_DATA = {**ITEM, "variableAttribute": [{"value": "x"}]}


def violation(check, action, payload, **options):
    with pytest.raises(SchemaViolation) as caught:
        check(action, payload, **options)
    return caught.value


def test_every_action_of_the_standard_is_known_in_its_direction():
    """The 64 actions of 2.0.1 go from the station, from the CSMS, or (DataTransfer alone) both ways."""
    assert len(ACTIONS) == 64
    assert FROM_STATION | FROM_CSMS == ACTIONS
    assert {"DataTransfer"} == FROM_STATION & FROM_CSMS
    assert len(FROM_STATION) == 25


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_schema_compiles(action):
    """No official schema is beyond our validator, and each has a request and a response."""
    assert violation(check_request, action, []).code == ErrorCode.TYPE_CONSTRAINT_VIOLATION
    assert violation(check_response, action, []).code == ErrorCode.TYPE_CONSTRAINT_VIOLATION


@pytest.mark.parametrize(
    ("action", "payload", "code", "words"),
    [
        pytest.param("Nonsense", {}, "NotImplemented", "no such action", id="unknown action"),
        pytest.param("Heartbeat-Signed", {}, "NotImplemented", "no such action", id="signed message"),
        pytest.param("Heartbeat", {"x": 1}, "FormatViolation", "additionalProperties x", id="unknown field"),
        pytest.param("Reset", {}, "OccurrenceConstraintViolation", "required type", id="missing field"),
        pytest.param("Reset", {"type": 1}, "TypeConstraintViolation", "type: type string", id="wrong type"),
        pytest.param(
            "Reset", {"type": "Later"}, "PropertyConstraintViolation", "type: enum", id="wrong value"
        ),
        pytest.param(
            "SignCertificate", {"csr": "x" * 5501}, "PropertyConstraintViolation", "maxLength 5500", id="long"
        ),
        pytest.param(
            "GetVariables", {"getVariableData": []}, "OccurrenceConstraintViolation", "minItems", id="empty"
        ),
        pytest.param(
            "GetReport",
            {"requestId": 1, "componentCriteria": ["Active"] * 5},
            "OccurrenceConstraintViolation",
            "componentCriteria: maxItems 4",
            id="too many",
        ),
        pytest.param(
            "GetVariables",
            {"getVariableData": [ITEM, {**ITEM, "component": {}}]},
            "OccurrenceConstraintViolation",
            "getVariableData/1/component: required name",
            id="deep inside",
        ),
        pytest.param(
            "Reset",
            {"type": "OnIdle", "evseId": True},
            "TypeConstraintViolation",
            "evseId",
            id="true is no 1",
        ),
        pytest.param(
            "Reset", {"type": "OnIdle", "evseId": 1.5}, "TypeConstraintViolation", "evseId", id="1.5"
        ),
        pytest.param("Reset", {1: "OnIdle"}, "FormatViolation", "not JSON", id="a key that is no text"),
    ],
)
def test_violations_have_the_standards_name(action, payload, code, words):
    """Each kind of violation gets its error code, and words that name the place and the rule."""
    found = violation(check_request, action, payload)
    assert found.code == code
    assert words in found.description


def test_responses_have_their_own_schema():
    """A response is checked as a response, not as a request."""
    check_response("Heartbeat", {"currentTime": NOW})
    assert violation(check_response, "Heartbeat", {}).code == ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION
    assert violation(check_response, "Nonsense", {}).code == ErrorCode.NOT_IMPLEMENTED


def test_a_whole_number_may_have_a_point():
    """Draft 6: 300.0 is an integer, and stations send it (LESSONS, field 8)."""
    check_response("BootNotification", {"currentTime": NOW, "interval": 300.0, "status": "Accepted"})


@pytest.mark.parametrize("text", ["2031-01-05T12:00:00", "2031-01-05 12:00:00Z", "2031-01-05T12:00:00+0100"])
def test_careless_dates_are_read_and_never_sent(text):
    """A date without an offset passes when the peer sent it, and does not when it is ours."""
    check_response("Heartbeat", {"currentTime": text})
    found = violation(check_response, "Heartbeat", {"currentTime": text}, ours=True)
    assert found.code == ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    event = {"type": "x", "timestamp": text}
    check_request("SecurityEventNotification", event)
    violation(check_request, "SecurityEventNotification", event, ours=True)


def test_what_is_no_date_is_refused_from_everybody():
    """Patience with dates ends where there is none."""
    found = violation(check_response, "Heartbeat", {"currentTime": "yesterday"})
    assert found.code == ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_a_careless_date_hides_nothing_behind_it():
    """Of two violations, the date that is forgiven first does not make the second one pass."""
    found = violation(
        check_request, "NotifyReport", {"requestId": "x", "generatedAt": "2031-01-05T12:00:00", "seqNo": 0}
    )
    assert found.code == ErrorCode.TYPE_CONSTRAINT_VIOLATION


def test_no_value_is_repeated():
    """A password that is too long for its field is not told to the log."""
    secret = "hunter2" * 200
    payload = {"setVariableData": [{**ITEM, "attributeValue": secret}]}
    assert "hunter2" not in str(violation(check_request, "SetVariables", payload))


def test_a_description_fits_its_field():
    """Part 4, 4.2.3: a description has at most 255 characters."""
    assert len(violation(check_request, "Heartbeat", {"x" * 10_000: 1}).description) == 255


def test_many_violations_cost_no_more_than_one():
    """100,000 wrong items are refused at the first; describing all took seconds."""
    payload = {"requestId": 1, "generatedAt": NOW, "seqNo": 0, "reportData": [{"x": 1}] * 100_000}
    started = time.process_time()
    violation(check_request, "NotifyReport", payload)
    assert time.process_time() - started < 2


def test_the_package_ocpp_is_not_imported():
    """Only its schema files are used: its code brings a slow validator and 20 MB along."""
    program = "import sys, ocppsec.ocppj.connection; sys.exit('ocpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
