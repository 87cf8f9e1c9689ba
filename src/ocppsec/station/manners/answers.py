"""Answers that a CSMS has to live with: too willing, unwilling at the wrong step, late, or none at all."""

import asyncio
from collections.abc import Callable
from typing import Any

from ocppsec.link.link import Handler, Link
from ocppsec.ocppj.frames import CallResult, encode
from ocppsec.ocppj.messages import (
    BootReason,
    CertificateSignedResponse,
    CertificateSignedStatus,
    DeleteCertificateResponse,
    DeleteCertificateStatus,
    GenericDeviceModelStatus,
    GetBaseReportResponse,
    GetReportResponse,
    InstallCertificateResponse,
    InstallCertificateStatus,
    ResetResponse,
    ResetStatus,
    SetNetworkProfileRequest,
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    SetVariableResult,
    SetVariablesRequest,
    SetVariablesResponse,
    SetVariableStatus,
    StatusInfo,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from ocppsec.ocppj.received import CallReceived
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.behaviour import Rule
from ocppsec.station.conduct import Conduct
from ocppsec.station.manners.bending import Payload, altered, answering, bent, saying, send_raw
from ocppsec.station.manners.manner import Kind, manner
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import Reboot, Reply, Situation
from ocppsec.station.variables import means

_TRIGGERED = TriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED)
_WILLING = {
    "CertificateSigned": CertificateSignedResponse(status=CertificateSignedStatus.ACCEPTED),
    "DeleteCertificate": DeleteCertificateResponse(status=DeleteCertificateStatus.ACCEPTED),
    "GetBaseReport": GetBaseReportResponse(status=GenericDeviceModelStatus.ACCEPTED),
    "GetReport": GetReportResponse(status=GenericDeviceModelStatus.ACCEPTED),
    "InstallCertificate": InstallCertificateResponse(status=InstallCertificateStatus.ACCEPTED),
    "Reset": ResetResponse(status=ResetStatus.ACCEPTED),
    "SetNetworkProfile": SetNetworkProfileResponse(status=SetNetworkProfileStatus.ACCEPTED),
    "TriggerMessage": _TRIGGERED,
}


def _set_accepted(request: SetVariablesRequest, kept: Remembered, _situation: Situation) -> Reply:
    results = tuple(
        SetVariableResult(
            attribute_status=SetVariableStatus.ACCEPTED, component=data.component, variable=data.variable
        )
        for data in request.set_variable_data
    )
    return Reply(answer=SetVariablesResponse(set_variable_result=results), kept=kept)


@manner("accepts-everything", Kind.FIELD, "Answers Accepted to everything; nothing changes, nothing follows.")
def accepts_everything(right: Conduct) -> Conduct:
    for action, response in _WILLING.items():
        right = saying(right, action, response)
    return answering(right, "SetVariables", lambda _right: _set_accepted)


@manner(
    "refuses-at-set-network-profile",
    Kind.FIELD,
    "Refuses a profile without its root or certificate already at SetNetworkProfile (InvalidNetworkConf).",
)
def refuses_at_set_network_profile(right: Conduct) -> Conduct:
    refused = SetNetworkProfileResponse(
        status=SetNetworkProfileStatus.REJECTED, status_info=StatusInfo(reason_code="InvalidNetworkConf")
    )

    def other(rule: Rule) -> Rule:
        def early(request: SetNetworkProfileRequest, kept: Remembered, situation: Situation) -> Reply:
            profile, has = request.connection_data.security_profile, means(kept, situation)
            lacking = (profile >= SecurityProfile.TLS_BASIC and not has.root) or (
                profile == SecurityProfile.TLS_CLIENT and not has.certificate
            )
            return Reply(answer=refused, kept=kept) if lacking else rule(request, kept, situation)

        return early

    return answering(right, "SetNetworkProfile", other)


@manner("refuses-root-on-plain", Kind.FIELD, "Refuses InstallCertificate on a connection without TLS.")
def refuses_root_on_plain(right: Conduct) -> Conduct:
    refused = InstallCertificateResponse(
        status=InstallCertificateStatus.REJECTED,
        status_info=StatusInfo(reason_code="NotEnabled", additional_info="not without TLS"),
    )

    def other(rule: Rule) -> Rule:
        def careful(request: Any, kept: Remembered, situation: Situation) -> Reply:
            if situation.profile < SecurityProfile.TLS_BASIC:
                return Reply(answer=refused, kept=kept)
            return rule(request, kept, situation)

        return careful

    return answering(right, "InstallCertificate", other)


@manner("never-sends-csr", Kind.FIELD, "Accepts TriggerMessage, and what was asked for never comes.")
def never_sends_csr(right: Conduct) -> Conduct:
    return saying(right, "TriggerMessage", _TRIGGERED)


@manner("refuses-certificate", Kind.FIELD, "Rejects every CertificateSigned.")
def refuses_certificate(right: Conduct) -> Conduct:
    rejected = CertificateSignedResponse(
        status=CertificateSignedStatus.REJECTED, status_info=StatusInfo(reason_code="InvalidCertificate")
    )
    return saying(right, "CertificateSigned", rejected)


@manner("loses-certificate", Kind.FIELD, "Accepts CertificateSigned and forgets the certificate.")
def loses_certificate(right: Conduct) -> Conduct:
    return saying(right, "CertificateSigned", _WILLING["CertificateSigned"])


