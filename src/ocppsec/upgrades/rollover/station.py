"""One station's part in a root rollover: the wanted root gets in, is proven, and the other one goes out.

Proven is what the station lists (GetInstalledCertificateIds), by hash in whichever algorithm it answers; the answer
to InstallCertificate or DeleteCertificate is only remembered as the reason why it does not.  A root is taken out only
after the other one was listed in the same answer, so nobody is left without.  What goes wrong is tried again after a
while, longer each time.  Pure: the shell saves the state, carries the effects out, and feeds back what came of them.
"""

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    CertificateHashData,
    Component,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetCertificateIdUse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    GetVariableData,
    GetVariablesRequest,
    GetVariablesResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
    InstallCertificateStatus,
    InstallCertificateUse,
    Variable,
)
from ocppsec.upgrades import exchange
from ocppsec.upgrades.exchange import (
    Answered,
    CallRefused,
    CallTimedOut,
    DeadlinePassed,
    LinkLost,
    Note,
    Send,
)
from ocppsec.upgrades.facts import with_variables
from ocppsec.upgrades.rollover.roots import Listed, Roots, Which, listed
from ocppsec.upgrades.states import Facts, UnreadableState
from ocppsec.upgrades.words import root_refused, status_words


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What a station is to have in the end."""

    wanted: Which
    drop_other: bool = False


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds."""

    message: float = 30.0
    back_off: float = 300.0
    """Before the second try; doubles each time …"""
    longest_back_off: float = 6 * 3600.0
    """… up to this."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What every state carries along."""

    goal: Goal
    terms: Terms
    additional_check: bool | None = None
    """AdditionalRootCertificateCheck; None when the station did not say."""
    entries: int | None = None
    """CertificateEntries."""
    shows: tuple[Which, ...] | None = None
    """What it listed last; None while that is in doubt."""
    believed: tuple[Which, ...] | None = None
    """The same, also while it is in doubt."""
    failures: int = 0
    step_number: int = 0


