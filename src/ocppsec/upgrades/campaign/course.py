"""One decision of a campaign in the making; what it was made from stays as it was."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ocppsec.upgrades.campaign.happenings import Effect, Note
from ocppsec.upgrades.campaign.roster import Roster
from ocppsec.upgrades.campaign.states import CampaignStatus, Member, MemberStatus, Run


class Course:
    def __init__(self, run: Run, roster: Roster, now: datetime) -> None:
        self.run = run
        self.now = now
        self.roster = roster
        """As it was before this decision."""
        self.totals = roster.totals.copy()
        """With what was decided until now."""
        self.changed: dict[str, Member] = {}
        self.effects: list[Effect] = []

    def member(self, identity: str) -> Member | None:
        return self.changed.get(identity) or self.roster.get(identity)

    def set(self, identity: str, when: AbstractSet[MemberStatus], **values: Any) -> Member | None:
        """The member as it is now; None, and nothing changed, when it is unknown or in another status."""
        member = self.member(identity)
        if member is None or member.status not in when:
            return None
        self.changed[identity] = after = replace(member, **values)
        self.totals.count(member, -1)
        self.totals.count(after)
        return after

    def add(self, member: Member) -> None:
        self.changed[member.identity] = member
        self.totals.count(member)

    def status(self, status: CampaignStatus, reason: str = "") -> None:
        self.run = replace(self.run, status=status, reason=reason)
        self.effects.append(Note(status, reason))

    def wait_anew(self) -> None:
        """Time in which nobody could have been begun is nobody's absence."""
        for member in self.roster.waiting():
            self.set(member.identity, {MemberStatus.PENDING}, waiting_since=None)
