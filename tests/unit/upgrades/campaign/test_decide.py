"""What a campaign does next."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from msgspec.structs import replace

from ocppsec.upgrades.campaign.begin import Candidate, begin, snapshot
from ocppsec.upgrades.campaign.decide import decide
from ocppsec.upgrades.campaign.happenings import (
    Abort,
    Approve,
    Begin,
    Begun,
    CameAfterAll,
    Ended,
    Finish,
    Gone,
    Late,
    Look,
    NotBegun,
    Note,
    Outcome,
    Pause,
    Resume,
    Retry,
)
from ocppsec.upgrades.campaign.looking import MOST_PASSED_OVER
from ocppsec.upgrades.campaign.plan import read_plan
from ocppsec.upgrades.campaign.roster import Roster
from ocppsec.upgrades.campaign.states import CampaignStatus as Status
from ocppsec.upgrades.campaign.states import MemberStatus as Member
from ocppsec.upgrades.campaign.states import decode_member, decode_run, encode_member, encode_run

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AT_ONCE = {"phases": [{"percent": 100}], "rate": {"per_minute": 6000, "in_flight": 100}}


class Campaign:
    """A campaign over stations CP0, CP1, …, played by hand; everybody is there unless said otherwise."""

    def __init__(self, stations, plan=AT_ONCE, candidates=None, **more):
        self.run = begin(read_plan({"to": 3, "select": "all", **plan, **more}))
        named = candidates or [Candidate(identity=f"CP{number}", kind="") for number in range(stations)]
        self.members = Roster(snapshot(named))
        self.away, self.busy, self.charging = set(), set(), set()
        self.now = START
        self.began, self.notes = [], []

    def happens(self, *events):
        decision = decide(self.run, self.members, events, self.now)
        self.run = decode_run(encode_run(decision.run))
        self.members.apply(decode_member(encode_member(one)) for one in decision.changed)
        begun = [effect.member.identity for effect in decision.effects if isinstance(effect, Begin)]
        self.notes += [effect for effect in decision.effects if isinstance(effect, Note)]
        self.began += begun
        return begun

    def look(self, seconds=0):
        self.now += timedelta(seconds=seconds)
        present = set(self.members) - self.away
        begun = self.happens(Look(present=present, busy=self.busy, charging=self.charging))
        self.happens(*(Begun(identity) for identity in begun))
        return begun

    def end(self, identity, outcome=Outcome.DONE, reason=""):
        self.happens(Ended(identity, outcome, reason))

    def status(self, identity):
        return self.members[identity].status

    def of(self, status):
        return [identity for identity, member in self.members.items() if member.status is status]


# -- order, rate, flights -----------------------------------------------------------------------------------
def test_all_go_well():
    """Every station is begun once and ends where it should be; then the campaign is done."""
    campaign = Campaign(3)

    campaign.look()
    campaign.look(1)
    for identity in campaign.began:
        campaign.end(identity)
    campaign.look(1)

    assert sorted(campaign.began) == ["CP0", "CP1", "CP2"]
    assert campaign.run.status is Status.DONE


def test_most_in_flight():
    """No more than so many upgrades are under way; the end of one makes room for the next."""
    campaign = Campaign(5, AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 2}})

    assert len(campaign.look(1)) == 2
    assert campaign.look(1) == []
    campaign.end(campaign.began[0], Outcome.FAILED)
    assert len(campaign.look(1)) == 1


def test_rate():
    """Stations are begun evenly, so many a minute; a long pause is not made up for."""
    campaign = Campaign(100, AT_ONCE | {"rate": {"per_minute": 12, "in_flight": 100}})

    begun = [len(campaign.look(1)) for _ in range(60)]
    assert sum(begun) in (12, 13)
    assert max(begun) == 1
    campaign.look(3600)
    assert len(campaign.began) <= 14


def test_rate_grows_and_falls_back():
    """After successes the rate doubles up to its bound; one failure takes it back to the beginning."""
    rate = {"per_minute": 10, "most_per_minute": 35, "grow_after": 2, "in_flight": 100}
    campaign = Campaign(9, AT_ONCE | {"rate": rate}, stop={"failed_percent": 100})
    seen = []
    for _ in range(7):
        campaign.look(60)
        campaign.end(campaign.began[-1])
        seen.append(campaign.run.rate)

    assert seen == [10, 20, 20, 35, 35, 35, 35]
    campaign.look(60)
    campaign.end(campaign.began[-1], Outcome.FAILED)
    assert campaign.run.rate == 10


def test_the_canary_meets_every_kind():
    """The first few stations are of different kinds; those that cannot be raised come last, with the reason."""
    kinds = {"CP1": "A", "CP2": "A", "CP3": "A", "CP4": "B", "CP5": "C"}
    candidates = [Candidate(identity=identity, kind=kind) for identity, kind in kinds.items()]
    members = snapshot([*candidates, Candidate(identity="CP0", kind="D", objection="on profile 3 already")])

    assert [member.identity for member in members] == ["CP1", "CP4", "CP5", "CP2", "CP3", "CP0"]
    assert (members[-1].status, members[-1].reason) == (Member.SKIPPED, "on profile 3 already")


# -- phases -------------------------------------------------------------------------------------------------
PHASES = {
    "phases": [{"stations": 2, "soak": 100, "stop_at": 1}, {"percent": 50}, {"percent": 100}],
    "rate": {"per_minute": 6000, "in_flight": 100},
}


def finish(campaign, outcome=Outcome.DONE):
    for identity in campaign.of(Member.RUNNING):
        campaign.end(identity, outcome)


def test_canary_soak_and_shares():
    """The canary goes first, soaks, then the shares follow, those before counted in."""
    campaign = Campaign(10, PHASES)

    campaign.look()
    campaign.look(1)
    assert len(campaign.began) == 2
    finish(campaign)
    campaign.look(1)
    campaign.look(98)
    assert len(campaign.began) == 2, "it soaks"
    campaign.look(2)
    campaign.look(1)
    campaign.look(1)
    assert len(campaign.began) == 5
    finish(campaign)
    for _ in range(3):
        campaign.look(1)
    assert len(campaign.began) == 10


def test_a_share_smaller_than_the_canary():
    """A phase never has fewer stations than those before it: it says so, and begins nobody."""
    campaign = Campaign(10, {"phases": [{"stations": 4}, {"percent": 10}, {"percent": 100}]})
    for _ in range(30):
        campaign.look(3)
        finish(campaign)

    told = [note.detail for note in campaign.notes if note.what == "phase"]
    assert told == ["2 of 3: 4 stations in all", "3 of 3: 10 stations in all"]


def test_a_failed_canary_stops_all():
    """One station of the canary fails: nothing more is begun, with the reason."""
    campaign = Campaign(10, PHASES)
    campaign.look(1)
    campaign.look(1)
    campaign.end("CP0", Outcome.FAILED, "refused")
    campaign.end("CP1")

    assert [campaign.look(200) for _ in range(3)] == [[], [], []]
    assert campaign.run.status is Status.STOPPED
    assert "the phase stops at 1" in campaign.run.reason


def test_a_canary_is_filled_by_who_is_there():
    """A station that is away does not hold the canary up; it has its turn later."""
    campaign = Campaign(4, PHASES)
    campaign.away = {"CP0"}

    campaign.look(1)
    campaign.look(1)
    assert campaign.began == ["CP1", "CP2"]
    finish(campaign)
    campaign.look(1)
    campaign.look(101)
    campaign.away = set()
    campaign.look(1)
    campaign.look(1)
    campaign.look(1)
    assert campaign.began[2:] == ["CP0", "CP3"]


def test_a_person_opens_the_next_phase():
    """With a gate for persons the campaign waits behind the phase until somebody approves, once for each gate."""
    phases = [{"stations": 1, "gate": "person"}, {"stations": 2, "gate": "person"}, {"percent": 100}]
    campaign = Campaign(4, AT_ONCE | {"phases": phases})
    campaign.look()
    finish(campaign)
    campaign.look(1)

    assert campaign.run.status is Status.WAITING
    assert campaign.look(10_000) == []
    campaign.happens(Approve())
    campaign.look(1)
    campaign.look(1)
    assert len(campaign.began) == 2
    finish(campaign)
    campaign.look(1)
    assert campaign.run.status is Status.WAITING


def test_approval_may_come_early():
    """Who approves before the phase is through is not asked again."""
    campaign = Campaign(2, AT_ONCE | {"phases": [{"stations": 1, "gate": "person"}, {"percent": 100}]})
    campaign.look()
    campaign.happens(Approve())
    finish(campaign)
    campaign.look(1)
    campaign.look(1)

    assert len(campaign.began) == 2


# -- stop rules ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stop", "outcomes", "reason"),
    [
        pytest.param({"lost": 1}, "l", "lost contact with 1", id="lost"),
        pytest.param({"lost": 2}, "l", None, id="fewer lost"),
        pytest.param({"lost": 1}, "ff", None, id="a failure is no lost contact"),
        pytest.param({"failed": 2, "lost": 9}, "ff", "2 failed", id="failed"),
        pytest.param({"failed": 2, "lost": 9}, "fl", None, id="lost contact is counted apart"),
        pytest.param({"failed_percent": 50, "at_least": 4, "lost": 9}, "dffl", "3 of 4 failed", id="share"),
        pytest.param({"failed_percent": 50, "at_least": 4, "lost": 9}, "ddff", None, id="share not exceeded"),
        pytest.param({"failed_percent": 50, "at_least": 4, "lost": 9}, "fff", None, id="too few for a share"),
        pytest.param({"failed_percent": 0, "at_least": 1}, "f", "1 of 1 failed", id="none may fail"),
        pytest.param({"failed_percent": 100, "at_least": 1, "lost": 9}, "ff", None, id="all may fail"),
    ],
)
def test_stop_rules(stop, outcomes, reason):
    """A stop rule fires at its bound and not before, and says so."""
    words = {"d": Outcome.DONE, "f": Outcome.FAILED, "l": Outcome.LOST}
    campaign = Campaign(8, AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": len(outcomes)}}, stop=stop)
    campaign.look(1)
    for identity, outcome in zip(campaign.of(Member.RUNNING), outcomes, strict=True):
        campaign.end(identity, words[outcome])
    begun = campaign.look(1)

    if reason is None:
        assert (campaign.run.status, bool(begun)) == (Status.RUNNING, True)
    else:
        assert (campaign.run.status, begun) == (Status.STOPPED, [])
        assert reason in campaign.run.reason


def test_a_stopped_campaign_goes_on_and_counts_from_there():
    """A person resumes: what failed before is forgiven, and the rule fires again at its bound."""
    campaign = Campaign(9, AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 1}}, stop={"lost": 1})
    campaign.look()
    finish(campaign, Outcome.LOST)
    campaign.look(1)
    assert campaign.run.status is Status.STOPPED
    campaign.happens(Resume())

    assert len(campaign.look(1)) == 1
    finish(campaign, Outcome.LOST)
    campaign.look(1)
    assert campaign.run.status is Status.STOPPED


# -- persons ------------------------------------------------------------------------------------------------
def test_pause_and_resume():
    """Paused nothing is begun, what is under way ends; resumed it goes on."""
    campaign = Campaign(4, AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 2}})
    campaign.look(1)
    campaign.happens(Pause())
    finish(campaign)

    assert campaign.look(1) == []
    assert len(campaign.of(Member.DONE)) == 2
    campaign.happens(Resume())
    assert len(campaign.look(1)) == 2


def test_abort():
    """Aborted nothing is begun; what is under way comes to its end and then it has ended, each with a reason."""
    campaign = Campaign(3, AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 1}}, retry={"failed": 3})
    campaign.look(1)
    campaign.happens(Abort())
    campaign.look(1)
    assert campaign.run.status is Status.ABORTING
    finish(campaign, Outcome.FAILED)
    campaign.look(1)

    assert campaign.run.status is Status.ABORTED
    assert len(campaign.began) == 1
    assert campaign.of(Member.PENDING) == []
    assert all(campaign.members[identity].reason for identity in campaign.of(Member.SKIPPED))


@pytest.mark.parametrize(
    "event", [Pause(), Resume(), Approve(), Abort(), Ended("CP0", Outcome.LOST), Begun("X")]
)
def test_what_has_ended_stays_ended(event):
    """A campaign that is done does not move by what comes late."""
    campaign = Campaign(1)
    campaign.look()
    finish(campaign)
    campaign.look(1)
    before = campaign.run, dict(campaign.members)
    campaign.happens(event)
    campaign.look(1)

    assert (campaign.run, dict(campaign.members)) == before


def test_retry():
    """Those that failed, were lost or away are tried again, each with a new try; who is done stays done."""
    campaign = Campaign(4, stop={"lost": 9}, wait={"away": 10})
    campaign.away = {"CP3"}
    campaign.look(1)
    campaign.end("CP0")
    campaign.end("CP1", Outcome.FAILED, "refused")
    campaign.end("CP2", Outcome.LOST, "away")
    campaign.look(11)
    campaign.look(1)
    assert campaign.run.status is Status.DONE
    campaign.away = set()
    campaign.happens(Retry())

    assert sorted(campaign.look(1)) == ["CP1", "CP2", "CP3"]
    assert campaign.members["CP1"].tries == 2
    assert campaign.status("CP0") is Member.DONE


def test_tried_again_by_itself():
    """A failure of a kind with retries left is tried again after the pause, and does not stop the campaign."""
    campaign = Campaign(2, retry={"failed": 1, "pause": 60}, stop={"failed": 1})
    campaign.look(1)
    campaign.end("CP0", Outcome.FAILED)
    campaign.end("CP1")

    assert campaign.look(59) == []
    assert campaign.look(1) == ["CP0"]
    campaign.end("CP0", Outcome.FAILED, "again")
    campaign.look(1)
    assert (campaign.status("CP0"), campaign.run.status) == (Member.FAILED, Status.STOPPED)


@pytest.mark.parametrize(
    ("retry", "again"),
    [
        pytest.param({"failed": 1}, {"CP0", "CP1"}, id="silent as failed"),
        pytest.param({"silent": 1}, {"CP1"}, id="silent alone"),
        pytest.param({"failed": 1, "silent": 0}, {"CP0"}, id="all but silent"),
        pytest.param({"lost": 1}, {"CP2"}, id="lost alone"),
        pytest.param({}, set(), id="nobody"),
    ],
)
def test_retries_for_each_kind_of_failure(retry, again):
    """Who said no, who did not answer and who is lost are tried again as often as each is told to be."""
    campaign = Campaign(3, retry={"pause": 1, **retry}, stop={"lost": 9})
    campaign.look(1)
    campaign.end("CP0", Outcome.FAILED)
    campaign.end("CP1", Outcome.SILENT)
    campaign.end("CP2", Outcome.LOST)

    assert set(campaign.look(1)) == again
    finish(campaign, Outcome.SILENT)
    assert campaign.status("CP1") is Member.FAILED


@pytest.mark.parametrize(
    ("outcome", "stop"),
    [
        pytest.param(Outcome.FAILED, {"failed": 2, "failed_percent": 100}, id="failed"),
        pytest.param(Outcome.FAILED, {"failed_percent": 10, "at_least": 2}, id="share"),
        pytest.param(Outcome.LOST, {"lost": 2, "failed_percent": 100}, id="lost"),
    ],
)
def test_tried_again_by_itself_hides_no_failure_from_the_rules(outcome, stop):
    """While those that a rule would stop for wait for another try, nobody else is begun; the history says so once."""
    plan = AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 2}}
    campaign = Campaign(20, plan, retry={"failed": 1, "lost": 1, "pause": 60}, stop=stop)
    first = campaign.look(1)
    finish(campaign, outcome)

    assert [campaign.look(1) for _ in range(30)] == [[]] * 30
    assert [note.what for note in campaign.notes] == ["holding"]
    assert "2 being tried again among them" in campaign.run.reason
    assert sorted(campaign.look(60)) == sorted(first)
    finish(campaign, outcome)
    campaign.look(1)
    assert campaign.run.status is Status.STOPPED
    assert len(campaign.began) == 4


def test_goes_on_when_what_was_tried_again_ended_well():
    """A failure that another try mends stops nothing, and who had to wait for that has not been away."""
    campaign = Campaign(2, retry={"failed": 1, "pause": 60}, stop={"failed": 1}, wait={"away": 50})
    campaign.away = {"CP1"}
    assert campaign.look(1) == ["CP0"]
    campaign.end("CP0", Outcome.FAILED)
    campaign.look(1)
    assert campaign.look(60) == ["CP0"]
    campaign.away = set()
    assert campaign.look(1) == []
    campaign.end("CP0")
    campaign.away = {"CP1"}
    campaign.look(1)
    campaign.away = set()

    assert campaign.look(1) == ["CP1"]
    assert campaign.run.reason == ""
    assert [note.what for note in campaign.notes] == ["holding", "going-on"]


def test_what_a_person_has_tried_again_holds_nobody_up():
    """A person has seen the failures: who is tried again by hand does not count against those that follow."""
    plan = AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 1}}
    campaign = Campaign(2, plan, retry={"failed": 1, "pause": 5}, stop={"failed": 1})
    for _ in range(2):
        campaign.look(5)
        finish(campaign, Outcome.FAILED)
    campaign.look(1)
    assert campaign.run.status is Status.STOPPED
    campaign.away = {"CP0"}
    campaign.happens(Retry())

    assert campaign.look(1) == ["CP1"]
    assert campaign.run.reason == ""


def test_lost_stays_lost():
    """Who was lost, is to be tried again and does not come for it is counted as lost, not as failed."""
    plan = AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 1}}
    campaign = Campaign(2, plan, retry={"lost": 1, "pause": 5}, wait={"away": 100}, stop={"lost": 1})
    campaign.look(1)
    campaign.away = {"CP0"}
    campaign.end("CP0", Outcome.LOST, "did not come back")
    for _ in range(30):
        campaign.look(5)

    assert campaign.status("CP0") is Member.LOST
    assert "did not come back" in campaign.members["CP0"].reason
    assert (campaign.run.status, campaign.began) == (Status.STOPPED, ["CP0"])


def test_an_approval_is_no_reason_to_stand_still():
    """What a person has opened goes on, and nothing stands there as if it did not."""
    campaign = Campaign(2, {"phases": [{"stations": 1, "gate": "person"}, {"percent": 100}]})
    campaign.look(1)
    finish(campaign)
    campaign.look(1)
    campaign.happens(Approve())

    assert (campaign.run.status, campaign.run.reason) == (Status.RUNNING, "")
    campaign.look(1)
    assert campaign.look(1) == ["CP1"]
    assert "going-on" not in [note.what for note in campaign.notes]


# -- who is not there ---------------------------------------------------------------------------------------
def test_away_within_bounds():
    """A station that is away is waited for, and ends with a reason when it does not come."""
    campaign = Campaign(2, wait={"away": 100})
    campaign.away = {"CP1"}
    campaign.look()
    finish(campaign)

    campaign.look(99)
    assert (campaign.status("CP1"), campaign.run.status) == (Member.PENDING, Status.RUNNING)
    campaign.look(1)
    campaign.look(1)
    assert campaign.status("CP1") is Member.AWAY
    assert "away" in campaign.members["CP1"].reason
    assert campaign.run.status is Status.DONE


@pytest.mark.parametrize(
    ("away", "there", "expected"),
    [(900, 599, Member.PENDING), (900, 600, Member.AWAY), (60, 60, Member.AWAY), (60, 59, Member.PENDING)],
)
def test_nobody_is_away_because_we_were(away, there, expected):
    """After an outage of ours a station has ten minutes to find its way back, or as long as the plan waits anyway."""
    campaign = Campaign(1, wait={"away": away})
    campaign.happens(Look(present=set(), busy=set()))
    campaign.now += timedelta(days=1)
    since = campaign.now - timedelta(seconds=there)
    campaign.happens(Look(present=set(), busy=set(), there_since=since))

    assert campaign.status("CP0") is expected


def test_busy():
    """A station with another upgrade is not begun until that has ended."""
    campaign = Campaign(1)
    campaign.busy = {"CP0"}
    assert campaign.look() == []
    campaign.busy = set()

    assert campaign.look(1) == ["CP0"]


def test_busy_after_all():
    """Somebody else began an upgrade in the same moment: it has not been a try, and its turn comes again."""
    campaign = Campaign(1)
    campaign.happens(Look(present={"CP0"}, busy=set()))
    campaign.happens(NotBegun("CP0", "another upgrade is open", busy=True))
    assert campaign.members["CP0"].tries == 0
    assert campaign.look(29) == []

    assert campaign.look(1) == ["CP0"]
    assert campaign.members["CP0"].tries == 1


@pytest.mark.parametrize("tries", [0, 1])
def test_what_cannot_be_begun_now_is_waited_for_within_bounds(tries):
    """A door of ours that is out of order costs no station its turn, and none waits for it for ever."""
    campaign = Campaign(1, wait={"away": 100}, retry={"failed": 1, "pause": 1})
    if tries:
        campaign.look()
        campaign.end("CP0", Outcome.FAILED, "refused")
        campaign.now += timedelta(seconds=1)
    for _ in range(10):
        campaign.happens(Look(present={"CP0"}, busy=set()))
        campaign.happens(NotBegun("CP0", "our door does not answer", busy=True))
        campaign.now += timedelta(seconds=30)
    campaign.look()

    assert campaign.status("CP0") is (Member.FAILED if tries else Member.AWAY)
    assert "our door does not answer all the time" in campaign.members["CP0"].reason
    assert campaign.members["CP0"].tries == tries
    assert campaign.run.status is Status.DONE


def test_begun_after_all():
    """Who could be begun in the end has not waited: a later try waits anew."""
    campaign = Campaign(1, wait={"away": 100})
    campaign.happens(Look(present={"CP0"}, busy=set()))
    campaign.happens(NotBegun("CP0", "our door does not answer", busy=True))
    assert campaign.look(31) == ["CP0"]

    assert campaign.members["CP0"].waiting_since is None


def test_cannot_be_begun():
    """What cannot be begun for good is skipped with the reason."""
    campaign = Campaign(1)
    campaign.happens(Look(present={"CP0"}, busy=set()))
    campaign.happens(NotBegun("CP0", "no door serves profile 3"))
    campaign.look(1)

    assert (campaign.status("CP0"), campaign.members["CP0"].reason) == (
        Member.SKIPPED,
        "no door serves profile 3",
    )
    assert campaign.run.status is Status.DONE


def test_time_in_which_nobody_could_be_begun_does_not_count():
    """What passes while a phase soaks, or the campaign is paused, is not counted as a station's absence."""
    phases = [{"stations": 1, "soak": 1000}, {"percent": 100}]
    campaign = Campaign(2, AT_ONCE | {"phases": phases}, wait={"away": 100})
    campaign.away = {"CP0"}
    campaign.look()
    finish(campaign)
    campaign.look(1)
    campaign.look(1000)
    campaign.look(1)
    assert campaign.status("CP0") is Member.PENDING
    campaign.happens(Pause())
    campaign.look(500)
    campaign.happens(Resume())
    campaign.look(1)

    assert campaign.status("CP0") is Member.PENDING


