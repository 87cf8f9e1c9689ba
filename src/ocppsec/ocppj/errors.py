"""The error codes of OCPP-J 2.0.1, and exceptions that name the guilty: they (`RemoteError`) or we (`LocalError`)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """The codes a CALLERROR may carry (Part 4, 4.3)."""

    FORMAT_VIOLATION = "FormatViolation"
    """The payload is syntactically incorrect."""
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    """The action is not known at all."""
    NOT_SUPPORTED = "NotSupported"
    """The action is known, but not to this receiver in this role."""
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    """A field is missing, or there are too few or too many of it."""
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    """A field has a value that is not allowed."""
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    """The frame around the payload is wrong; the message id may be unreadable."""
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    """A field has a value of the wrong type."""


MAX_DESCRIPTION = 255
"""Part 4, 4.2.3: the longest errorDescription, in characters."""

# The spellings of 1.6; stations that speak both versions mix them up (spec §8.4).
_OLD_SPELLINGS = {
    "FormationViolation": ErrorCode.FORMAT_VIOLATION.value,
    "OccurenceConstraintViolation": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION.value,
}


def in_our_spelling(code: str) -> str:
    """The code as 2.0.1 spells it; a code nobody defined comes back as it is."""
    return _OLD_SPELLINGS.get(code, code)


class OcppError(Exception):
    """Base of everything this room raises to its callers."""


class RemoteError(OcppError):
    """The peer did something wrong, or refused; what a CALLERROR says."""

    def __init__(self, code: str, description: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {description}" if description else str(code))
        self.code = code
        self.description = description
        self.details: dict[str, Any] = dict(details or {})


class LocalError(OcppError):
    """We tried to do what the protocol forbids; nothing of it was sent."""


class SchemaViolation(OcppError):  # noqa: N818  a finding; whose fault it is depends on who sent the message
    """A payload the official schema refuses; `description` names fields and rules, never a value."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
