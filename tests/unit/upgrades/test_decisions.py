"""Single decisions: a state, an event, and what follows."""

from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace
from random_walks import answer, report, root_listed, set_to, variable
from upgrade_examples import plan, progress

from ocppsec.ocppj.messages import (
    CertificateSignedResponse,
    GetInstalledCertificateIdsResponse,
    GetReportResponse,
    InstallCertificateResponse,
    OCPPInterface,
    ResetResponse,
    SetNetworkProfileResponse,
    TriggerMessageResponse,
)
from ocppsec.upgrades.exchange import (
    CallRefused,
    CallTimedOut,
    CsrReceived,
    DeadlinePassed,
    Event,
    HandshakeSeen,
    LinkLost,
    Note,
    RaiseFloor,
    Send,
    Sign,
    Signed,
    SigningRefused,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.plan import Deadlines
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
    Facts,
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
from ocppsec.upgrades.workflow import (
    deadline_of,
    decide,
    outcome,
    resume,
    same_step,
    wants_csr,
)

PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ORGANIZATION = "SecurityCtrlr.OrganizationName"
WIRED, WIRELESS = OCPPInterface.WIRED0, OCPPInterface.WIRELESS0


def refused(kind: Any, status: str = "Rejected", code: str = "") -> Event:
    given = {"statusInfo": {"reasonCode": code}} if code else {}
    return answer(kind, status=status, **given)


def accepted(kind: Any) -> Event:
    return answer(kind, status="Accepted")


@dataclass(frozen=True)
class Row:
    state: State
    event: Event
    kind: type
    reason: str = ""
    """Part of the reason, of a Failed."""
    shows: dict[str, Any] | None = None
    """Fields of the new state, or of its progress."""
    sends: int | None = None


def row(name: str, *given: Any, **more: Any) -> Any:
    return pytest.param(Row(*given, **more), id=name)


def writing(**more: Any) -> WritingProfile:
    return WritingProfile(**{"progress": progress(), "slots": (2,), "interfaces": (WIRED,), **more})


def delivering(**more: Any) -> DeliveringCertificate:
    given = {"progress": progress(goal=3), "csr": "r1", "chain": "c", "fingerprint": "f"}
    return DeliveringCertificate(**{**given, **more})


def waiting(*, rounds: int = 0, slot: int | None = 2, **more: Any) -> AwaitingBoot:
    given = {
        "progress": progress(slot=slot, rounds=rounds),
        "connected": False,
        "answered": True,
        "left": True,
    }
    return AwaitingBoot(**{**given, **more})


def facts(**more: Any) -> Facts:
    return Facts(priority=(1,), active_slot=1, slots=(1, 2), **more)


PREFLIGHT = [
    row(
        "a group that is refused is asked one by one",
        AskingVariables(progress=progress(), left=(("A.B", "C.D"), ("E.F",))),
        CallRefused("OccurrenceConstraintViolation"),
        AskingVariables,
        shows={"left": (("A.B",), ("C.D",), ("E.F",))},
        sends=1,
    ),
    row(
        "a single question that is refused is left out",
        AskingVariables(progress=progress(), left=(("A.B",), ("E.F",))),
        CallRefused("InternalError"),
        AskingVariables,
        shows={"left": (("E.F",),)},
    ),
    row(
        "a question without an answer is asked again",
        AskingVariables(progress=progress(), left=(("A.B",), ("E.F",))),
        CallTimedOut(),
        AskingVariables,
        shows={"left": (("A.B",), ("E.F",)), "tries": 1},
    ),
    row(
        "and then left out",
        AskingVariables(progress=progress(), left=(("A.B",), ("E.F",)), tries=1),
        CallTimedOut(),
        AskingVariables,
        shows={"left": (("E.F",),), "tries": 0},
    ),
    row(
        "the interface of the active slot is asked last",
        AskingVariables(progress=progress(), left=(("A.B",),)),
        variable("A.B", ""),
        AskingVariables,
        shows={"left": (("NetworkConfiguration[1].OcppInterface",),)},
    ),
    row(
        "once",
        AskingVariables(progress=progress(), left=(("NetworkConfiguration[1].OcppInterface",),)),
        variable("A.B", ""),
        AskingForRoots,
    ),
    row(
        "slots that are not known are asked for",
        AskingVariables(progress=progress(facts=Facts()), left=(("A.B",),)),
        variable("A.B", ""),
        AskingForReport,
    ),
    row(
        "a report that came before its answer is enough",
        AskingForReport(progress=progress(facts=facts())),
        accepted(GetReportResponse),
        AskingForRoots,
    ),
    row(
        "a report is awaited",
        AskingForReport(progress=progress(facts=Facts())),
        accepted(GetReportResponse),
        AwaitingReport,
    ),
    row(
        "a report before its answer is read",
        AskingForReport(progress=progress(facts=Facts())),
        report("1,2"),
        AskingForReport,
        shows={"facts": Facts(slots=(1, 2))},
        sends=0,
    ),
    row(
        "somebody else's report before the answer",
        AskingForReport(progress=progress(facts=Facts())),
        report("1,2", request_id=7),
        AskingForReport,
        shows={"facts": Facts()},
    ),
    row(
        "no report on that",
        AskingForReport(progress=progress()),
        refused(GetReportResponse, "EmptyResultSet"),
        AskingForRoots,
    ),
    row(
        "reports not supported",
        AskingForReport(progress=progress()),
        CallRefused("NotSupported"),
        AskingForRoots,
    ),
    row("no answer to GetReport", AskingForReport(progress=progress()), CallTimedOut(), AskingForRoots),
    row(
        "a report with the slots",
        AwaitingReport(progress=progress(facts=Facts())),
        report("0,1", tbc=True),
        AskingForRoots,
        shows={"facts": Facts(slots=(0, 1))},
    ),
    row(
        "a report to be continued",
        AwaitingReport(progress=progress(facts=Facts())),
        report("", tbc=True),
        AwaitingReport,
    ),
    row(
        "a report with nothing", AwaitingReport(progress=progress(facts=Facts())), report(""), AskingForRoots
    ),
    row(
        "somebody else's report",
        AwaitingReport(progress=progress(facts=Facts())),
        report("1,2", request_id=7),
        AwaitingReport,
        shows={"facts": Facts()},
    ),
    row(
        "no report in time",
        AwaitingReport(progress=progress(facts=Facts())),
        DeadlinePassed(),
        AskingForRoots,
    ),
    row(
        "root not listed",
        AskingForRoots(progress=progress()),
        refused(GetInstalledCertificateIdsResponse, "NotFound"),
        InstallingRoot,
    ),
    row("roots not told", AskingForRoots(progress=progress()), CallRefused("NotImplemented"), InstallingRoot),
    row("no answer about roots", AskingForRoots(progress=progress()), CallTimedOut(), InstallingRoot),
    row("root there, to profile 2", AskingForRoots(progress=progress()), root_listed(), WritingProfile),
    row(
        "root there, to profile 3",
        AskingForRoots(progress=progress(goal=3)),
        root_listed(),
        SettingOrganization,
    ),
    row(
        "root there, organization right",
        AskingForRoots(progress=progress(goal=3, facts=facts(organization="Example Charging"))),
        root_listed(),
        Triggering,
    ),
    row(
        "a station that says it is above",
        AskingForRoots(progress=progress(facts=facts(security_profile=3))),
        root_listed(),
        Failed,
        reason="reports SecurityProfile 3, above the profile 2",
    ),
    row(
        "a station that says it is there",
        AskingForRoots(progress=progress(facts=facts(security_profile=2))),
        root_listed(),
        WritingProfile,
    ),
    row(
        "no free slot",
        AskingForRoots(progress=progress(facts=Facts(slots=(1,), active_slot=1))),
        root_listed(),
        Failed,
        reason="lists 1 and uses 1",
    ),
    row(
        "active slot not to be known",
        AskingForRoots(progress=progress(facts=Facts(slots=(1, 2), priority=(1, 2)))),
        root_listed(),
        Failed,
        reason="does not tell which one it uses now",
    ),
]

TRUST = [
    row(
        "root accepted",
        InstallingRoot(progress=progress()),
        accepted(InstallCertificateResponse),
        CheckingRoot,
        shows={"refusal": ""},
    ),
    row(
        "root refused: perhaps there",
        InstallingRoot(progress=progress()),
        refused(InstallCertificateResponse),
        CheckingRoot,
    ),
    row(
        "install not known",
        InstallingRoot(progress=progress()),
        CallRefused("NotImplemented"),
        Failed,
        reason="InstallCertificate with CALLERROR NotImplemented",
    ),
    row(
        "root listed",
        CheckingRoot(progress=progress()),
        root_listed(),
        WritingProfile,
        shows={"warnings": ()},
    ),
    row(
        "refused, but listed", CheckingRoot(progress=progress(), refusal="no"), root_listed(), WritingProfile
    ),
    row(
        "root not listed: a warning",
        CheckingRoot(progress=progress()),
        refused(GetInstalledCertificateIdsResponse, "NotFound"),
        WritingProfile,
        shows={"warnings": ("the station does not list the CSMS root after InstallCertificate.",)},
    ),
    row(
        "refused and not listed",
        CheckingRoot(progress=progress(), refusal="no"),
        refused(GetInstalledCertificateIdsResponse, "NotFound"),
        Failed,
        reason="no",
    ),
    row(
        "refused and not to be checked",
        CheckingRoot(progress=progress(), refusal="no"),
        CallRefused("NotSupported"),
        Failed,
        reason="no",
    ),
    row("not to be checked", CheckingRoot(progress=progress()), CallRefused("NotSupported"), WritingProfile),
    row("check without answer", CheckingRoot(progress=progress()), CallTimedOut(), WritingProfile),
]

CERTIFICATE = [
    row(
        "request refused when it came",
        AwaitingCsr(progress=progress(goal=3)),
        SigningRefused(("CN is X",)),
        Failed,
        reason="CN is X",
    ),
    row(
        "request refused before the answer",
        Triggering(progress=progress(goal=3)),
        SigningRefused(("CN is X",)),
        Failed,
        reason="CN is X",
    ),
    row(
        "refused for now when it came",
        AwaitingCsr(progress=progress(goal=3)),
        SigningRefused(("too soon",), later=True),
        AwaitingCsr,
        shows={"warnings": ("A certificate request was refused for now: too soon.",)},
        sends=0,
    ),
    row(
        "refused for now before the answer",
        Triggering(progress=progress(goal=3)),
        SigningRefused(("too soon",), later=True),
        Triggering,
        shows={"warnings": ("A certificate request was refused for now: too soon.",)},
        sends=0,
    ),
    row(
        "refused for now, and nothing after it",
        AwaitingCsr(
            progress=progress(
                goal=3, csr_rounds=1, warnings=("A certificate request was refused for now: too soon.",)
            )
        ),
        DeadlinePassed(),
        Failed,
        reason="refused for now: too soon",
    ),
    row(
        "a lost link counts once",
        delivering(tries=1, away=True),
        LinkLost(),
        DeliveringCertificate,
        shows={"tries": 1},
    ),
    row(
        "a refused newer request does no harm",
        delivering(),
        SigningRefused(("CN is X",)),
        DeliveringCertificate,
        sends=0,
    ),
    row(
        "organization set",
        SettingOrganization(progress=progress(goal=3)),
        set_to(ORGANIZATION, "Accepted"),
        Triggering,
        shows={"warnings": ()},
    ),
    row(
        "organization after a reboot",
        SettingOrganization(progress=progress(goal=3)),
        set_to(ORGANIZATION, "RebootRequired"),
        Triggering,
        shows={"warnings": ("OrganizationName takes effect only after a reboot.",)},
    ),
    row(
        "organization unknown, not settable",
        SettingOrganization(progress=progress(goal=3)),
        set_to(ORGANIZATION, "UnknownVariable"),
        Triggering,
    ),
    row(
        "organization unknown, CALLERROR",
        SettingOrganization(progress=progress(goal=3)),
        CallRefused("InternalError"),
        Triggering,
    ),
    row(
        "wrong organization, not settable",
        SettingOrganization(progress=progress(goal=3, facts=facts(organization="Other"))),
        set_to(ORGANIZATION, "Rejected"),
        Failed,
        reason='has OrganizationName "Other"',
    ),
    row(
        "an answer about something else",
        SettingOrganization(progress=progress(goal=3, facts=facts(organization="Other"))),
        set_to(PRIORITY, "Accepted"),
        Failed,
        reason="NoResult",
    ),
    row(
        "trigger accepted",
        Triggering(progress=progress(goal=3)),
        accepted(TriggerMessageResponse),
        AwaitingCsr,
    ),
    row(
        "trigger refused",
        Triggering(progress=progress(goal=3)),
        refused(TriggerMessageResponse),
        Failed,
        reason="sends no certificate request",
    ),
    row(
        "trigger not implemented",
        Triggering(progress=progress(goal=3)),
        refused(TriggerMessageResponse, "NotImplemented"),
        Failed,
        reason="NotImplemented",
    ),
    row(
        "request before the answer",
        Triggering(progress=progress(goal=3)),
        CsrReceived("r"),
        Triggering,
        shows={"csr": "r"},
        sends=0,
    ),
    row(
        "answer after the request",
        Triggering(progress=progress(goal=3), csr="r"),
        refused(TriggerMessageResponse),
        Signing,
        shows={"csr": "r"},
    ),
    row("no answer, but a request", Triggering(progress=progress(goal=3), csr="r"), CallTimedOut(), Signing),
    row(
        "CALLERROR, but a request",
        Triggering(progress=progress(goal=3), csr="r"),
        CallRefused("NotSupported"),
        Signing,
    ),
    row("the request", AwaitingCsr(progress=progress(goal=3)), CsrReceived("r"), Signing, shows={"csr": "r"}),
    row(
        "no request: asks again",
        AwaitingCsr(progress=progress(goal=3)),
        DeadlinePassed(),
        Triggering,
        shows={"csr_rounds": 1},
    ),
    row(
        "no request again",
        AwaitingCsr(progress=progress(goal=3, csr_rounds=1)),
        DeadlinePassed(),
        Failed,
        reason="never came, 2 times within 3 minutes",
    ),
    row(
        "signed",
        Signing(progress=progress(goal=3), csr="r"),
        Signed("chain", "f"),
        DeliveringCertificate,
        shows={"chain": "chain", "fingerprint": "f", "csr": "r", "repeated": False},
    ),
    row(
        "chain as long as allowed",
        Signing(progress=progress(goal=3, facts=facts(max_chain_size=5)), csr="r"),
        Signed("chain", "f"),
        DeliveringCertificate,
    ),
    row(
        "chain too long",
        Signing(progress=progress(goal=3, facts=facts(max_chain_size=4)), csr="r"),
        Signed("chain", "f"),
        Failed,
        reason="takes at most 4",
    ),
    row(
        "request refused",
        Signing(progress=progress(goal=3), csr="r"),
        SigningRefused(("CN is X", "key too short")),
        Failed,
        reason="CN is X; key too short",
    ),
    row(
        "a newer request meanwhile",
        Signing(progress=progress(goal=3), csr="r"),
        CsrReceived("r2"),
        Signing,
        shows={"csr": "r", "newer": "r2"},
        sends=0,
    ),
    row(
        "the same request meanwhile",
        Signing(progress=progress(goal=3), csr="r"),
        CsrReceived("r"),
        Signing,
        shows={"newer": ""},
    ),
    row(
        "our CA is silent",
        Signing(progress=progress(goal=3), csr="r"),
        DeadlinePassed(),
        Failed,
        reason="The certificate authority did not sign within",
    ),
    row("certificate taken", delivering(), accepted(CertificateSignedResponse), WritingProfile),
    row(
        "certificate refused: asks again",
        delivering(),
        refused(CertificateSignedResponse),
        Triggering,
        shows={"csr_rounds": 1},
    ),
    row(
        "certificate refused, newer request",
        delivering(newer="r2"),
        refused(CertificateSignedResponse),
        Signing,
        shows={"csr": "r2", "csr_rounds": 1},
    ),
    row(
        "certificate refused for good",
        delivering(progress=progress(goal=3, csr_rounds=2)),
        refused(CertificateSignedResponse, code="InvalidCertificate"),
        Failed,
        reason="Rejected (InvalidCertificate)",
    ),
    row(
        "newer requests end too",
        delivering(progress=progress(goal=3, csr_rounds=2), newer="r2"),
        refused(CertificateSignedResponse),
        Failed,
    ),
    row(
        "refused when repeated is no proof",
        delivering(progress=progress(goal=3, csr_rounds=2), repeated=True),
        refused(CertificateSignedResponse),
        WritingProfile,
    ),
    row(
        "a newer request at delivery",
        delivering(),
        CsrReceived("r2"),
        DeliveringCertificate,
        shows={"newer": "r2"},
        sends=0,
    ),
    row(
        "the same request at delivery",
        delivering(),
        CsrReceived("r1"),
        DeliveringCertificate,
        shows={"newer": ""},
    ),
    row(
        "delivery without answer",
        delivering(),
        CallTimedOut(),
        DeliveringCertificate,
        shows={"tries": 1, "repeated": True},
        sends=1,
    ),
    row(
        "never an answer: goes on",
        delivering(tries=2),
        CallTimedOut(),
        WritingProfile,
        shows={"warnings": ("CertificateSigned was never answered.",)},
    ),
    row(
        "a lost link counts as a try",
        delivering(),
        LinkLost(),
        DeliveringCertificate,
        shows={"tries": 1},
        sends=0,
    ),
    row(
        "CertificateSigned not known",
        delivering(),
        CallRefused("NotImplemented"),
        Failed,
        reason="CertificateSigned with CALLERROR",
    ),
]

PROFILE = [
    row(
        "profile taken",
        writing(),
        accepted(SetNetworkProfileResponse),
        Arming,
        shows={"slot": 2, "lists": ((2, 1),)},
    ),
    row(
        "no such slot",
        writing(slots=(2, 3), interfaces=(WIRELESS,)),
        refused(SetNetworkProfileResponse, code="InvalidConfSlot"),
        WritingProfile,
        shows={"slots": (3,), "interfaces": plan().interfaces},
    ),
    row(
        "no such slot, the last",
        writing(interfaces=(WIRED, WIRELESS)),
        refused(SetNetworkProfileResponse, code="InvalidConfSlot"),
        Failed,
        reason="No other slot",
    ),
    row(
        "wrong configuration: next interface",
        writing(slots=(2, 3), interfaces=(WIRED, WIRELESS)),
        refused(SetNetworkProfileResponse, code="InvalidNetworkConf"),
        WritingProfile,
        shows={"slots": (2, 3), "interfaces": (WIRELESS,)},
    ),
    row(
        "wrong configuration, last interface",
        writing(slots=(2, 3)),
        refused(SetNetworkProfileResponse, code="InvalidNetworkConf"),
        Failed,
        reason="InvalidNetworkConf",
    ),
    row(
        "no reason: next interface",
        writing(slots=(2, 3), interfaces=(WIRED, WIRELESS)),
        refused(SetNetworkProfileResponse),
        WritingProfile,
        shows={"slots": (2, 3), "interfaces": (WIRELESS,)},
    ),
    row(
        "no reason, last interface: next slot",
        writing(slots=(2, 3)),
        refused(SetNetworkProfileResponse),
        WritingProfile,
        shows={"slots": (3,), "interfaces": plan().interfaces},
    ),
    row(
        "a step down",
        writing(slots=(2, 3), interfaces=(WIRED, WIRELESS)),
        refused(SetNetworkProfileResponse, code="NoSecurityDowngrade"),
        Failed,
        reason="step down",
    ),
    row(
        "slot in the priority list",
        writing(),
        refused(SetNetworkProfileResponse, code="PriorityNetworkConf"),
        FreeingSlot,
        shows={"slot": 2, "active": 1},
    ),
    row(
        "slot in use, of 2.1 ed. 2",
        writing(),
        refused(SetNetworkProfileResponse, code="ActiveNetworkConf"),
        FreeingSlot,
    ),
    row(
        "slot freed in vain",
        writing(freed=True),
        refused(SetNetworkProfileResponse, code="PriorityNetworkConf"),
        Failed,
    ),
    row(
        "slot freed in vain, another left",
        writing(slots=(2, 3), interfaces=(WIRED, WIRELESS), freed=True),
        refused(SetNetworkProfileResponse, code="PriorityNetworkConf"),
        WritingProfile,
        shows={"slots": (3,)},
    ),
    row(
        "slot in the list, active one unknown",
        writing(progress=progress(facts=Facts())),
        refused(SetNetworkProfileResponse, code="PriorityNetworkConf"),
        Failed,
    ),
    row(
        "storing failed: again",
        writing(),
        refused(SetNetworkProfileResponse, "Failed"),
        WritingProfile,
        shows={"tries": 1},
        sends=1,
    ),
    row(
        "storing failed for good",
        writing(tries=2),
        refused(SetNetworkProfileResponse, "Failed"),
        Failed,
        reason="could not store",
    ),
    row(
        "CALLERROR about this slot",
        writing(slots=(2, 3)),
        CallRefused("PropertyConstraintViolation"),
        WritingProfile,
        shows={"slots": (3,)},
    ),
    row(
        "SetNetworkProfile not known",
        writing(slots=(2, 3)),
        CallRefused("NotImplemented"),
        Failed,
        reason="SetNetworkProfile with CALLERROR",
    ),
    row(
        "SetNetworkProfile not supported",
        writing(slots=(2, 3)),
        CallRefused("NotSupported"),
        Failed,
        reason="SetNetworkProfile with CALLERROR",
    ),
    row(
        "slot freed",
        FreeingSlot(progress=progress(), slot=2, interfaces=(WIRED,), active=1),
        set_to(PRIORITY, "Accepted"),
        WritingProfile,
        shows={"slots": (2,), "freed": True, "interfaces": (WIRED,)},
    ),
    row(
        "slot freed, reboot required",
        FreeingSlot(progress=progress(), slot=2, interfaces=(WIRED,), active=1),
        set_to(PRIORITY, "RebootRequired"),
        WritingProfile,
    ),
    row(
        "slot not freed",
        FreeingSlot(progress=progress(), slot=2, interfaces=(WIRED,), active=1),
        set_to(PRIORITY, "Rejected"),
        Failed,
        reason='set to "1"',
    ),
    row(
        "armed",
        Arming(progress=progress(), slot=2, lists=((2, 1),)),
        set_to(PRIORITY, "Accepted"),
        Resetting,
        shows={"armable": True},
    ),
    row(
        "armed, reboot required",
        Arming(progress=progress(), slot=2, lists=((2, 1),)),
        set_to(PRIORITY, "RebootRequired"),
        Resetting,
    ),
    row(
        "priority refused: once more for the slots",
        Arming(progress=progress(goal=3), slot=2, lists=((2, 1),)),
        set_to(PRIORITY, "Rejected"),
        AskingVariables,
        shows={"refused": (2, 1)},
        sends=1,
    ),
    row(
        "priority refused again",
        Arming(progress=progress(goal=3, asked_again=True), slot=2, lists=((2, 1),)),
        set_to(PRIORITY, "Rejected"),
        Failed,
        reason="A05.FR.03",
    ),
    row(
        "priority refused, another guess",
        Arming(progress=progress(), slot=2, lists=((2, 1), (2, 0))),
        set_to(PRIORITY, "Rejected"),
        Arming,
        shows={"lists": ((2, 0),)},
        sends=1,
    ),
    *(
        row(
            f"no such variable: {status}",
            Arming(progress=progress(), slot=2, lists=((2, 1), (2, 0))),
            set_to(PRIORITY, status),
            Resetting,
            shows={"armable": False},
        )
        for status in ("UnknownVariable", "UnknownComponent", "NotSupportedAttributeType")
    ),
]

RESTART = [
    row(
        "reset accepted",
        Resetting(progress=progress(slot=2)),
        accepted(ResetResponse),
        AwaitingBoot,
        shows={"connected": True, "answered": True, "scheduled": False, "left": False},
    ),
    row(
        "reset scheduled",
        Resetting(progress=progress(slot=2)),
        refused(ResetResponse, "Scheduled"),
        AwaitingBoot,
        shows={"scheduled": True, "answered": True},
    ),
    row(
        "reset refused",
        Resetting(progress=progress(slot=2)),
        refused(ResetResponse),
        AwaitingReset,
        shows={"reset_refusals": 1},
    ),
    row(
        "reset refused for good",
        Resetting(progress=progress(slot=2, reset_refusals=2)),
        refused(ResetResponse, code="FwUpdateInProgress"),
        Failed,
        reason="3 times: Rejected (FwUpdateInProgress)",
    ),
    row(
        "reset without answer",
        Resetting(progress=progress(slot=2)),
        CallTimedOut(),
        AwaitingBoot,
        shows={"connected": True, "answered": False},
    ),
    row(
        "reset and gone",
        Resetting(progress=progress(slot=2)),
        LinkLost(),
        AwaitingBoot,
        shows={"connected": False, "answered": False, "left": True},
    ),
    row("the pause is over", AwaitingReset(progress=progress(slot=2)), DeadlinePassed(), Resetting),
    row(
        "booted on the old profile in the pause",
        AwaitingReset(progress=progress(slot=2)),
        StationBooted(1),
        Arming,
        shows={"rounds": 1},
    ),
    row(
        "booted on the old profile",
        waiting(),
        StationBooted(1),
        Arming,
        shows={"rounds": 1, "lists": ((2, 1),)},
    ),
    row("booted on the old profile again", waiting(rounds=1), StationBooted(1), Arming, shows={"rounds": 2}),
    row(
        "booted on the old profile for good",
        waiting(rounds=2),
        StationBooted(1),
        Failed,
        reason="The switch was made 3 times.",
    ),
    row(
        "no list to arm again",
        waiting(progress=progress(slot=2, armable=False)),
        StationBooted(1),
        Failed,
        reason="booted on profile 1 again",
    ),
    row(
        "came back without a slot of ours",
        waiting(slot=None),
        StationBooted(1),
        AskingVariables,
        shows={"rounds": 1},
    ),
    row(
        "back on the old profile",
        waiting(),
        StationConnected(1),
        AwaitingBoot,
        shows={"connected": True},
        sends=0,
    ),
    row(
        "back, and the Reset was never answered", waiting(answered=False), StationConnected(1), AwaitingReset
    ),
    row(
        "replaced connection, Reset not answered",
        waiting(answered=False, left=False, connected=True),
        StationConnected(1),
        AwaitingBoot,
    ),
    row(
        "gone",
        waiting(connected=True, left=False),
        LinkLost(),
        AwaitingBoot,
        shows={"connected": False, "left": True},
    ),
    row(
        "connected on the new profile",
        waiting(),
        StationConnected(2),
        Arrived,
        shows={"arrivals": 1},
        sends=0,
    ),
    row(
        "connected there too often without boot",
        waiting(progress=progress(slot=2, arrivals=3)),
        StationConnected(2),
        AwaitingBoot,
    ),
    row(
        "not back in time",
        waiting(),
        DeadlinePassed(),
        Failed,
        reason="has not come back within 10.5 minutes",
    ),
    row("back, but no boot in time", waiting(connected=True), DeadlinePassed(), Arming),
    row(
        "no restart in time",
        waiting(connected=True, left=False, rounds=2),
        DeadlinePassed(),
        Failed,
        reason="did not restart",
    ),
    row(
        "no boot in time for good",
        waiting(connected=True, rounds=2),
        DeadlinePassed(),
        Failed,
        reason="back on its old profile",
    ),
    row(
        "dropped before its boot",
        Arrived(progress=progress(slot=2)),
        LinkLost(),
        AwaitingBoot,
        shows={"connected": False, "left": True, "answered": True},
    ),
    row(
        "old profile after the new one",
        Arrived(progress=progress(slot=2)),
        StationConnected(1),
        AwaitingBoot,
        shows={"connected": True},
    ),
    row(
        "booted on the old one after the new one",
        Arrived(progress=progress(slot=2)),
        StationBooted(1),
        Arming,
    ),
    row(
        "a second connection there",
        Arrived(progress=progress(slot=2)),
        StationConnected(2),
        Arrived,
        shows={"arrivals": 0},
    ),
    row("no boot by itself", Arrived(progress=progress(slot=2)), DeadlinePassed(), AskingForBoot, sends=1),
    row(
        "no boot when asked",
        Arrived(progress=progress(slot=2), asked=True),
        DeadlinePassed(),
        Resetting,
        shows={"boot_resets": 1, "on_goal": True},
    ),
    row(
        "no restart, and it is where it should be",
        waiting(progress=progress(slot=2, boot_resets=1, on_goal=True), connected=True, left=False),
        DeadlinePassed(),
        Resetting,
        shows={"boot_resets": 2},
    ),
    row(
        "never a restart, where it should be",
        waiting(progress=progress(slot=2, boot_resets=2, on_goal=True), connected=True, left=False),
        DeadlinePassed(),
        Failed,
        reason="never sent the BootNotification",
    ),
    row(
        "back on the old one after a Reset on the new one",
        waiting(progress=progress(slot=2, boot_resets=1, on_goal=True), connected=True),
        DeadlinePassed(),
        Arming,
        shows={"on_goal": False},
    ),
    row(
        "no boot whatever is done",
        Arrived(progress=progress(slot=2, boot_resets=2), asked=True),
        DeadlinePassed(),
        Failed,
        reason="never sent the BootNotification",
    ),
    row(
        "will boot",
        AskingForBoot(progress=progress(slot=2)),
        accepted(TriggerMessageResponse),
        Arrived,
        shows={"asked": True},
    ),
    row(
        "will not boot", AskingForBoot(progress=progress(slot=2)), refused(TriggerMessageResponse), Resetting
    ),
    row(
        "asking is not supported",
        AskingForBoot(progress=progress(slot=2)),
        CallRefused("NotImplemented"),
        Resetting,
    ),
    row("asking is not answered", AskingForBoot(progress=progress(slot=2)), CallTimedOut(), Resetting),
    row("gone while asked", AskingForBoot(progress=progress(slot=2)), LinkLost(), AwaitingBoot),
    row(
        "booted on the old one while asked",
        AskingForBoot(progress=progress(slot=2)),
        StationBooted(1),
        Arming,
    ),
]

IN_EVERY_STEP = [
    row("a timer of an earlier step", waiting(), DeadlinePassed(7), AwaitingBoot, sends=0),
    row("the timer of this step", waiting(), DeadlinePassed(0), Failed, reason="has not come back"),
    row(
        "booted on the leg's profile",
        waiting(),
        StationBooted(2),
        AskingVariables,
        shows={"profile": 2, "goal": 3, "rounds": 0},
    ),
    row("booted on the target", waiting(), StationBooted(3), Done, shows={"profile": 3, "slot": 2}),
    row(
        "booted there while something else was asked",
        InstallingRoot(progress=progress(target=2)),
        StationBooted(2),
        Done,
    ),
    row(
        "connected there while something else was asked",
        InstallingRoot(progress=progress()),
        StationConnected(2),
        Arrived,
    ),
    row(
        "connected on the old one",
        InstallingRoot(progress=progress()),
        StationConnected(1),
        InstallingRoot,
        sends=0,
    ),
    row(
        "booted on the old one",
        InstallingRoot(progress=progress()),
        StationBooted(1),
        InstallingRoot,
        sends=0,
    ),
    row("link lost", InstallingRoot(progress=progress()), LinkLost(), InstallingRoot, sends=0),
    row(
        "no answer: again",
        InstallingRoot(progress=progress(), tries=1),
        CallTimedOut(),
        InstallingRoot,
        shows={"tries": 2},
        sends=1,
    ),
    row(
        "no answer for good",
        InstallingRoot(progress=progress(), tries=2),
        CallTimedOut(),
        Failed,
        reason="did not answer InstallCertificate, sent 3 times",
    ),
    row(
        "an error that may pass",
        InstallingRoot(progress=progress(), tries=1),
        CallRefused("InternalError"),
        InstallingRoot,
        shows={"tries": 2},
        sends=1,
    ),
    row(
        "a boot whose acceptance it has not read yet",
        AskingVariables(progress=progress(), left=(("A.B", "C.D"),)),
        CallRefused("SecurityError"),
        AskingVariables,
        shows={"tries": 1, "left": (("A.B", "C.D"),)},
        sends=1,
    ),
    row(
        "refused for security for good",
        AskingVariables(progress=progress(), left=(("A.B", "C.D"),), tries=2),
        CallRefused("SecurityError"),
        AskingVariables,
        shows={"left": (("A.B",), ("C.D",))},
        sends=1,
    ),
    row(
        "an error that did not pass",
        InstallingRoot(progress=progress(), tries=2),
        CallRefused("InternalError"),
        Failed,
        reason="InternalError",
    ),
    row(
        "away too long",
        InstallingRoot(progress=progress()),
        DeadlinePassed(),
        Failed,
        reason="within 60 minutes",
    ),
    row(
        "another message's answer",
        InstallingRoot(progress=progress()),
        accepted(ResetResponse),
        InstallingRoot,
        sends=0,
    ),
    row(
        "a request nobody asked for",
        InstallingRoot(progress=progress()),
        CsrReceived("r"),
        InstallingRoot,
        sends=0,
    ),
    row(
        "a signature nobody asked for",
        delivering(),
        Signed("c2", "f2"),
        DeliveringCertificate,
        shows={"chain": "c"},
        sends=0,
    ),
    row(
        "seen at a door",
        waiting(),
        HandshakeSeen("unknown ca"),
        AwaitingBoot,
        shows={"seen": ("unknown ca",)},
        sends=0,
    ),
    row(
        "seen at a door again",
        waiting(progress=progress(slot=2, seen=("a", "b"))),
        HandshakeSeen("a"),
        AwaitingBoot,
        shows={"seen": ("a", "b")},
    ),
    row(
        "only the last are kept",
        waiting(progress=progress(slot=2, seen=tuple("abcde"))),
        HandshakeSeen("f"),
        AwaitingBoot,
        shows={"seen": tuple("bcdef")},
    ),
    row(
        "seen before the new slot was written",
        InstallingRoot(progress=progress()),
        HandshakeSeen("unknown ca"),
        InstallingRoot,
        shows={"seen": ()},
    ),
    row(
        "the door's words are in the reason",
        waiting(progress=progress(slot=2, seen=("unknown ca",), rounds=2)),
        StationBooted(1),
        Failed,
        reason="Meanwhile at the doors: unknown ca.",
    ),
    row(
        "warnings are in the reason",
        waiting(progress=progress(slot=2, warnings=("root not listed.",), rounds=2)),
        StationBooted(1),
        Failed,
        reason="Before that: root not listed.",
    ),
]


@pytest.mark.parametrize("row", [*PREFLIGHT, *TRUST, *CERTIFICATE, *PROFILE, *RESTART, *IN_EVERY_STEP])
def test_decision(row: Row) -> None:
    """A state and an event have one outcome."""
    after, effects = decide(row.state, row.event)
    assert type(after) is row.kind, after
    if isinstance(after, Failed):
        assert row.reason in after.reason
    for name, value in (row.shows or {}).items():
        holder = after if hasattr(after, name) else after.progress
        assert getattr(holder, name) == value, name
    if row.sends is not None:
        assert sum(isinstance(effect, Send) for effect in effects) == row.sends


def test_a_leg_ends_with_the_floor_raised_first() -> None:
    """The floor is raised before the next leg asks its first question."""
    _, effects = decide(waiting(), StationBooted(2))
    assert effects[0] == RaiseFloor(2)
    assert isinstance(effects[-1], Send)


def test_no_free_slot_among_those_we_would_try() -> None:
    """Where the station lists no slots, the reason names the ones that were thought of."""
    given = progress(facts=Facts(active_slot=1))
    given = replace(given, plan=plan(slots=(1,)))
    after, _ = decide(AskingForRoots(progress=given), root_listed())
    assert "lists 1 and uses 1" in after.reason


def test_a_warning_is_told_once() -> None:
    """A step that is repeated leaves its warning only once."""
    known = "CertificateSigned was never answered."
    before = delivering(progress=progress(goal=3, warnings=(known,)), tries=2)
    after, _ = decide(before, CallTimedOut())
    assert after.progress.warnings == (known,)


@pytest.mark.parametrize(
    ("rounds", "seen", "there", "absent"),
    [
        pytest.param(2, (), "No door saw the station try", "Meanwhile", id="nothing seen"),
        pytest.param(
            2, ("unknown ca",), "Meanwhile at the doors: unknown ca.", "No door saw", id="something seen"
        ),
        pytest.param(0, (), "has not come back", "The switch was made", id="made once"),
        pytest.param(1, (), "The switch was made 2 times.", "3 times", id="made twice"),
    ],
)
def test_a_switch_that_failed_is_told_in_full(
    rounds: int, seen: tuple[str, ...], there: str, absent: str
) -> None:
    """The reason says how often the switch was made and what the doors saw meanwhile."""
    before = waiting(progress=progress(slot=2, rounds=rounds, seen=seen))
    after, _ = decide(before, DeadlinePassed())
    assert there in after.reason
    assert absent not in after.reason


def test_the_next_leg_knows_the_slot_the_station_switched_to() -> None:
    """A silent station's active slot is the one this upgrade activated; other facts are asked anew."""
    before = waiting(progress=progress(slot=2, facts=facts(root_listed=True), seen=("x",), warnings=("y",)))
    after, _ = decide(before, StationBooted(2))
    assert after.progress.plan.active_slot == 2
    assert after.progress.facts == Facts(slots=(1, 2), root_listed=True)
    assert (after.progress.slot, after.progress.seen, after.progress.warnings) == (None, (), ())


@pytest.mark.parametrize(
    ("state", "profile", "kind", "sends", "signs"),
    [
        pytest.param(
            InstallingRoot(progress=progress()), None, InstallingRoot, 0, 0, id="nobody there to send to"
        ),
        pytest.param(InstallingRoot(progress=progress()), 1, InstallingRoot, 1, 0, id="sent again"),
        pytest.param(InstallingRoot(progress=progress()), 2, Arrived, 0, 0, id="there on the new profile"),
        pytest.param(
            AwaitingReport(progress=progress()), 1, AskingForReport, 1, 0, id="asks for the report again"
        ),
        pytest.param(
            AwaitingReport(progress=progress()), None, AwaitingReport, 0, 0, id="report, nobody there"
        ),
        pytest.param(AwaitingCsr(progress=progress(3)), 2, Triggering, 1, 0, id="asks for the request again"),
        pytest.param(
            Signing(progress=progress(3), csr="r"), None, Signing, 0, 1, id="signing needs no station"
        ),
        pytest.param(Signing(progress=progress(3), csr="r"), 2, Signing, 0, 1, id="signs again"),
        pytest.param(delivering(), 2, DeliveringCertificate, 1, 0, id="delivers again"),
        pytest.param(delivering(tries=3), 2, WritingProfile, 1, 0, id="delivered often enough"),
        pytest.param(Resetting(progress=progress(slot=2)), None, Resetting, 0, 0, id="Reset waits"),
        pytest.param(Resetting(progress=progress(slot=2)), 1, Resetting, 1, 0, id="Reset again"),
        pytest.param(
            AwaitingReset(progress=progress(slot=2)), 1, AwaitingReset, 0, 0, id="the pause goes on"
        ),
        pytest.param(waiting(), 1, AwaitingBoot, 0, 0, id="back on the old profile"),
        pytest.param(waiting(answered=False), 1, AwaitingReset, 0, 0, id="back without having answered"),
        pytest.param(waiting(), 2, Arrived, 0, 0, id="arrived"),
        pytest.param(waiting(connected=True), None, AwaitingBoot, 0, 0, id="gone with the process"),
        pytest.param(Arrived(progress=progress(slot=2)), None, AwaitingBoot, 0, 0, id="arrived and gone"),
        pytest.param(Arrived(progress=progress(slot=2)), 2, Arrived, 0, 0, id="still there"),
        pytest.param(Arrived(progress=progress(slot=2)), 1, AwaitingBoot, 0, 0, id="fell back"),
        pytest.param(
            AskingForBoot(progress=progress(slot=2)), 2, AskingForBoot, 1, 0, id="asks for the boot again"
        ),
        pytest.param(
            AskingForBoot(progress=progress(slot=2)), 1, AwaitingBoot, 0, 0, id="fell back while asked"
        ),
        pytest.param(
            AskingForBoot(progress=progress(slot=2)), None, AwaitingBoot, 0, 0, id="asked, nobody there"
        ),
        pytest.param(Done(profile=3), 3, Done, 0, 0, id="done"),
        pytest.param(Failed(reason="r", step="s"), 1, Failed, 0, 0, id="failed"),
    ],
)
def test_resume(state: State, profile: int | None, kind: type, sends: int, signs: int) -> None:
    """A stored state carries on where it stood, with whoever is there."""
    after, effects = resume(state, profile)
    assert type(after) is kind
    assert sum(isinstance(effect, Send) for effect in effects) == sends
    assert sum(isinstance(effect, Sign) for effect in effects) == signs


def test_a_repeated_delivery_is_marked() -> None:
    """After a reconnect nobody knows whether the first CertificateSigned was taken."""
    after, _ = resume(delivering(away=True), 2)
    assert (after.repeated, after.away) == (True, False)


def test_resuming_forgets_a_connection_that_is_gone() -> None:
    """After a restart the station is away until it comes."""
    after, _ = resume(waiting(connected=True, left=False), None)
    assert (after.connected, after.left) == (False, True)


DEADLINES = Deadlines(step=1, report=2, csr=3, signing=4, boot=500, scheduled=6000, reset_pause=7, arrival=8)


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        pytest.param(InstallingRoot, {}, 1, id="a CALL"),
        pytest.param(AwaitingReport, {}, 2, id="report"),
        pytest.param(AwaitingCsr, {}, 3, id="csr"),
        pytest.param(Signing, {"csr": "r"}, 4, id="signing"),
        pytest.param(AwaitingBoot, {"connected": False, "answered": True}, 530, id="boot: one attempt"),
        pytest.param(
            AwaitingBoot, {"connected": False, "answered": True, "scheduled": True}, 6030, id="scheduled"
        ),
        pytest.param(AwaitingReset, {}, 7, id="pause"),
        pytest.param(Arrived, {}, 8, id="arrival"),
    ],
)
def test_deadlines(kind: type[OpenState], more: dict[str, Any], expected: float) -> None:
    """Every step has the deadline the plan gives it."""
    given = progress()
    given = given.__class__(plan=plan(deadlines=DEADLINES), profile=1, goal=2)
    assert deadline_of(kind(progress=given, **more)) == expected


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [(None, 630), (0, 630), (3, 690), (20, 1200), (1_000_000, 1200)],
    ids=str,
)
def test_connection_attempts_lengthen_the_wait(attempts: int | None, expected: float) -> None:
    """B10.FR.03: each attempt may take a time-out; nobody makes us wait for ever."""
    assert (
        deadline_of(waiting(progress=progress(slot=2, facts=facts(connection_attempts=attempts)))) == expected
    )