def test_came_after_all():
    """A station that was lost and comes on the new profile after all is done."""
    campaign = Campaign(1)
    campaign.look()
    finish(campaign, Outcome.LOST)
    campaign.happens(CameAfterAll("CP0"))

    assert campaign.status("CP0") is Member.DONE


def test_removed():
    """A station that is removed meanwhile ends with that reason and holds nobody up."""
    campaign = Campaign(2)
    campaign.look()
    campaign.look(1)
    campaign.happens(Gone("CP0"))
    campaign.end("CP1")
    campaign.look(1)

    assert campaign.status("CP0") is Member.SKIPPED
    assert campaign.run.status is Status.DONE


def test_window():
    """Outside of its hours no station is begun; a station's own time zone counts."""
    window = {"hours": "12:00-13:00", "timezone": "UTC"}
    named = [Candidate(identity="CP0", kind=""), Candidate(identity="CP1", kind="", timezone="Asia/Tokyo")]
    campaign = Campaign(0, candidates=named, window=window)

    assert campaign.look() == ["CP0"]
    assert campaign.look(15 * 3600) == ["CP1"]


# -- who is charging ----------------------------------------------------------------------------------------
def test_not_while_charging():
    """A station that charges has its turn when that has ended, and holds nobody up."""
    campaign = Campaign(2)
    campaign.charging = {"CP0"}

    assert campaign.look() == ["CP1"]
    assert campaign.members["CP0"].reason == "charging: waited for until its transaction has ended"
    campaign.charging = set()
    assert campaign.look(1) == ["CP0"]


