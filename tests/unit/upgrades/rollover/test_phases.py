"""The phases of a root rollover, as tables: what holds, who is in the way, which way leads where."""

import pytest
from msgspec.structs import replace

from ocppsec.certificates.generations import Turn
from ocppsec.upgrades.rollover.phases import (
    ENDED,
    Operation,
    Phase,
    Refused,
    Standing,
    abort,
    back,
    decode_operation,
    encode_operation,
    enter,
    forward,
    goal_of,
    issues_under,
    must_renew,
    obstacles,
    turn_of,
)
from ocppsec.upgrades.rollover.roots import Which
from ocppsec.upgrades.rollover.station import Goal
from ocppsec.upgrades.states import UnreadableState

AT = "2026-11-22T12:00:00+00:00"
OLD, NEW = frozenset({Which.OLD}), frozenset({Which.NEW})
BOTH = OLD | NEW
NONE = frozenset()


def operation(phase, **changed):
    return replace(Operation(phase=phase, entered_at=AT), **changed)


def station(shows, **more):
    return Standing(identity="CP1", shows=shows, **more)


def entered(*phases):
    state = operation(Phase.PREPARED)
    for phase in phases:
        state = enter(state, phase, at=AT)
    return state


@pytest.mark.parametrize(
    ("phase", "turn", "goal"),
    [
        (Phase.PREPARED, Turn(), None),
        (Phase.DISTRIBUTE, Turn(), Goal(wanted=Which.NEW)),
        (Phase.SERVE, Turn(serve_coming=True, crossed=True), Goal(wanted=Which.NEW)),
        (Phase.ISSUE, Turn(serve_coming=True, issue_coming=True, crossed=True), Goal(wanted=Which.NEW)),
        (Phase.ALONE, Turn(serve_coming=True, issue_coming=True), Goal(wanted=Which.NEW)),
        (
            Phase.WITHDRAW,
            Turn(serve_coming=True, issue_coming=True, trust_present=False),
            Goal(wanted=Which.NEW, drop_other=True),
        ),
        (Phase.TAKE_BACK, Turn(), Goal(wanted=Which.OLD, drop_other=True)),
    ],
)
def test_what_holds_in_a_phase(phase, turn, goal):
    """What is served, who signs, whom the doors trust, what stations are to have."""
    assert (turn_of(operation(phase)), goal_of(phase)) == (turn, goal)


def test_once_the_new_root_was_served_the_way_back_is_for_all():
    """Stations that check have the new root alone by then: the old certificates go with a cross certificate."""
    assert turn_of(entered(Phase.DISTRIBUTE)) == Turn()
    assert turn_of(entered(Phase.DISTRIBUTE, Phase.SERVE, Phase.DISTRIBUTE)) == Turn(crossed=True)
    assert turn_of(entered(Phase.DISTRIBUTE, Phase.SERVE, Phase.TAKE_BACK)) == Turn(crossed=True)
    assert turn_of(operation(Phase.DISTRIBUTE, both_ways=True)) == Turn(crossed=True)


