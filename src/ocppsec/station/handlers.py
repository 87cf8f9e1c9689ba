"""One function for each request a station answers: from the typed request to the `Reply`.

They put together what the rules in `variables`, `slots`, `trust`, `own_certificates` and `reports` decide.
"""

from typing import Final

from ocppsec.ocppj.errors import ErrorCode
from ocppsec.ocppj.messages import (
    BootReason,
    CertificateSignedRequest,
    CertificateSignedResponse,
    CertificateSignedStatus,
    CertificateSigningUse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    DeleteCertificateStatus,
    GenericDeviceModelStatus,
    GetBaseReportRequest,
    GetBaseReportResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetInstalledCertificateStatus,
    GetReportRequest,
    GetReportResponse,
    GetVariablesRequest,
    GetVariablesResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    InstallCertificateStatus,
    MessageTrigger,
    RegistrationStatus,
    ReportData,
    ResetRequest,
    ResetResponse,
    ResetStatus,
    SetNetworkProfileRequest,
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    SetVariablesRequest,
    SetVariablesResponse,
    TriggerMessageRequest,
    TriggerMessageResponse,
    TriggerMessageStatus,
)
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station import own_certificates, reports, slots, trust, variables
from ocppsec.station.device_model import ITEMS_PER_GET, ITEMS_PER_SET
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import (
    Effect,
    Reboot,
    Reconnect,
    Refusal,
    Reply,
    SendReport,
    SendTriggered,
    Situation,
    StopAsking,
    info,
)
from ocppsec.station.security_events import raised
from ocppsec.station.slots import Objection

_CHANGE: Final = "ReconfigurationOfSecurityParameters"


# -- B05, B06: variables ----------------------------------------------------------------------------------


def get_variables(request: GetVariablesRequest, kept: Remembered, situation: Situation) -> Reply:
    if len(request.get_variable_data) > ITEMS_PER_GET:  # B06.FR.16
        return _too_many(kept, ITEMS_PER_GET)
    results = tuple(variables.get(asked, kept, situation) for asked in request.get_variable_data)
    return Reply(answer=GetVariablesResponse(get_variable_result=results), kept=kept)


def set_variables(request: SetVariablesRequest, kept: Remembered, situation: Situation) -> Reply:
    """Each value for itself, in order: one that is rejected does not undo the others."""
    if len(request.set_variable_data) > ITEMS_PER_SET:  # B05.FR.11
        return _too_many(kept, ITEMS_PER_SET)
    results = []
    effects: list[Effect] = []
    for data in request.set_variable_data:
        written = variables.write(data, kept, situation)
        kept = written.kept
        results.append(written.result)
        effects += written.effects
    return Reply(
        answer=SetVariablesResponse(set_variable_result=tuple(results)), kept=kept, effects=tuple(effects)
    )


def _too_many(kept: Remembered, limit: int) -> Reply:
    refusal = Refusal(
        code=ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION,
        description=f"at most {limit} variables in one message",
    )
    return Reply(answer=refusal, kept=kept)


# -- B07, B08: reports ------------------------------------------------------------------------------------


def get_base_report(request: GetBaseReportRequest, kept: Remembered, situation: Situation) -> Reply:
    data = reports.base(request.report_base, kept, situation)
    status, effects = _reported(request.request_id, data)
    return Reply(answer=GetBaseReportResponse(status=status), kept=kept, effects=effects)


def get_report(request: GetReportRequest, kept: Remembered, situation: Situation) -> Reply:
    data = reports.selected(request.component_variable, request.component_criteria, kept, situation)
    status, effects = _reported(request.request_id, data)
    return Reply(answer=GetReportResponse(status=status), kept=kept, effects=effects)


def _reported(
    request_id: int, data: tuple[ReportData, ...] | None
) -> tuple[GenericDeviceModelStatus, tuple[Effect, ...]]:
    if data is None:
        return GenericDeviceModelStatus.NOT_SUPPORTED, ()
    if not data:
        return GenericDeviceModelStatus.EMPTY_RESULT_SET, ()
    return GenericDeviceModelStatus.ACCEPTED, (SendReport(request_id=request_id, data=data),)


# -- M03 to M05: roots ------------------------------------------------------------------------------------


def install_certificate(request: InstallCertificateRequest, kept: Remembered, situation: Situation) -> Reply:
    installed = trust.install(
        kept,
        request.certificate_type,
        request.certificate,
        now=situation.now,
        traits=situation.config.traits,
    )
    after = installed.kept
    if installed.status == InstallCertificateStatus.ACCEPTED:
        after = raised(after, _CHANGE, situation.now, f"{request.certificate_type} installed")
    answer = InstallCertificateResponse(status=installed.status, status_info=info(installed.objection))
    return Reply(answer=answer, kept=after)


def delete_certificate(request: DeleteCertificateRequest, kept: Remembered, situation: Situation) -> Reply:
    status, after = trust.delete(kept, request.certificate_hash_data)
    if status == DeleteCertificateStatus.ACCEPTED:
        after = raised(after, _CHANGE, situation.now, "root certificate deleted")
    return Reply(answer=DeleteCertificateResponse(status=status), kept=after)


