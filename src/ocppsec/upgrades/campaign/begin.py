"""How a campaign begins, and who joins it: stations in an order that lets the canary speak for many."""

from collections.abc import Iterable
from dataclasses import dataclass

from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.campaign.states import VERSION, Member, MemberStatus, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One station the selection chose."""

    identity: str
    kind: str
    timezone: str = ""
    objection: str = ""
    """Why it cannot be helped, or need not; empty when it can."""


def begin(plan: CampaignPlan) -> Run:
    return Run(version=VERSION, plan=plan, rate=plan.rate.per_minute)


def snapshot(candidates: Iterable[Candidate], *, behind: int = 0) -> list[Member]:
    """In turn one of each kind, so that a canary of a few meets as many kinds of stations as it can.

    *behind*: so many stand before them already.
    """
    chosen = sorted(candidates, key=lambda one: one.identity)
    seen: dict[str, int] = {}
    turns: dict[str, int] = {}
    for one in chosen:
        turns[one.identity] = seen[one.kind] = seen.get(one.kind, 0) + 1
    ordered = sorted(
        chosen, key=lambda one: (bool(one.objection), turns[one.identity], one.kind, one.identity)
    )
    return [
        Member(
            identity=one.identity,
            position=position,
            kind=one.kind,
            timezone=one.timezone,
            status=MemberStatus.SKIPPED if one.objection else MemberStatus.PENDING,
            reason=one.objection,
        )
        for position, one in enumerate(ordered, behind)
    ]
