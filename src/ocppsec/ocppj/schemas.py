"""The official JSON schemas of OCPP 2.0.1, and what a violation is called on the wire.

They come out of the PyPI package ``ocpp`` as files; its code is not imported.  A validator is compiled at the
first message of its kind and kept for the life of the process, shared by all connections.

Draft 6, so ``300.0`` is an integer.  A date-time the strict format refuses is looked at a second time when it
came from the peer: without an offset, or with a space for the T, it still passes (LESSONS, field 8).
"""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from jsonschema_rs import Draft6Validator, ValidationError

from ocppsec.ocppj.errors import MAX_DESCRIPTION, ErrorCode, SchemaViolation
from ocppsec.ocppj.times import from_wire


def _directory() -> Path:
    found = find_spec("ocpp")
    if found is None or found.origin is None:
        raise ImportError("the package 'ocpp' from PyPI is needed: it carries the official JSON schemas")
    return Path(found.origin).parent / "v201" / "schemas"


_DIRECTORY: Final = _directory()

ACTIONS: Final = frozenset(
    path.name.removesuffix("Request.json") for path in _DIRECTORY.glob("*Request.json")
)
"""Every action OCPP 2.0.1 has a schema for."""

FROM_STATION: Final = frozenset(
    {
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DataTransfer",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    },
)
"""Actions a charging station calls at the CSMS."""

FROM_CSMS: Final = (ACTIONS - FROM_STATION) | {"DataTransfer"}
"""Actions a CSMS calls at the charging station; DataTransfer goes both ways."""

# Part 4, 4.3: which code says what about a payload.
_CODES: Final = {
    "type": ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    "required": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "minItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "maxItems": ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
    "additionalProperties": ErrorCode.FORMAT_VIOLATION,
}


def check_request(action: str, payload: Any, *, ours: bool = False) -> None:
    """Raise `SchemaViolation` unless *payload* is a valid request; code NotImplemented for an unknown action.

    *ours* is for what we send: then a date-time must be as RFC 3339 has it.
    """
    if action not in ACTIONS:
        raise SchemaViolation(ErrorCode.NOT_IMPLEMENTED, "no such action in OCPP 2.0.1")
    _check(action + "Request", payload, ours=ours)


def check_response(action: str, payload: Any, *, ours: bool = False) -> None:
    """Raise `SchemaViolation` unless *payload* is a valid response to *action*; *ours* as in `check_request`."""
    if action not in ACTIONS:
        raise SchemaViolation(ErrorCode.NOT_IMPLEMENTED, "no such action in OCPP 2.0.1")
    _check(action + "Response", payload, ours=ours)


@cache
def _validator(name: str) -> Draft6Validator:
    return Draft6Validator(_schema(name), validate_formats=True)


@cache
def _patient_validator(name: str) -> Draft6Validator:
    return Draft6Validator(_schema(name), validate_formats=True, formats={"date-time": _is_point_in_time})


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_DIRECTORY / f"{name}.json").read_text("utf-8-sig"))
    return schema


def _is_point_in_time(text: str) -> bool:
    try:
        from_wire(text)
    except ValueError:
        return False
    return True


def _check(name: str, payload: Any, *, ours: bool) -> None:
    try:
        problem = _first_problem(_validator(name), payload)
        if problem is not None and problem.kind.name == "format" and not ours:
            problem = _first_problem(_patient_validator(name), payload)
    except (ValueError, RecursionError) as no_json:  # keys that are no text, nesting without end
        raise SchemaViolation(ErrorCode.FORMAT_VIOLATION, "the payload is not JSON") from no_json
    if problem is not None:
        code = _CODES.get(problem.kind.name, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
        raise SchemaViolation(code, _describe(problem))


def _first_problem(validator: Draft6Validator, payload: Any) -> ValidationError | None:
    """Only the first: a hostile array of 200,000 wrong things took 20 s to describe in full."""
    if validator.is_valid(payload):
        return None
    try:
        validator.validate(payload)
    except ValidationError as problem:
        return problem
    return None


def _describe(error: ValidationError) -> str:
    """Where and which rule.  Never the value: it may be a password (SetVariables of BasicAuthPassword)."""
    place = "/".join(str(part) for part in error.instance_path) or "payload"
    rule = error.kind.value
    if isinstance(rule, list):
        rule = ", ".join(str(one) for one in rule)
    return f"{place}: {error.kind.name} {rule}"[:MAX_DESCRIPTION]