@pytest.mark.parametrize(
    ("to", "standing", "reason"),
    [
        pytest.param(Phase.DISTRIBUTE, station(None), None, id="distribute: harms nobody"),
        pytest.param(Phase.SERVE, station(BOTH), None, id="serve: proven"),
        pytest.param(Phase.SERVE, station(NEW), None, id="serve: proven, checks"),
        pytest.param(Phase.SERVE, station(None), "nothing proves that it has the new root", id="serve: never asked"),
        pytest.param(Phase.SERVE, station(OLD), "it does not have the new root", id="serve: has it not"),
        pytest.param(Phase.SERVE, station(OLD, problem="no room"), "it does not have the new root: no room",
                     id="serve: with the reason"),
        pytest.param(Phase.SERVE, station(NONE), "it does not have the new root", id="serve: has none"),
        pytest.param(Phase.ISSUE, station(BOTH), None, id="issue: proven"),
        pytest.param(Phase.ISSUE, station(OLD), "it does not have the new root", id="issue: root before certificate"),
        pytest.param(Phase.ALONE, station(BOTH, certificates=OLD), None, id="alone: certificates may be old"),
        pytest.param(Phase.ALONE, station(OLD), "it does not have the new root", id="alone: needs the cross"),
        pytest.param(Phase.WITHDRAW, station(BOTH, met=True, certificates=NEW), None, id="withdraw"),
        pytest.param(Phase.WITHDRAW, station(BOTH, met=True), None, id="withdraw: no certificate"),
        pytest.param(Phase.WITHDRAW, station(BOTH, certificates=NEW),
                     "it has not come since the new root stands alone", id="withdraw: never met the new root alone"),
        pytest.param(Phase.WITHDRAW, station(BOTH, met=True, certificates=OLD),
                     "its certificate hangs under the old root", id="withdraw: needs the old CA"),
        pytest.param(Phase.WITHDRAW, station(OLD, met=True), "it does not have the new root", id="withdraw: lost it"),
        pytest.param(Phase.WITHDRAW, station(None, met=True), "nothing proves that it has the new root",
                     id="withdraw: unproven"),
        pytest.param(Phase.CONCLUDE, station(NEW), None, id="conclude"),
        pytest.param(Phase.CONCLUDE, station(BOTH), "it still has the old root", id="conclude: still there"),
        pytest.param(Phase.CONCLUDE, station(None), "nothing proves that it has the new root", id="conclude: unknown"),
        pytest.param(Phase.WITHDRAW, station(BOTH, met=True, certificates=BOTH),
                     "its certificate hangs under the old root", id="withdraw: being renewed"),
        pytest.param(Phase.DISCARD, station(OLD, certificates=BOTH), "its certificate hangs under the new root",
                     id="discard: being renewed"),
        pytest.param(Phase.DISCARD, station(OLD), None, id="discard"),
        pytest.param(Phase.DISCARD, station(BOTH), "it still has the new root", id="discard: still there"),
        pytest.param(Phase.DISCARD, station(NEW), "it does not have the old root", id="discard: would be cut off"),
        pytest.param(Phase.DISCARD, station(OLD, certificates=NEW), "its certificate hangs under the new root",
                     id="discard: needs the new CA"),
    ],
)  # fmt: skip
def test_who_is_in_the_way(to, standing, reason):
    """A phase is entered only when it harms nobody, as far as is proven."""
    found = obstacles(to, [standing])
    assert [obstacle.reason for obstacle in found] == ([] if reason is None else [reason])
    assert obstacles(to, [standing], ["CP1"]) == ()
    assert len(obstacles(to, [standing], ["CP2"])) == len(found)


@pytest.mark.parametrize(
    ("phase", "shows", "more", "under"),
    [
        pytest.param(Phase.DISTRIBUTE, BOTH, {}, Which.OLD, id="before issue: old"),
        pytest.param(Phase.SERVE, BOTH, {}, Which.OLD, id="served new, issued old"),
        pytest.param(Phase.SERVE, None, {}, Which.OLD, id="unknown: as the phase says"),
        pytest.param(Phase.DISTRIBUTE, NEW, {}, Which.NEW, id="has the new root alone: nothing else verifies there"),
        pytest.param(Phase.ISSUE, BOTH, {}, Which.NEW, id="issue: new"),
        pytest.param(Phase.ISSUE, OLD, {"exceptions": ("CP1",)}, Which.OLD, id="let behind: old"),
        pytest.param(Phase.ISSUE, OLD, {"exceptions": ("CP2",)}, Which.NEW, id="somebody else is let behind"),
        pytest.param(Phase.WITHDRAW, OLD, {"exceptions": ("CP1",)}, Which.NEW, id="withdraw: the old CA signs no more"),
        pytest.param(Phase.TAKE_BACK, BOTH, {}, Which.OLD, id="given up: old"),
        pytest.param(Phase.TAKE_BACK, NEW, {}, Which.NEW, id="given up, and it has only the new root yet"),
    ],
)  # fmt: skip
def test_whose_ca_signs(phase, shows, more, under):
    """Some stations verify their own certificate against the roots they have."""
    assert issues_under(operation(phase, **more), "CP1", shows) is under


