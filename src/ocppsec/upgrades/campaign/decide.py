"""What a campaign does next: one pure function over the run, its stations and what has happened.

Knows no clock, no socket and no database: a shell saves the run and the changed stations first, then carries the
effects out.  What is always true:

1. A station is begun once for each try, never while another upgrade of it is open.
2. A campaign that is not running begins nothing; what is under way always comes to its end.
3. Each station ends with a reason, or is still waited for within bounds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import assert_never

from msgspec.structs import replace

from ocppsec.upgrades.campaign.happenings import (
    Abort,
    Approve,
    Begin,
    Begun,
    CameAfterAll,
    Decision,
    Effect,
    Ended,
    Event,
    Gone,
    Look,
    NotBegun,
    Note,
    Outcome,
    Pause,
    Resume,
    Retry,
)
from ocppsec.upgrades.campaign.phases import advance, room
from ocppsec.upgrades.campaign.states import (
    ENDED,
    UNDER_WAY,
    CampaignStatus,
    Member,
    MemberStatus,
    Run,
    count,
    tally,
)
from ocppsec.upgrades.campaign.stops import stop_reason
from ocppsec.upgrades.campaign.window import is_open

BUSY_PAUSE = 30.0
_LATEST = {
    Outcome.DONE: MemberStatus.DONE,
    Outcome.FAILED: MemberStatus.FAILED,
    Outcome.LOST: MemberStatus.LOST,
}


def decide(run: Run, members: Mapping[str, Member], events: Sequence[Event], now: datetime) -> Decision:
    """What follows from *events*, in their order.  An event a campaign has no use for changes nothing."""
    turn = _Turn(run, members, now)
    for event in events:
        turn.take(event)
    return Decision(run=turn.run, changed=tuple(turn.changed.values()), effects=tuple(turn.effects), at=now)


class _Turn:
    """One decision in the making; what it was given stays as it was."""

    def __init__(self, run: Run, members: Mapping[str, Member], now: datetime) -> None:
        self.run = run
        self.now = now
        self.changed: dict[str, Member] = {}
        self.effects: list[Effect] = []
        self._members = members
        self._counts: Counter[MemberStatus] = count(members.values())

    def take(self, event: Event) -> None:
        match event:
            case Look(present=present, busy=busy):
                self._look(present, busy)
            case Begun(identity=identity):
                self._set(identity, {MemberStatus.STARTING}, status=MemberStatus.RUNNING)
            case NotBegun(identity=identity, reason=reason, busy=busy):
                self._not_begun(identity, reason, busy=busy)
            case Ended(identity=identity, outcome=outcome, reason=reason):
                self._ended(identity, outcome, reason)
            case CameAfterAll(identity=identity):
                over = {MemberStatus.FAILED, MemberStatus.LOST, MemberStatus.AWAY}
                self._set(
                    identity, over, status=MemberStatus.DONE, reason="came after all", ended_at=self.now
                )
            case Gone(identity=identity):
                alive = {*UNDER_WAY, MemberStatus.PENDING}
                self._set(
                    identity,
                    alive,
                    status=MemberStatus.SKIPPED,
                    reason="the station was removed",
                    ended_at=self.now,
                )
            case Pause():
                if self.run.status in (CampaignStatus.RUNNING, CampaignStatus.WAITING):
                    self._status(CampaignStatus.PAUSED, "by a person")
            case Resume():
                if self.run.status in (CampaignStatus.PAUSED, CampaignStatus.STOPPED):
                    self._go_on("resumed")
            case Approve():
                if self.run.status not in ENDED and not self.run.approved:
                    self._approve()
            case Abort():
                if self.run.status not in (*ENDED, CampaignStatus.ABORTING):
                    self._status(CampaignStatus.ABORTING, "by a person; what is under way comes to its end")
            case Retry():
                self._retry()
            case _:
                assert_never(event)

    # -- members ----------------------------------------------------------------------------------------
    def _all(self) -> Iterator[Member]:
        return (self.changed.get(identity, member) for identity, member in self._members.items())

    def _set(self, identity: str, when: set[MemberStatus], **values: object) -> Member | None:
        member = self.changed.get(identity) or self._members.get(identity)
        if member is None or member.status not in when:
            return None
        self.changed[identity] = after = replace(member, **values)
        self._counts[member.status] -= 1
        self._counts[after.status] += 1
        return after

    def _not_begun(self, identity: str, reason: str, *, busy: bool) -> None:
        starting = {MemberStatus.STARTING}
        member = self._members.get(identity)
        if member is None:
            return
        if busy:
            later = self.now + timedelta(seconds=BUSY_PAUSE)
            self._set(
                identity,
                starting,
                status=MemberStatus.PENDING,
                tries=max(0, member.tries - 1),
                not_before=later,
                waiting_since=member.waiting_since or self.now,
                reason=reason,
            )
        else:
            self._set(identity, starting, status=MemberStatus.SKIPPED, reason=reason, ended_at=self.now)

    def _ended(self, identity: str, outcome: Outcome, reason: str) -> None:
        member = self._set(
            identity, set(UNDER_WAY), status=_LATEST[outcome], reason=reason, ended_at=self.now
        )
        if member is None:
            return
        self._pace(well=outcome is Outcome.DONE)
        retry = self.run.plan.retry
        most = {Outcome.DONE: 0, Outcome.FAILED: retry.failed, Outcome.LOST: retry.lost}[outcome]
        if member.retried < most and self.run.status is not CampaignStatus.ABORTING:
            self._set(
                identity,
                {member.status},
                status=MemberStatus.PENDING,
                retried=member.retried + 1,
                not_before=self.now + timedelta(seconds=retry.pause),
                waiting_since=None,
                ended_at=None,
            )

    def _pace(self, *, well: bool) -> None:
        """Growing after successes; back to the beginning after a failure."""
        rate = self.run.plan.rate
        if not well:
            self.run = replace(self.run, rate=rate.per_minute, streak=0)
            return
        streak = self.run.streak + 1
        if (
            rate.most_per_minute is not None
            and streak >= rate.grow_after
            and self.run.rate < rate.most_per_minute
        ):
            self.run = replace(self.run, rate=min(self.run.rate * 2, rate.most_per_minute), streak=0)
        else:
            self.run = replace(self.run, streak=streak)

    # -- the campaign -----------------------------------------------------------------------------------
    def _status(self, status: CampaignStatus, reason: str = "") -> None:
        self.run = replace(self.run, status=status, reason=reason)
        self.effects.append(Note(status, reason))

    def _go_on(self, what: str) -> None:
        ended = tally(self._counts)
        self.run = replace(
            self.run, status=CampaignStatus.RUNNING, reason="", forgiven=ended, phase_base=ended
        )
        self.effects.append(Note(CampaignStatus.RUNNING, what))
        self._wait_anew()

    def _approve(self) -> None:
        self.run = replace(self.run, approved=True)
        self.effects.append(Note("approved", f"the phase behind phase {self.run.phase + 1} may begin"))
        if self.run.status is CampaignStatus.WAITING:
            self._status(CampaignStatus.RUNNING, "approved")

    def _retry(self) -> None:
        if self.run.status is CampaignStatus.ABORTING:
            return
        again = {MemberStatus.FAILED, MemberStatus.LOST, MemberStatus.AWAY}
        chosen = [member for member in self._all() if member.status in again]
        for member in chosen:
            self._set(
                member.identity,
                again,
                status=MemberStatus.PENDING,
                retried=0,
                not_before=None,
                waiting_since=None,
                ended_at=None,
            )
        if chosen or self.run.status in (CampaignStatus.PAUSED, CampaignStatus.STOPPED):
            self.run = replace(self.run, soaking_since=None)
            self._go_on(f"{len(chosen)} stations are tried again")

    # -- time goes on -----------------------------------------------------------------------------------
    def _look(self, present: AbstractSet[str], busy: AbstractSet[str]) -> None:
        self._check_stops()
        if self.run.status is CampaignStatus.ABORTING and not self._under_way():
            self._abort()
        if self.run.status is not CampaignStatus.RUNNING:
            return
        self._begin_some(present, busy)
        moved = advance(self.run, self._counts, tuple(self._all()), self.now)
        if moved is None:
            return
        phase = self.run.phase
        self.run, note = moved
        self.effects.append(note)
        if self.run.phase != phase:
            self._wait_anew()

    def _check_stops(self) -> None:
        if self.run.status in (CampaignStatus.RUNNING, CampaignStatus.WAITING):
            reason = stop_reason(self.run, tally(self._counts))
            if reason is not None:
                self._status(CampaignStatus.STOPPED, reason)

    def _abort(self) -> None:
        for member in list(self._all()):
            self._set(
                member.identity,
                {MemberStatus.PENDING},
                status=MemberStatus.SKIPPED,
                reason="the campaign was aborted before its turn",
                ended_at=self.now,
            )
        self._status(CampaignStatus.ABORTED, "nothing is under way any more")

    def _wait_anew(self) -> None:
        """Time in which nobody could have been begun is nobody's absence."""
        for member in list(self._all()):
            if member.waiting_since is not None:
                self._set(member.identity, {MemberStatus.PENDING}, waiting_since=None)

    def _under_way(self) -> int:
        return sum(self._counts[status] for status in UNDER_WAY)

    def _begin_some(self, present: AbstractSet[str], busy: AbstractSet[str]) -> None:
        fresh = room(self.run, tuple(self._all()))
        flights = self.run.plan.rate.in_flight - self._under_way()
        opened: dict[str, bool] = {}
        for member in sorted(self._all(), key=lambda one: (one.tries == 0, one.position)):
            if member.status is not MemberStatus.PENDING or (member.tries == 0 and fresh <= 0):
                continue
            if member.not_before is not None and member.not_before > self.now:
                continue
            if member.timezone not in opened:
                opened[member.timezone] = is_open(self.run.plan.window, member.timezone, self.now)
            if not opened[member.timezone]:
                continue
            if member.identity not in present or member.identity in busy:
                self._wait_for(member, "busy with another upgrade" if member.identity in present else "away")
                continue
            if flights <= 0 or not self._may_begin_now():
                continue
            flights -= 1
            fresh -= member.tries == 0
            self._begin(member)

    def _wait_for(self, member: Member, why: str) -> None:
        """Within bounds: what nobody can begin ends as away, with the reason."""
        since = member.waiting_since or self.now
        if (self.now - since).total_seconds() < self.run.plan.wait.away:
            if member.waiting_since is None or member.reason != why:
                self._set(member.identity, {MemberStatus.PENDING}, waiting_since=since, reason=why)
            return
        if member.tries:
            reason = f"to be tried again, but {why} all the time it was waited for; {member.reason}"
            self._set(
                member.identity,
                {MemberStatus.PENDING},
                status=MemberStatus.FAILED,
                reason=reason,
                ended_at=self.now,
            )
            return
        self._set(
            member.identity,
            {MemberStatus.PENDING},
            status=MemberStatus.AWAY,
            reason=f"{why} all the time it was waited for",
            ended_at=self.now,
        )

    def _may_begin_now(self) -> bool:
        return self.run.next_begin is None or self.run.next_begin <= self.now

    def _begin(self, member: Member) -> None:
        starting = self._set(
            member.identity,
            {MemberStatus.PENDING},
            status=MemberStatus.STARTING,
            tries=member.tries + 1,
            reason="",
            not_before=None,
            waiting_since=None,
            began_at=self.now,
            ended_at=None,
        )
        assert starting is not None
        self.effects.append(Begin(starting))
        # Kept evenly apart; what was not used for a while is not made up for by more than a second's worth.
        apart = timedelta(seconds=60.0 / self.run.rate)
        earliest = self.now - timedelta(seconds=1)
        before = max(self.run.next_begin or earliest, earliest)
        self.run = replace(self.run, next_begin=before + apart)
