"""What a person can have done for one station, through the API."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from ocppsec.csms.rescue import Action
from ocppsec.csms.rescuer import Order
from ocppsec.csms.service import Csms
from ocppsec.web import schemas
from ocppsec.web.known import check_known
from ocppsec.web.paths import upgrade_location
from ocppsec.web.schemas import Body, Shown

Words = Annotated[str, Field(max_length=500)]


class NewDowngrade(Body):
    to: Annotated[int, Field(ge=2, le=2, strict=True)] = Field(description="2; there is no other step down.")
    reason: Words = Field(min_length=1, description="Kept for ever, and told in the security log.")
    by: Words = Field("", description="Who asks.")


class NewRescue(Body):
    do: Action
    reason: Words = Field(min_length=1, description="Kept for ever, and told in the security log.")
    by: Words = Field("", description="Who asks.")
    seconds: Annotated[float, Field(gt=0, le=366 * 86_400)] | None = Field(
        None, description="How long to watch; 30 days by default."
    )
    profile: schemas.Profile | None = Field(None, description="Which profile to open.")


class Rescued(Shown):
    action: Action
    detail: str
    upgrade: str | None
    password: str | None = Field(description="The further password, told this once; null otherwise.")


class Intervention(Shown):
    at: datetime
    what: str
    by: str
    reason: str
    detail: str


class InterventionList(Shown):
    interventions: list[Intervention]


def rescue(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/stations/{identity}", tags=["rescue"])

    @router.post("/downgrades", status_code=202)
    async def begin_downgrade(identity: str, body: NewDowngrade, response: Response) -> schemas.Upgrade:
        """Take a station from profile 3 to 2, where its AllowSecurityProfileDowngrade is on (A00.FR.005)."""
        begun = await csms.begin_downgrade(identity, by=body.by, reason=body.reason)
        response.headers["Location"] = upgrade_location(begun.id)
        return schemas.Upgrade.model_validate(begun)

    @router.post("/rescue")
    async def do(identity: str, body: NewRescue) -> Rescued:
        """Do one thing for a station that has not come back; `GET` tells which ones make sense."""
        order = Order(
            action=body.do, by=body.by, reason=body.reason, seconds=body.seconds, profile=body.profile
        )
        return Rescued.model_validate(await csms.rescuer.do(identity, order))

    @router.get("/interventions")
    async def list_interventions(
        identity: str, limit: Annotated[int, Query(ge=1, le=500)] = 20
    ) -> InterventionList:
        """What people had done to this station outside of the ordinary way, newest first."""
        found = await csms.store.interventions(identity, limit=limit)
        if not found:
            await check_known(csms, identity)
        return InterventionList(interventions=[Intervention.model_validate(one) for one in found])

    return router
