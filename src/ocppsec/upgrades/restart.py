"""The Reset, and the boot that proves the switch (B11, B10, A05.FR.05).

The station has switched when it has booted on the new profile, and not before; that it booted on the old one is
just as clear, and the switch is made again a few times.
"""

from msgspec.structs import replace

from ocppsec.ocppj.messages import ResetResponse, ResetStatus, TriggerMessageResponse, TriggerMessageStatus
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    DeadlinePassed,
    Event,
    LinkLost,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.path import Move, enter, fail, stay, switch_again, switch_failed, to_reset
from ocppsec.upgrades.states import (
    Arrived,
    AskingForBoot,
    AwaitingBoot,
    AwaitingReset,
    OpenState,
    Progress,
    Resetting,
)
from ocppsec.upgrades.words import duration, reset_refused, status_words

MOST_RESETS = 3
"""Rejected so often, a Reset is given up."""
MOST_BOOT_RESETS = 2
_MOST_ATTEMPTS = 20


def resetting(state: Resetting, event: Event) -> Move:
    progress = state.progress
    match event:
        case Answered(ResetResponse(status=ResetStatus.ACCEPTED)):
            return enter(AwaitingBoot(progress=progress, connected=True, answered=True), "Reset Accepted")
        case Answered(ResetResponse(status=ResetStatus.SCHEDULED)):
            waiting = AwaitingBoot(progress=progress, connected=True, answered=True, scheduled=True)
            return enter(waiting, "Reset Scheduled: the station restarts when it is idle")
        case Answered(ResetResponse(status=status, status_info=info)):
            return _reset_later(state, status_words(status, info))
        case CallTimedOut():
            waiting = AwaitingBoot(progress=progress, connected=True, answered=False)
            return enter(waiting, "no answer to Reset: the station may be restarting")
        case LinkLost():
            waiting = AwaitingBoot(progress=progress, connected=False, answered=False, left=True)
            return enter(
                waiting, "the connection ended before the answer to Reset: the station may be restarting"
            )
    return stay(state)


def _reset_later(state: OpenState, words: str) -> Move:
    refusals = state.progress.reset_refusals + (0 if _lost_by_us(state) else 1)
    if refusals >= MOST_RESETS:
        return fail(state, reset_refused(words, refusals))
    progress = replace(state.progress, reset_refusals=refusals)
    pause = duration(progress.plan.deadlines.reset_pause)
    return enter(AwaitingReset(progress=progress), f"Reset {words}; the next one in {pause}")


def _lost_by_us(state: OpenState) -> bool:
    """The answer to the Reset may have come when nobody was here to hear it."""
    return isinstance(state, AwaitingBoot) and state.progress.outage


def awaiting_reset(state: AwaitingReset, event: Event) -> Move:
    match event:
        case StationBooted(profile=profile):
            return switch_again(state, _came_back(state.progress, profile))
        case DeadlinePassed():
            return to_reset(state.progress)
    return stay(state)


def awaiting_boot(state: AwaitingBoot, event: Event) -> Move:
    match event:
        case StationBooted(profile=profile):
            return switch_again(state, _came_back(state.progress, profile))
        case StationConnected() if state.left and not state.answered:
            # Perhaps the Reset never reached it, and only the connection was lost.
            return _reset_later(state, "unanswered, and the station is back on the old profile")
        case StationConnected() if state.progress.outage and not (state.connected or state.scheduled):
            # It may have been back from its restart while we were away, or have lost the Reset with us.
            return _reset_later(state, "without effect: the station is back on the old profile")
        case StationConnected():
            return stay(replace(state, connected=True))
        case LinkLost():
            return stay(replace(state, connected=False, left=True))
        case DeadlinePassed():
            return _overdue(state)
    return stay(state)


def _came_back(progress: Progress, profile: int) -> str:
    return f"The station booted on profile {profile} again, not on profile {progress.goal}."


def _overdue(state: AwaitingBoot) -> Move:
    waited = duration(boot_deadline(state))
    goal = state.progress.goal
    if not state.connected:
        # Nothing can be sent to a station that is away; when it comes, on either profile, it is let in.
        what = f"The station has not come back within {waited} since the Reset."
        return switch_failed(state, what, lost_contact=True)
    if state.progress.on_goal and not state.left:
        return _boot_by_reset(state)
    if state.left:
        return switch_again(
            state,
            f"The station is back on its old profile, but did not boot on profile {goal} within {waited}.",
        )
    return switch_again(state, f"The station answered Reset, but did not restart within {waited}.")


def boot_deadline(state: AwaitingBoot) -> float:
    """Seconds; a station may make all its attempts on the new slot, and then those on the old (B10.FR.03)."""
    deadlines = state.progress.plan.deadlines
    attempts = min(state.progress.facts.connection_attempts or 1, _MOST_ATTEMPTS)
    base = deadlines.scheduled if state.scheduled else deadlines.boot
    return base + attempts * state.progress.plan.message_timeout


def arrived_there(state: Arrived, event: Event) -> Move:
    progress = state.progress
    match event:
        case LinkLost():
            waiting = AwaitingBoot(progress=progress, connected=False, answered=True, left=True)
            return enter(waiting, "the connection on the new profile ended before BootNotification")
        case StationConnected():
            waiting = AwaitingBoot(progress=progress, connected=True, answered=True, left=True)
            return enter(waiting, "connected on the old profile again")
        case StationBooted(profile=profile):
            return switch_again(state, _came_back(progress, profile))
        case DeadlinePassed() if not state.asked:
            # It booted while nobody listened, or reconnected only: B10.FR.10 is not in every firmware.
            return enter(AskingForBoot(progress=progress), "no BootNotification came by itself")
        case DeadlinePassed():
            return _boot_by_reset(state)
    return stay(state)


def asking_for_boot(state: AskingForBoot, event: Event) -> Move:
    match event:
        case Answered(TriggerMessageResponse(status=TriggerMessageStatus.ACCEPTED)):
            return enter(Arrived(progress=state.progress, asked=True), "TriggerMessage Accepted")
        case Answered(TriggerMessageResponse()) | CallRefused() | CallTimedOut():
            # F06.FR.17: a station that was accepted before refuses this trigger.
            return _boot_by_reset(state)
        case LinkLost() | StationConnected() | StationBooted():
            return arrived_there(Arrived(progress=state.progress), event)
    return stay(state)


def _boot_by_reset(state: OpenState) -> Move:
    resets = state.progress.boot_resets + (0 if state.progress.outage else 1)
    progress = replace(state.progress, boot_resets=resets, arrivals=0, on_goal=True)
    if progress.boot_resets > MOST_BOOT_RESETS:
        return fail(
            state,
            f"The station is connected on profile {progress.goal}, but never sent the BootNotification that"
            " proves it, neither asked nor after a Reset.",
        )
    return to_reset(progress, "a restart will bring BootNotification")
