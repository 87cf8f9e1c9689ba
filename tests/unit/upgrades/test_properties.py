"""What holds for every sequence of events, sensible or not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_walks import EVERYTHING, Walk

from ocppsec.ocppj.messages import to_payload
from ocppsec.ocppj.schemas import check_request
from ocppsec.upgrades.exchange import DeadlinePassed, Note, RaiseFloor, Send, Sign, StationBooted
from ocppsec.upgrades.slots import active_slot
from ocppsec.upgrades.states import Done, Failed, WritingProfile, decode_state, encode_state
from ocppsec.upgrades.workflow import deadline_of, decide, describe, outcome, resume, same_step


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    return Walk(choose=lambda values: draw(st.sampled_from(values)), length=draw(st.integers(0, 50))).run()


@settings(max_examples=150, deadline=None)
@given(walks())
def test_always_a_reason_or_a_deadline(walk: Walk) -> None:
    """No sequence of events raises; an open state has a deadline and a name, a failed one a reason."""
    for state in (walk.begun, *(after for _, _, after, _ in walk.steps)):
        assert describe(state)
        match outcome(state):
            case None:
                assert (deadline_of(state) or 0) > 0
            case Failed(reason=reason):
                assert reason
            case Done(profile=profile):
                assert profile >= 2


@settings(max_examples=150, deadline=None)
@given(walks())
def test_the_floor_follows_boots_only_and_never_falls(walk: Walk) -> None:
    """RaiseFloor(p) comes of StationBooted(p) and of nothing else, and each is higher than the last."""
    begun = [effect.profile for effect in walk.begun_effects if isinstance(effect, RaiseFloor)]
    assert begun in ([], [walk.start.profile])
    assert not begun or walk.start.booted
    floors = walk.floors()
    assert all(event == StationBooted(profile) for event, profile in floors)
    raised = [*begun, *(profile for _, profile in floors)]
    assert raised == sorted(set(raised))
    assert all(profile >= walk.start.profile for profile in raised)


@settings(max_examples=150, deadline=None)
@given(walks())
def test_a_stored_state_is_as_good_as_a_living_one(walk: Walk) -> None:
    """resume(decode(encode(state))) is resume(state), and resuming twice is resuming once.

    But for the restarts of our own process, which are counted.
    """
    for profile in (None, 1, 2, 3):
        once = resume(walk.state, profile)
        assert resume(decode_state(encode_state(walk.state)), profile) == once
        if profile is not None or outcome(once[0]) is not None:
            assert resume(once[0], profile)[0] == once[0]
        else:
            assert type(resume(once[0], profile)[0]) is type(once[0])


@settings(max_examples=150, deadline=None)
@given(walks())
def test_effects_are_fit_to_be_carried_out(walk: Walk) -> None:
    """At most one CALL a time, valid by the official schema, and never a write to the active slot."""
    for before, _, after, effects in walk.steps:
        assert sum(isinstance(effect, Send | Sign) for effect in effects) <= 1
        if not same_step(before, after):
            assert any(isinstance(effect, Note) for effect in effects)
        for effect in effects:
            if isinstance(effect, Send):
                check_request(effect.request.action, to_payload(effect.request))
        if isinstance(after, WritingProfile):
            assert after.slots[0] != active_slot(after.progress)


@settings(max_examples=100, deadline=None)
@given(walks())
def test_left_alone_it_ends(walk: Walk) -> None:
    """When nothing but deadlines passes, every upgrade ends, and soon."""
    state = walk.state
    for _ in range(40):
        if outcome(state) is not None:
            return
        state, _ = decide(state, DeadlinePassed())
    pytest.fail(f"still open: {describe(state)}")


@settings(max_examples=100, deadline=None)
@given(walks(), st.sampled_from(EVERYTHING))
def test_an_ended_upgrade_stays_ended(walk: Walk, event: object) -> None:
    """Late and doubled answers change nothing once it is over."""
    if outcome(walk.state) is not None:
        assert decide(walk.state, event) == (walk.state, ())
        assert resume(walk.state, 2) == (walk.state, ())