@manner("refuses-reset", Kind.FIELD, "Rejects every Reset.")
def refuses_reset(right: Conduct) -> Conduct:
    return saying(right, "Reset", ResetResponse(status=ResetStatus.REJECTED))


@manner("never-resets", Kind.FIELD, "Answers Scheduled to Reset, and never goes down.")
def never_resets(right: Conduct) -> Conduct:
    return saying(right, "Reset", ResetResponse(status=ResetStatus.SCHEDULED))


def _after_priority(rule: Rule, change: Callable[[Reply], Reply]) -> Rule:
    """*change* where a request set NetworkConfigurationPriority."""

    def other(request: Any, kept: Remembered, situation: Situation) -> Reply:
        reply = rule(request, kept, situation)
        return change(reply) if reply.kept.priority != kept.priority else reply

    return other


def _needs_reboot(reply: Reply) -> Reply:
    assert isinstance(reply.answer, SetVariablesResponse)
    results = tuple(
        SetVariableResult(
            attribute_status=SetVariableStatus.REBOOT_REQUIRED
            if result.attribute_status == SetVariableStatus.ACCEPTED
            else result.attribute_status,
            component=result.component,
            variable=result.variable,
        )
        for result in reply.answer.set_variable_result
    )
    return Reply(answer=SetVariablesResponse(set_variable_result=results), kept=reply.kept)


@manner("reboot-required", Kind.FIELD, "Answers RebootRequired to a new NetworkConfigurationPriority.")
def reboot_required(right: Conduct) -> Conduct:
    return answering(right, "SetVariables", lambda rule: _after_priority(rule, _needs_reboot))


@manner("reboots-by-itself", Kind.FIELD, "Reboots as soon as its NetworkConfigurationPriority has changed.")
def reboots_by_itself(right: Conduct) -> Conduct:
    def reboots(reply: Reply) -> Reply:
        effects = (*reply.effects, Reboot(reason=BootReason.LOCAL_RESET))
        return Reply(answer=reply.answer, kept=reply.kept, effects=effects)

    return answering(right, "SetVariables", lambda rule: _after_priority(rule, reboots))


@manner(
    "tidies-up-late",
    Kind.FIELD,
    "The first GetVariables after its profile rose still reports the NetworkConfigurationPriority of before.",
)
def tidies_up_late(right: Conduct) -> Conduct:
    def other(rule: Rule) -> Rule:
        last: Remembered | None = None

        def stale(request: Any, kept: Remembered, situation: Situation) -> Reply:
            nonlocal last
            before, last = last or kept, kept
            if kept.security_profile == before.security_profile:
                return rule(request, kept, situation)
            old = rule(request, kept.but(priority=before.priority), situation)
            return Reply(answer=old.answer, kept=kept)

        return stale

    return answering(right, "GetVariables", other)


# -- how answers leave --------------------------------------------------------------------------------------
def _sending(
    right: Conduct, how: Callable[[Link, CallReceived, Callable[[Payload], None], Payload], None]
) -> Conduct:
    """*how* gets the link, the CALL, the right way to answer, and the answer."""

    def handler(theirs: Handler) -> Handler:
        def on_call(link: Link, call: CallReceived) -> None:
            def answer(_call_id: str, payload: Payload) -> None:
                how(link, call, lambda changed: link.answer(call.id, changed), payload)

            theirs.on_call(altered(link, answer=answer), call)

        return altered(theirs, on_call=on_call)

    return bent(right, handler=handler)


@manner(
    "closes-before-certificate-answer",
    Kind.FIELD,
    "Installs the certificate of CertificateSigned, but the connection breaks before the answer is out.",
)
def closes_before_certificate_answer(right: Conduct) -> Conduct:
    def how(link: Link, call: CallReceived, send: Callable[[Payload], None], payload: Payload) -> None:
        if call.action == "CertificateSigned":
            link.abort("a manner: no answer to CertificateSigned")
        else:
            send(payload)

    return _sending(right, how)


@manner("never-answers", Kind.FIRMWARE, "Does what it is asked and answers nothing.")
def never_answers(right: Conduct) -> Conduct:
    return _sending(right, lambda _link, _call, _send, _payload: None)


@manner("answers-late", Kind.FIRMWARE, "Answers each CALL 40 seconds after it came.")
def answers_late(right: Conduct) -> Conduct:
    def how(link: Link, _call: CallReceived, send: Callable[[Payload], None], payload: Payload) -> None:
        def answer() -> None:
            if not link.closed:
                send(payload)

        asyncio.get_running_loop().call_later(40 * right.config.pace, answer)

    return _sending(right, how)


@manner("answers-twice", Kind.FIRMWARE, "Sends each answer twice.")
def answers_twice(right: Conduct) -> Conduct:
    def how(link: Link, call: CallReceived, send: Callable[[Payload], None], payload: Payload) -> None:
        send(payload)
        send_raw(link, encode(CallResult(call.id, payload)))

    return _sending(right, how)


@manner("answers-another", Kind.FIRMWARE, "Answers with a message id that nobody asked with.")
def answers_another(right: Conduct) -> Conduct:
    def how(link: Link, call: CallReceived, _send: Callable[[Payload], None], payload: Payload) -> None:
        send_raw(link, encode(CallResult(f"{call.id[:30]}-other", payload)))

    return _sending(right, how)
