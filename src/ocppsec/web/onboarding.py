"""New stations, and expired certificates that are let in, through the API."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field, SecretStr

from ocppsec.csms.service import Csms
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.store import NotRegistered
from ocppsec.web.cursor import after
from ocppsec.web.cursor import cursor as cursor_after
from ocppsec.web.known import check_known
from ocppsec.web.paths import station_urls
from ocppsec.web.schemas import Body, Profile, Shown

Limit = Annotated[int, Query(ge=1, le=500)]
Seconds = Annotated[float, Field(gt=0, le=90 * 86_400)]


class NewExpectation(Body):
    identity: str
    by: Way = Field(description="How it shows that it is the one that is expected.")
    serial_number: str | None = Field(None, description="Defaults to the identity; `listed` needs one.")
    profile: Profile = Field(1, description="Lowest profile it may come on.")
    target: Profile = Field(3, description="Where it is raised to by itself.")
    seconds: Seconds = Field(7 * 86_400.0, description="So long its way in is open.")
    connections: int = Field(20, ge=1, description="So often it may come in by it.")
    password: SecretStr | None = Field(None, description="For this once; generated when left out.")
    manufacturer: str | None = Field(None, description="Whose certificate it has to be; any by default.")
    labels: dict[str, str] = Field(default_factory=dict)


class Expectation(Shown):
    identity: str
    way: Way
    stage: Stage
    target: int
    until: datetime = Field(description="After this its way in is shut.")
    connections: int = Field(description="How often somebody came in by it.")
    most_connections: int
    manufacturer: str | None
    reason: str = Field(description="Why it does not go on; empty otherwise.")
    added_at: datetime
    first_at: datetime | None = Field(description="When somebody first came in by it.")
    own_at: datetime | None = Field(description="When it was seen with credentials of its own.")
    ended_at: datetime | None


class AddedExpectation(Expectation):
    serial_number: str
    password: str | None = Field(description="The one-time password, told this once; null when it was given.")
    urls: dict[str, str] = Field(description="By profile, the URL this station connects to.")


class ExpectationPage(Shown):
    stations: list[Expectation]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class NewAllowance(Body):
    seconds: Seconds = Field(description="So long its expired certificate is let in.")


class Allowance(Shown):
    id: str
    identity: str
    until: datetime
    given_at: datetime
    uses: int = Field(description="How often it came in by it.")
    used_at: datetime | None
    ended_at: datetime | None
    how: str = Field(description="How it ended; empty while it is open.")


class AllowanceList(Shown):
    allowances: list[Allowance]


def onboarding(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["onboarding"])
    for part in (_expected, _allowances):
        router.include_router(part(csms))
    return router


def _expected(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.post("/onboarding", status_code=201)
    async def add(body: NewExpectation, response: Response) -> AddedExpectation:
        """Expect a new station.  A generated one-time password is told here and never again."""
        expected = await csms.onboarding.add(
            body.identity,
            way=body.by,
            serial_number=body.serial_number,
            target=body.target,
            profile=body.profile,
            time=timedelta(seconds=body.seconds),
            connections=body.connections,
            password=body.password.get_secret_value() if body.password else None,
            manufacturer=body.manufacturer,
            labels=body.labels,
        )
        response.headers["Cache-Control"] = "no-store"
        return AddedExpectation(
            **_shown(expected.entry).model_dump(),
            serial_number=expected.station.serial_number,
            password=expected.password,
            urls=station_urls(csms.doors, body.identity),
        )

    @router.get("/onboarding")
    async def list_all(
        limit: Limit = 100, cursor: str | None = None, stage: Stage | None = None
    ) -> ExpectationPage:
        """Those that are expected and those that came, ordered by identity, a page at a time."""
        found = await csms.store.onboardings(after=after(cursor), limit=limit + 1, stage=stage)
        page = found[:limit]
        following = cursor_after(page[-1].identity) if len(found) > limit else None
        return ExpectationPage(stations=[_shown(one) for one in page], next=following)

    @router.get("/onboarding/{identity}")
    async def show(identity: str) -> Expectation:
        """How far a new station is."""
        return _shown(await csms.onboarding.find(identity))

    @router.delete("/onboarding/{identity}", status_code=204)
    async def remove(identity: str) -> None:
        """Expect it no more: it is forgotten and sent away.  Refused when it is a station like any other by now."""
        await csms.onboarding.check_removable(identity)
        if not await csms.remove_station(identity):
            raise NotRegistered(identity)
        csms.onboarding.removed(identity)

    return router


def _allowances(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/expired-certificate-allowances")
    async def list_open_allowances() -> AllowanceList:
        """Those that are open now, of all stations."""
        found = await csms.store.open_allowances()
        return AllowanceList(allowances=[Allowance.model_validate(one) for one in found])

    @router.post("/stations/{identity}/expired-certificate-allowances", status_code=201)
    async def allow(identity: str, body: NewAllowance) -> Allowance:
        """Let this one station in with an expired certificate, in Pending and to be renewed at once (A00.FR.429)."""
        given = await csms.allowances.give(identity, timedelta(seconds=body.seconds))
        return Allowance.model_validate(given)

    @router.get("/stations/{identity}/expired-certificate-allowances")
    async def list_allowances(identity: str) -> AllowanceList:
        """Newest first; those of a removed station too."""
        found = await csms.allowances.of(identity)
        if not found:
            await check_known(csms, identity)
        return AllowanceList(allowances=[Allowance.model_validate(one) for one in found])

    @router.delete("/stations/{identity}/expired-certificate-allowances")
    async def withdraw(identity: str) -> Allowance:
        """Take back the one that is open; who is in by it is sent away."""
        return Allowance.model_validate(await csms.allowances.withdraw(identity))

    return router


def _shown(entry: Onboarding) -> Expectation:
    return Expectation.model_validate(entry)
