"""What a campaign does next: one pure function over the run, its stations and what has happened.

Knows no clock, no socket and no database: a shell saves the run and the changed stations first, then carries the
effects out.  What is always true:

1. A station is begun once for each try, never while another errand of it is open.
2. A campaign that is not running begins nothing; what is under way always comes to its end.
3. Each station ends with a reason, or is still waited for within bounds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never

from msgspec.structs import replace

from ocppsec.upgrades.campaign.begin import Candidate, snapshot
from ocppsec.upgrades.campaign.course import Course
from ocppsec.upgrades.campaign.happenings import (
    Abort,
    Approve,
    Begun,
    CameAfterAll,
    Decision,
    Ended,
    Event,
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
from ocppsec.upgrades.campaign.looking import ACTIVE, look, waited_in_vain
from ocppsec.upgrades.campaign.roster import Roster
from ocppsec.upgrades.campaign.states import ENDED, UNDER_WAY, CampaignStatus, MemberStatus, Run
from ocppsec.upgrades.counted import are

BUSY_PAUSE = 30.0
_NAMED = 5
_LATEST: Final = {
    Outcome.DONE: MemberStatus.DONE,
    Outcome.FAILED: MemberStatus.FAILED,
    Outcome.SILENT: MemberStatus.FAILED,
    Outcome.LOST: MemberStatus.LOST,
}
_BADLY: Final = frozenset({MemberStatus.FAILED, MemberStatus.LOST, MemberStatus.AWAY})
_ALIVE: Final = UNDER_WAY | {MemberStatus.PENDING}


def decide(run: Run, roster: Roster, events: Sequence[Event], now: datetime) -> Decision:
    """What follows from *events*, in their order.  An event a campaign has no use for changes nothing."""
    course = Course(run, roster, now)
    for event in events:
        _take(course, event)
    return Decision(
        run=course.run, changed=tuple(course.changed.values()), effects=tuple(course.effects), at=now
    )


def _take(course: Course, event: Event) -> None:
    match event:
        case Look():
            look(course, event)
        case Begun(identity=identity):
            course.set(identity, {MemberStatus.STARTING}, status=MemberStatus.RUNNING, waiting_since=None)
        case NotBegun():
            _not_begun(course, event)
        case Ended():
            _ended(course, event)
        case CameAfterAll(identity=identity):
            course.set(
                identity, _BADLY, status=MemberStatus.DONE, reason="came after all", ended_at=course.now
            )
        case Gone(identity=identity):
            _skip(course, identity, "the station was removed")
        case Late(candidates=candidates):
            _join(course, candidates)
        case Pause():
            if course.run.status in ACTIVE:
                course.status(CampaignStatus.PAUSED, "by a person")
        case Resume():
            if course.run.status in (CampaignStatus.PAUSED, CampaignStatus.STOPPED):
                _go_on(course, "resumed")
        case Approve():
            if course.run.status not in ENDED and not course.run.approved:
                _approve(course)
        case Abort():
            if course.run.status not in (*ENDED, CampaignStatus.ABORTING):
                course.status(CampaignStatus.ABORTING, "by a person; what is under way comes to its end")
        case Retry():
            _retry(course)
        case Finish():
            if course.run.takes_late_comers and course.run.status not in ENDED:
                course.run = replace(course.run, closed=True)
                course.effects.append(Note("closed", "no more late comers: by a person"))
        case _:
            assert_never(event)


# -- stations -----------------------------------------------------------------------------------------------
def _skip(course: Course, identity: str, reason: str) -> None:
    course.set(identity, _ALIVE, status=MemberStatus.SKIPPED, reason=reason, ended_at=course.now)


def _not_begun(course: Course, event: NotBegun) -> None:
    member = course.member(event.identity)
    if member is None or member.status is not MemberStatus.STARTING:
        return
    if not event.busy:
        _skip(course, event.identity, event.reason)
        return
    since = member.waiting_since or course.now
    later = course.set(
        event.identity,
        {MemberStatus.STARTING},
        status=MemberStatus.PENDING,
        tries=max(0, member.tries - 1),
        not_before=course.now + timedelta(seconds=BUSY_PAUSE),
        waiting_since=since,
        reason=event.reason,
    )
    assert later is not None
    if (course.now - since).total_seconds() >= course.run.plan.wait.away:
        waited_in_vain(course, later, event.reason)


def _ended(course: Course, event: Ended) -> None:
    member = course.set(
        event.identity,
        UNDER_WAY,
        status=_LATEST[event.outcome],
        last=_LATEST[event.outcome],
        last_reason=event.reason,
        reason=event.reason,
        ended_at=course.now,
    )
    if member is None:
        return
    _pace(course, well=event.outcome is Outcome.DONE)
    retry = course.run.plan.retry
    most = {
        Outcome.DONE: 0,
        Outcome.FAILED: retry.failed,
        Outcome.SILENT: retry.failed if retry.silent is None else retry.silent,
        Outcome.LOST: retry.lost,
    }[event.outcome]
    if member.retried < most and course.run.status is not CampaignStatus.ABORTING:
        course.set(
            event.identity,
            {member.status},
            status=MemberStatus.PENDING,
            retried=member.retried + 1,
            not_before=course.now + timedelta(seconds=retry.pause),
            waiting_since=None,
            ended_at=None,
        )


def _pace(course: Course, *, well: bool) -> None:
    """Growing after successes; back to the beginning after a failure."""
    rate = course.run.plan.rate
    if not well:
        course.run = replace(course.run, rate=rate.per_minute, streak=0)
        return
    streak = course.run.streak + 1
    if (
        rate.most_per_minute is not None
        and streak >= rate.grow_after
        and course.run.rate < rate.most_per_minute
    ):
        course.run = replace(course.run, rate=min(course.run.rate * 2, rate.most_per_minute), streak=0)
    else:
        course.run = replace(course.run, streak=streak)


def _join(course: Course, candidates: Sequence[Candidate]) -> None:
    """Late comers stand behind all that are there."""
    open_to_them = course.run.takes_late_comers and course.run.status not in (
        *ENDED,
        CampaignStatus.ABORTING,
    )
    new = [one for one in candidates if course.member(one.identity) is None] if open_to_them else []
    if not new:
        return
    behind = max([course.roster.next_position, *(one.position + 1 for one in course.changed.values())])
    members = snapshot(new, behind=behind)
    for member in members:
        course.add(member)
    names = ", ".join(member.identity for member in members[:_NAMED])
    more = "" if len(members) <= _NAMED else f" and {len(members) - _NAMED} more"
    course.effects.append(Note("late", f"{len(members)} joined: {names}{more}"))


# -- the campaign -------------------------------------------------------------------------------------------
def _go_on(course: Course, what: str) -> None:
    ended = course.totals.ended
    course.run = replace(
        course.run, status=CampaignStatus.RUNNING, reason="", forgiven=ended, phase_base=ended
    )
    course.effects.append(Note(CampaignStatus.RUNNING, what))
    course.wait_anew()


def _approve(course: Course) -> None:
    course.run = replace(course.run, approved=True)
    course.effects.append(Note("approved", f"the phase behind phase {course.run.phase + 1} may begin"))
    if course.run.status is CampaignStatus.WAITING:
        course.run = replace(course.run, status=CampaignStatus.RUNNING, reason="")


def _retry(course: Course) -> None:
    if course.run.status is CampaignStatus.ABORTING:
        return
    chosen = course.roster.of(*_BADLY)
    for member in chosen:
        course.set(
            member.identity,
            _BADLY,
            status=MemberStatus.PENDING,
            retried=0,
            not_before=None,
            waiting_since=None,
            ended_at=None,
        )
    if chosen or course.run.status in (CampaignStatus.PAUSED, CampaignStatus.STOPPED):
        course.run = replace(course.run, soaking_since=None)
        _go_on(course, f"{are(len(chosen), 'station')} tried again")
