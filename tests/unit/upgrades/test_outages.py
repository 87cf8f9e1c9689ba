"""What a station does because we were away does not count against it, and not for ever."""

import pytest
from msgspec.structs import replace
from random_walks import PRIORITY, answer, set_to
from upgrade_examples import progress

from ocppsec.ocppj.messages import OCPPInterface, SetNetworkProfileResponse
from ocppsec.upgrades.exchange import (
    DeadlinePassed,
    Note,
    OurOutage,
    Send,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.path import MOST_ARRIVALS, MOST_OUTAGES, MOST_RETURNS, MOST_ROUNDS
from ocppsec.upgrades.restart import MOST_RESETS
from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingForRoots,
    AwaitingBoot,
    AwaitingCsr,
    AwaitingReset,
    Failed,
    Resetting,
    WritingProfile,
    decode_state,
    encode_state,
)
from ocppsec.upgrades.workflow import decide, resume, same_step

SWITCHED = progress(slot=2)
WAITING = AwaitingBoot(progress=SWITCHED, connected=False, answered=True, left=True)


def armed_again(state):
    """The switch is made once more: the Reset has been sent, its answer came."""
    assert isinstance(state, Arming)
    return replace(WAITING, progress=replace(state.progress, outage=False))


def test_a_boot_on_the_old_profile_after_a_restart_of_ours_is_no_round():
    """The doors were shut when the station tried its new slot: the switch is made again, as often as that is so."""
    state = WAITING
    for _ in range(MOST_ROUNDS + 2):
        state, _ = resume(decode_state(encode_state(state)), None)
        state, effects = decide(state, StationBooted(1))
        assert "does not count" in next(effect.detail for effect in effects if isinstance(effect, Note))
        assert state.progress.rounds == 0
        state = armed_again(state)


def test_without_an_outage_a_round_is_a_round():
    """The station's own failures still end it after three."""
    state = WAITING
    for _ in range(MOST_ROUNDS - 1):
        state, _ = decide(state, StationBooted(1))
        state = armed_again(state)
    state, _ = decide(state, StationBooted(1))
    assert isinstance(state, Failed)


def test_an_outage_excuses_one_boot_only():
    """With the next Reset the excuse is used up."""
    state, _ = resume(WAITING, None)
    state, _ = decide(state, StationBooted(1))
    reset, _ = decide(state, set_to(PRIORITY, "Accepted"))
    assert isinstance(reset, Resetting)
    assert not reset.progress.outage


def test_not_for_ever():
    """So many outages are made good; after them the station's own bounds hold, and so do its deadlines."""
    state = WAITING
    for _ in range(MOST_OUTAGES):
        state, _ = resume(state, None)
    before = replace(state, progress=replace(state.progress, outage=False))
    after, _ = resume(before, None)
    assert same_step(before, after)
    assert not after.progress.outage
    counted, _ = decide(after, StationBooted(1))
    assert counted.progress.rounds == 1


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(AskingForRoots(progress=SWITCHED), id="before the Reset"),
        pytest.param(Resetting(progress=SWITCHED), id="Reset"),
        pytest.param(AwaitingReset(progress=SWITCHED), id="pause"),
        pytest.param(WAITING, id="boot"),
        pytest.param(Arrived(progress=SWITCHED), id="arrived"),
    ],
)
def test_a_restart_gives_the_step_its_time_again(state):
    """A deadline that passed while we were away says nothing of the station; nothing is sent to who is not there."""
    after, effects = resume(state, None)
    assert not same_step(state, after)
    assert not any(isinstance(effect, Send) for effect in effects)
    stale = DeadlinePassed(state.progress.step_number)
    assert decide(after, stale) == (after, ())


def test_a_reset_whose_answer_we_missed_is_no_refusal():
    """The station is back on the old profile and nobody heard its answer: the Reset is sent again, uncounted."""
    state = replace(WAITING, answered=False)
    for _ in range(MOST_RESETS + 2):
        state, _ = resume(state, None)
        state, _ = decide(state, StationConnected(1))
        assert isinstance(state, AwaitingReset)
        assert state.progress.reset_refusals == 0
        state = replace(WAITING, answered=False, progress=replace(state.progress, outage=False))
    state, _ = decide(state, StationConnected(1))
    assert state.progress.reset_refusals == 1


@pytest.mark.parametrize(
    ("state", "excused"),
    [
        pytest.param(WAITING, True, id="on its way to the new profile"),
        pytest.param(AskingForRoots(progress=SWITCHED), False, id="before the Reset"),
    ],
)
def test_turned_away_by_a_fault_of_ours(state, excused):
    """503 at the door counts as our outage from the Reset on, once until the next, and changes nothing else."""
    after, effects = decide(state, OurOutage())
    assert (after.progress.outage, after.progress.outages, effects) == (excused, int(excused), ())
    assert same_step(state, after)
    assert decide(after, OurOutage()) == (after, ())


def test_an_outage_takes_no_arrival():
    """Connections on the new profile that ended with our process are not among the few that may drop."""
    state = Arrived(progress=replace(SWITCHED, arrivals=MOST_ARRIVALS))
    state, _ = resume(state, None)
    state, _ = decide(state, StationConnected(2))
    assert isinstance(state, Arrived)
    assert state.progress.arrivals == 1


def test_who_is_back_on_the_old_profile_after_an_outage_is_reset_again():
    """Whether it restarted meanwhile, nobody knows: another Reset is sooner than the deadline, and harmless."""
    state, _ = resume(WAITING, None)
    after, _ = decide(state, StationConnected(1))
    assert isinstance(after, AwaitingReset)
    busy, _ = resume(replace(WAITING, scheduled=True), None)
    assert isinstance(decide(busy, StationConnected(1))[0], AwaitingBoot)
    assert isinstance(decide(WAITING, StationConnected(1))[0], AwaitingBoot)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(AskingForRoots(progress=SWITCHED), id="asked something"),
        pytest.param(AwaitingCsr(progress=SWITCHED), id="waited for"),
    ],
)
def test_a_station_that_restarts_for_ever_comes_to_an_end(state):
    """So often it may come back; each outage of ours allows it once more; and that is told."""
    kind = type(state)
    outage, _ = resume(state, None)
    for before, most in ((state, MOST_RETURNS), (outage, MOST_RETURNS + 1)):
        current = before
        for _ in range(most):
            current, _ = decide(current, StationConnected(1))
            assert isinstance(current, kind)
            assert same_step(before, current)
        current, _ = decide(current, StationConnected(1))
        assert isinstance(current, Failed)
        assert f"come back {most + 1} times" in current.reason


def test_who_waits_for_its_restart_may_come_back_as_often_as_it_likes():
    """A charging session may last for days, and its connection not."""
    state = replace(WAITING, scheduled=True)
    for _ in range(MOST_RETURNS * 3):
        state, _ = decide(state, StationConnected(1))
    assert isinstance(state, AwaitingBoot)


def test_who_was_waited_for_through_many_restarts_is_excused_in_its_switch():
    """Outages before the switch use none of those that it has; those in it count on."""
    state = WritingProfile(
        progress=progress(outages=MOST_OUTAGES), slots=(2,), interfaces=(OCPPInterface.WIRED0,)
    )
    armed, _ = decide(state, answer(SetNetworkProfileResponse, status="Accepted"))
    assert isinstance(armed, Arming)
    assert armed.progress.outages == 0
    switched = replace(WAITING, progress=replace(armed.progress, outages=3, outage=True))
    again, _ = decide(switched, StationBooted(1))
    assert isinstance(again, Arming)
    assert again.progress.outages == 3
