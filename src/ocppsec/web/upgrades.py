"""Upgrades of one station through the API."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from ocppsec.csms import evidence
from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.web import schemas
from ocppsec.web.idempotency import MAX_KEY, Idempotency
from ocppsec.web.known import check_known
from ocppsec.web.paths import upgrade_location
from ocppsec.web.problems import Problem

Limit = Annotated[int, Query(ge=1, le=500)]


def upgrades(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["upgrades"])
    for part in (_of_a_station, _by_id):
        router.include_router(part(csms))
    return router


def _of_a_station(csms: Csms) -> APIRouter:
    router = APIRouter()
    repeated: Idempotency[records.Upgrade] = Idempotency()

    @router.post("/stations/{identity}/upgrades", status_code=202)
    async def begin_upgrade(
        identity: str,
        body: schemas.NewUpgrade,
        response: Response,
        idempotency_key: Annotated[str | None, Header(max_length=MAX_KEY)] = None,
    ) -> schemas.Upgrade:
        """Begin to take a station to a higher security profile; `Location` tells where to follow it."""
        upgrade = await repeated.once(
            idempotency_key, (identity, body.to), lambda: csms.begin_upgrade(identity, body.to)
        )
        response.headers["Location"] = upgrade_location(upgrade.id)
        return schemas.Upgrade.model_validate(upgrade)

    @router.post("/stations/{identity}/preflights")
    async def preflight(identity: str, body: schemas.NewUpgrade) -> schemas.Preflight:
        """Ask a connected station what an upgrade would ask it first. Changes nothing at the station."""
        return schemas.Preflight.model_validate(await csms.preflight(identity, body.to))

    @router.get("/stations/{identity}/upgrades")
    async def list_upgrades(identity: str, limit: Limit = 20) -> schemas.UpgradeList:
        """A station's upgrades, newest first."""
        await check_known(csms, identity)
        found = await csms.store.upgrades(identity, limit=limit)
        return schemas.UpgradeList(upgrades=[schemas.Upgrade.model_validate(one) for one in found])

    return router


def _by_id(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/upgrades/{upgrade_id}")
    async def show_upgrade(upgrade_id: str) -> schemas.UpgradeWithSteps:
        """One upgrade with its steps, oldest first."""
        upgrade = await csms.store.upgrade(upgrade_id)
        if upgrade is None:
            raise Problem(404, "unknown-upgrade", "no upgrade has this id")
        steps = await csms.store.upgrade_steps(upgrade_id)
        return schemas.UpgradeWithSteps(
            **schemas.Upgrade.model_validate(upgrade).model_dump(),
            steps=[schemas.UpgradeStep.model_validate(step) for step in steps],
        )

    @router.get("/upgrades/{upgrade_id}/evidence")
    async def show_evidence(upgrade_id: str) -> dict[str, Any]:
        """The steps of an upgrade, what the doors saw of the station, the certificates issued in it."""
        upgrade = await csms.store.upgrade(upgrade_id)
        if upgrade is None:
            raise Problem(404, "unknown-upgrade", "no upgrade has this id")
        return await evidence.of_upgrade(csms.store, upgrade)

    return router