def test_charging_within_bounds():
    """For the end of charging it is waited as long as the plan says, not as long as for who is away."""
    campaign = Campaign(2, wait={"charging": 100, "away": 50})
    campaign.charging, campaign.away = {"CP0"}, {"CP1"}
    campaign.look()
    campaign.look(99)

    assert (campaign.status("CP0"), campaign.status("CP1")) == (Member.PENDING, Member.AWAY)
    campaign.look(1)
    assert campaign.status("CP0") is Member.AWAY
    assert campaign.members["CP0"].reason == "charging all the time it was waited for"


def test_charging_ignored():
    """Who says so begins stations that charge: their Reset waits for its end by itself."""
    campaign = Campaign(1, charging="ignore")
    campaign.charging = {"CP0"}

    assert campaign.look() == ["CP0"]


# -- late comers --------------------------------------------------------------------------------------------
def late(*identities):
    return Late(tuple(Candidate(identity=identity, kind="") for identity in identities))


def test_late_comers_stand_at_the_end():
    """They join behind all that are there, once each; the campaign says who."""
    campaign = Campaign(2, AT_ONCE | {"rate": {"per_minute": 6000, "in_flight": 1}}, continuous=True)
    campaign.happens(late("B", "A", "CP1"))
    campaign.happens(late("A"))
    for _ in range(4):
        campaign.look(1)
        finish(campaign)

    assert campaign.began == ["CP0", "CP1", "A", "B"]
    assert [note.detail for note in campaign.notes if note.what == "late"] == ["2 joined: A, B"]


