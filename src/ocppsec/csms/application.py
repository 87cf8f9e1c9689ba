"""Who answers the rest of OCPP: everything a station sends that is not about security.

`BuiltIn` gives sane answers, so that a station works against a CSMS that has no application yet.  A user's own
code takes its place by having the one method of `Application`.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from ocppsec.ocppj.errors import ErrorCode, RemoteError

Payload = dict[str, Any]


class Application(Protocol):
    def on_call(self, identity: str, action: str, payload: Payload) -> Payload | Awaitable[Payload]:
        """The CALLRESULT's payload for a CALL of an accepted station.  *payload* is valid by the schema.

        Raise `RemoteError` to answer CALLERROR.  May be a coroutine; the station then waits, other stations do not.
        """


def _nothing(_payload: Payload) -> Payload:
    return {}


def _unknown_token(_payload: Payload) -> Payload:
    """Nobody here knows a token; a default of Accepted would give energy away."""
    return {"idTokenInfo": {"status": "Unknown"}}


def _transaction(payload: Payload) -> Payload:
    return _unknown_token(payload) if "idToken" in payload else {}


_ANSWERS: dict[str, Callable[[Payload], Payload]] = {
    "Authorize": _unknown_token,
    "ClearedChargingLimit": _nothing,
    "DataTransfer": lambda _: {"status": "UnknownVendorId"},
    "FirmwareStatusNotification": _nothing,
    "Get15118EVCertificate": lambda _: {"status": "Failed", "exiResponse": ""},
    "GetCertificateStatus": lambda _: {"status": "Failed"},
    "LogStatusNotification": _nothing,
    "MeterValues": _nothing,
    "NotifyChargingLimit": _nothing,
    "NotifyCustomerInformation": _nothing,
    "NotifyDisplayMessages": _nothing,
    "NotifyEVChargingNeeds": lambda _: {"status": "Rejected"},
    "NotifyEVChargingSchedule": lambda _: {"status": "Accepted"},
    "NotifyEvent": _nothing,
    "NotifyMonitoringReport": _nothing,
    "NotifyReport": _nothing,
    "PublishFirmwareStatusNotification": _nothing,
    "ReportChargingProfiles": _nothing,
    "ReservationStatusUpdate": _nothing,
    "StatusNotification": _nothing,
    "TransactionEvent": _transaction,
}


class BuiltIn:
    """The application of a CSMS that has none: accepts reports, promises nothing."""

    def on_call(self, identity: str, action: str, payload: Payload) -> Payload:  # noqa: ARG002
        answer = _ANSWERS.get(action)
        if answer is None:
            raise RemoteError(ErrorCode.NOT_SUPPORTED, f"{action} is not a message for a CSMS")
        return answer(payload)
