"""The order of the steps: what is entered after what.

1. install the root → (certificate) → SetNetworkProfile into a free slot → priority "new,old" → Reset → boot:
   the order that works with every station (LESSONS, stations in the field, 3).
2. A step is entered by `enter`, which counts it, writes its line of history and gives its errand.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from ocppsec.upgrades.exchange import Effect, LowerFloor, LowerTarget, Note, RaiseFloor, Send, Sign
from ocppsec.upgrades.facts import QUESTIONS
from ocppsec.upgrades.plan import Lowering, Plan
from ocppsec.upgrades.requests import DOWNGRADE, action_of, request_of
from ocppsec.upgrades.slots import free_slots, interfaces, priority_lists
from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingVariables,
    Calling,
    CallingState,
    DeliveringCertificate,
    Done,
    Facts,
    Failed,
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
from ocppsec.upgrades.words import STEPS, describe

Move = tuple[State, tuple[Effect, ...]]

MOST_TRIES = 3
"""A CALL is sent so often before silence counts as an answer."""
MOST_ROUNDS = 3
"""The switch (priority, Reset) is made so often in all."""
MOST_RETURNS = 20
"""So often in a leg a station may come back while it is asked something; after outages of ours it may once more for each."""
MOST_OUTAGES = 25
"""So many outages of ours are made good in one leg; more, and the station's own bounds hold as if there were none."""
MOST_ARRIVALS = 3
"""So often a connection on the new profile may drop before its BootNotification, each time with a new wait."""


def errands(state: State) -> tuple[Effect, ...]:
    """What has to be done for *state* to go on; safe to do again."""
    match state:
        case Signing(csr=csr):
            return (Sign(csr),)
        case Resetting(progress=Progress(plan=Plan(lowering=Lowering() as lowering), facts=facts)):
            # Not sooner: until the Reset nothing sends the station to profile 2.
            lower = (LowerFloor(lowering),) if facts.downgrade_allowed else ()
            return (*lower, Send(request_of(state)))
        case Calling():
            return (Send(request_of(state)),)
        case _:
            return ()