def test_a_continuous_campaign_has_no_end():
    """When all have ended it goes on, takes who comes, and ends when a person says that it is finished."""
    campaign = Campaign(1, continuous=True)
    campaign.look()
    finish(campaign)
    campaign.look(1_000_000)
    assert campaign.run.status is Status.RUNNING
    campaign.happens(late("A"))
    assert campaign.look(1) == ["A"]
    campaign.happens(Finish())
    campaign.happens(late("B"))
    finish(campaign)
    campaign.look(1)

    assert campaign.run.status is Status.DONE
    assert "B" not in campaign.members


def test_until():
    """At the time that was set it takes no more late comers, and ends as any other."""
    until = (START + timedelta(seconds=100)).isoformat()
    campaign = Campaign(1, continuous=True, until=until)
    campaign.look()
    finish(campaign)
    campaign.look(99)
    assert campaign.run.status is Status.RUNNING
    campaign.look(1)

    assert campaign.run.status is Status.DONE
    assert [note.what for note in campaign.notes] == ["closed", "done"]


def test_a_canary_of_late_comers():
    """A campaign that begins with nobody passes no phase by: its canary waits until it is full."""
    campaign = Campaign(0, PHASES, continuous=True)
    campaign.look(10_000)
    assert campaign.run.phase == 0
    campaign.happens(late("A"))
    campaign.look(1)
    finish(campaign)
    campaign.look(10_000)
    assert campaign.run.phase == 0
    campaign.happens(late("B", "C", "D", "E", "F", "G"))
    campaign.look(1)
    assert campaign.began == ["A", "B"]
    finish(campaign)
    campaign.look(1)
    campaign.look(100)
    campaign.look(1)
    campaign.look(1)
    assert campaign.began == ["A", "B", "C", "D"], "half of seven, those of the canary counted in"


