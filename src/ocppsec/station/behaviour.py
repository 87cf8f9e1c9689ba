"""What is answered to each CALL of a CSMS, by one table: action to rule.

A rule is pure: it takes the typed request, the memory and the situation, and gives a `Reply`.  A manner (a
station that misbehaves on purpose) is `STANDARD` with other rules in some places.

The names of actions come from the schemas: an action for stations without a rule here is NotSupported, any other
NotImplemented (Part 4, 4.3).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from ocppsec.ocppj.errors import ErrorCode, RemoteError
from ocppsec.ocppj.messages import REQUESTS, RegistrationStatus, parse_request
from ocppsec.ocppj.schemas import FROM_CSMS
from ocppsec.station import handlers, security_log
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import Refusal, Reply, Situation

Rule = Callable[[Any, Remembered, Situation], Reply]
Behaviour = Mapping[str, Rule]

STANDARD: Final[Behaviour] = MappingProxyType(
    {
        "CertificateSigned": handlers.certificate_signed,
        "DeleteCertificate": handlers.delete_certificate,
        "GetBaseReport": handlers.get_base_report,
        "GetInstalledCertificateIds": handlers.get_installed_certificate_ids,
        "GetLog": security_log.get_log,
        "GetReport": handlers.get_report,
        "GetVariables": handlers.get_variables,
        "InstallCertificate": handlers.install_certificate,
        "Reset": handlers.reset,
        "SetNetworkProfile": handlers.set_network_profile,
        "SetVariables": handlers.set_variables,
        "TriggerMessage": handlers.trigger_message,
    }
)


def reply_to(
    action: str, payload: dict[str, Any], kept: Remembered, situation: Situation, behaviour: Behaviour
) -> Reply:
    """The reply to a CALL whose payload its schema has accepted."""
    if situation.registration in (None, RegistrationStatus.REJECTED):
        # B03.FR.08; before the first BootNotification is answered the CSMS has no more to ask (B01.FR.08).
        return _refusal(kept, ErrorCode.SECURITY_ERROR, "this station is not accepted by the CSMS yet")
    rule = behaviour.get(action)
    if rule is None:
        if action in FROM_CSMS:
            return _refusal(kept, ErrorCode.NOT_SUPPORTED, f"{action} is not supported by this station")
        return _refusal(kept, ErrorCode.NOT_IMPLEMENTED, f"{action} is nothing a station answers")
    try:
        request = parse_request(action, payload) if action in REQUESTS else payload
    except RemoteError as error:
        return _refusal(kept, ErrorCode(error.code), error.description)
    return rule(request, kept, situation)


def _refusal(kept: Remembered, code: ErrorCode, description: str) -> Reply:
    return Reply(answer=Refusal(code=code, description=description), kept=kept)
