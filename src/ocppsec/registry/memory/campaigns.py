"""Campaigns in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Campaign, CampaignChange, CampaignLine, CampaignMember
from ocppsec.registry.store import Superseded


class Campaigns(Base):
    def __init__(self) -> None:
        super().__init__()
        self._campaigns: dict[str, Campaign] = {}
        self._members: dict[str, dict[int, CampaignMember]] = {}
        self._lines: dict[str, list[CampaignLine]] = {}

    async def begin_campaign(
        self, campaign: Campaign, members: Sequence[CampaignMember], lines: Sequence[CampaignLine] = ()
    ) -> Campaign:
        self._check_open()
        self._campaigns[campaign.id] = campaign
        self._members[campaign.id] = {member.position: member for member in members}
        self._lines[campaign.id] = list(lines)
        return campaign

    async def save_campaign(self, change: CampaignChange) -> Campaign:
        self._check_open()
        stored = self._campaigns.get(change.campaign.id)
        if stored is None or stored.version != change.campaign.version:
            raise Superseded(f"campaign {change.campaign.id} was saved by somebody else, or is gone")
        saved = replace(change.campaign, version=stored.version + 1)
        self._campaigns[saved.id] = saved
        changed = (*change.members, *change.joined)
        self._members[saved.id].update({member.position: member for member in changed})
        self._lines[saved.id].extend(change.lines)
        return saved

    async def campaign(self, campaign_id: str) -> Campaign | None:
        self._check_open()
        return self._campaigns.get(campaign_id)

    async def campaigns(self, *, limit: int = 20) -> list[Campaign]:
        self._check_open()
        return list(self._campaigns.values())[::-1][: max(0, limit)]

    async def open_campaigns(self) -> list[Campaign]:
        self._check_open()
        return [campaign for campaign in self._campaigns.values() if campaign.ended_at is None]

    async def campaign_members(
        self,
        campaign_id: str,
        *,
        status: str | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> list[CampaignMember]:
        self._check_open()
        found = [
            member
            for position, member in sorted(self._members.get(campaign_id, {}).items())
            if (after is None or position > after) and status in (None, member.status)
        ]
        return found if limit is None else found[: max(0, limit)]

    async def campaign_counts(self, campaign_id: str) -> Mapping[str, int]:
        self._check_open()
        return Counter(member.status for member in self._members.get(campaign_id, {}).values())

    async def campaign_lines(self, campaign_id: str) -> list[CampaignLine]:
        self._check_open()
        return list(self._lines.get(campaign_id, ()))
