"""What is said before anything is sent."""

import pytest
from upgrade_examples import URLS, at_start, plan

from ocppsec.upgrades.exchange import Note, Send
from ocppsec.upgrades.plan import Plan, StationAtStart
from ocppsec.upgrades.states import Arrived, AskingVariables, AwaitingBoot, Failed
from ocppsec.upgrades.workflow import begin, resume


@pytest.mark.parametrize(
    ("given", "station", "reason"),
    [
        pytest.param(plan(1), at_start(1), "profile 2 or 3, not on 1", id="target 1"),
        pytest.param(plan(4), at_start(1), "profile 2 or 3, not on 4", id="target 4"),
        pytest.param(plan(3), at_start(0), "Upgrades begin at profile 1", id="profile 0 is out of scope"),
        pytest.param(plan(2), at_start(3), "on profile 3 already", id="above the target"),
        pytest.param(
            plan(3),
            at_start(1, reported_serial="SN-2"),
            'reports serial number "SN-2"',
            id="another serial, 1→3",
        ),
        pytest.param(
            plan(3), at_start(2, reported_serial="sn-1"), 'reports serial number "sn-1"', id="case counts"
        ),
        pytest.param(plan(3, urls={3: URLS[3]}), at_start(1), "no wss:// door for profile 2", id="no door 2"),
        pytest.param(plan(3, urls={2: URLS[2]}), at_start(1), "no wss:// door for profile 3", id="no door 3"),
        pytest.param(plan(2, urls={2: "ws://x"}), at_start(1), "no wss:// door for profile 2", id="ws door"),
        pytest.param(
            plan(2, urls={2: "wss://" + "x" * 507}),
            at_start(1),
            "longer than the 512 characters",
            id="long URL",
        ),
        pytest.param(
            plan(2, root_pem="x" * 5501), at_start(1), "longer than the 5500 characters", id="long root"
        ),
    ],
)
def test_objections(given: Plan, station: StationAtStart, reason: str) -> None:
    """An upgrade that cannot end well fails at once, with a reason and without a CALL."""
    state, effects = begin(given, station)
    assert isinstance(state, Failed)
    assert reason in state.reason
    assert [type(effect) for effect in effects] == [Note]


@pytest.mark.parametrize(
    ("given", "station"),
    [
        pytest.param(
            plan(2), at_start(1, reported_serial="SN-2"), id="another serial matters on profile 3 only"
        ),
        pytest.param(plan(3), at_start(1, reported_serial=None), id="a station that names no serial may try"),
        pytest.param(plan(3, urls={3: URLS[3]}), at_start(2), id="door 2 is not needed from 2 to 3"),
        pytest.param(plan(2, urls={2: "wss://" + "x" * 506}), at_start(1), id="URL of 512"),
        pytest.param(plan(2, root_pem="x" * 5500), at_start(1), id="root of 5500"),
    ],
)
def test_no_objection(given: Plan, station: StationAtStart) -> None:
    """What may end well begins with a question."""
    state, effects = begin(given, station)
    assert isinstance(state, AskingVariables)
    assert any(isinstance(effect, Send) for effect in effects)


def test_an_absent_station_is_waited_for() -> None:
    """Nothing is sent before the station is there; then the first question is."""
    state, effects = begin(plan(), at_start(connected=False))
    assert not any(isinstance(effect, Send) for effect in effects)
    assert isinstance(state, AskingVariables)
    _, later = resume(state, 1)
    assert any(isinstance(effect, Send) for effect in later)


@pytest.mark.parametrize(
    ("connected", "expected"),
    [pytest.param(True, Arrived, id="connected"), pytest.param(False, AwaitingBoot, id="away")],
)
def test_on_the_target_without_a_boot(connected: bool, expected: type) -> None:
    """On the target, but never booted there: only the boot is waited for."""
    state, effects = begin(plan(3), at_start(3, connected=connected, booted=False))
    assert isinstance(state, expected)
    assert not any(isinstance(effect, Send) for effect in effects)
