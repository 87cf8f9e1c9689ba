"""The HTTP API, version 1: what the CSMS offers, as resources.

A route translates and nothing else; whatever says no raises, and `problems` finds the answer for it.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

import ocppsec
from ocppsec.csms import evidence
from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.registry.store import NotRegistered
from ocppsec.web import problems, schemas
from ocppsec.web.access import Access, Gate
from ocppsec.web.campaigns import campaigns
from ocppsec.web.certificates import certificates
from ocppsec.web.cursor import after
from ocppsec.web.cursor import cursor as cursor_after
from ocppsec.web.idempotency import MAX_KEY, Idempotency
from ocppsec.web.installed import installed
from ocppsec.web.kinds import kinds
from ocppsec.web.onboarding import onboarding
from ocppsec.web.orders import orders
from ocppsec.web.paths import station_location, station_urls, upgrade_location
from ocppsec.web.pki import pki
from ocppsec.web.problems import Problem
from ocppsec.web.requests import requests
from ocppsec.web.rescue import rescue
from ocppsec.web.rollover import rollover

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
        _stations,
        _upgrades,
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


def _stations(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/stations", tags=["stations"])

    @router.get("")
    async def list_stations(limit: Limit = 100, cursor: str | None = None) -> schemas.StationPage:
        """All stations, ordered by identity, a page at a time."""
        found = await csms.store.stations(after=after(cursor), limit=limit + 1)
        page = found[:limit]
        following = cursor_after(page[-1].identity) if len(found) > limit else None
        return schemas.StationPage(stations=[_station(csms, one) for one in page], next=following)

    @router.post("", status_code=201)
    async def add_station(body: schemas.NewStation, response: Response) -> schemas.AddedStation:
        """Register a station.  A generated password is told here and never again."""
        added = await csms.add_station(
            body.identity,
            serial_number=body.serial_number,
            profile=body.profile,
            password=body.password.get_secret_value() if body.password else None,
            labels=body.labels,
        )
        identity = added.station.identity
        response.headers["Location"] = station_location(identity)
        return schemas.AddedStation(
            **_station(csms, added.station).model_dump(),
            password=added.generated_password,
            urls=station_urls(csms.doors, identity),
        )

    @router.get("/{identity}")
    async def show_station(identity: str) -> schemas.Station:
        """One station: what is registered, what it said of itself, and its connection."""
        return _station(csms, await _registered(csms, identity))

    @router.delete("/{identity}", status_code=204)
    async def remove_station(identity: str) -> None:
        """Forget a station, revoke its certificates and close its connection."""
        if not await csms.remove_station(identity):
            raise NotRegistered(identity)

    @router.put("/{identity}/labels")
    async def set_labels(identity: str, body: schemas.Labels) -> schemas.Station:
        """Replace the labels of a station."""
        await csms.set_labels(identity, body.labels)
        return _station(csms, await _registered(csms, identity))

    @router.get("/{identity}/why")
    async def explain(identity: str) -> schemas.Explanation:
        """What the last attempts to connect presented, why they were refused and what to do.

        Answers for unknown identities too: that they are unknown is the explanation.
        """
        return schemas.Explanation.model_validate(await csms.why(identity))

    @router.get("/{identity}/rescue")
    async def rescue(identity: str) -> schemas.Rescue:
        """What can be done for a station that has not come back from its upgrade. Changes nothing."""
        return schemas.Rescue.model_validate(await csms.rescue(identity))

    @router.post("/{identity}/password-rotation")
    async def rotate_password(identity: str) -> schemas.PasswordRotation:
        """Give a connected station on profile 1 or 2 a new password, which nobody sees (A01)."""
        return schemas.PasswordRotation.model_validate(await csms.passwords.rotate(identity))

    @router.post("/{identity}/calls")
    async def call(identity: str, body: schemas.NewCall) -> schemas.CallAnswer:
        """Send any OCPP request to a connected station; 502 when it answers CALLERROR, 504 when it does not."""
        payload = await csms.call(identity, body.action, body.payload, timeout=body.timeout)
        return schemas.CallAnswer(action=body.action, payload=payload)

    return router


def _upgrades(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["upgrades"])
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
        await _registered(csms, identity)
        found = await csms.store.upgrades(identity, limit=limit)
        return schemas.UpgradeList(upgrades=[schemas.Upgrade.model_validate(one) for one in found])

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


async def _registered(csms: Csms, identity: str) -> records.Station:
    station = await csms.store.station(identity)
    if station is None:
        raise NotRegistered(identity)
    return station


def _station(csms: Csms, station: records.Station) -> schemas.Station:
    connection = csms.connection(station.identity)
    return schemas.Station.model_validate(
        {
            **{name: getattr(station, name) for name in _STATION_FIELDS},
            "connection": schemas.Connection.model_validate(connection) if connection else None,
        }
    )


_STATION_FIELDS = tuple(name for name in schemas.Station.model_fields if name != "connection")