def without_sends(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    return tuple(effect for effect in effects if not isinstance(effect, Send))


def stay(state: State) -> Move:
    return state, ()


def enter(state: OpenState, detail: str = "") -> Move:
    """Go to *state*: its deadline starts now."""
    progress = state.progress
    entered = replace(state, progress=replace(progress, step_number=progress.step_number + 1))
    return entered, (Note(describe(entered), detail), *errands(entered))


def again(state: CallingState, detail: str, *, pause: float = 0.0) -> Move:
    """Send the same CALL once more, within the same deadline, after *pause* seconds."""
    repeated = replace(state, tries=state.tries + 1)
    to_do = (
        Send(each.request, after=pause) if isinstance(each, Send) else each for each in errands(repeated)
    )
    return repeated, (Note(describe(repeated), detail), *to_do)


def fail(state: OpenState, reason: str, *, lost_contact: bool = False) -> Move:
    """The end, with all that may explain it."""
    told = [reason, *(f"Before that: {warning}" for warning in state.progress.warnings)]
    where = STEPS[type(state)]
    return failed(" ".join(told), step=where, slot=state.progress.slot, lost_contact=lost_contact)


def failed(reason: str, *, step: str, slot: int | None = None, lost_contact: bool = False) -> Move:
    ended = Failed(reason=reason, step=step, slot=slot, lost_contact=lost_contact)
    return ended, (Note(describe(ended), reason),)


def warn(progress: Progress, warning: str) -> Progress:
    """Remember *warning* once; it is told again when the leg fails."""
    if warning in progress.warnings:
        return progress
    return replace(progress, warnings=(*progress.warnings, warning))


def silence(state: CallingState) -> Move:
    """No answer came in time."""
    action = action_of(state)
    if state.tries + 1 < MOST_TRIES:
        return again(state, f"no answer to {action}; sent again")
    return fail(
        state, f"The station did not answer {action}, sent {MOST_TRIES} times, though it is connected."
    )


# -- the steps in their order -------------------------------------------------------------------------------


def start_leg(progress: Progress, detail: str = "") -> Move:
    """Pre-flight: what a station said before a reboot need not be true behind it, but its slots are."""
    facts = progress.facts
    kept = Facts(slots=facts.slots, root_listed=facts.root_listed, further_listed=facts.further_listed)
    questions = QUESTIONS if progress.plan.lowering is None else ((DOWNGRADE,), *QUESTIONS)
    progress = replace(progress, facts=kept, on_goal=False)
    return enter(AskingVariables(progress=progress, left=questions), detail)


def to_root(progress: Progress, detail: str = "") -> Move:
    if next(_missing_roots(progress, 0), None) is None:
        return after_root(progress, f"{detail}; InstallCertificate is not needed")
    return to_root_from(progress, 0, detail)


def to_root_from(progress: Progress, number: int, detail: str = "") -> Move:
    """The first root from *number* on that the station lacks, or what comes behind them."""
    which = next(_missing_roots(progress, number), None)
    if which is None:
        return after_root(progress, detail)
    return enter(InstallingRoot(progress=progress, which=which), detail)


def _missing_roots(progress: Progress, number: int) -> Iterator[int]:
    facts, plan = progress.facts, progress.plan
    if number == 0 and not facts.root_listed:
        yield 0
    if progress.goal >= 3:  # they are for its own certificate
        for further in range(max(0, number - 1), len(plan.further_roots)):
            if further not in facts.further_listed:
                yield further + 1


def after_root(progress: Progress, detail: str = "") -> Move:
    """Profile 3 needs the root before the certificate: EVerest checks its own certificate against it."""
    if progress.goal < 3:
        return to_profile(progress, detail)
    if progress.facts.organization == progress.plan.organization:
        return to_request(progress, detail)
    return enter(SettingOrganization(progress=progress), detail)


def to_request(progress: Progress, detail: str = "") -> Move:
    return enter(Triggering(progress=progress), detail)


def to_signing(progress: Progress, csr: str, detail: str = "") -> Move:
    return enter(Signing(progress=progress, csr=csr), detail)


def to_approval(state: Signing, request: str, ca: str = "") -> Move:
    """It is not signed before a person, here or at *ca*, has said so: nothing is to be done here until then."""
    progress = replace(state.progress, step_number=state.progress.step_number + 1)
    waiting = replace(state, progress=progress, waits_for=request, decided_by=ca)
    return waiting, (Note(describe(waiting), f"request {request}"),)


def to_delivery(state: Signing, chain: str, fingerprint: str) -> Move:
    delivering = DeliveringCertificate(
        progress=state.progress, csr=state.csr, newer=state.newer, chain=chain, fingerprint=fingerprint
    )
    return enter(delivering, f"certificate {fingerprint}")


def to_profile(progress: Progress, detail: str = "") -> Move:
    writing = WritingProfile(progress=progress, slots=free_slots(progress), interfaces=interfaces(progress))
    return enter(writing, detail)


def to_arming(progress: Progress, slot: int, detail: str = "") -> Move:
    # A station may be waited for through many restarts of ours before; the switch has outages of its own.
    outages = 0 if progress.slot is None else progress.outages
    progress = replace(progress, slot=slot, outages=outages, on_goal=False)
    return enter(Arming(progress=progress, slot=slot, lists=priority_lists(progress, slot)), detail)


def to_reset(progress: Progress, detail: str = "") -> Move:
    return enter(Resetting(progress=replace(progress, outage=False)), detail)


def with_outage(progress: Progress) -> Progress:
    """We let nobody in for a while: whatever the station tried meanwhile does not count against it."""
    if progress.outages >= MOST_OUTAGES:
        return progress
    return replace(progress, outage=True, outages=progress.outages + 1, arrivals=0)


def switch_again(state: OpenState, what: str) -> Move:
    """The switch did not come about: arm and reset again, a few times, or give up with all that was seen."""
    if state.progress.outage:
        return _switch_once_more(
            state.progress, f"{what} Our doors were shut meanwhile: that does not count."
        )
    progress = replace(state.progress, rounds=state.progress.rounds + 1, arrivals=0)
    if progress.rounds >= MOST_ROUNDS or not progress.armable:
        return switch_failed(state, what)
    return _switch_once_more(progress, f"{what} {_seen(progress)}")


def _switch_once_more(progress: Progress, detail: str) -> Move:
    if progress.slot is None:
        return start_leg(progress, detail)
    return to_arming(progress, progress.slot, detail)


def switch_failed(state: OpenState, what: str, *, lost_contact: bool = False) -> Move:
    made = state.progress.rounds + 1
    times = f" The switch was made {made} times." if made > 1 else ""
    return fail(state, f"{what}{times} {_seen(state.progress)}", lost_contact=lost_contact)


def _seen(progress: Progress) -> str:
    if not progress.seen:
        return (
            "No door saw the station try the new profile from where it was connected: it did not get as far as our"
            " address (URL, name resolution, firewall), or it did not try."
        )
    return f"Meanwhile at the doors: {'; '.join(progress.seen)}."


def is_there(progress: Progress, profile: int) -> bool:
    """On the way up a higher profile is as good; on the way down profile 3 is where it comes from."""
    return profile == progress.goal if progress.plan.lowering else profile >= progress.goal


def arrived(state: OpenState, profile: int) -> Move:
    """Connected where it should be; a profile counts once the station has booted there."""
    progress = state.progress
    if progress.arrivals >= MOST_ARRIVALS:
        return stay(state)
    progress = replace(progress, arrivals=progress.arrivals + 1)
    return enter(Arrived(progress=progress), f"connected on profile {profile}")


def leg_done(progress: Progress, profile: int) -> Move:
    """A05.FR.07: from the first boot on the new profile, never lower again."""
    if progress.plan.lowering:
        done = Done(profile=profile, slot=progress.slot)
        note = Note(describe(done), f"booted on profile {profile}; profile 3 stays open to it")
        return done, (LowerTarget(profile), note)
    raised: tuple[Effect, ...] = (RaiseFloor(profile),)
    if profile >= progress.plan.target:
        done = Done(profile=profile, slot=progress.slot)
        return done, (
            *raised,
            Note(describe(done), f"booted on profile {profile}; lower is refused from now on"),
        )
    # The slot we activated is the active one now, whether the station tells or not.
    plan = replace(progress.plan, active_slot=progress.slot)
    following = Progress(
        plan=plan,
        profile=profile,
        goal=profile + 1,
        facts=progress.facts,
        proven_slot=progress.slot,
        step_number=progress.step_number,
    )
    state, effects = start_leg(following, f"booted on profile {profile}; lower is refused from now on")
    return state, (*raised, *effects)
