"""A refusal is a pass only beside somebody who is let in."""

import pytest

from ocppsec.audit.checks.first_page import _limit
from ocppsec.audit.finding import Verdict
from ocppsec.audit.lab import Answer, Lab
from ocppsec.audit.target import Target, doors
from ocppsec.audit.wire import Ended

IN = Answer(status=101, socket=object())
REFUSED = Answer(status=401, complete=True)
BROKEN = Answer(status=500, complete=True)
HUNG_UP = Answer(ended=Ended("the server closed the socket"))
ALERT = Answer(ended=Ended("TLS alert: unknown ca", alert=True))
SILENT = Answer(ended=Ended("nothing within 10 s", silent=True))


class OneControl(Lab):
    """Its proper station gets the answer it is told; None is an audit without one."""

    def __init__(self, control):
        super().__init__(Target(**doors("ws://x/ocpp")), pause=0, patience=1)
        self._given = control

    async def control(self, knock):
        return self._given


@pytest.mark.parametrize(
    ("answer", "control", "verdict"),
    [
        pytest.param(IN, IN, Verdict.FAIL, id="let in"),
        pytest.param(IN, None, Verdict.FAIL, id="let in, nothing to compare"),
        pytest.param(REFUSED, IN, Verdict.PASS, id="refused"),
        pytest.param(ALERT, IN, Verdict.PASS, id="refused by TLS"),
        pytest.param(HUNG_UP, IN, Verdict.PASS, id="hung up on"),
        pytest.param(REFUSED, None, Verdict.INCONCLUSIVE, id="refused, nothing to compare"),
        pytest.param(REFUSED, REFUSED, Verdict.INCONCLUSIVE, id="everybody is refused"),
        pytest.param(SILENT, SILENT, Verdict.INCONCLUSIVE, id="everybody waits"),
        pytest.param(SILENT, IN, Verdict.FAIL, id="left hanging"),
        pytest.param(BROKEN, IN, Verdict.FAIL, id="broke over it"),
    ],
)
async def test_a_refusal_is_judged_beside_a_control(answer, control, verdict):
    """Whoever refuses everybody has proven nothing; silence and 500 are no refusals."""
    async with OneControl(control) as lab:
        outcome = await lab.judge_refusal(answer, None, bad="bad", good="good")
    assert outcome.verdict is verdict


def answers(*statuses, **more):
    return [Answer(status=status, complete=True, **more) for status in statuses]


@pytest.mark.parametrize(
    ("given", "times", "limited"),
    [
        pytest.param(answers(401, 401, 429), [0.1] * 3, True, id="429"),
        pytest.param(answers(401, 401, 401), [0.1] * 3, False, id="as before"),
        pytest.param(
            answers(401, 401, 401, 401, 401), [0.1, 0.1, 0.1, 1.0, 2.0], True, id="slower and slower"
        ),
        pytest.param(answers(401, 401, 401, 401), [0.1, 0.1, 0.1, 2.0], False, id="slow once"),
        pytest.param(answers(401, 401, 401, 503), [0.1] * 4, False, id="503 without a word"),
        pytest.param([*answers(401, 401), HUNG_UP, HUNG_UP], [0.1] * 4, True, id="no more answers"),
        pytest.param([SILENT] * 4, [1.0] * 4, False, id="never an answer"),
        pytest.param(answers(200), [0.1], False, id="too early to say"),
    ],
)
def test_a_limit_is_seen_against_what_was_before(given, times, limited):
    """Told to wait, slowed down or cut off, after answers that came at once."""
    assert bool(_limit(given, times)) is limited
