"""Time goes on: whose turn it is, who is waited for, and whether the campaign stops or goes to its next phase."""

import math
from datetime import datetime, timedelta
from heapq import merge
from typing import Final

from msgspec.structs import replace

from ocppsec.upgrades.campaign.course import Course
from ocppsec.upgrades.campaign.happenings import Begin, Look, Note
from ocppsec.upgrades.campaign.phases import advance, room
from ocppsec.upgrades.campaign.roster import order
from ocppsec.upgrades.campaign.states import CampaignStatus, Member, MemberStatus
from ocppsec.upgrades.campaign.stops import stop_reason
from ocppsec.upgrades.campaign.window import is_open

_PENDING: Final = frozenset({MemberStatus.PENDING})
_CHARGING: Final = "charging"
_UNTIL: Final = {
    "away": "it connects",
    "busy with another change": "that has ended",
    _CHARGING: "its transaction has ended",
}
"""What a station is waited for, by what it is meanwhile."""
RETURN: Final = 600.0
"""Seconds for a station to come back after an outage of ours."""
MOST_PASSED_OVER: Final = 300
"""In one look: when a whole fleet is away, the rows of it are not written at once."""
ACTIVE: Final = frozenset({CampaignStatus.RUNNING, CampaignStatus.WAITING})


def look(course: Course, at: Look) -> None:
    _check_stops(course)
    if course.run.status is CampaignStatus.ABORTING and not course.totals.under_way:
        _abort(course)
    _close(course)
    if course.run.status is not CampaignStatus.RUNNING:
        return
    _hold(course)
    _Beginning(course, at).begin_some()
    moved = advance(course.run, course.totals, course.now)
    if moved is None:
        return
    phase = course.run.phase
    course.run, note = moved
    course.effects.append(note)
    if course.run.phase != phase:
        course.wait_anew()


def _check_stops(course: Course) -> None:
    if course.run.status in ACTIVE:
        reason = stop_reason(course.run, course.totals.ended)
        if reason is not None:
            course.status(CampaignStatus.STOPPED, reason)


def _hold(course: Course) -> None:
    """Who is tried again may still end well, so no rule stops for it; but nobody else follows until that is known."""
    doubt = course.totals.in_doubt
    reason = stop_reason(course.run, course.totals.ended.and_(doubt)) if doubt.ended else None
    if reason is None and course.run.reason:
        course.wait_anew()
        course.effects.append(Note("going-on", "what was tried again does not stop the campaign"))
    elif reason is not None:
        again = f"{doubt.ended} being tried again among them: nobody else is begun until that has ended"
        reason = f"{reason}, {again}"
        if not course.run.reason:
            course.effects.append(Note("holding", reason))
    course.run = replace(course.run, reason=reason or "")


def _abort(course: Course) -> None:
    for member in course.roster.of(MemberStatus.PENDING):
        course.set(
            member.identity,
            _PENDING,
            status=MemberStatus.SKIPPED,
            reason="the campaign was aborted before its turn",
            ended_at=course.now,
        )
    course.status(CampaignStatus.ABORTED, "nothing is under way any more")


def _close(course: Course) -> None:
    until = course.run.plan.until
    if until is not None and course.now >= until and course.run.takes_late_comers:
        course.run = replace(course.run, closed=True)
        course.effects.append(Note("closed", f"no more late comers: it is {until:%Y-%m-%d %H:%M} UTC%z"))


def waited_in_vain(course: Course, member: Member, why: str) -> None:
    """What nobody could begin within bounds ends as away, with the reason."""
    status, reason = MemberStatus.AWAY, f"{why} all the time it was waited for"
    if member.tries:
        status = MemberStatus.LOST if member.last is MemberStatus.LOST else MemberStatus.FAILED
        reason = f"to be tried again, but {reason}; before that: {member.last_reason}"
    course.set(member.identity, _PENDING, status=status, reason=reason, ended_at=course.now)