def test_late_comers_belong_to_the_share():
    """A share is one of all that are there at that moment, late comers among them."""
    phases = [{"percent": 50}, {"percent": 100}]
    campaign = Campaign(2, AT_ONCE | {"phases": phases}, continuous=True)
    campaign.look(1)
    campaign.happens(late("A", "B"))
    campaign.look(1)

    assert campaign.began == ["CP0", "CP1"]


@pytest.mark.parametrize("event", [Abort(), Finish()])
def test_who_comes_too_late(event):
    """Nobody joins a campaign that a person has ended."""
    campaign = Campaign(1, continuous=True)
    campaign.look()
    campaign.happens(event)
    campaign.happens(late("A"))

    assert "A" not in campaign.members


def test_nobody_joins_a_snapshot():
    """A campaign that is not continuous has the stations it began with."""
    campaign = Campaign(1)
    campaign.happens(late("A"))

    assert list(campaign.members) == ["CP0"]


def test_finished_means_something_once():
    """Only a continuous campaign can be finished, and only once."""
    for campaign in (Campaign(1), Campaign(1, continuous=True)):
        campaign.happens(Finish())
        before = campaign.run, len(campaign.notes)
        campaign.happens(Finish())
        assert (campaign.run, len(campaign.notes)) == before


# -- some at a time -----------------------------------------------------------------------------------------
def test_only_those_are_looked_at_again_whose_turn_it_is():
    """Who was passed over is seen again when the shell says so: neither begun nor given up before."""
    campaign = Campaign(2, wait={"away": 10})
    campaign.away = {"CP0", "CP1"}
    campaign.look()
    campaign.now += timedelta(seconds=20)
    assert campaign.happens(Look(present={"CP0", "CP1"}, busy=set(), again=["CP1"])) == ["CP1"]
    campaign.happens(Look(present=set(), busy=set(), again=[]))

    assert campaign.status("CP0") is Member.PENDING
    campaign.happens(Look(present=set(), busy=set(), again=["CP0"]))
    assert campaign.status("CP0") is Member.AWAY


