"""How many stations of a campaign are where, kept by counting what changes."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ocppsec.upgrades.campaign.states import BEGUN, UNDER_WAY, Member, MemberStatus, Tally, tally

_NOT_ENDED: Final = UNDER_WAY | {MemberStatus.PENDING}


class Totals:
    """What phases and stop rules ask; costs the same for ten stations and for ten thousand."""

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self.by_status: Counter[MemberStatus] = Counter()
        self.begun = 0
        """Those that had a turn and still count."""
        self.to_be_tried_again = 0
        self._in_doubt: Counter[bool] = Counter()
        for member in members:
            self.count(member)

    def count(self, member: Member, by: int = 1) -> None:
        """*by* -1 takes it out again."""
        self.by_status[member.status] += by
        if member.status is not MemberStatus.SKIPPED and (member.status in BEGUN or member.tries > 0):
            self.begun += by
        if member.status is MemberStatus.PENDING and member.tries > 0:
            self.to_be_tried_again += by
        if member.retried > 0 and member.status in _NOT_ENDED:
            self._in_doubt[member.last is MemberStatus.LOST] += by

    def copy(self) -> "Totals":
        other = Totals()
        other.by_status = self.by_status.copy()
        other.begun, other.to_be_tried_again = self.begun, self.to_be_tried_again
        other._in_doubt = self._in_doubt.copy()
        return other

    @property
    def can(self) -> int:
        """All of which something can be asked."""
        return self.by_status.total() - self.by_status[MemberStatus.SKIPPED]

    @property
    def under_way(self) -> int:
        return sum(self.by_status[status] for status in UNDER_WAY)

    @property
    def pending(self) -> int:
        return self.by_status[MemberStatus.PENDING]

    @property
    def ended(self) -> Tally:
        return tally(self.by_status)

    @property
    def in_doubt(self) -> Tally:
        """Those whose last try ended badly, and that are tried again by themselves: as if that had been the end."""
        return Tally(failed=self._in_doubt[False], lost=self._in_doubt[True])
