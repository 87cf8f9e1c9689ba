"""A small fleet of `python -m tests.fleet`, and the judge itself: what is not right must not pass as explained."""

import pytest
import raised
import renewed
import stopped
from account import judge
from expected import EXPECTED

from ocppsec.station.manners import MANNERS

MANNERS_HERE = (
    "everest-slots",
    "comes-back-twice",
    "weak-key",
    "wrong-cn",
    "refuses-root-on-plain",
    "wrong-serial-at-boot",
)
"""Who ends soon, well or not."""


def told(found):
    wrong = [
        f"{one.identity} ({one.manner}): {one.wrong}: {one.reason}" for one in found.accounts if one.wrong
    ]
    return [*found.wrong, *wrong]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_campaign_with_a_kill(tmp_path):
    """1→3 among odd ones, the server killed -9 once: every station ends as it should, and says why."""
    found = raised.run(tmp_path, size=10, kills=1, manners=MANNERS_HERE, say=lambda _: None)

    assert told(found) == []
    assert found.totals["stations"]["done"] == 6
    assert found.figures["kills"] == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_certificates_of_a_minute(tmp_path):
    """Under load, renewed before they end; a revoked one is out, and nobody else is refused anything."""
    found = renewed.run(
        tmp_path, size=6, lifetime=60, renewals=1, rollover=False, meter=0.2, now=True, say=lambda _: None
    )

    assert told(found) == []
    assert found.figures["renewals"] >= 6


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_campaign_that_stops_itself(tmp_path):
    """A third fails: the rule fires within its bounds, and who had no turn is left as it was."""
    assert told(stopped.run(tmp_path, size=18, say=lambda _: None)) == []


# -- the judge ----------------------------------------------------------------------------------------------
def test_every_manner_has_its_place():
    """A new manner wants to be told how it should end."""
    assert set(EXPECTED) == {"right", *MANNERS}


RIGHT = {"status": "done", "reason": "", "floor": 3, "refused": {}, "accepted": True, "profile": 3}


@pytest.mark.parametrize(
    ("manner", "changes", "outages", "explained"),
    [
        pytest.param("right", {}, False, True, id="right"),
        pytest.param("right", {"floor": 2}, False, False, id="done, and the floor is not there"),
        pytest.param("right", {"profile": 2}, False, False, id="done, and the station is elsewhere"),
        pytest.param("right", {"status": "failed", "reason": "so"}, False, False, id="who is able fails"),
        pytest.param(
            "right", {"status": "failed", "reason": "so"}, True, False, id="outages excuse nobody able"
        ),
        pytest.param("right", {"refused": {"1: 401 no": 1}}, False, False, id="refused"),
        pytest.param("right", {"refused": {"1: 401 no": 1}}, True, False, id="refused, outage or not"),
        pytest.param("right", {"refused": {"1: 503 no": 1}}, False, False, id="503 without an outage"),
        pytest.param("right", {"refused": {"1: 503 no": 1}}, True, True, id="503 in an outage"),
        pytest.param("weak-key", {}, False, False, id="who must not is done"),
        pytest.param("weak-key", {}, True, False, id="who must not is done, outage or not"),
        pytest.param(
            "weak-key", {"status": "failed", "reason": "1024 bits", "floor": 2}, False, True, id="its reason"
        ),
        pytest.param(
            "weak-key", {"status": "failed", "reason": "tired", "floor": 2}, False, False, id="another reason"
        ),
        pytest.param(
            "weak-key", {"status": "failed", "reason": "tired", "floor": 2}, True, True, id="in an outage"
        ),
        pytest.param("weak-key", {"status": "failed", "reason": "", "floor": 2}, True, False, id="no reason"),
        pytest.param(
            "weak-key", {"status": "failed", "reason": "1024 bits"}, False, False, id="failed, and yet on 3"
        ),
    ],
)
def test_what_is_explained(manner, changes, outages, explained):
    """Each kind of deviation is seen, and no other."""
    lived = RIGHT | changes
    member = {"identity": "CS1", "tries": 1, **{key: lived[key] for key in ("status", "reason")}}
    (account,) = judge([member], {"CS1": lived}, {"CS1": lived}, {"CS1": manner}, outages=outages)

    assert (account.wrong == ()) is explained