def test_a_fleet_that_is_away():
    """So many are passed over in one look; who is there behind them has its turn some looks later."""
    campaign = Campaign(2 * MOST_PASSED_OVER + 1)
    last = max(campaign.members.values(), key=lambda one: one.position).identity
    campaign.away = set(campaign.members) - {last}
    assert campaign.look(1) == []
    assert sum(one.waiting_since is not None for one in campaign.members.values()) == MOST_PASSED_OVER
    campaign.look(1)

    assert campaign.look(1) == [last]


# -- any course ---------------------------------------------------------------------------------------------
def assert_in_order(roster):
    """What the roster has counted and put in order is what a count of its members gives."""
    anew = Roster(sorted(roster.values(), key=lambda one: one.position))
    assert +anew.totals.by_status == +roster.totals.by_status
    for name in ("begun", "to_be_tried_again", "can", "under_way", "pending"):
        assert getattr(anew.totals, name) == getattr(roster.totals, name)
    assert list(anew.turn([""])) == list(roster.turn([""]))
    pending = [one for one in roster.values() if one.status is Member.PENDING]
    turn = [one for one in pending if one.not_before is None and one.waiting_since is None]
    assert list(roster.turn([""])) == sorted(turn, key=lambda one: (one.tries == 0, one.position))
    paused = [one for one in pending if one.not_before is not None]
    assert sorted(roster.due(START + timedelta(days=400)), key=str) == sorted(paused, key=str)
    waiting = [one for one in pending if one.waiting_since is not None]
    assert sorted(roster.waiting(), key=str) == sorted(waiting, key=str)


