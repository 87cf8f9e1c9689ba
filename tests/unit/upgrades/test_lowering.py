"""The one step down, in decisions."""

import random

import pytest
from msgspec.structs import replace
from random_walks import Walk, set_to, variable
from upgrade_examples import at_start, plan, progress

from ocppsec.upgrades.exchange import (
    CallRefused,
    LowerFloor,
    LowerTarget,
    Note,
    RaiseFloor,
    Send,
    StationBooted,
    StationConnected,
)
from ocppsec.upgrades.plan import Lowering
from ocppsec.upgrades.states import (
    Arming,
    Arrived,
    AskingVariables,
    AwaitingBoot,
    Done,
    Facts,
    Failed,
    Resetting,
)
from ocppsec.upgrades.workflow import begin, decide, outcome, resume

DOWN = Lowering(by="ops", reason="broken store")
DOWNGRADE = "SecurityCtrlr.AllowSecurityProfileDowngrade"
PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
FACTS = Facts(priority=(1,), active_slot=1, slots=(1, 2), downgrade_allowed=True)
LOWERED = replace(progress(slot=2, facts=FACTS), plan=plan(2, lowering=DOWN), profile=3, goal=2)


@pytest.mark.parametrize(
    ("target", "profile", "reason", "said"),
    [
        pytest.param(3, 3, "r", "only step down", id="not to 3"),
        pytest.param(1, 3, "r", "not on 1", id="never to 1"),
        pytest.param(2, 1, "r", "only one on profile 3", id="from 1"),
        pytest.param(2, 0, "r", "profile 0", id="from 0"),
        pytest.param(2, 3, "  ", "needs a reason", id="no reason"),
    ],
)
def test_objections(target, profile, reason, said):
    """3 to 2, with a reason; nothing else is begun."""
    state, effects = begin(plan(target, lowering=Lowering(by="", reason=reason)), at_start(profile))
    assert isinstance(state, Failed)
    assert said in state.reason
    assert [type(effect) for effect in effects] == [Note]


def test_it_asks_first():
    """Whether the station allows it is the first question."""
    state, effects = begin(plan(2, lowering=DOWN), at_start(3))
    assert isinstance(state, AskingVariables)
    assert state.left[0] == (DOWNGRADE,)
    assert any(isinstance(effect, Send) for effect in effects)
    after, _ = decide(state, variable(DOWNGRADE, "true"))
    assert after.progress.facts.downgrade_allowed is True


@pytest.mark.parametrize("allowed", [None, False, "refused"])
def test_what_the_station_did_not_allow_is_not_tried(allowed):
    """Anything but a plain true is a no, and the last thing that is asked."""
    state, _ = begin(plan(2, lowering=DOWN), at_start(3))
    answers = {None: variable(DOWNGRADE, "", "UnknownVariable"), False: variable(DOWNGRADE, "false")}
    state, _ = decide(state, answers.get(allowed, CallRefused("NotSupported")))
    assert isinstance(state, Failed)
    assert "Nothing was changed" in state.reason


def test_the_floor_falls_with_the_reset_and_not_sooner():
    """Who asked and why goes with it; a Reset that is sent again carries it again."""
    state, effects = decide(Arming(progress=LOWERED, slot=2, lists=((2, 1),)), set_to(PRIORITY, "Accepted"))
    assert isinstance(state, Resetting)
    kinds = [type(effect) for effect in effects if not isinstance(effect, Note)]
    assert kinds == [LowerFloor, Send]
    assert LowerFloor(DOWN) in effects
    assert LowerFloor(DOWN) in resume(state, 3)[1]


def test_profile_2_is_there_and_profile_3_is_not():
    """On the way down a connection on 3 is the old one."""
    waiting = AwaitingBoot(progress=LOWERED, connected=False, answered=True, left=True)
    assert isinstance(decide(waiting, StationConnected(2))[0], Arrived)
    assert isinstance(decide(waiting, StationConnected(3))[0], AwaitingBoot)
    assert isinstance(decide(waiting, StationBooted(2))[0], Done)
    assert isinstance(decide(waiting, StationBooted(3))[0], Arming)
    assert isinstance(resume(waiting, 3)[0], AwaitingBoot)
    assert isinstance(resume(waiting, 2)[0], Arrived)


class WalkDown(Walk):
    """A walk that begins on profile 3 and may go to 2."""

    def run(self):
        self.start = at_start(self.choose((3, 3, 3, 2)), booted=self.choose((True, False)))
        state, self.begun_effects = begin(plan(2, lowering=DOWN), self.start)
        for _ in range(60):
            if outcome(state) is not None:
                break
            event = self.event(state)
            if isinstance(state, AskingVariables) and state.left[0] == (DOWNGRADE,):
                event = variable(DOWNGRADE, self.choose(("true", "true", "false", "")))
            after, effects = self.decide(state, event)
            self.steps.append((state, event, after, effects))
            state = after
        self.state = state
        return self


def test_whatever_happens_on_the_way_down():
    """No floor is raised, it falls with a Reset only, after the station said yes, and it is done by a boot on 2."""
    randomness = random.Random(4)
    lowered = done = 0
    yes = variable(DOWNGRADE, "true")
    for _ in range(3000):
        walk = WalkDown(choose=randomness.choice).run()
        allowed = False
        for _, event, after, effects in walk.steps:
            allowed = allowed or event == yes
            assert not any(isinstance(effect, RaiseFloor) for effect in effects)
            if any(isinstance(effect, LowerFloor) for effect in effects):
                assert isinstance(after, Resetting)
                assert allowed
                lowered += 1
            if isinstance(after, Done):
                assert event == StationBooted(2)
                assert LowerTarget(2) in effects
                done += 1
            else:  # nobody is where he should be before he has booted there
                assert not any(isinstance(effect, LowerTarget) for effect in effects)
    assert done
    assert lowered


def test_no_other_upgrade_lowers():
    """Not in any walk."""
    randomness = random.Random(5)
    for _ in range(1000):
        walk = Walk(choose=randomness.choice).run()
        assert not any(
            isinstance(effect, LowerFloor | LowerTarget) for *_, effects in walk.steps for effect in effects
        )
