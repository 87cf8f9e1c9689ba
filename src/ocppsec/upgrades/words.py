"""What the steps are called, and what a station's refusals mean, in words for people.

Knows nothing of the order of steps.  A reason names who refused, what, and what can be done.
"""

from collections.abc import Sequence
from typing import Final

from ocppsec.ocppj.messages import StatusInfo
from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingForBoot,
    AskingForReport,
    AskingForRoots,
    AskingVariables,
    AwaitingBoot,
    AwaitingCsr,
    AwaitingReport,
    AwaitingReset,
    CheckingRoot,
    DeliveringCertificate,
    Done,
    Failed,
    FreeingSlot,
    InstallingRoot,
    OpenState,
    Resetting,
    SettingOrganization,
    Signing,
    State,
    Triggering,
    WritingProfile,
)

STEPS: Final[dict[type[OpenState], str]] = {
    AskingVariables: "ask the station for its settings (GetVariables)",
    AskingForReport: "ask which configuration slots there are (GetReport)",
    AwaitingReport: "wait for the list of configuration slots (NotifyReport)",
    AskingForRoots: "ask which CSMS roots are installed (GetInstalledCertificateIds)",
    InstallingRoot: "install the CSMS root (InstallCertificate)",
    CheckingRoot: "check that the CSMS root is installed (GetInstalledCertificateIds)",
    SettingOrganization: "set OrganizationName (SetVariables)",
    Triggering: "ask for a certificate request (TriggerMessage)",
    AwaitingCsr: "wait for the certificate request (SignCertificate)",
    Signing: "check and sign the certificate request",
    DeliveringCertificate: "deliver the station certificate (CertificateSigned)",
    FreeingSlot: "take the slot out of the priority list (SetVariables)",
    WritingProfile: "write the network profile into a free slot (SetNetworkProfile)",
    Arming: "put the new slot first (SetVariables NetworkConfigurationPriority)",
    Resetting: "restart the station when it is idle (Reset)",
    AwaitingReset: "wait before the next Reset",
    AwaitingBoot: "wait for the station to boot on the new profile",
    Arrived: "wait for BootNotification on the new profile",
    AskingForBoot: "ask for BootNotification (TriggerMessage)",
}


def describe(state: State) -> str:
    """The step *state* stands at, such as ``profile 2: install the CSMS root (InstallCertificate)``."""
    match state:
        case Done(profile=profile):
            return f"done: profile {profile}"
        case Failed(step=step):
            return f"failed at: {step}"
        case Signing(waits_for=request, decided_by=ca) if request and ca:
            return f"profile {state.progress.goal}: wait for a decision of {ca}"
        case Signing(waits_for=request) if request:
            return f"profile {state.progress.goal}: wait for a person (ocppsec csr approve {request})"
        case _:
            return f"profile {state.progress.goal}: {STEPS[type(state)]}"


def status_words(status: str, info: StatusInfo | None) -> str:
    """``Rejected (InvalidNetworkConf: unknown interface)``."""
    if info is None:
        return f"{status}, without a statusInfo"
    more = f": {info.additional_info}" if info.additional_info else ""
    return f"{status} ({info.reason_code}{more})"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45 seconds``, ``10 minutes``, ``24 hours``."""
    for size, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:g} {name}"
    return f"{seconds:g} seconds"


CALL_ERRORS: Final = {
    "NotImplemented": "its firmware does not know this message; a firmware update is the way out",
    "NotSupported": "its firmware knows this message but does not support it; a firmware update or a setting may help",
    "SecurityError": "it refuses the message for security reasons; perhaps its BootNotification is not accepted yet",
    "InternalError": "an error inside the station; its log should tell more",
    "OccurrenceConstraintViolation": "it takes fewer elements in one message, or misses one",
    "FormatViolation": "one side does not keep to the schema of this message",
    "TypeConstraintViolation": "one side does not keep to the schema of this message",
    "PropertyConstraintViolation": "a value lies outside of what the station allows",
    "ProtocolError": "the message came at a moment or in a shape it cannot use",
}


def call_error_words(action: str, code: str, description: str) -> str:
    said = f"{code}: {description}" if description else code
    meaning = CALL_ERRORS.get(code, "the standard gives this code no more meaning")
    return f"The station answered {action} with CALLERROR {said}; {meaning}."


def root_refused(words: str, *, on_profile: int, entries: int | None, additional_check: bool | None) -> str:
    parts = [f"The station refused the CSMS root: InstallCertificate {words}."]
    if on_profile <= 1:
        # EVerest: CSMSRootCertificateInstallationNotAllowedWithUnsecureConnection.
        parts.append(
            "Some stations take no root over an unsecured connection: then install the root with the maker's"
            " tool or at commissioning (`ocppsec ca show --pem` prints it) and begin the upgrade again; it"
            " finds the root there."
        )
    if additional_check:
        parts.append(
            "The station has AdditionalRootCertificateCheck on: it takes a new CSMS root only when the old"
            " one has signed it (M05.FR.10, M05.FR.11)."
        )
    if entries is not None:
        parts.append(
            f"It reports CertificateEntries = {entries}; a full certificate store refuses too (M05.FR.06)."
        )
    return " ".join(parts)


def certificate_refused(words: str) -> str:
    return (
        f"The station refused its new certificate: CertificateSigned {words}."
        " It checks the certificate against its installed CSMS roots, its clock, its key and its"
        " OrganizationName: look for the root, for the station's clock, and for a security event"
        " InvalidChargingStationCertificate."
    )


_PRIORITY_HINTS: Final = {
    "InvalidNetworkConf": "it does not find the new slot's configuration usable (B10.FR.02)",
    "InvalidConfSlot": "it does not have one of the slots (B10.FR.02)",
    "NoSecurityDowngrade": "it takes one of the slots for a step down (A05.FR.10)",
    "ReadOnly": "it does not let the CSMS write the variable",
}


def priority_refused(words: str, value: str, *, goal: int, code: str | None) -> str:
    needs = "a valid CSMSRootCertificate (A05.FR.02)"
    if goal == 3:
        needs += " and a valid ChargingStationCertificate (A05.FR.03)"
    hint = _PRIORITY_HINTS.get(code or "", f"it demands {needs} for profile {goal}")
    return f'The station refused NetworkConfigurationPriority = "{value}": {words}. Most likely {hint}.'


def profile_refused(words: str, *, slots: Sequence[int], goal: int) -> str:
    needs = "the CSMS root" if goal == 2 else "the CSMS root and the station certificate"
    tried = ", ".join(map(str, slots))
    return (
        f"The station refused SetNetworkProfile (last tried slot: {tried}): {words}. No other slot or"
        f" interface is left to try. Newer firmware refuses here when {needs} is missing or not valid,"
        " or when the URL does not suit it."
    )


def reset_refused(words: str, times: int) -> str:
    return (
        f"The station refused Reset {times} times: {words}. A transaction, a firmware update or a reservation"
        " may stand in the way (B11.FR.06). The new profile is armed: it is used from the next restart on, by"
        " hand too; begin the upgrade again after that."
    )