@pytest.mark.parametrize("seed", range(30))
def test_any_course(seed):
    """Whatever happens in whatever order: bounds hold, nobody is begun twice, and everything ends."""
    random = Random(seed)
    phases = [{"stations": 2, "soak": 5}, {"percent": 50, "gate": "person"}, {"percent": 100}]
    campaign = Campaign(
        12,
        {"phases": phases, "rate": {"per_minute": 600, "in_flight": 3}},
        stop={"failed": 2, "lost": 2},
        retry={"failed": 1, "pause": 3},
        wait={"away": 60, "charging": 60},
        continuous=seed % 2 == 0,
    )
    for turn in range(4000):
        if turn < 300 and random.random() < 0.1:
            campaign.happens(random.choice([Pause(), Resume(), Approve(), Retry()]))
        if turn >= 300:
            campaign.happens(Resume(), Approve())
        if turn < 200 and random.random() < 0.05:
            campaign.happens(late(f"L{turn}"))
        if turn == 300:
            campaign.happens(Finish())
        campaign.away = {identity for identity in campaign.members if random.random() < 0.2}
        campaign.charging = {identity for identity in campaign.members if random.random() < 0.1}
        under_way = set(campaign.of(Member.RUNNING))
        begun = campaign.look(1)
        assert not under_way & set(begun)
        assert not campaign.away & set(begun)
        assert not campaign.charging & set(begun)
        assert_in_order(campaign.members)
        assert len(campaign.of(Member.RUNNING)) <= 3
        for identity in campaign.of(Member.RUNNING):
            if random.random() < 0.3:
                campaign.end(identity, random.choice(list(Outcome)), "so it was")
        if campaign.run.status is Status.DONE and turn > 300:
            break

    assert campaign.run.status is Status.DONE
    assert campaign.of(Member.PENDING) == campaign.of(Member.RUNNING) == campaign.of(Member.STARTING) == []
    ended_badly = campaign.of(Member.FAILED) + campaign.of(Member.LOST) + campaign.of(Member.AWAY)
    assert all(campaign.members[identity].reason for identity in ended_badly)


def test_nothing_is_decided_twice():
    """A decision is a value: the run and the stations it was made from are untouched."""
    campaign = Campaign(2)
    before = campaign.run, dict(campaign.members)
    decide(campaign.run, campaign.members, [Look(present={"CP0", "CP1"}, busy=set())], START)

    assert (campaign.run, dict(campaign.members)) == before
    assert replace(campaign.run) == campaign.run
