"""The messages we act on, as frozen values with declared fields.

`parse_request` and `parse_response` turn a payload that the schema has accepted into its type; `to_payload` is
the way back.  All other actions travel as plain payloads.
"""

from typing import Any, Final, TypeVar

import msgspec

from ocppsec.ocppj.errors import ErrorCode, LocalError, RemoteError
from ocppsec.ocppj.messages.base import (
    EVSE,
    Request,
    Response,
    StatusInfo,
)
from ocppsec.ocppj.messages.certificates import (
    CertificateHashData,
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    CertificateSignedStatus,
    CertificateSigningUse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    DeleteCertificateStatus,
    GenericStatus,
    GetCertificateIdUse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    HashAlgorithm,
    InstallCertificateRequest,
    InstallCertificateResponse,
    InstallCertificateStatus,
    InstallCertificateUse,
    SecurityEventNotificationRequest,
    SecurityEventNotificationResponse,
    SignCertificateRequest,
    SignCertificateResponse,
)
from ocppsec.ocppj.messages.device_model import (
    Attribute,
    Component,
    ComponentCriterion,
    ComponentVariable,
    Data,
    GenericDeviceModelStatus,
    GetBaseReportRequest,
    GetBaseReportResponse,
    GetReportRequest,
    GetReportResponse,
    GetVariableData,
    GetVariableResult,
    GetVariablesRequest,
    GetVariablesResponse,
    GetVariableStatus,
    Mutability,
    NotifyReportRequest,
    NotifyReportResponse,
    ReportBase,
    ReportData,
    SetVariableData,
    SetVariableResult,
    SetVariablesRequest,
    SetVariablesResponse,
    SetVariableStatus,
    Variable,
    VariableAttribute,
    VariableCharacteristics,
)
from ocppsec.ocppj.messages.provisioning import (
    APN,
    VPN,
    APNAuthentication,
    BootNotificationRequest,
    BootNotificationResponse,
    BootReason,
    ChargingStation,
    ConnectorStatus,
    HeartbeatRequest,
    HeartbeatResponse,
    MessageTrigger,
    Modem,
    NetworkConnectionProfile,
    OCPPInterface,
    OCPPTransport,
    OCPPVersion,
    RegistrationStatus,
    Reset,
    ResetRequest,
    ResetResponse,
    ResetStatus,
    SetNetworkProfileRequest,
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    StatusNotificationRequest,
    StatusNotificationResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
    VPNKind,
)

__all__ = [
    "APN",
    "EVSE",
    "REQUESTS",
    "RESPONSES",
    "VPN",
    "APNAuthentication",
    "Attribute",
    "BootNotificationRequest",
    "BootNotificationResponse",
    "BootReason",
    "CertificateHashData",
    "CertificateHashDataChain",
    "CertificateSignedRequest",
    "CertificateSignedResponse",
    "CertificateSignedStatus",
    "CertificateSigningUse",
    "ChargingStation",
    "Component",
    "ComponentCriterion",
    "ComponentVariable",
    "ConnectorStatus",
    "Data",
    "DeleteCertificateRequest",
    "DeleteCertificateResponse",
    "DeleteCertificateStatus",
    "GenericDeviceModelStatus",
    "GenericStatus",
    "GetBaseReportRequest",
    "GetBaseReportResponse",
    "GetCertificateIdUse",
    "GetInstalledCertificateIdsRequest",
    "GetInstalledCertificateIdsResponse",
    "GetInstalledCertificateStatus",
    "GetReportRequest",
    "GetReportResponse",
    "GetVariableData",
    "GetVariableResult",
    "GetVariableStatus",
    "GetVariablesRequest",
    "GetVariablesResponse",
    "HashAlgorithm",
    "HeartbeatRequest",
    "HeartbeatResponse",
    "InstallCertificateRequest",
    "InstallCertificateResponse",
    "InstallCertificateStatus",
    "InstallCertificateUse",
    "MessageTrigger",
    "Modem",
    "Mutability",
    "NetworkConnectionProfile",
    "NotifyReportRequest",
    "NotifyReportResponse",
    "OCPPInterface",
    "OCPPTransport",
    "OCPPVersion",
    "RegistrationStatus",
    "ReportBase",
    "ReportData",
    "Request",
    "Reset",
    "ResetRequest",
    "ResetResponse",
    "ResetStatus",
    "Response",
    "SecurityEventNotificationRequest",
    "SecurityEventNotificationResponse",
    "SetNetworkProfileRequest",
    "SetNetworkProfileResponse",
    "SetNetworkProfileStatus",
    "SetVariableData",
    "SetVariableResult",
    "SetVariableStatus",
    "SetVariablesRequest",
    "SetVariablesResponse",
    "SignCertificateRequest",
    "SignCertificateResponse",
    "StatusInfo",
    "StatusNotificationRequest",
    "StatusNotificationResponse",
    "TriggerMessageRequest",
    "TriggerMessageResponse",
    "TriggerMessageStatus",
    "VPNKind",
    "Variable",
    "VariableAttribute",
    "VariableCharacteristics",
    "parse_request",
    "parse_response",
    "to_payload",
]

_T = TypeVar("_T", Request, Response)

REQUESTS: Final[dict[str, type[Request]]] = {kind.action: kind for kind in Request.__subclasses__()}
RESPONSES: Final[dict[str, type[Response]]] = {kind.action: kind for kind in Response.__subclasses__()}


def to_payload(message: Request | Response) -> dict[str, Any]:
    """The payload of *message*: plain texts, numbers, dicts and lists, absent optionals left out.

    Raises LocalError when a text cannot be expressed in UTF-8.
    """
    try:
        payload: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(message))
    except UnicodeEncodeError:
        raise LocalError(f"{message.action}: a text holds half a character (a lone surrogate)") from None
    return payload


def parse_request(action: str, payload: dict[str, Any]) -> Request:
    """The typed request.

    Raises LocalError for an action without a type here, RemoteError(TypeConstraintViolation) for a payload that
    does not fit: an integer beyond 64 bits, or anything at all if the schema was not asked before.
    """
    return _parse(REQUESTS, action, payload)


def parse_response(action: str, payload: dict[str, Any]) -> Response:
    """The typed response to *action*; raises as `parse_request` does."""
    return _parse(RESPONSES, action, payload)


def _parse(kinds: dict[str, type[_T]], action: str, payload: dict[str, Any]) -> _T:
    kind = kinds.get(action)
    if kind is None:
        raise LocalError(f"{action} has no type here")
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError:
        return _parse_again(kind, action, payload)


def _parse_again(kind: type[_T], action: str, payload: dict[str, Any]) -> _T:
    """With ``300.0`` read as the integer it is (draft 6; LESSONS, stations in the field, 8)."""
    try:
        return msgspec.convert(_whole_numbers(payload), kind)
    except (msgspec.ValidationError, RecursionError):
        # The words of the original error may repeat a value, such as a password.
        raise RemoteError(
            ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{action}: a field has the wrong type"
        ) from None


def _whole_numbers(value: Any) -> Any:
    match value:
        case dict():
            return {name: _whole_numbers(inner) for name, inner in value.items()}
        case list():
            return [_whole_numbers(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
    return value