class _Step(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    course: Course


class Waiting(_Step, frozen=True, kw_only=True):
    """For the station to be there."""


class Asking(_Step, frozen=True, kw_only=True):
    """How it looks at new roots."""


class Looking(_Step, frozen=True, kw_only=True):
    """What it has installed."""

    after: str = ""
    """What was done before, and what the station said to it; empty at first."""
    was_refused: bool = False
    tried_signed: bool = False
    deleted_of: int = 0
    """How many forms of the unwanted root it listed before one was deleted."""


class Installing(_Step, frozen=True, kw_only=True):
    signed: bool
    """In the form that the other root has signed (M05.FR.10)."""


class Deleting(_Step, frozen=True, kw_only=True):
    hash_data: CertificateHashData
    """In the station's own words (M04.FR.07)."""
    listed: int = 1


class Settled(_Step, frozen=True, kw_only=True):
    """It is as it was to be, by what the station lists."""


class Stuck(_Step, frozen=True, kw_only=True):
    at: str
    reason: str


State = Waiting | Asking | Looking | Installing | Deleting | Settled | Stuck
BUSY = (Asking, Looking, Installing, Deleting)
"""States in which the station has work with it: so many at once are bounded by the shell."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The station can be called, and there is room for one more."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """What was proven may be no more, and counts as unproven until it has answered: it has booted, or somebody is
    about to rely on it.
    """


@dataclass(frozen=True, slots=True)
class NewGoal:
    goal: Goal


Event = exchange.Event | Ready | LookAgain | NewGoal
Effect = Send | Note
Move = tuple[State, tuple[Effect, ...]]

_CHECK = "AdditionalRootCertificateCheck"
_ENTRIES = "CertificateEntries"


def begin(goal: Goal, terms: Terms) -> State:
    return Waiting(course=Course(goal=goal, terms=terms))


def decide(state: State, event: Event, roots: Roots) -> Move:
    """What follows from *event*.  An event a state has no use for changes nothing."""
    course = state.course
    match state, event:
        case _, NewGoal(goal):
            if goal == course.goal:
                return state, ()
            return _enter(Waiting(course=replace(course, goal=goal, failures=0)), roots, "")
        case ((Waiting() | Settled() | Stuck()), LookAgain()):
            return _enter(Waiting(course=replace(course, shows=None)), roots, "looks again")
        case Stuck(), DeadlinePassed() if event.step_number in (None, course.step_number):
            return _enter(Waiting(course=course), roots, "tried again")
        case Waiting(), Ready():
            return _enter(Asking(course=course), roots, "")
        case ((Asking() | Looking() | Installing() | Deleting()), LinkLost()):
            return _enter(Waiting(course=course), roots, "the connection ended")
        case Asking(), (Answered() | CallRefused() | CallTimedOut()):
            return _enter(Looking(course=_with_answer(course, event)), roots, "")
        case Looking(), _:
            return _looking(state, event, roots)
        case Installing(), _:
            return _installing(state, event, roots)
        case Deleting(), _:
            return _deleting(state, event, roots)
    return state, ()


def resume(state: State) -> State:
    """After a restart, or on a new connection: what was under way begins with a look, for its answer is lost."""
    return Waiting(course=state.course) if isinstance(state, BUSY) else state


def _with_answer(course: Course, event: Event) -> Course:
    match event:
        case Answered(GetVariablesResponse() as response):
            facts = with_variables(Facts(), response)
            return replace(
                course, additional_check=facts.additional_root_check, entries=facts.certificate_entries
            )
    return course


def _looking(state: Looking, event: Event, roots: Roots) -> Move:
    match event:
        case Answered(GetInstalledCertificateIdsResponse() as response):
            found = listed(response, roots)
            shows = tuple(which for which in Which if which in found.shows)
            course = replace(state.course, shows=shows, believed=shows)
            return _judge(replace(state, course=course), found, roots)
        case CallRefused(code=code):
            return _stuck(state, roots, f"GetInstalledCertificateIds: CALLERROR {code}; nothing is proven")
        case CallTimedOut():
            return _stuck(state, roots, "no answer to GetInstalledCertificateIds; nothing is proven")
    return state, ()


def _judge(state: Looking, found: Listed, roots: Roots) -> Move:
    course = state.course
    goal = course.goal
    if goal.wanted not in found.shows:
        return _not_there(state, found, roots)
    unwanted = found.of(goal.wanted.other)
    if not goal.drop_other or not unwanted:
        settled = Settled(course=replace(course, failures=0))
        return _enter(settled, roots, f"it lists the {' and the '.join(course.shows or ())} root")
    if state.deleted_of and len(unwanted) >= state.deleted_of:
        return _stuck(state, roots, f"it still lists the {goal.wanted.other} root: {state.after}")
    return _enter(Deleting(course=course, hash_data=unwanted[0], listed=len(unwanted)), roots, "")


def _not_there(state: Looking, found: Listed, roots: Roots) -> Move:
    """M05.FR.10: a station that checks takes only what its own root has signed; its first root is no successor."""
    course = state.course
    has_one = bool(found.of(course.goal.wanted.other))
    if not state.after:
        return _enter(Installing(course=course, signed=bool(course.additional_check) and has_one), roots, "")
    if state.was_refused and not state.tried_signed and course.additional_check is None and has_one:
        # It did not say whether it checks.  Never the other way round: a station that does not check may take
        # the signed form and then neither list it nor delete it.
        return _enter(Installing(course=course, signed=True), roots, "once more, signed by the old root")
    return _stuck(state, roots, f"it does not list the {course.goal.wanted} root: {state.after}")


def _installing(state: Installing, event: Event, roots: Roots) -> Move:
    course = state.course
    refused = False
    match event:
        case Answered(InstallCertificateResponse(status=InstallCertificateStatus.ACCEPTED)):
            said = "InstallCertificate was answered Accepted"
        case Answered(InstallCertificateResponse(status=status, status_info=info)):
            refused = True
            said = root_refused(
                status_words(status, info),
                on_profile=2,
                entries=course.entries,
                additional_check=course.additional_check,
            )
        case CallRefused(code=code):
            said = f"InstallCertificate: CALLERROR {code}"
        case CallTimedOut():
            said = "no answer to InstallCertificate"
        case _:
            return state, ()
    look = Looking(course=course, after=said, was_refused=refused, tried_signed=state.signed)
    return _enter(look, roots, said)


def _deleting(state: Deleting, event: Event, roots: Roots) -> Move:
    match event:
        case Answered(DeleteCertificateResponse(status=status, status_info=info)):
            words = status if info is None else status_words(status, info)
            said = f"DeleteCertificate was answered {words}"
        case CallRefused(code=code):
            said = f"DeleteCertificate: CALLERROR {code}"
        case CallTimedOut():
            said = "DeleteCertificate was not answered"
        case _:
            return state, ()
    return _enter(Looking(course=state.course, after=said, deleted_of=state.listed), roots, said)


def _stuck(state: State, roots: Roots, reason: str) -> Move:
    course = replace(state.course, failures=state.course.failures + 1)
    return _enter(Stuck(course=course, at=describe(state), reason=reason), roots, reason)


def _enter(state: State, roots: Roots, note: str) -> Move:
    entered = replace(state, course=replace(state.course, step_number=state.course.step_number + 1))
    return entered, (Note(describe(entered), note), *_errands(entered, roots))


def _errands(state: State, roots: Roots) -> tuple[Effect, ...]:
    match state:
        case Asking():
            component = Component(name="SecurityCtrlr")
            asked = tuple(
                GetVariableData(component=component, variable=Variable(name=name))
                for name in (_CHECK, _ENTRIES)
            )
            return (Send(GetVariablesRequest(get_variable_data=asked)),)
        case Looking():
            roots_alone = (GetCertificateIdUse.CSMS_ROOT_CERTIFICATE,)
            return (Send(GetInstalledCertificateIdsRequest(certificate_type=roots_alone)),)
        case Installing(signed=signed):
            root = roots.of(state.course.goal.wanted)
            return (
                Send(
                    InstallCertificateRequest(
                        certificate_type=InstallCertificateUse.CSMS_ROOT_CERTIFICATE,
                        certificate=root.signed_pem if signed else root.pem,
                    )
                ),
            )
        case Deleting(hash_data=named):
            return (Send(DeleteCertificateRequest(certificate_hash_data=named)),)
    return ()


def describe(state: State) -> str:
    """The step in plain words."""
    goal = state.course.goal
    match state:
        case Waiting():
            return "waits for the station"
        case Asking():
            return "asks how it looks at roots (GetVariables)"
        case Looking():
            return "asks which roots it has (GetInstalledCertificateIds)"
        case Installing(signed=signed):
            how = f", signed by the {goal.wanted.other} one" if signed else ""
            return f"installs the {goal.wanted} root{how} (InstallCertificate)"
        case Deleting():
            return f"deletes the {goal.wanted.other} root (DeleteCertificate)"
        case Settled():
            return "done"
        case Stuck(at=at):
            return f"stuck: {at}"


def deadline_of(state: State) -> float | None:
    """Seconds from entering the step until it is tried again."""
    if not isinstance(state, Stuck):
        return None
    terms, doublings = state.course.terms, min(state.course.failures - 1, 20)
    return float(min(terms.back_off * 2**doublings, terms.longest_back_off))


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    state: State


_VERSION = 1
_decoder = msgspec.json.Decoder(_Stored)


def encode_state(state: State) -> str:
    return msgspec.json.encode(_Stored(version=_VERSION, state=state)).decode()


def decode_state(text: str) -> State:
    """Raises `UnreadableState`."""
    try:
        stored = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored rollover state: {error}") from error
    if stored.version != _VERSION:
        raise UnreadableState(f"stored rollover state has version {stored.version}, this program reads 1")
    return stored.state
