"""What is said of a station that has not come back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.csms.explain import Explanation
from ocppsec.csms.rescue import Action, rescue
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Attempt, AttemptOutcome, Station, Upgrade, UpgradeStatus
from ocppsec.upgrades.states import Failed, encode_state

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STATION = Station(
    identity="CP1",
    serial_number="SN1",
    floor=SecurityProfile.BASIC,
    target=SecurityProfile.TLS_BASIC,
    observed=SecurityProfile.BASIC,
    added_at=NOW - timedelta(days=1),
    last_seen_at=NOW - timedelta(hours=1),
)
LOST = Upgrade(
    id="u1",
    identity="CP1",
    target=SecurityProfile.TLS_BASIC,
    status=UpgradeStatus.FAILED,
    step="failed",
    reason="The station has not come back.",
    state=encode_state(Failed(reason="", step="", lost_contact=True)),
    version=3,
    deadline=None,
    started_at=NOW - timedelta(hours=2),
    ended_at=NOW - timedelta(minutes=30),
)
REFUSED = replace(LOST, state=encode_state(Failed(reason="", step="")))
UNDER_WAY = replace(LOST, status=UpgradeStatus.OPEN, deadline=NOW, step="wait for the station", ended_at=None)
FAILED_HANDSHAKE = Attempt(
    at=NOW - timedelta(minutes=5),
    outcome=AttemptOutcome.HANDSHAKE_FAILED,
    door="wss",
    address="192.0.2.1",
    identity=None,
    profile=None,
    reason="certificate unknown",
)


def told(station=STATION, upgrades=(LOST,), attempts=(), connected=None, shut_out=None):
    explanation = Explanation(
        identity="CP1", registered=True, summary="", attempts=list(attempts), advice=["Install the root."]
    )
    return rescue(station, upgrades, explanation, connected=connected, shut_out=shut_out)


def test_lost_contact():
    """A station that did not come back is lost contact; its old profile is admitted as before, and that is said."""
    found = told()

    assert found.lost_contact
    assert "Lost contact with CP1" in found.summary
    assert found.open_doors == [1, 2]
    assert found.steps[0].startswith("No door has seen it try")
    assert any("without a time limit: it is admitted on profile 1" in step for step in found.steps)


def test_it_does_try():
    """What a door has seen since is told, with the advice that fits it, before anything else."""
    found = told(attempts=[FAILED_HANDSHAKE, replace(FAILED_HANDSHAKE, at=NOW - timedelta(days=3))])

    assert found.seen_since == [FAILED_HANDSHAKE]
    assert "certificate unknown" in found.steps[0]
    assert found.steps[1] == "Install the root."


@pytest.mark.parametrize(
    ("change", "lost", "says"),
    [
        pytest.param({"connected": 1}, False, "station upgrade CP1 --to 2", id="back on the old profile"),
        pytest.param({"connected": 2}, False, "where it should be", id="came on the new one"),
        pytest.param({"upgrades": (UNDER_WAY,)}, False, "goes on by itself", id="under way"),
        pytest.param({"upgrades": (REFUSED,)}, False, "Look at the site", id="failed while it was there"),
        pytest.param({"upgrades": ()}, False, "ocppsec audit door", id="no upgrade"),
        pytest.param(
            {"station": replace(STATION, floor=SecurityProfile.TLS_BASIC), "upgrades": ()},
            False,
            "never booted here",
            id="never here",
        ),
        pytest.param(
            {"station": replace(STATION, last_seen_at=NOW)}, False, "Look at the site", id="was back since"
        ),
        pytest.param(
            {"station": replace(STATION, floor=SecurityProfile.TLS_BASIC, registered_at=NOW)},
            True,
            "never admitted lower",
            id="has been on the new profile",
        ),
    ],
)
def test_situations(change, lost, says):
    """Contact is lost only while the station is away since its upgrade ended; the steps fit the situation."""
    found = told(**change)
    assert found.lost_contact is lost
    assert any(says in step for step in found.steps)


def test_nothing_opens_profile_3():
    """That is said instead of anything on site: neither power nor a restart brings it back."""
    found = told(
        station=replace(STATION, floor=SecurityProfile.TLS_CLIENT, target=SecurityProfile.TLS_CLIENT),
        upgrades=(),
        shut_out=("its certificate is revoked", "register it anew: ocppsec station remove CP1"),
    )
    assert "cannot come in: its certificate is revoked" in found.summary
    assert found.steps == ["Register it anew: ocppsec station remove CP1"]


def test_a_row_of_another_version_costs_nobody_the_rest():
    """What its state cannot tell is not known; all else is told."""
    found = told(upgrades=(replace(LOST, state='{"version":99}'),))
    assert not found.lost_contact
    assert found.steps


WRONG_PASSWORD = replace(FAILED_HANDSHAKE, outcome=AttemptOutcome.REFUSED, reason="wrong-password")
ABOVE = replace(FAILED_HANDSHAKE, outcome=AttemptOutcome.REFUSED, reason="profile-above-target")
DONE = replace(STATION, floor=SecurityProfile.TLS_BASIC)


@pytest.mark.parametrize(
    ("change", "actions"),
    [
        pytest.param({}, [Action.WATCH], id="away"),
        pytest.param({"connected": 1}, [Action.RETRY], id="back on the old profile"),
        pytest.param({"upgrades": (UNDER_WAY,)}, [Action.GIVE_UP], id="under way"),
        pytest.param(
            {"attempts": [WRONG_PASSWORD]}, [Action.WATCH, Action.NEW_PASSWORD], id="wrong password"
        ),
        pytest.param({"station": DONE, "connected": 2}, [], id="where it should be"),
        pytest.param(
            {"station": DONE, "attempts": [ABOVE]}, [Action.OPEN_PROFILE], id="comes on a higher one"
        ),
    ],
)
def test_what_can_be_done_from_here(change, actions):
    """Only what fits the situation is offered."""
    assert told(**change).actions == actions
