"""The stations of a campaign, ordered by what a look asks for, so that it costs what has changed and not what there is.

A pending station stands in one of three places: in the *turn*, which is gone through in order from the front; among
those *passed over*, which could have been begun but were away, busy or charging; or *later*, until its pause is over.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from heapq import merge
from typing import TypeVar

from ocppsec.upgrades.campaign.states import Member, MemberStatus
from ocppsec.upgrades.campaign.totals import Totals

Order = tuple[bool, int]
_Bucket = tuple[bool, str]
_T = TypeVar("_T", int, tuple[datetime, int])


def order(member: Member) -> Order:
    """Who is tried again comes before who has not had a turn."""
    return member.tries == 0, member.position


class Roster(Mapping[str, Member]):
    """By identity.  Nothing but `apply` changes it."""

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self._members: dict[str, Member] = {}
        self._by_status: dict[MemberStatus, dict[str, None]] = {status: {} for status in MemberStatus}
        self._at: dict[int, str] = {}
        self._turn: defaultdict[_Bucket, list[int]] = defaultdict(list)
        self._later: list[tuple[datetime, int]] = []
        self.passed_over: dict[str, None] = {}
        self.totals = Totals()
        self.next_position = 0
        self.apply(members)

    def __getitem__(self, identity: str) -> Member:
        return self._members[identity]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    # -- what is asked ----------------------------------------------------------------------------------
    def of(self, *statuses: MemberStatus) -> list[Member]:
        return [self._members[identity] for status in statuses for identity in self._by_status[status]]

    def identities(self, status: MemberStatus) -> Mapping[str, None]:
        return self._by_status[status]

    @property
    def zones(self) -> set[str]:
        """Time zones of those whose turn it may be."""
        return {zone for (_, zone), positions in self._turn.items() if positions}

    def turn(self, zones: Iterable[str]) -> Iterator[Member]:
        """Those of *zones* whose turn it may be, in order; gone through only as far as it is asked."""
        chosen = set(zones)
        for fresh in (False, True):
            buckets = [self._turn[key] for key in list(self._turn) if key[0] is fresh and key[1] in chosen]
            for position in merge(*buckets):
                yield self._members[self._at[position]]

    def due(self, now: datetime) -> list[Member]:
        """Those whose pause is over."""
        end = bisect_right(self._later, (now, self.next_position))
        return [self._members[self._at[position]] for _, position in self._later[:end]]

    def waiting(self) -> list[Member]:
        """Those whose absence is counted."""
        later = (self._members[self._at[position]] for _, position in self._later)
        passed_over = (self._members[identity] for identity in self.passed_over)
        return [*passed_over, *(member for member in later if member.waiting_since is not None)]

    # -- what changes -----------------------------------------------------------------------------------
    def apply(self, changed: Iterable[Member]) -> None:
        for member in changed:
            before = self._members.get(member.identity)
            if before is not None:
                self.totals.count(before, -1)
                del self._by_status[before.status][before.identity]
                self._take_out(before)
            self._members[member.identity] = member
            self._at[member.position] = member.identity
            self.next_position = max(self.next_position, member.position + 1)
            self.totals.count(member)
            self._by_status[member.status][member.identity] = None
            self._put_in(member)

    def _put_in(self, member: Member) -> None:
        if member.status is not MemberStatus.PENDING:
            return
        if member.not_before is not None:
            insort(self._later, (member.not_before, member.position))
        elif member.waiting_since is not None:
            self.passed_over[member.identity] = None
        else:
            insort(self._turn[_bucket(member)], member.position)

    def _take_out(self, member: Member) -> None:
        if member.status is not MemberStatus.PENDING:
            return
        if member.not_before is not None:
            _remove(self._later, (member.not_before, member.position))
        elif member.waiting_since is not None:
            del self.passed_over[member.identity]
        else:
            _remove(self._turn[_bucket(member)], member.position)


def _bucket(member: Member) -> _Bucket:
    return member.tries == 0, member.timezone


def _remove(ordered: list[_T], value: _T) -> None:
    del ordered[bisect_left(ordered, value)]
