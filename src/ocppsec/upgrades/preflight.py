"""Before anything is changed: ask the station what it is like, and say early what would strand it.

No answer here is a failure: stations that tell nothing are taken as stations mostly are.
"""

from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    GenericDeviceModelStatus,
    GetInstalledCertificateIdsResponse,
    GetReportResponse,
    GetVariablesResponse,
    NotifyReportRequest,
)
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    DeadlinePassed,
    Event,
    ReportReceived,
)
from ocppsec.upgrades.facts import interface_question, summary, with_report, with_roots, with_variables
from ocppsec.upgrades.lowering import objection_of
from ocppsec.upgrades.path import Move, again, enter, fail, stay, to_arming, to_root
from ocppsec.upgrades.slots import active_slot, free_slots, priority_lists
from ocppsec.upgrades.states import (
    AskingForReport,
    AskingForRoots,
    AskingVariables,
    AwaitingReport,
    OpenState,
    Progress,
)


def asking_variables(state: AskingVariables, event: Event) -> Move:
    match event:
        case Answered(GetVariablesResponse() as response):
            facts = with_variables(state.progress.facts, response)
            return _next_question(state, replace(state.progress, facts=facts))
        case CallRefused(code=code) if len(state.left[0]) > 1:
            # More than ItemsPerMessageGetVariables, or one variable it stumbles over: ask one at a time.
            singles = tuple((name,) for name in state.left[0])
            one = replace(state, left=(*singles, *state.left[1:]), tries=0)
            return enter(one, f"CALLERROR {code}: asks one variable at a time")
        case CallTimedOut() if state.tries == 0:
            return again(state, "no answer to GetVariables; sent again")
        case CallRefused() | CallTimedOut():
            return _next_question(state, state.progress)
    return stay(state)


def _next_question(state: AskingVariables, progress: Progress) -> Move:
    if progress.plan.lowering is not None and (objection := objection_of(progress.facts)) is not None:
        return fail(state, f"{objection} Nothing was changed.")
    left = state.left[1:]
    if left:
        return enter(replace(state, progress=progress, left=left, tries=0))
    if state.refusal:
        return _arm_again(state, progress)
    slot = active_slot(progress)
    if slot is not None and state.left[0] != (interface_question(slot),):
        return enter(AskingVariables(progress=progress, left=((interface_question(slot),),)))
    if progress.facts.slots is None:
        return enter(AskingForReport(progress=progress))
    return enter(AskingForRoots(progress=progress))


def _arm_again(state: AskingVariables, progress: Progress) -> Move:
    """The station refused a priority list; with what it says now another may be right."""
    assert progress.slot is not None
    if priority_lists(progress, progress.slot) == (state.refused,) or active_slot(progress) == progress.slot:
        return fail(state, state.refusal)
    return to_arming(progress, progress.slot, summary(progress.facts))


def asking_for_report(state: AskingForReport, event: Event) -> Move:
    match event:
        case Answered(GetReportResponse(status=GenericDeviceModelStatus.ACCEPTED)):
            if state.progress.facts.slots is not None:
                return enter(AskingForRoots(progress=state.progress))
            return enter(AwaitingReport(progress=state.progress))
        case Answered(GetReportResponse(status=status)):
            return enter(AskingForRoots(progress=state.progress), f"GetReport {status}: no list of slots")
        case ReportReceived(report) if _ours(state, report):
            # Came before the answer did.
            return stay(replace(state, progress=_read(state.progress, report)))
        case CallRefused() | CallTimedOut():
            return enter(AskingForRoots(progress=state.progress), "no list of slots")
    return stay(state)


def awaiting_report(state: AwaitingReport, event: Event) -> Move:
    match event:
        case ReportReceived(report) if _ours(state, report):
            progress = _read(state.progress, report)
            if progress.facts.slots is not None or not report.tbc:
                return enter(AskingForRoots(progress=progress))
            return stay(replace(state, progress=progress))
        case DeadlinePassed():
            return enter(
                AskingForRoots(progress=state.progress), "NotifyReport did not come: no list of slots"
            )
    return stay(state)


def _ours(state: OpenState, report: NotifyReportRequest) -> bool:
    return report.request_id == state.progress.plan.report_id


def _read(progress: Progress, report: NotifyReportRequest) -> Progress:
    return replace(progress, facts=with_report(progress.facts, report))


def asking_for_roots(state: AskingForRoots, event: Event) -> Move:
    match event:
        case Answered(GetInstalledCertificateIdsResponse() as response):
            facts = with_roots(state.progress.facts, response, state.progress.plan)
            return _verdict(state, replace(state.progress, facts=facts))
        case CallRefused() | CallTimedOut():
            return _verdict(state, state.progress)
    return stay(state)


def _verdict(state: OpenState, progress: Progress) -> Move:
    facts = progress.facts
    down = progress.plan.lowering is not None
    if not down and facts.security_profile is not None and facts.security_profile > progress.goal:
        # B09.FR.04: it would refuse the network profile as a downgrade.
        return fail(
            state,
            f"The station reports SecurityProfile {facts.security_profile}, above the profile {progress.goal}"
            f" it is to reach, though it is connected on profile {progress.profile}. Nothing was changed.",
        )
    if not free_slots(progress):
        return fail(state, f"{_no_free_slot(progress)} Nothing was changed.")
    return to_root(progress, summary(facts))


def _no_free_slot(progress: Progress) -> str:
    slots = ",".join(map(str, progress.facts.slots or progress.plan.slots))
    active = active_slot(progress)
    if active is None:
        return (
            f"Every configuration slot of the station ({slots}) is in its priority list, and it does not tell"
            " which one it uses now (ActiveNetworkProfile): writing to any of them could cut it off."
        )
    return (
        f"The station has no free configuration slot: it lists {slots} and uses {active}, which must not be"
        " overwritten. B09.FR.06 demands at least two slots; ask the maker for firmware that has them."
    )
