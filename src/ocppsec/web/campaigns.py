"""Campaigns over HTTP: the plan is the same as in a TOML file, as JSON."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body, Header, Query, Response

from ocppsec.csms import evidence
from ocppsec.csms.asked_first import asked_first
from ocppsec.csms.campaigner import UnknownCampaign, errand_id
from ocppsec.csms.errors import BadInput
from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.upgrades.campaign import happenings
from ocppsec.upgrades.campaign.plan import BadPlan, CampaignPlan, read_plan
from ocppsec.upgrades.campaign.states import (
    MemberStatus,
)
from ocppsec.web import schemas
from ocppsec.web.campaign_shown import run_of, shown, station_shown
from ocppsec.web.idempotency import MAX_KEY, Idempotency
from ocppsec.web.paths import campaign_location
from ocppsec.web.problems import Problem

Limit = Annotated[int, Query(ge=1, le=1000)]
Plan = Annotated[
    dict[str, Any],
    Body(
        description="`select`, `kind`, `to` and what else docs/howto/campaign.md tells of; durations as `10m`."
    ),
]
COMMANDS: dict[str, happenings.Command] = {
    "pause": happenings.Pause(),
    "resume": happenings.Resume(),
    "abort": happenings.Abort(),
    "approve": happenings.Approve(),
    "retry": happenings.Retry(),
    "finish": happenings.Finish(),
}


def campaigns(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["campaigns"])
    for part in (_planned, _standing):
        router.include_router(part(csms))
    return router


def _planned(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/campaigns")
    repeated: Idempotency[records.Campaign] = Idempotency()

    @router.post("/plan")
    async def plan_campaign(body: Plan, ask: bool = False) -> schemas.CampaignDryRun:
        """What a campaign would do, station by station: who can be raised, who cannot and why. Changes nothing.

        With `ask` up to three connected stations of each kind are asked what an upgrade would ask them first.
        """
        planned = await csms.campaigner.plan(_read(body))
        if ask:
            planned = await asked_first(planned, csms.preflight, csms.store)
        return schemas.CampaignDryRun(
            plan=_told(planned.plan),
            goal=planned.plan.goal,
            phases=list(planned.phases),
            known=dict(planned.known),
            stations=[schemas.PlannedStation.model_validate(one) for one in planned.stations],
        )

    @router.post("", status_code=201)
    async def begin_campaign(
        body: Plan,
        response: Response,
        idempotency_key: Annotated[str | None, Header(max_length=MAX_KEY)] = None,
    ) -> schemas.Campaign:
        """Begin a campaign over the stations that are chosen now; `Location` tells where to follow it."""
        plan = _read(body)
        campaign = await repeated.once(idempotency_key, plan, lambda: csms.campaigner.begin(plan))
        response.headers["Location"] = campaign_location(campaign.id)
        return await shown(csms, campaign)

    return router


def _standing(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/campaigns")

    @router.get("")
    async def list_campaigns(limit: Limit = 20) -> schemas.CampaignList:
        """The campaigns, newest first."""
        found = await csms.store.campaigns(limit=limit)
        return schemas.CampaignList(campaigns=[await shown(csms, one) for one in found])

    @router.get("/{campaign_id}")
    async def show_campaign(campaign_id: str) -> schemas.CampaignWithHistory:
        """Where a campaign stands: its plan, its phase, how many stations are where, and its history."""
        campaign = await _known(csms, campaign_id)
        lines = await csms.store.campaign_lines(campaign_id)
        campaign_now = await shown(csms, campaign)
        return schemas.CampaignWithHistory(
            **campaign_now.model_dump(),
            plan=_told(run_of(campaign).plan),
            history=[schemas.CampaignLine.model_validate(line) for line in lines],
        )

    @router.get("/{campaign_id}/stations")
    async def list_campaign_stations(
        campaign_id: str, status: MemberStatus | None = None, limit: Limit = 100, cursor: int | None = None
    ) -> schemas.CampaignStationPage:
        """Its stations in their order, a page at a time, each with its status and reason."""
        kind = run_of(await _known(csms, campaign_id)).plan.kind
        found = await csms.store.campaign_members(campaign_id, status=status, after=cursor, limit=limit + 1)
        page = found[:limit]
        return schemas.CampaignStationPage(
            stations=[station_shown(campaign_id, one, kind) for one in page],
            next=str(page[-1].position) if len(found) > limit else None,
        )

    @router.get("/{campaign_id}/evidence")
    async def show_evidence(campaign_id: str) -> dict[str, Any]:
        """For each station: the steps that were taken, what the doors saw, the certificates issued meanwhile."""
        found = await evidence.of_campaign(csms.store, campaign_id, errand_id)
        if found is None:
            raise _unknown()
        return found

    @router.post("/{campaign_id}/{command}")
    async def tell_campaign(
        campaign_id: str, command: Literal["pause", "resume", "abort", "approve", "retry", "finish"]
    ) -> schemas.Campaign:
        """Pause, resume, abort, open the next phase (approve), try again (retry), no more late comers (finish)."""
        try:
            return await shown(csms, await csms.campaigner.tell(campaign_id, COMMANDS[command]))
        except UnknownCampaign:
            raise _unknown() from None

    return router


def _read(body: dict[str, Any]) -> CampaignPlan:
    try:
        return read_plan(body)
    except BadPlan as error:
        raise BadInput(str(error), "docs/howto/campaign.md tells what a plan may hold") from error


def _told(plan: CampaignPlan) -> dict[str, Any]:
    """Durations in seconds."""
    told: dict[str, Any] = msgspec.to_builtins(plan)
    return told


async def _known(csms: Csms, campaign_id: str) -> records.Campaign:
    campaign = await csms.store.campaign(campaign_id)
    if campaign is None:
        raise _unknown()
    return campaign


def _unknown() -> Problem:
    return Problem(404, "unknown-campaign", "no campaign has this id", advice="ocppsec campaign list")
