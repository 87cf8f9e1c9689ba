"""The upgrade of one station's security profile (A05) as one pure machine.

`begin`, then `decide` for everything that happens, and `resume` when the station can be called again or the
process was started again.  Knows no clock, no socket, no database and no key: a shell saves the state, then
carries out the effects.  The steps themselves live in `preflight`, `trust`, `certificate`, `network_profile` and `restart`,
their order in `path`, the objections in `start`; this module holds what is true in every step:

1. A boot on the leg's profile ends the leg, wherever it stood.  Nothing else raises the floor.
2. A call that is not understood ends the upgrade with what that means; silence is tried again.
3. Every open state has a deadline; every failed one a reason.
"""

from typing import assert_never

from msgspec.structs import replace

from ocppsec.upgrades.certificate import (
    awaiting_csr,
    deliver_again,
    delivering_certificate,
    setting_organization,
    signing,
    triggering,
)
from ocppsec.upgrades.exchange import (
    CallRefused,
    CallTimedOut,
    DeadlinePassed,
    Event,
    GivenUp,
    HandshakeSeen,
    LinkLost,
    Note,
    OurOutage,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.network_profile import arming, freeing_slot, writing_profile
from ocppsec.upgrades.path import (
    MOST_RETURNS,
    MOST_TRIES,
    Move,
    again,
    arrived,
    enter,
    errands,
    fail,
    is_there,
    leg_done,
    silence,
    stay,
    with_outage,
    without_sends,
)
from ocppsec.upgrades.preflight import asking_for_report, asking_for_roots, asking_variables, awaiting_report
from ocppsec.upgrades.requests import action_of
from ocppsec.upgrades.restart import (
    arrived_there,
    asking_for_boot,
    awaiting_boot,
    awaiting_reset,
    boot_deadline,
    resetting,
)
from ocppsec.upgrades.start import begin
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
    Calling,
    CallingState,
    CheckingRoot,
    DeliveringCertificate,
    Done,
    Failed,
    FreeingSlot,
    InstallingRoot,
    OpenState,
    Progress,
    Resetting,
    SettingOrganization,
    Signing,
    State,
    Triggering,
    WritingProfile,
)
from ocppsec.upgrades.trust import checking_root, installing_root
from ocppsec.upgrades.words import call_error_words, describe, duration

__all__ = [
    "awaits_csr",
    "begin",
    "deadline_of",
    "decide",
    "describe",
    "outcome",
    "resume",
    "same_step",
    "waits_for",
    "wants_csr",
]

MOST_SEEN = 5
"""Of what the doors saw, the last few different things are kept."""
_PASSING = frozenset({"InternalError", "GenericError", "SecurityError"})
"""CALLERRORs that may be gone at the next try."""
_NOT_YET = "SecurityError"
"""It has not read yet that its BootNotification was accepted: no answer to what it was asked."""
_PAUSE = 2.0
"""Seconds before such a try; twice as long before each further one."""


_BEGUN_ANEW = Calling | AwaitingReport | AwaitingCsr
"""What a station's return has sent once more."""


def decide(state: State, event: Event) -> Move:
    """What follows from *event*.  An event a state has no use for changes nothing."""
    after, effects = _decide(state, event)
    if isinstance(after, Failed) and after is not state and isinstance(event, CallTimedOut | DeadlinePassed):
        after = replace(after, silent=True)
    return after, effects


def _decide(state: State, event: Event) -> Move:
    if isinstance(state, Done | Failed):
        return stay(state)
    match event:
        case StationBooted(profile=profile) if is_there(state.progress, profile):
            return leg_done(state.progress, profile)
        case StationConnected(profile=profile) if is_there(state.progress, profile):
            return stay(state) if isinstance(state, Arrived | AskingForBoot) else arrived(state, profile)
        case DeadlinePassed(step_number=number) if number not in (None, state.progress.step_number):
            return stay(state)
        case HandshakeSeen(reason=reason):
            return stay(replace(state, progress=_with_seen(state.progress, reason)))
        case StationConnected() if isinstance(state, _BEGUN_ANEW) and not isinstance(state, AskingForBoot):
            return _returned(state)
        case OurOutage():
            return _turned_away(state)
        case GivenUp(why=why):
            away = isinstance(state, AwaitingBoot) and not state.connected
            return fail(state, f"Given up by hand: {why}", lost_contact=away)
        case CallRefused(code=code) if code == _NOT_YET and isinstance(state, Calling):
            if state.tries + 1 < MOST_TRIES:
                return _call_failed(state, event)
    after, effects = _step(state, event)
    if after is state and not effects and isinstance(state, Calling):
        return _call_failed(state, event)
    return after, effects


def _step(state: OpenState, event: Event) -> Move:
    match state:
        case AskingVariables():
            return asking_variables(state, event)
        case AskingForReport():
            return asking_for_report(state, event)
        case AwaitingReport():
            return awaiting_report(state, event)
        case AskingForRoots():
            return asking_for_roots(state, event)
        case InstallingRoot():
            return installing_root(state, event)
        case CheckingRoot():
            return checking_root(state, event)
        case SettingOrganization():
            return setting_organization(state, event)
        case Triggering():
            return triggering(state, event)
        case AwaitingCsr():
            return awaiting_csr(state, event)
        case Signing():
            return signing(state, event)
        case DeliveringCertificate():
            return delivering_certificate(state, event)
        case FreeingSlot():
            return freeing_slot(state, event)
        case WritingProfile():
            return writing_profile(state, event)
        case Arming():
            return arming(state, event)
        case Resetting():
            return resetting(state, event)
        case AwaitingReset():
            return awaiting_reset(state, event)
        case AwaitingBoot():
            return awaiting_boot(state, event)
        case Arrived():
            return arrived_there(state, event)
        case AskingForBoot():
            return asking_for_boot(state, event)
        case _:
            assert_never(state)