class _Beginning:
    """Who is begun in this look.  In order, and only as far as there is room."""

    def __init__(self, course: Course, at: Look) -> None:
        self._course = course
        self._at = at
        self._plan = course.run.plan
        self._fresh = 0 if course.run.reason else room(course.run, course.totals)
        self._flights = self._plan.rate.in_flight - course.totals.under_way
        self._opened: dict[str, bool] = {}
        self._passed = 0

    def begin_some(self) -> None:
        roster = self._course.roster
        others = [member for member in (*self._due(), *self._passed_over()) if self._may_be_begun(member)]
        zones = [zone for zone in roster.zones if self._is_open(zone)]
        for member in merge(roster.turn(zones), sorted(others, key=order), key=order):
            if not self._goes_on(member):
                return
            if (now := self._course.member(member.identity)) is None or now.status not in _PENDING:
                continue
            obstacle = self._obstacle(now)
            if obstacle is None:
                self._begin(now)
            else:
                self._passed += 1
                self._wait_for(now, obstacle)

    def _due(self) -> list[Member]:
        """Their pause is over; that is kept, so that they are not asked for it again."""
        due = [
            self._course.set(one.identity, _PENDING, not_before=None)
            for one in self._course.roster.due(self._course.now)
        ]
        return [member for member in due if member is not None]

    def _passed_over(self) -> list[Member]:
        """Those of this look that are there now; of the others it is seen how long they have been waited for."""
        roster, there = self._course.roster, []
        again = self._at.again if self._at.again is not None else list(roster.passed_over)
        for identity in again:
            member = self._course.member(identity)
            if member is None or identity not in roster.passed_over or not self._may_be_begun(member):
                continue
            obstacle = self._obstacle(member)
            if obstacle is None:
                there.append(member)
            else:
                self._wait_for(member, obstacle)
        return there

    def _may_be_begun(self, member: Member) -> bool:
        """As far as its phase and the hours are concerned."""
        if member.status not in _PENDING or (member.tries == 0 and self._fresh <= 0):
            return False
        return self._is_open(member.timezone)

    def _is_open(self, zone: str) -> bool:
        if zone not in self._opened:
            self._opened[zone] = is_open(self._plan.window, zone, self._course.now)
        return self._opened[zone]

    def _goes_on(self, member: Member) -> bool:
        next_begin = self._course.run.next_begin
        early = next_begin is not None and next_begin > self._course.now
        room = self._flights > 0 and (member.tries > 0 or self._fresh > 0)
        return room and not early and self._passed < MOST_PASSED_OVER

    def _obstacle(self, member: Member) -> str | None:
        if member.identity not in self._at.present:
            return "away"
        if member.identity in self._at.busy:
            return "busy with another change"
        if self._plan.charging == "wait" and member.identity in self._at.charging:
            return _CHARGING
        return None

    def _wait_for(self, member: Member, why: str) -> None:
        wait = self._plan.wait
        since = member.waiting_since or self._course.now
        limit = wait.charging if why == _CHARGING else wait.away
        if self._seconds_since(since) >= limit and self._seconds_since(self._at.there_since) >= min(
            limit, RETURN
        ):
            waited_in_vain(self._course, member, why)
            return
        reason = f"{why}: waited for until {_UNTIL[why]}"
        if member.waiting_since is None or member.reason != reason:
            self._course.set(member.identity, _PENDING, waiting_since=since, reason=reason)

    def _seconds_since(self, moment: datetime | None) -> float:
        return math.inf if moment is None else (self._course.now - moment).total_seconds()

    def _begin(self, member: Member) -> None:
        course = self._course
        starting = course.set(
            member.identity,
            _PENDING,
            status=MemberStatus.STARTING,
            tries=member.tries + 1,
            reason="",
            not_before=None,
            began_at=course.now,
            ended_at=None,
        )
        assert starting is not None
        course.effects.append(Begin(starting))
        self._flights -= 1
        self._fresh -= member.tries == 0
        # Kept evenly apart; what was not used for a while is not made up for by more than a second's worth.
        apart = timedelta(seconds=60.0 / course.run.rate)
        earliest = course.now - timedelta(seconds=1)
        before = max(course.run.next_begin or earliest, earliest)
        course.run = replace(course.run, next_begin=before + apart)
