"""Stations through the API: registered, shown, explained, called."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.registry.store import NotRegistered
from ocppsec.web import schemas
from ocppsec.web.cursor import after
from ocppsec.web.cursor import cursor as cursor_after
from ocppsec.web.paths import station_location, station_urls

Limit = Annotated[int, Query(ge=1, le=500)]


def stations(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["stations"])
    for part in (_registered, _one):
        router.include_router(part(csms))
    return router


def _registered(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/stations")

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
        return _station(csms, await _known(csms, identity))

    @router.delete("/{identity}", status_code=204)
    async def remove_station(identity: str) -> None:
        """Forget a station, revoke its certificates and close its connection."""
        if not await csms.remove_station(identity):
            raise NotRegistered(identity)

    @router.put("/{identity}/labels")
    async def set_labels(identity: str, body: schemas.Labels) -> schemas.Station:
        """Replace the labels of a station."""
        await csms.set_labels(identity, body.labels)
        return _station(csms, await _known(csms, identity))

    return router


def _one(csms: Csms) -> APIRouter:
    """What can be asked of one of them, and done with it."""
    router = APIRouter(prefix="/stations")

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


async def _known(csms: Csms, identity: str) -> records.Station:
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
