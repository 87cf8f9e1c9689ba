"""A failure says whether the station was there."""

import pytest
from upgrade_examples import at_start, plan

from ocppsec.upgrades.exchange import CallRefused, CallTimedOut, DeadlinePassed, GivenUp, Note
from ocppsec.upgrades.path import MOST_TRIES
from ocppsec.upgrades.states import (
    Arming,
    AskingVariables,
    AwaitingBoot,
    Failed,
    Progress,
    Triggering,
    decode_state,
    encode_state,
)
from ocppsec.upgrades.workflow import begin, decide

PROGRESS = Progress(plan=plan(2), profile=1, goal=2, slot=2, rounds=2)


@pytest.mark.parametrize(
    ("state", "lost"),
    [
        pytest.param(
            AwaitingBoot(progress=PROGRESS, connected=False, answered=True, left=True), True, id="away"
        ),
        pytest.param(
            AwaitingBoot(progress=PROGRESS, connected=True, answered=True, left=True), False, id="back"
        ),
        pytest.param(Arming(progress=PROGRESS, slot=2, lists=((2, 1),)), True, id="away before the Reset"),
        pytest.param(
            AskingVariables(progress=PROGRESS, left=(("OCPPCommCtrlr.NetworkConfigurationPriority",),)),
            True,
            id="away from the beginning",
        ),
    ],
)
def test_lost_contact(state, lost):
    """Who is away when the time is over is lost contact; who is back on the old profile only failed."""
    after, _ = decide(state, DeadlinePassed())

    assert isinstance(after, Failed)
    assert after.lost_contact is lost
    assert decode_state(encode_state(after)) == after


@pytest.mark.parametrize(
    ("event", "silent"),
    [
        pytest.param(CallTimedOut(), True, id="no answer"),
        pytest.param(CallRefused("NotSupported"), False, id="a CALLERROR"),
        pytest.param(GivenUp("enough"), False, id="a person"),
    ],
)
def test_silence(event, silent):
    """Whether it did not answer or has said no: the one may be another next time."""
    state = Triggering(progress=PROGRESS, tries=MOST_TRIES - 1)
    after, _ = decide(state, event)

    assert isinstance(after, Failed)
    assert after.silent is silent
    assert decode_state(encode_state(after)) == after


def test_what_has_failed_stays_what_it_is():
    """Silence behind the end changes nothing."""
    refused = Failed(reason="refused", step="here")
    assert decide(refused, CallTimedOut()) == (refused, ())


def test_an_objection_is_no_lost_contact():
    """What is refused before anything is sent has not lost anybody."""
    state, _ = begin(plan(2), at_start(3))
    assert isinstance(state, Failed)
    assert not state.lost_contact


@pytest.mark.parametrize(
    ("state", "lost"),
    [
        pytest.param(
            AwaitingBoot(progress=PROGRESS, connected=False, answered=True, left=True), True, id="away"
        ),
        pytest.param(Arming(progress=PROGRESS, slot=2, lists=((2, 1),)), False, id="at work"),
    ],
)
def test_given_up_by_hand(state, lost):
    """A person may end it at any step, and why is told; who was away in its restart is lost all the same."""
    after, effects = decide(state, GivenUp("the site is rebuilt"))
    assert isinstance(after, Failed)
    assert (after.lost_contact, "the site is rebuilt" in after.reason) == (lost, True)
    assert [type(effect) for effect in effects] == [Note]
