"""The phases of a root rollover: what holds in each, what keeps it from the next, and the way back.

::

    prepared → distribute → serve → issue → alone → withdraw → done
        each of the first five leads back; all of them lead, by way of take-back, to aborted

Nothing here goes on by itself except the two ends: the operator says when, and is told who is in the way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from ocppsec.certificates.generations import Turn
from ocppsec.upgrades.rollover.roots import Which
from ocppsec.upgrades.rollover.station import Goal
from ocppsec.upgrades.states import UnreadableState


class Phase(StrEnum):
    PREPARED = "prepared"
    """The new root and its CAs lie beside the old ones; no station knows."""
    DISTRIBUTE = "distribute"
    """Stations get the new root, and prove it."""
    SERVE = "serve"
    """The server's certificates hang under the new root; the cross certificate goes along for the old one."""
    ISSUE = "issue"
    """Stations get their certificates under the new root."""
    ALONE = "alone"
    """The cross certificate is no longer sent: who comes now trusts the new root.  The last phase with a way back."""
    WITHDRAW = "withdraw"
    """The old root is taken out of the stations, and the doors accept nothing that hangs under it."""
    CONCLUDE = "conclude"
    """The new hierarchy takes the place of the old one on the disk."""
    DONE = "done"
    TAKE_BACK = "take-back"
    """Given up: the new root is taken out of the stations again."""
    DISCARD = "discard"
    """The new hierarchy is thrown away."""
    ABORTED = "aborted"