def test_same_step() -> None:
    """A deadline starts with a new step only: not with evidence, a lost link or a repetition."""
    before = waiting()
    assert same_step(before, decide(before, HandshakeSeen("x"))[0])
    assert same_step(before, decide(before, StationConnected(1))[0])
    sent = InstallingRoot(progress=progress())
    assert same_step(sent, decide(sent, CallTimedOut())[0])
    assert same_step(sent, resume(sent, 1)[0])
    assert not same_step(before, decide(before, StationBooted(1))[0])
    assert not same_step(before, decide(before, StationBooted(3))[0])


def test_wants_csr() -> None:
    """A03: a certificate request that comes unasked belongs to nobody here."""
    wanted = (
        Triggering(progress=progress(3)),
        AwaitingCsr(progress=progress(3)),
        Signing(progress=progress(3), csr="r"),
        delivering(),
    )
    assert all(map(wants_csr, wanted))
    assert not any(
        map(wants_csr, (writing(), waiting(), Done(profile=3), InstallingRoot(progress=progress(3))))
    )


@pytest.mark.parametrize("state", [Done(profile=2), Failed(reason="r", step="s")], ids=["done", "failed"])
@pytest.mark.parametrize(
    "event",
    [StationBooted(3), StationConnected(3), CallTimedOut(), DeadlinePassed(), HandshakeSeen("x"), LinkLost()],
    ids=lambda event: type(event).__name__,
)
def test_what_has_ended_stays_as_it_is(state: State, event: Event) -> None:
    """Nothing that comes late changes an end."""
    assert decide(state, event) == (state, ())
    assert not same_step(state, state)


