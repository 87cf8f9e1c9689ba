"""What an upgrade finds out about a kind of station: vendor, model and firmware behave alike.

Noticed from what goes through the machine, beside it: no step knows of it.  It orders what the next of the kind is
asked first (slot, interface) and is shown to people before they begin.  It never skips a question or a check, so
knowledge that is wrong costs a try.
"""

import msgspec
from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    GetReportResponse,
    GetVariablesResponse,
    GetVariableStatus,
    InstallCertificateResponse,
    InstallCertificateStatus,
    OCPPInterface,
    ResetResponse,
    ResetStatus,
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    SetVariablesResponse,
    SetVariableStatus,
    StatusInfo,
    TriggerMessageResponse,
)
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CsrReceived,
    DeadlinePassed,
    Event,
    ReportReceived,
)
from ocppsec.upgrades.facts import set_result, with_report
from ocppsec.upgrades.plan import INTERFACES, Plan
from ocppsec.upgrades.requests import PRIORITY
from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingForReport,
    AskingVariables,
    AwaitingCsr,
    AwaitingReport,
    Facts,
    InstallingRoot,
    Resetting,
    State,
    Triggering,
    WritingProfile,
)

_MOST_QUIRKS = 12
_MOST_SLOTS = 4
_QUIRK_LENGTH = 120


class KindFacts(msgspec.Struct, frozen=True, kw_only=True):
    slots: tuple[int, ...] | None = None
    """valuesList of NetworkConfigurationPriority."""
    took_slots: tuple[int, ...] = ()
    """Those that took a new profile, the latest first."""
    interface: OCPPInterface | None = None
    """With which it took it."""
    csr_seconds: float | None = None
    """From the TriggerMessage answer to SignCertificate; the longest seen."""
    quirks: tuple[str, ...] = ()
    """In words, each once."""


NOTHING = KindFacts()


class Noticing(msgspec.Struct, frozen=True, kw_only=True):
    """What one upgrade has found out so far."""

    facts: KindFacts = NOTHING
    triggered_at: float | None = None


NOTICED_NOTHING = Noticing()


def notice(so_far: Noticing, before: State, event: Event, at: float) -> Noticing:
    """*event* came when the upgrade stood at *before*.  *at*: seconds, monotonic."""
    facts = so_far.facts
    match before, event:
        case AwaitingCsr(), CsrReceived() if so_far.triggered_at is not None:
            seconds = round(at - so_far.triggered_at, 1)
            return Noticing(facts=replace(facts, csr_seconds=max(seconds, facts.csr_seconds or 0.0)))
        case Triggering(), Answered(TriggerMessageResponse()):
            return replace(so_far, triggered_at=at)
        case AskingForReport() | AwaitingReport(), ReportReceived(report):
            slots = with_report(Facts(), report).slots
            return so_far if slots is None else replace(so_far, facts=replace(facts, slots=slots))
        case WritingProfile(), Answered(SetNetworkProfileResponse(status=SetNetworkProfileStatus.ACCEPTED)):
            took = tuple(dict.fromkeys((before.slots[0], *facts.took_slots)))[:_MOST_SLOTS]
            return replace(so_far, facts=replace(facts, took_slots=took, interface=before.interfaces[0]))
    quirk = _quirk(before, event)
    return so_far if quirk is None else replace(so_far, facts=_with_quirk(facts, quirk))


