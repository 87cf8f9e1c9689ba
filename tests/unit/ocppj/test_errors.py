import pytest

from ocppsec.ocppj.errors import ErrorCode, RemoteError, in_our_spelling


def test_the_codes_are_those_of_the_standard():
    """There are exactly the twelve error codes of OCPP 2.0.1."""
    assert {code.value for code in ErrorCode} == {
        "FormatViolation",
        "GenericError",
        "InternalError",
        "MessageTypeNotSupported",
        "NotImplemented",
        "NotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "SecurityError",
        "TypeConstraintViolation",
    }


@pytest.mark.parametrize(
    ("received", "understood"),
    [
        pytest.param("FormationViolation", "FormatViolation", id="1.6 formation"),
        pytest.param("OccurenceConstraintViolation", "OccurrenceConstraintViolation", id="1.6 one r"),
        pytest.param("SecurityError", "SecurityError", id="2.0.1"),
        pytest.param("OutOfCoffee", "OutOfCoffee", id="invented"),
    ],
)
def test_old_spellings_are_understood(received, understood):
    """A station that mixes the spellings of 1.6 in is understood, an invented code is kept."""
    assert in_our_spelling(received) == understood


def test_a_remote_error_says_code_and_description():
    """The text of a RemoteError is fit for a log line and keeps the details out of it."""
    error = RemoteError(ErrorCode.SECURITY_ERROR, "not accepted yet", {"password": "hunter2"})
    assert str(error) == "SecurityError: not accepted yet"
    assert error.details == {"password": "hunter2"}
    assert str(RemoteError("NotSupported")) == "NotSupported"