@pytest.mark.parametrize(
    "event", [CallTimedOut(), CallRefused("NotSupported")], ids=lambda event: type(event).__name__
)
def test_no_call_is_under_way_while_waiting(event: Event) -> None:
    """What comes of a CALL nobody waits for changes nothing."""
    for state in (AwaitingCsr(progress=progress(3)), waiting(), Arrived(progress=progress(slot=2))):
        assert decide(state, event) == (state, ())


@pytest.mark.parametrize("code", ["SecurityError", "InternalError"])
def test_an_error_that_may_pass_has_time_to(code: str) -> None:
    """Three tries at once are one: before each further one there is a pause, and a longer one."""
    state: State = InstallingRoot(progress=progress())
    pauses = []
    while isinstance(state, InstallingRoot):
        state, effects = decide(state, CallRefused(code))
        pauses += [effect.after for effect in effects if isinstance(effect, Send)]
        assert len(pauses) < 5
    assert pauses == [2.0, 4.0]
    assert isinstance(state, Failed)
    _, effects = decide(InstallingRoot(progress=progress()), CallTimedOut())
    assert [effect.after for effect in effects if isinstance(effect, Send)] == [0.0]


def test_a_repetition_leaves_its_line() -> None:
    """The history tells that a CALL was sent again, and why."""
    _, effects = resume(InstallingRoot(progress=progress()), 1)
    assert effects[0] == Note(
        "profile 2: install the CSMS root (InstallCertificate)", "the station is back; sent again"
    )


def test_outcome() -> None:
    """Only an ended upgrade has one."""
    done, failed = Done(profile=2), Failed(reason="r", step="s")
    assert (outcome(done), outcome(failed), outcome(waiting())) == (done, failed, None)
    assert deadline_of(done) is None
    assert deadline_of(failed) is None