def _quirk(before: State, event: Event) -> str | None:
    match before, event:
        case AskingVariables(), CallRefused(code=code) if len(before.left[0]) > 1:
            return f"takes one variable in GetVariables (CALLERROR {code} for more)"
        case AskingVariables(), Answered(GetVariablesResponse() as response):
            return _unknown_priority(response)
        case AskingForReport(), CallRefused(code=code):
            return f"has no GetReport (CALLERROR {code})"
        case AskingForReport(), Answered(GetReportResponse(status=status)) if status != "Accepted":
            return f"has no report of its slots (GetReport {status})"
        case AwaitingReport(), DeadlinePassed():
            return "accepts GetReport and sends no NotifyReport"
        case InstallingRoot(), Answered(InstallCertificateResponse(status=status, status_info=info)):
            refused = status != InstallCertificateStatus.ACCEPTED
            on = f" on profile {before.progress.profile}"
            return f"refuses the CSMS root{on}{_code(info)}" if refused else None
        case WritingProfile(), Answered(SetNetworkProfileResponse(status=status, status_info=info)):
            return f"refuses {before.interfaces[0]} in slot {before.slots[0]}{_code(info)}"
        case Arming(), Answered(SetVariablesResponse() as response):
            return _priority_quirk(set_result(response, PRIORITY).attribute_status)
        case Resetting(), Answered(ResetResponse(status=ResetStatus.REJECTED, status_info=info)):
            return f"rejects Reset OnIdle at times{_code(info)}"
        case Arrived(asked=False), DeadlinePassed():
            return "sends no BootNotification by itself on a new profile"
    return None


def _unknown_priority(response: GetVariablesResponse) -> str | None:
    unknown = (GetVariableStatus.UNKNOWN_COMPONENT, GetVariableStatus.UNKNOWN_VARIABLE)
    for result in response.get_variable_result:
        name = f"{result.component.name}.{result.variable.name}"
        if name.casefold() == PRIORITY.casefold() and result.attribute_status in unknown:
            return _priority_quirk(result.attribute_status)
    return None


def _priority_quirk(status: str) -> str | None:
    match status:
        case SetVariableStatus.ACCEPTED:
            return None
        case SetVariableStatus.REBOOT_REQUIRED:
            return "answers NetworkConfigurationPriority with RebootRequired"
        case SetVariableStatus.REJECTED:
            return "rejects a priority list at times"
        case _:
            return f"does not know NetworkConfigurationPriority ({status})"


def _code(info: StatusInfo | None) -> str:
    return f" ({info.reason_code})" if info is not None and info.reason_code.isprintable() else ""


def _with_quirk(facts: KindFacts, quirk: str) -> KindFacts:
    quirk = quirk[:_QUIRK_LENGTH]
    if quirk in facts.quirks or len(facts.quirks) >= _MOST_QUIRKS:
        return facts
    return replace(facts, quirks=(*facts.quirks, quirk))


def merged(known: KindFacts, new: KindFacts) -> KindFacts:
    """*new* counts where the two differ; what it did not see stays."""
    facts = KindFacts(
        slots=new.slots or known.slots,
        took_slots=tuple(dict.fromkeys((*new.took_slots, *known.took_slots)))[:_MOST_SLOTS],
        interface=new.interface or known.interface,
        csr_seconds=max(
            (each for each in (new.csr_seconds, known.csr_seconds) if each is not None), default=None
        ),
        quirks=known.quirks,
    )
    for quirk in new.quirks:
        facts = _with_quirk(facts, quirk)
    return facts


def ordered_by(plan: Plan, facts: KindFacts) -> Plan:
    """What worked with others of the kind is tried first; nothing is left out."""
    first = (facts.interface,) if facts.interface is not None else ()
    return replace(
        plan,
        interfaces=tuple(dict.fromkeys((*first, *(plan.interfaces or INTERFACES)))),
        slots=tuple(dict.fromkeys((*facts.took_slots, *plan.slots))),
        preferred_slots=facts.took_slots,
    )


def in_words(facts: KindFacts) -> list[str]:
    """For people, a line each."""
    lines = []
    if facts.slots is not None:
        lines.append(f"slots {','.join(map(str, facts.slots))}")
    if facts.took_slots:
        taken = " or ".join(map(str, facts.took_slots))
        lines.append(f"took a new profile in slot {taken} with {facts.interface}")
    if facts.csr_seconds is not None:
        lines.append(f"needs up to {facts.csr_seconds:g} s for a certificate request")
    return [*lines, *facts.quirks]


_decoder = msgspec.json.Decoder(KindFacts)


def encode_facts(facts: KindFacts) -> str:
    return msgspec.json.encode(facts).decode()


def decode_facts(text: str) -> KindFacts:
    """What cannot be read is not known: it only orders tries."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return NOTHING
