"""An open campaign as this process holds it; the rows are the truth."""

from collections import deque
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ocppsec.csms.errands.doing import Doing, Fleet, is_there
from ocppsec.registry.records import Campaign
from ocppsec.upgrades.campaign.roster import Roster
from ocppsec.upgrades.campaign.states import UNDER_WAY, Member, MemberStatus, Run

PASSED_OVER_AT_ONCE: Final = 200
"""So many of those who could not be begun are looked at again in one look; in turn all of them."""
BADLY_AT_ONCE: Final = 8
AWAY_AT_ONCE: Final = 8
"""Of so many that are waited for it is asked in one look whether they are registered still: a read each."""
_BADLY: Final = (MemberStatus.FAILED, MemberStatus.LOST, MemberStatus.AWAY)


class Rota:
    """Some of a changing set at a time, in turn all of them; costs what is taken, not what there is."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque()

    def take(self, members: Collection[str], most: int) -> list[str]:
        if not self._queue:
            self._queue.extend(members)
        taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        return [one for one in taken if one in members]


@dataclass(slots=True)
class Held:
    campaign: Campaign
    run: Run
    roster: Roster
    doing: Doing
    taken_up_at: datetime
    late_behind: str | None = None
    """As far as the registry was gone through for late comers."""
    late_at: datetime | None = None
    _passed_over: Rota = field(default_factory=Rota)
    _away: Rota = field(default_factory=Rota)
    _badly: dict[MemberStatus, Rota] = field(default_factory=lambda: {status: Rota() for status in _BADLY})

    def again(self) -> list[str]:
        return self._passed_over.take(self.roster.passed_over, PASSED_OVER_AT_ONCE)

    def waited_for(self) -> list[str]:
        """Some of those whose turn it was, and who could not be begun."""
        return self._away.take(self.roster.passed_over, AWAY_AT_ONCE)

    def ended_badly(self) -> list[Member]:
        """Some of those that may have come after all."""
        return [
            self.roster[identity]
            for status, rota in self._badly.items()
            for identity in rota.take(self.roster.identities(status), BADLY_AT_ONCE)
        ]


class Busy(Container[str]):
    """Who is being changed by something else: an upgrade, or another campaign.

    Two at once would each take the other's doing for the station's.
    """

    def __init__(self, held: Held, others: Iterable[Held]) -> None:
        self._changed = held.doing.busy()
        under_way = [other.roster.identities(status) for other in others for status in UNDER_WAY]
        self._elsewhere = [identities for identities in under_way if identities]

    def __contains__(self, identity: object) -> bool:
        return identity in self._changed or any(identity in one for one in self._elsewhere)


class Present(Container[str]):
    """Who can be called now, asked for one at a time."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and is_there(self._fleet, identity)


class Charging(Container[str]):
    """Who is known to charge now; who is not known to is let through."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and self._fleet.charging(identity) is True