def get_installed_certificate_ids(
    request: GetInstalledCertificateIdsRequest, kept: Remembered, _situation: Situation
) -> Reply:
    chains = trust.installed_ids(kept, request.certificate_type)
    status = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
    answer = GetInstalledCertificateIdsResponse(status=status, certificate_hash_data_chain=chains or None)
    return Reply(answer=answer, kept=kept)


# -- A02: our own certificate -----------------------------------------------------------------------------


def certificate_signed(request: CertificateSignedRequest, kept: Remembered, situation: Situation) -> Reply:
    if request.certificate_type == CertificateSigningUse.V2G_CERTIFICATE:
        return _not_signed(kept, situation, Objection(reason_code="InvalidCertificate", text="no V2G here"))
    judgement = own_certificates.judge(
        kept,
        request.certificate_chain,
        subject=variables.subject(kept, situation),
        max_chain_size=situation.config.traits.max_chain_size,
        now=situation.now,
    )
    if judgement.objection is not None:
        return _not_signed(judgement.kept, situation, judgement.objection)
    after = raised(judgement.kept, _CHANGE, situation.now, "ChargingStationCertificate installed")
    # A02.FR.08 as of E201: at once where it is in use; on a lower profile it waits for the switch.
    in_use = situation.profile == SecurityProfile.TLS_CLIENT
    return Reply(
        answer=CertificateSignedResponse(status=CertificateSignedStatus.ACCEPTED),
        kept=after,
        effects=(StopAsking(), *((Reconnect(why="a new certificate"),) if in_use else ())),
    )


def _not_signed(kept: Remembered, situation: Situation, objection: Objection) -> Reply:
    """A02.FR.07: thrown away, and an event tells why."""
    return Reply(
        answer=CertificateSignedResponse(
            status=CertificateSignedStatus.REJECTED, status_info=info(objection)
        ),
        kept=raised(kept, "InvalidChargingStationCertificate", situation.now, objection.text),
        effects=(StopAsking(),),
    )


# -- B09: network profiles --------------------------------------------------------------------------------


def set_network_profile(request: SetNetworkProfileRequest, kept: Remembered, situation: Situation) -> Reply:
    objection = slots.objection_to_profile(
        request.configuration_slot,
        request.connection_data,
        traits=situation.config.traits,
        floor=variables.floor(kept, situation.catalogue),
    )
    if objection is not None:
        answer = SetNetworkProfileResponse(
            status=SetNetworkProfileStatus.REJECTED, status_info=info(objection)
        )
        return Reply(answer=answer, kept=kept)
    after = slots.stored(kept, request.configuration_slot, request.connection_data)
    return Reply(
        answer=SetNetworkProfileResponse(status=SetNetworkProfileStatus.ACCEPTED),
        kept=raised(after, _CHANGE, situation.now, f"NetworkConnectionProfile {request.configuration_slot}"),
    )


# -- B11: reset -------------------------------------------------------------------------------------------


def reset(request: ResetRequest, kept: Remembered, _situation: Situation) -> Reply:
    """No transaction ever runs here, so the station is always idle (B11.FR.03)."""
    if request.evse_id is not None:  # E201 2.14: an EVSE alone reboots nothing
        objection = Objection(reason_code="UnsupportedRequest", text="only the whole station can be reset")
        return Reply(
            answer=ResetResponse(status=ResetStatus.REJECTED, status_info=info(objection)), kept=kept
        )
    return Reply(
        answer=ResetResponse(status=ResetStatus.ACCEPTED),
        kept=kept,
        effects=(Reboot(reason=BootReason.REMOTE_RESET),),
    )


# -- F06: trigger -----------------------------------------------------------------------------------------

_TRIGGERS: Final = frozenset(
    {
        MessageTrigger.BOOT_NOTIFICATION,
        MessageTrigger.HEARTBEAT,
        MessageTrigger.STATUS_NOTIFICATION,
        MessageTrigger.LOG_STATUS_NOTIFICATION,
        MessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
        MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE,
    }
)


def trigger_message(request: TriggerMessageRequest, kept: Remembered, situation: Situation) -> Reply:
    wanted = request.requested_message
    if wanted not in _TRIGGERS:  # F06.FR.08
        return Reply(answer=TriggerMessageResponse(status=TriggerMessageStatus.NOT_IMPLEMENTED), kept=kept)
    objection = _objection_to_trigger(request, kept, situation)
    if objection is not None:
        answer = TriggerMessageResponse(status=TriggerMessageStatus.REJECTED, status_info=info(objection))
        return Reply(answer=answer, kept=kept)
    return Reply(
        answer=TriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED),
        kept=kept,
        effects=(SendTriggered(message=wanted),),  # F06.FR.04: after the response
    )


def _objection_to_trigger(
    request: TriggerMessageRequest, kept: Remembered, situation: Situation
) -> Objection | None:
    match request.requested_message:
        case MessageTrigger.BOOT_NOTIFICATION:
            if situation.registration == RegistrationStatus.ACCEPTED:  # F06.FR.17
                return Objection(reason_code="NotEnabled", text="already accepted")
        case MessageTrigger.STATUS_NOTIFICATION:
            evse = request.evse
            if evse is not None and (evse.id != 1 or evse.connector_id not in (None, 1)):
                return Objection(reason_code="UnknownEvse", text="there is EVSE 1 with connector 1")
        case MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE:
            if not variables.subject(kept, situation).organization:  # A02, precondition
                return Objection(reason_code="InvalidValue", text="OrganizationName is not set")
    return None