@pytest.mark.parametrize(
    ("phase", "certificates", "shows", "renew"),
    [
        pytest.param(Phase.DISTRIBUTE, OLD, BOTH, False, id="nothing to do yet"),
        pytest.param(Phase.DISTRIBUTE, OLD, NEW, False, id="in its own time"),
        pytest.param(Phase.ISSUE, OLD, BOTH, True, id="issue: the old one goes"),
        pytest.param(Phase.ISSUE, NEW, BOTH, False, id="issue: done"),
        pytest.param(Phase.ISSUE, NONE, BOTH, False, id="profile 2"),
        pytest.param(Phase.SERVE, NEW, BOTH, True, id="after back: the new one goes"),
        pytest.param(Phase.SERVE, NEW, None, False, id="in doubt: first it is asked"),
        pytest.param(Phase.TAKE_BACK, NEW, OLD, True, id="given up"),
        pytest.param(Phase.TAKE_BACK, NEW, NEW, False, id="given up: first the root"),
    ],
)
def test_whose_certificate_is_renewed(phase, certificates, shows, renew):
    """What hangs under the root that goes."""
    assert must_renew(operation(phase), station(shows, certificates=certificates)) is renew


def test_the_ways():
    """Forward one by one, back while nothing is lost, given up as long as there is a way back."""
    ways = {
        phase: tuple(
            found if isinstance(found := way(entered(Phase.DISTRIBUTE, phase)), Phase) else None
            for way in (forward, back, abort)
        )
        for phase in Phase
    }
    assert ways == {
        Phase.PREPARED: (Phase.DISTRIBUTE, None, Phase.TAKE_BACK),
        Phase.DISTRIBUTE: (Phase.SERVE, Phase.PREPARED, Phase.TAKE_BACK),
        Phase.SERVE: (Phase.ISSUE, Phase.DISTRIBUTE, Phase.TAKE_BACK),
        Phase.ISSUE: (Phase.ALONE, Phase.SERVE, Phase.TAKE_BACK),
        Phase.ALONE: (Phase.WITHDRAW, Phase.ISSUE, Phase.TAKE_BACK),
        Phase.WITHDRAW: (Phase.CONCLUDE, None, None),
        Phase.CONCLUDE: (Phase.DONE, None, None),
        Phase.DONE: (None, None, None),
        Phase.TAKE_BACK: (Phase.DISCARD, Phase.DISTRIBUTE, None),
        Phase.DISCARD: (Phase.ABORTED, None, None),
        Phase.ABORTED: (None, None, None),
    }
    assert {phase for phase, (following, _, _) in ways.items() if following is None} == ENDED


def test_what_nobody_heard_of_is_thrown_away_at_once():
    """Prepared only: there is nothing to be taken out of any station."""
    assert abort(entered(Phase.PREPARED)) is Phase.DISCARD


def test_refusals_say_why_and_what_next():
    """Fit for people."""
    for way, phase in (
        (back, Phase.WITHDRAW),
        (back, Phase.PREPARED),
        (forward, Phase.DONE),
        (abort, Phase.WITHDRAW),
    ):
        refused = way(operation(phase))
        assert isinstance(refused, Refused)
        assert refused.reason
        assert "ocppsec ca rotate" in refused.advice


def test_history():
    """One line a phase, the newest hundred, and a stored operation of another version is refused."""
    state = entered(*[Phase.DISTRIBUTE, Phase.SERVE] * 60)
    assert len(state.history) == 100
    assert state.history[-1].what == Phase.SERVE
    assert decode_operation(encode_operation(state)) == state
    with pytest.raises(UnreadableState):
        decode_operation(encode_operation(state).replace('"version":1', '"version":2'))
