"""Whole upgrades against scripted stations, and the same upgrades with the CSMS killed at every step."""

import pytest
import scripted_stations as stations
from scripted_stations import Conversation, CorrectStation
from upgrade_examples import at_start, plan

from ocppsec.upgrades.plan import Plan
from ocppsec.upgrades.states import Done, Failed

REACHES_3 = [
    pytest.param(station, id=station.__name__)
    for station in (
        stations.CorrectStation,
        stations.EverestLike,
        stations.OpenOcppLike,
        stations.ListsNoSlots,
        stations.ReportNeverComes,
        stations.TellsNothing,
        stations.OneVariableAtATime,
        stations.SendsTheCsrBeforeItsAnswer,
        stations.ReachesTheDoorAtTheThirdRestart,
        stations.LosesAnswerToSetVariables,
        stations.HasTheRootAlready,
        stations.UsesTheNewestProfile,
        stations.ClosesAtCertificateSigned,
        stations.SchedulesTheReset,
        stations.IsIdleAtTheThirdReset,
        stations.RestartsWithoutAnswer,
        stations.ReconnectsWithoutBoot,
        stations.DropsTheFirstConnection,
        stations.RefusesSlotsInThePriorityList,
        stations.HalfWay,
        stations.TidiesUpLate,
        stations.DoesNotListTheRoot,
        stations.RepeatsItsCsrWithANewKey,
    )
]

FAILS = [
    pytest.param(
        stations.AnswersAcceptedToEverything, 1, "did not restart", id="AnswersAcceptedToEverything"
    ),
    pytest.param(stations.NeverSendsTheCsr, 2, "SignCertificate never came, 2 times", id="NeverSendsTheCsr"),
    pytest.param(
        stations.ComesBackOnTheOldProfile,
        1,
        "booted on profile 1 again, not on profile 2. The switch was made 3 times. Meanwhile at the doors: slot 2",
        id="ComesBackOnTheOldProfile",
    ),
    pytest.param(
        stations.RefusesRootOnUnsecuredConnection, 1, "no root over an unsecured", id="RefusesRootOnUnsecured"
    ),
    pytest.param(
        stations.DoesNotKnowThePriorityVariable,
        1,
        "does not know NetworkConfigurationPriority",
        id="DoesNotKnowThePriorityVariable",
    ),
    pytest.param(stations.HasOneSlot, 1, "no free configuration slot", id="HasOneSlot"),
    pytest.param(stations.IsNeverIdle, 1, "refused Reset 3 times: Rejected (TxInProgress)", id="IsNeverIdle"),
    pytest.param(stations.NeverComesBack, 1, "has not come back within", id="NeverComesBack"),
    pytest.param(
        stations.RefusesTheCertificate, 2, "refused its new certificate", id="RefusesTheCertificate"
    ),
    pytest.param(stations.SendsABadCsr, 2, "the key is too short", id="SendsABadCsr"),
    pytest.param(stations.IsMute, 1, "did not answer InstallCertificate, sent 3 times", id="IsMute"),
    pytest.param(
        stations.DoesNotSupportReset, 1, "CALLERROR NotSupported: no Reset here", id="DoesNotSupportReset"
    ),
    pytest.param(stations.GoesAway, 1, "the station was away", id="GoesAway"),
]


@pytest.mark.parametrize("station", REACHES_3)
def test_reaches_profile_3(station: type[CorrectStation]) -> None:
    """Each of these stations is taken 1→2→3, the floor following one boot at a time."""
    conversation = Conversation(station())
    ended = conversation.run()
    assert isinstance(ended, Done), ended
    assert (ended.profile, ended.slot) == (3, conversation.station.active)
    assert conversation.floors == [2, 3]
    assert conversation.station.profile == 3


def test_a_refused_list_is_made_again_from_what_the_station_says_now() -> None:
    """Armed with a slot it has lost, a station refuses; asked again it names the right one, and climbs."""
    conversation = Conversation(stations.ForgotSlotOne())
    ended = conversation.run()
    assert isinstance(ended, Done), ended
    calls = conversation.station.calls
    refused = calls.index("SetVariables")
    assert calls[refused + 1 : refused + 3] == ["GetVariables", "SetVariables"]
    assert conversation.station.profile == 3


@pytest.mark.parametrize(("station", "reached", "reason"), FAILS)
def test_fails_with_a_reason(station: type[CorrectStation], reached: int, reason: str) -> None:
    """Each of these ends in words a person understands, with the floor where the station really is."""
    conversation = Conversation(station())
    ended = conversation.run()
    assert isinstance(ended, Failed), ended
    assert reason in ended.reason
    assert conversation.floors == ([2] if reached == 2 else [])


