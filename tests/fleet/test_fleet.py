"""A small fleet of `python -m tests.fleet`, and the judge itself: what is not right must not pass as explained."""

import json
import subprocess
import sys
from pathlib import Path

import kinds
import pytest
import raised
import renewed
import small_disk
import stopped
from account import judge

ROOT = Path(__file__).parents[2]
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
    found = raised.run(tmp_path, size=10, troubles={"kill": 1}, manners=MANNERS_HERE, say=lambda _: None)

    assert told(found) == []
    assert found.totals["stations"]["done"] == 6
    assert found.figures["kill"] == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_campaign_on_a_full_disk(tmp_path):
    """The server lives, reads, refuses to change anything with 503, and all come to their end; no file is damaged."""
    if (obstacle := small_disk.obstacle()) is not None:
        pytest.skip(obstacle)
    said = ["--stations", "5", "--manner", "everest-slots", "--full", "1", "--keep", tmp_path]
    run = subprocess.run(
        [sys.executable, "-m", "tests.fleet", "campaign", *said],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((tmp_path / "figures.json").read_text())["full"] == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_kinds_of_campaigns(tmp_path):
    """New passwords, profile 3, new certificates: killed on the way, and the database locked by another process."""
    course = ({"kind": "passwords"}, {"kind": "raise", "to": 3}, {"kind": "renew"})
    troubles = {"kill": 1, "lock": 1}
    found = kinds.run(tmp_path, size=5, course=course, troubles=troubles, say=lambda _: None)

    assert told(found) == []
    assert {kind: found.figures[kind] for kind in troubles} == troubles


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_renewals(tmp_path):
    """Under load and with a kill on the way; a revoked one is out, and nobody else is refused anything."""
    found = renewed.run(
        tmp_path,
        size=6,
        lifetime=600,
        renewals=1,
        rollover=False,
        meter=0.2,
        asked=True,
        troubles={"kill": 1},
        say=lambda _: None,
    )

    assert told(found) == []
    assert found.figures["renewals"] >= 6


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_campaign_that_stops_itself(tmp_path):
    """A third fails: the rule fires within its bounds, and who had no turn is left as it was."""
    assert told(stopped.run(tmp_path, size=18, say=lambda _: None)) == []


# -- the judge ----------------------------------------------------------------------------------------------
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
        pytest.param(
            "right",
            {"refused": {"3: tls: the server's certificate: self-signed": 1}},
            True,
            False,
            id="a server it does not trust, outage or not",
        ),
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
