"""The HTTP API, version 1: what the CSMS offers, as resources.

A route translates and nothing else; whatever says no raises, and `problems` finds the answer for it.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

import ocppsec
from ocppsec.csms.service import Csms
from ocppsec.web import problems, schemas
from ocppsec.web.access import Access, Gate
from ocppsec.web.campaigns import campaigns
from ocppsec.web.certificates import certificates
from ocppsec.web.installed import installed
from ocppsec.web.kinds import kinds
from ocppsec.web.onboarding import onboarding
from ocppsec.web.orders import orders
from ocppsec.web.pki import pki
from ocppsec.web.requests import requests
from ocppsec.web.rescue import rescue
from ocppsec.web.rollover import rollover
from ocppsec.web.stations import stations
from ocppsec.web.upgrades import upgrades

Limit = Annotated[int, Query(ge=1, le=500)]


def create_app(
    csms: Csms, *, access: Access, metrics: Callable[[], bytes], on_bug: Callable[[str, Exception], None]
) -> ASGIApp:
    """The API over *csms*; *metrics* gives the text of ``/metrics``."""
    app = framework_app(csms, metrics)
    return Gate(app, access, on_bug)


def framework_app(csms: Csms, metrics: Callable[[], bytes]) -> FastAPI:
    """The routes without the gate in front of them; `create_app` is the way in."""
    app = FastAPI(
        title="ocppsec",
        version=ocppsec.__version__,
        summary="The security side of a CSMS for OCPP 2.0.1.",
        docs_url=None,  # those pages load scripts from a CDN
        redoc_url=None,
        responses={"default": {"description": "Problem details (RFC 9457)."}},
    )
    problems.install(app)
    app.include_router(_house(csms, metrics))
    app.include_router(pki(csms))
    v1 = APIRouter(prefix="/api/v1", dependencies=[Depends(HTTPBearer(auto_error=False))])
    v1.include_router(campaigns(csms))
    parts = (
        stations,
        upgrades,
        rescue,
        kinds,
        onboarding,
        certificates,
        requests,
        orders,
        installed,
        rollover,
        _others,
    )
    for part in parts:
        v1.include_router(part(csms))
    app.include_router(v1)
    return app


def _house(csms: Csms, metrics: Callable[[], bytes]) -> APIRouter:
    router = APIRouter(tags=["house"])

    @router.get("/healthz")
    async def healthz() -> schemas.Health:
        """The process runs."""
        return schemas.Health(status="ok")

    @router.get("/readyz")
    async def readyz() -> schemas.Health:
        """The store answers and the doors are open; 503 otherwise."""
        await csms.ready()
        return schemas.Health(status="ok")

    @router.get("/metrics", response_class=Response)
    async def metrics_text() -> Response:
        """Counters in the Prometheus text format; no label names a station."""
        return Response(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _others(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/ca", tags=["certificates"])
    async def show_ca() -> schemas.CertificateAuthority:
        """The root certificate stations have to trust."""
        return schemas.CertificateAuthority(
            root_pem=csms.authority.root_pem,
            root_sha256=csms.authority.root_sha256,
            root_certificate=str(csms.authority.root_certificate_path),
        )

    @router.get("/security-events", tags=["security"])
    async def list_security_events(
        identity: str | None = None, limit: Limit = 100
    ) -> schemas.SecurityEventList:
        """What stations reported with SecurityEventNotification, newest first."""
        found = await csms.store.security_events(identity, limit=limit)
        return schemas.SecurityEventList(
            security_events=[schemas.SecurityEvent.model_validate(one) for one in found]
        )

    @router.get("/doors", tags=["house"])
    async def list_doors() -> schemas.DoorList:
        """The open doors and how many connections there are on each profile."""
        counts = {str(profile): count for profile, count in csms.connections_count().items()}
        doors = [schemas.Door(name=d.name, url=d.url, profiles=list(d.profiles)) for d in csms.doors]
        return schemas.DoorList(doors=doors, connections=counts)

    return router
