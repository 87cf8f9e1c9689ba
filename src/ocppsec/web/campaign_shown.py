"""A campaign's rows as the API shows them."""

from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.upgrades.campaign.plan import CampaignPlan, Kind, Phase
from ocppsec.upgrades.campaign.states import (
    ENDED,
    CampaignStatus,
    Member,
    MemberStatus,
    Run,
    decode_member,
    decode_run,
)
from ocppsec.upgrades.states import UnreadableState
from ocppsec.web import schemas


async def shown(csms: Csms, campaign: records.Campaign) -> schemas.Campaign:
    run = run_of(campaign)
    counts = await csms.campaigner.counts(campaign.id)
    return schemas.Campaign(
        id=campaign.id,
        name=campaign.name,
        kind=run.plan.kind,
        to=None if campaign.target is None else int(campaign.target),
        goal=run.plan.goal,
        select=run.plan.select,
        late_comers=run.takes_late_comers and run.status not in ENDED,
        until=run.plan.until,
        status=CampaignStatus(campaign.status),
        reason=campaign.reason,
        phase=run.phase + 1,
        phases=len(run.plan.phases),
        phase_name=run.plan.phases[run.phase].name,
        soaking_since=run.soaking_since,
        per_minute=round(run.rate, 3),
        stations={status: counts[status] for status in MemberStatus},
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
    )


def run_of(campaign: records.Campaign) -> Run:
    """Of a campaign that another version wrote, and that was given up, nothing is told but what the row says."""
    try:
        return decode_run(campaign.state)
    except UnreadableState:
        phases = (Phase(name="unreadable", percent=100.0),)
        return Run(plan=CampaignPlan(select="", to=3, phases=phases), rate=0.0, closed=True)


def station_shown(campaign_id: str, record: records.CampaignMember, kind: Kind) -> schemas.CampaignStation:
    try:
        member = decode_member(record.state)
    except UnreadableState:
        status = MemberStatus(record.status)
        member = Member(
            identity=record.identity, position=record.position, status=status, reason=record.reason
        )
    errand = f"{campaign_id}-{member.position}-{member.tries}" if member.tries else None
    return schemas.CampaignStation(
        identity=member.identity,
        kind=member.kind,
        status=member.status,
        reason=member.reason,
        tries=member.tries,
        upgrade=errand if kind is Kind.RAISE else None,
        errand=errand,
        began_at=member.began_at,
        ended_at=member.ended_at,
    )
