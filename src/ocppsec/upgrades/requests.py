"""Which CALL a state waits on.  It follows from the state alone: so a step can be repeated after any crash."""

import re
from typing import assert_never

from ocppsec.ocppj.messages import (
    CertificateSignedRequest,
    CertificateSigningUse,
    Component,
    ComponentVariable,
    GetCertificateIdUse,
    GetInstalledCertificateIdsRequest,
    GetReportRequest,
    GetVariableData,
    GetVariablesRequest,
    InstallCertificateRequest,
    InstallCertificateUse,
    MessageTrigger,
    NetworkConnectionProfile,
    OCPPInterface,
    OCPPTransport,
    OCPPVersion,
    Request,
    Reset,
    ResetRequest,
    SetNetworkProfileRequest,
    SetVariableData,
    SetVariablesRequest,
    TriggerMessageRequest,
    Variable,
)
from ocppsec.upgrades.states import (
    Arming,
    AskingForBoot,
    AskingForReport,
    AskingForRoots,
    AskingVariables,
    CallingState,
    CheckingRoot,
    DeliveringCertificate,
    FreeingSlot,
    InstallingRoot,
    Progress,
    Resetting,
    SettingOrganization,
    Triggering,
    WritingProfile,
)

PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ORGANIZATION = "SecurityCtrlr.OrganizationName"
DOWNGRADE = "SecurityCtrlr.AllowSecurityProfileDowngrade"

_NAME = re.compile(r"(?P<component>\w+)(\[(?P<instance>[^\]]+)\])?\.(?P<variable>\w+)")


def request_of(state: CallingState) -> Request:
    progress = state.progress
    plan = progress.plan
    match state:
        case AskingVariables(left=left):
            return GetVariablesRequest(get_variable_data=tuple(_question(name) for name in left[0]))
        case AskingForReport():
            asked = ComponentVariable(component=component_of(PRIORITY), variable=variable_of(PRIORITY))
            return GetReportRequest(request_id=plan.report_id, component_variable=(asked,))
        case AskingForRoots() | CheckingRoot():
            return GetInstalledCertificateIdsRequest(
                certificate_type=(GetCertificateIdUse.CSMS_ROOT_CERTIFICATE,)
            )
        case InstallingRoot(which=which):
            pem = plan.root_pem if which == 0 else plan.further_roots[which - 1].pem
            return InstallCertificateRequest(
                certificate_type=InstallCertificateUse.CSMS_ROOT_CERTIFICATE, certificate=pem
            )
        case SettingOrganization():
            return _set(ORGANIZATION, plan.organization)
        case Triggering():
            return TriggerMessageRequest(requested_message=MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)
        case DeliveringCertificate(chain=chain):
            # A02.FR.14: the type is named, since a station may hold a V2GCertificate too.
            return CertificateSignedRequest(
                certificate_chain=chain, certificate_type=CertificateSigningUse.CHARGING_STATION_CERTIFICATE
            )
        case FreeingSlot(active=active):
            return _set(PRIORITY, str(active))
        case WritingProfile(slots=slots, interfaces=interfaces):
            return _profile(progress, slots[0], interfaces[0])
        case Arming(lists=lists):
            return _set(PRIORITY, ",".join(map(str, lists[0])))
        case Resetting():
            # Without evseId: otherwise nothing reboots and no profile is switched.
            return ResetRequest(type=Reset.ON_IDLE)
        case AskingForBoot():
            return TriggerMessageRequest(requested_message=MessageTrigger.BOOT_NOTIFICATION)
        case _:
            assert_never(state)


def action_of(state: CallingState) -> str:
    """``SetVariables`` for a state that waits for its answer."""
    return request_of(state).action


def _profile(progress: Progress, slot: int, interface: OCPPInterface) -> SetNetworkProfileRequest:
    return SetNetworkProfileRequest(
        configuration_slot=slot,
        connection_data=NetworkConnectionProfile(
            # OCPP20 stands for 2.0.1 in 2.0.1; stations ignore it and the subprotocol decides.
            ocpp_version=OCPPVersion.OCPP20,
            ocpp_transport=OCPPTransport.JSON,
            ocpp_csms_url=progress.plan.urls[progress.goal],
            message_timeout=progress.plan.message_timeout,
            security_profile=progress.goal,
            ocpp_interface=interface,
        ),
    )


def _set(name: str, value: str) -> SetVariablesRequest:
    data = SetVariableData(attribute_value=value, component=component_of(name), variable=variable_of(name))
    return SetVariablesRequest(set_variable_data=(data,))


def _question(name: str) -> GetVariableData:
    return GetVariableData(component=component_of(name), variable=variable_of(name))


def component_of(name: str) -> Component:
    parts = _parts(name)
    return Component(name=parts["component"], instance=parts["instance"])


def variable_of(name: str) -> Variable:
    return Variable(name=_parts(name)["variable"])


def _parts(name: str) -> re.Match[str]:
    parts = _NAME.fullmatch(name)
    assert parts is not None, name
    return parts