def test_order_of_a_correct_station() -> None:
    """Root, free slot, priority, Reset; then organization, trigger, certificate, and the switch again."""
    station = CorrectStation()
    Conversation(station).run()
    asks = ["GetVariables"] * 4
    assert station.calls == [
        *(*asks, "GetReport", "GetInstalledCertificateIds"),
        *("InstallCertificate", "GetInstalledCertificateIds"),
        *("SetNetworkProfile", "SetVariables", "Reset"),
        *(*asks, "GetInstalledCertificateIds"),
        *("SetVariables", "TriggerMessage", "CertificateSigned"),
        *("SetNetworkProfile", "SetVariables", "Reset"),
    ]


@pytest.mark.parametrize(
    ("start", "target", "floors"),
    [
        pytest.param(1, 2, [2], id="1 to 2"),
        pytest.param(2, 3, [3], id="2 to 3"),
        pytest.param(1, 3, [2, 3], id="1 to 3 in two legs"),
    ],
)
def test_legs(start: int, target: int, floors: list[int]) -> None:
    """An upgrade takes one profile at a time and ends on its target."""
    conversation = Conversation(
        CorrectStation(profile=start), plan=plan(target), start=at_start(profile=start)
    )
    assert isinstance(conversation.run(), Done)
    assert conversation.floors == floors


def test_a_failed_upgrade_can_be_retried() -> None:
    """A second upgrade finds what the first one left behind and ends well."""
    station = stations.ReachesTheDoorAtTheThirdRestart()
    station.resets = -3
    assert isinstance(Conversation(station).run(), Failed)
    conversation = Conversation(station)
    assert isinstance(conversation.run(), Done)
    assert "InstallCertificate" not in station.calls[station.calls.index("Reset") :]


def test_retry_of_a_station_that_came_after_all() -> None:
    """A station that booted on the target after the upgrade gave up only needs its floor raised."""
    conversation = Conversation(CorrectStation(profile=3), start=at_start(profile=3))
    assert conversation.run() == Done(profile=3)
    assert conversation.floors == [3]
    assert conversation.station.calls == []


def test_a_connection_without_boot_is_no_proof() -> None:
    """A station connected on the target, of which no boot is known, has to boot before the floor rises."""
    conversation = Conversation(CorrectStation(profile=3), start=at_start(profile=3, booted=False))
    assert isinstance(conversation.run(), Done)
    assert conversation.station.calls == ["TriggerMessage", "Reset"]


def test_nothing_is_changed_before_the_verdict() -> None:
    """A station without a free slot has been asked, and nothing else."""
    station = stations.HasOneSlot()
    Conversation(station).run()
    assert set(station.calls) == {"GetVariables", "GetReport", "GetInstalledCertificateIds"}


def test_history_reads_as_a_story() -> None:
    """Every step leaves a line with its name, and the last one names the end."""
    conversation = Conversation(CorrectStation())
    conversation.run()
    assert conversation.history[0].startswith("profile 2: ask the station for its settings (GetVariables)")
    assert any("CSMS root not listed" in line for line in conversation.history)
    assert any('NetworkConfigurationPriority = "2,1" RebootRequired' in line for line in conversation.history)
    assert conversation.history[-1] == "done: profile 3 | booted on profile 3; lower is refused from now on"


def crash_points(station: type[CorrectStation], given: Plan) -> int:
    conversation = Conversation(station(), plan=given)
    conversation.run()
    return conversation.saves


@pytest.mark.parametrize("carried_out", [False, True], ids=["before its effects", "after its effects"])
@pytest.mark.parametrize("station", REACHES_3)
def test_killed_at_every_step(station: type[CorrectStation], carried_out: bool) -> None:
    """The CSMS is killed after each recorded step, once before and once after acting: the end is the same."""
    for crash_at in range(1, crash_points(station, plan()) + 1):
        conversation = Conversation(station(), crash_at=crash_at, carried_out=carried_out)
        ended = conversation.run()
        assert isinstance(ended, Done), (crash_at, ended, conversation.history)
        assert conversation.floors in ([2, 3], [3]), crash_at


@pytest.mark.parametrize("carried_out", [False, True], ids=["before its effects", "after its effects"])
@pytest.mark.parametrize(("station", "reached", "reason"), FAILS)
def test_killed_at_every_step_of_a_failure(
    station: type[CorrectStation], reached: int, reason: str, carried_out: bool
) -> None:
    """A crash makes no success out of a failure, and the failure keeps a reason."""
    for crash_at in range(1, crash_points(station, plan()) + 1):
        conversation = Conversation(station(), crash_at=crash_at, carried_out=carried_out)
        ended = conversation.run()
        assert isinstance(ended, Failed), crash_at
        assert ended.reason
        assert conversation.floors in ([], [2])