def _call_failed(state: CallingState, event: Event) -> Move:
    """What a missing or refused answer means where a step has no other use for it."""
    match event:
        case CallTimedOut():
            return silence(state)
        case CallRefused(code=code, description=description):
            words = call_error_words(action_of(state), code, description)
            if code in _PASSING and state.tries + 1 < MOST_TRIES:
                pause = _PAUSE * 2**state.tries
                return again(state, f"{words} Sent again in {duration(pause)}", pause=pause)
            return fail(state, words)
        case DeadlinePassed():
            waited = duration(state.progress.plan.deadlines.step)
            return fail(
                state,
                f"{action_of(state)} could not be brought to an end within {waited}: the station was away.",
                lost_contact=True,
            )
    return stay(state)


def _with_seen(progress: Progress, reason: str) -> Progress:
    """Evidence counts from the moment on that the station may try the new slot."""
    if progress.slot is None or reason in progress.seen:
        return progress
    return replace(progress, seen=(*progress.seen, reason)[-MOST_SEEN:])


def _returned(state: OpenState) -> Move:
    """Each return begins a question anew: a station that restarts for ever must come to an end too."""
    progress = replace(state.progress, returns=state.progress.returns + 1)
    if progress.returns <= MOST_RETURNS + progress.outages:
        return stay(replace(state, progress=progress))
    return fail(
        state,
        f"The station has come back {progress.returns} times on profile {progress.profile} and never stayed for an"
        " answer: it restarts, or loses its connection, again and again.",
    )


def _turned_away(state: OpenState) -> Move:
    """Between a Reset and the boot on the new profile this may be why the station goes back."""
    tries = isinstance(state, Resetting | AwaitingReset | AwaitingBoot | Arrived | AskingForBoot)
    if not tries or state.progress.outage:
        return stay(state)
    return stay(replace(state, progress=with_outage(state.progress)))


def _taken_up(state: OpenState) -> Move:
    """The process was started again, and the station is not there: for as long as we were away it had no chance.

    So the step begins anew, with all of its time.
    """
    progress = with_outage(state.progress)
    away = isinstance(state, AwaitingBoot | Arrived | AskingForBoot)
    if progress is state.progress:  # too often: its time goes on running
        return decide(state, LinkLost()) if away else (state, without_sends(errands(state)))
    entered: OpenState
    match state:
        case AwaitingBoot():
            entered = replace(state, progress=progress, connected=False, left=True)
        case Arrived() | AskingForBoot():
            entered = AwaitingBoot(progress=progress, connected=False, answered=True, left=True)
        case _:
            entered = replace(state, progress=progress)
    after, effects = enter(entered, "the CSMS was started again")
    return after, without_sends(effects)


def resume(state: State, profile: int | None) -> Move:
    """Carry on with a stored state.

    *profile*: the station can be called, on a connection of this profile.  None: the process was started again
    and the station is not there.  Every step is safe to repeat, so calling this too often does no harm.
    """
    match state:
        case Done() | Failed():
            return stay(state)
        case _ if profile is None:
            return _taken_up(state)
        case AskingForBoot() if is_there(state.progress, profile):
            return state, errands(state)
        case _ if is_there(state.progress, profile):
            return decide(state, StationConnected(profile))
        case AwaitingBoot() | Arrived() | AskingForBoot():
            return decide(state, StationConnected(profile))
        case AwaitingReport(progress=progress):
            return enter(AskingForReport(progress=progress), "the station is back; asks again")
        case AwaitingCsr(progress=progress):
            return enter(Triggering(progress=progress), "the station is back; asks again")
        case DeliveringCertificate():
            return deliver_again(state)
        case Calling():
            return state, (Note(describe(state), "the station is back; sent again"), *errands(state))
        case _:
            return state, errands(state)


def deadline_of(state: State) -> float | None:
    """Seconds from the moment the step was entered (see `same_step`); None for an ended upgrade."""
    match state:
        case Done() | Failed():
            return None
        case AwaitingBoot():
            return boot_deadline(state)
    deadlines = state.progress.plan.deadlines
    match state:
        case AwaitingReport():
            return deadlines.report
        case AwaitingCsr():
            return deadlines.csr
        case Signing(waits_for=request):
            return deadlines.approval if request else deadlines.signing
        case AwaitingReset():
            return deadlines.reset_pause
        case Arrived():
            return deadlines.arrival
        case _:
            return deadlines.step


def same_step(before: State, after: State) -> bool:
    """True when the deadline that runs for *before* goes on running for *after*."""
    if isinstance(before, Done | Failed) or isinstance(after, Done | Failed):
        return False
    return before.progress.step_number == after.progress.step_number


def wants_csr(state: State) -> bool:
    """True when a SignCertificate that comes now belongs to this upgrade (A03: one may come unasked)."""
    return isinstance(state, Triggering | AwaitingCsr | Signing | DeliveringCertificate)


def awaits_csr(state: State) -> bool:
    """True when a request that is refused now is the one that was asked for."""
    return isinstance(state, Triggering | AwaitingCsr)


def waits_for(state: State) -> str | None:
    """The request that a person has to approve before this upgrade goes on."""
    return (state.waits_for or None) if isinstance(state, Signing) else None


def outcome(state: State) -> Done | Failed | None:
    """None while the upgrade is open."""
    return state if isinstance(state, Done | Failed) else None