_FORWARD = {
    Phase.PREPARED: Phase.DISTRIBUTE,
    Phase.DISTRIBUTE: Phase.SERVE,
    Phase.SERVE: Phase.ISSUE,
    Phase.ISSUE: Phase.ALONE,
    Phase.ALONE: Phase.WITHDRAW,
    Phase.WITHDRAW: Phase.CONCLUDE,
    Phase.CONCLUDE: Phase.DONE,
    Phase.TAKE_BACK: Phase.DISCARD,
    Phase.DISCARD: Phase.ABORTED,
}
_BACK = {
    Phase.DISTRIBUTE: Phase.PREPARED,
    Phase.SERVE: Phase.DISTRIBUTE,
    Phase.ISSUE: Phase.SERVE,
    Phase.ALONE: Phase.ISSUE,
    Phase.TAKE_BACK: Phase.DISTRIBUTE,
}
_ABORTABLE = frozenset({Phase.PREPARED, Phase.DISTRIBUTE, Phase.SERVE, Phase.ISSUE, Phase.ALONE})
ENDED = frozenset({Phase.DONE, Phase.ABORTED})
BY_ITSELF = frozenset({Phase.WITHDRAW, Phase.TAKE_BACK})
"""Phases that end when nobody is in the way any more."""
LAST_ACTS = frozenset({Phase.CONCLUDE, Phase.DISCARD})
"""Phases without stations: something is done on the disk, and repeated until it is."""
RELIES_ON_PROOF = frozenset({Phase.SERVE, Phase.ALONE, Phase.WITHDRAW})
"""Before one of these is entered the stations that are there are asked once more."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    what: str
    detail: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it, as it is kept."""

    phase: Phase = Phase.PREPARED
    entered_at: str
    """ISO 8601."""
    exceptions: tuple[str, ...] = ()
    """Stations that the operator lets behind, by name."""
    both_ways: bool = False
    """Some station may trust the new root alone already: the old certificates are served with a cross certificate."""
    keep_keys: bool = False
    """The old root's key is kept in the end."""
    history: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One station that must trust us, as far as is known."""

    identity: str
    shows: frozenset[Which] | None
    """What it lists; None when it never said, or that is in doubt."""
    problem: str = ""
    """Why nothing goes on with it, in words."""
    met: bool = False
    """It has shaken hands on a TLS door since the phase began."""
    certificates: frozenset[Which] = frozenset()
    """Under which roots the certificates hang that it may come with next; while one is renewed these are two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    identity: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The operation stays where it is."""

    reason: str
    advice: str


# -- what holds in a phase ----------------------------------------------------------------------------------
def goal_of(phase: Phase) -> Goal | None:
    """What every station is to have; None where nobody is called."""
    match phase:
        case Phase.DISTRIBUTE | Phase.SERVE | Phase.ISSUE | Phase.ALONE:
            return Goal(wanted=Which.NEW)
        case Phase.WITHDRAW:
            return Goal(wanted=Which.NEW, drop_other=True)
        case Phase.TAKE_BACK:
            return Goal(wanted=Which.OLD, drop_other=True)
    return None


def turn_of(operation: Operation) -> Turn:
    """What the doors and the CA use."""
    match operation.phase:
        case Phase.SERVE:
            return Turn(serve_coming=True, crossed=True)
        case Phase.ISSUE:
            return Turn(serve_coming=True, issue_coming=True, crossed=True)
        case Phase.ALONE:
            return Turn(serve_coming=True, issue_coming=True)
        case Phase.WITHDRAW | Phase.CONCLUDE | Phase.DONE:
            return Turn(serve_coming=True, issue_coming=True, trust_present=False)
    return Turn(crossed=operation.both_ways)


def issues_under(operation: Operation, identity: str, shows: frozenset[Which] | None) -> Which:
    """Whose CA signs for a station.

    Some stations verify their own certificate against the roots they have: one that has the new root alone gets
    nothing under the old one, and one that was let behind nothing under the new one.
    """
    if operation.phase in {Phase.WITHDRAW, Phase.CONCLUDE, Phase.DONE} or shows == frozenset({Which.NEW}):
        return Which.NEW
    new = turn_of(operation).issue_coming and identity not in operation.exceptions
    return Which.NEW if new else Which.OLD


def must_renew(operation: Operation, standing: Standing) -> bool:
    """True when its certificate hangs under the root that goes."""
    wanted = issues_under(operation, standing.identity, standing.shows)
    if standing.shows is None or wanted.other not in standing.certificates:
        return False
    return wanted is Which.OLD or turn_of(operation).issue_coming


# -- who is in the way --------------------------------------------------------------------------------------
def obstacles(
    to: Phase, standings: Iterable[Standing], exceptions: Iterable[str] = ()
) -> tuple[Obstacle, ...]:
    """The stations that *to* would harm, or that it cannot be said of, each with the reason."""
    let_behind = frozenset(exceptions)
    found = (
        (standing, _in_the_way(to, standing)) for standing in standings if standing.identity not in let_behind
    )
    return tuple(
        Obstacle(identity=standing.identity, reason=reason)
        for standing, reason in found
        if reason is not None
    )


def _in_the_way(to: Phase, standing: Standing) -> str | None:
    match to:
        case Phase.SERVE | Phase.ISSUE | Phase.ALONE:
            return _unproven(standing, Which.NEW)
        case Phase.WITHDRAW:
            if (unproven := _unproven(standing, Which.NEW)) is not None:
                return unproven
            if not standing.met:
                return _because("it has not come since the new root stands alone", standing)
            return _hangs_under(standing, Which.OLD)
        case Phase.CONCLUDE:
            return _unproven(standing, Which.NEW) or _still_has(standing, Which.OLD)
        case Phase.DISCARD:
            return (
                _unproven(standing, Which.OLD)
                or _still_has(standing, Which.NEW)
                or _hangs_under(standing, Which.NEW)
            )
    return None


def _unproven(standing: Standing, wanted: Which) -> str | None:
    if standing.shows is None:
        return _because(f"nothing proves that it has the {wanted} root", standing)
    if wanted not in standing.shows:
        return _because(f"it does not have the {wanted} root", standing)
    return None


def _still_has(standing: Standing, unwanted: Which) -> str | None:
    if standing.shows is not None and unwanted in standing.shows:
        return _because(f"it still has the {unwanted} root", standing)
    return None


def _hangs_under(standing: Standing, unwanted: Which) -> str | None:
    if unwanted in standing.certificates:
        return _because(f"its certificate hangs under the {unwanted} root", standing)
    return None


def _because(what: str, standing: Standing) -> str:
    return f"{what}: {standing.problem}" if standing.problem else what


# -- from phase to phase ------------------------------------------------------------------------------------
def forward(operation: Operation) -> Phase | Refused:
    following = _FORWARD.get(operation.phase)
    if following is None:
        return Refused(f"the rollover is {operation.phase}", "ocppsec ca rotate begin starts another one")
    return following


def back(operation: Operation) -> Phase | Refused:
    before = _BACK.get(operation.phase)
    if before is not None:
        return before
    if operation.phase is Phase.PREPARED:
        return Refused("it has not begun: no station knows of it", "ocppsec ca rotate abort throws it away")
    return Refused(
        f"there is no way back from {operation.phase}: the old root is being taken out of the stations",
        "go on: ocppsec ca rotate next",
    )


def abort(operation: Operation) -> Phase | Refused:
    if operation.phase is Phase.PREPARED and all(line.what != Phase.DISTRIBUTE for line in operation.history):
        return Phase.DISCARD  # no station ever heard of it
    if operation.phase in _ABORTABLE:
        return Phase.TAKE_BACK
    return Refused(f"it cannot be given up in {operation.phase}", "look at it: ocppsec ca rotate status")


def enter(operation: Operation, phase: Phase, *, at: str, detail: str = "") -> Operation:
    """*operation* in *phase*, with its line of history."""
    served_new = turn_of(operation).serve_coming
    return replace(
        operation,
        phase=phase,
        entered_at=at,
        both_ways=operation.both_ways or served_new,
        history=(*operation.history, Line(at=at, what=phase, detail=detail))[-_KEPT:],
    )


_KEPT = 100


class _Stored(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    operation: Operation


_VERSION = 1
_decoder = msgspec.json.Decoder(_Stored)


def encode_operation(operation: Operation) -> str:
    return msgspec.json.encode(_Stored(version=_VERSION, operation=operation)).decode()


def decode_operation(text: str) -> Operation:
    """Raises `UnreadableState`."""
    try:
        stored = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored rollover: {error}") from error
    if stored.version != _VERSION:
        raise UnreadableState(f"stored rollover has version {stored.version}, this program reads 1")
    return stored.operation
