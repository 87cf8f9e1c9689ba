"""The official JSON schemas of OCPP 2.0.1, and what a violation is called on the wire.

They come out of the PyPI package ``ocpp`` as files; its code is not imported.  A validator is compiled at the
first message of its kind and kept for the life of the process, shared by all connections.

Draft 6, so ``300.0`` is an integer.  A date-time the strict format refuses is looked at a second time when it
came from the peer: without an offset, or with a space for the T, it still passes (LESSONS, field 8).
"""

import json
from collections.abc import Iterator
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


def check_request(action: str, payload: Any) -> None:
    """Raise `SchemaViolation` unless *payload* is a valid request; code NotImplemented for an unknown action."""
    if action not in ACTIONS:
        raise SchemaViolation(ErrorCode.NOT_IMPLEMENTED, "no such action in OCPP 2.0.1")
    _check(_validator(action + "Request"), payload)


def check_response(action: str, payload: Any) -> None:
    """Raise `SchemaViolation` unless *payload* is a valid response to *action*."""
    if action not in ACTIONS:
        raise SchemaViolation(ErrorCode.NOT_IMPLEMENTED, "no such action in OCPP 2.0.1")
    _check(_validator(action + "Response"), payload)


@cache
def _validator(name: str) -> Draft6Validator:
    schema = json.loads((_DIRECTORY / f"{name}.json").read_text("utf-8-sig"))
    return Draft6Validator(schema, validate_formats=True)


def _check(validator: Draft6Validator, payload: Any) -> None:
    try:
        if validator.is_valid(payload):
            return
        problem = next(_problems(validator, payload), None)
    except (ValueError, RecursionError) as no_json:  # keys that are no text, nesting without end
        raise SchemaViolation(ErrorCode.FORMAT_VIOLATION, "the payload is not JSON") from no_json
    if problem is not None:
        code = _CODES.get(problem.kind.name, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION)
        raise SchemaViolation(code, _describe(problem))


def _problems(validator: Draft6Validator, payload: Any) -> Iterator[ValidationError]:
    return (error for error in validator.iter_errors(payload) if not _is_a_point_in_time(error))


def _is_a_point_in_time(error: ValidationError) -> bool:
    if error.kind.name != "format" or error.kind.value != "date-time":
        return False
    try:
        from_wire(str(error.instance))
    except ValueError:
        return False
    return True


def _describe(error: ValidationError) -> str:
    """Where and which rule.  Never the value: it may be a password (SetVariables of BasicAuthPassword)."""
    place = "/".join(str(part) for part in error.instance_path) or "payload"
    rule = error.kind.value
    if isinstance(rule, list):
        rule = ", ".join(str(one) for one in rule)
    return f"{place}: {error.kind.name} {rule}"[:MAX_DESCRIPTION]
