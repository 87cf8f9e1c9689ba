"""The replacement of the CSMS root through the API, and which station trusts which root."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ocppsec.csms.rollover_view import StationView, View
from ocppsec.csms.service import Csms
from ocppsec.csms.trust import Trust
from ocppsec.upgrades.rollover.phases import Phase
from ocppsec.upgrades.rollover.roots import Which
from ocppsec.web.cursor import after
from ocppsec.web.cursor import cursor as cursor_after
from ocppsec.web.schemas import Body, Shown

Limit = Annotated[int, Query(ge=1, le=500)]


class RolloverLine(Shown):
    at: datetime
    what: str
    detail: str


class Rollover(Shown):
    id: str
    phase: Phase
    following: Phase | None = Field(description="Where `next` leads; null once it has ended.")
    open: bool
    old_sha256: str = Field(description="The root that goes; of the one in force once it has ended.")
    new_sha256: str | None
    started_at: datetime
    ended_at: datetime | None
    exceptions: list[str] = Field(description="Stations that were let behind, by name.")
    stations: int = Field(description="That must trust us: all on, or on their way to, profile 2 or 3.")
    in_the_way: int = Field(description="Of these, those that the next phase would harm.")
    history: list[RolloverLine]


class RolloverStation(Shown):
    identity: str
    connected: bool
    roots: list[Which] | None = Field(
        description="Which of the two it says it has, by hash; null before it was asked."
    )
    step: str
    reason: str = Field(description="Why nothing goes on with it; empty when it does.")
    met: bool = Field(description="It has shaken hands on a TLS door since the phase began.")
    certificates: list[Which] = Field(
        description="Under which roots the certificates hang that it may come with; two while one is renewed."
    )
    issues_under: Which = Field(description="Under which root it gets its next one.")
    excepted: bool
    in_the_way: str = Field(description="Why the next phase would harm it; empty when it would not.")


class RolloverStationPage(Shown):
    stations: list[RolloverStation]
    next: str | None


class RolloverSummary(Shown):
    id: str
    phase: str
    open: bool
    started_at: datetime
    ended_at: datetime | None


class RolloverList(Shown):
    rollovers: list[RolloverSummary]


class NewRollover(Body):
    keep_old_keys: bool = Field(False, description="Keep the old root's key in `ca/past` in the end.")


class NextPhase(Body):
    to: Phase | None = Field(
        None, description="Its name, so that a repeated request does not lead one phase further."
    )
    exceptions: list[str] = Field(
        default_factory=list, max_length=1000, description="Stations to let behind, by name."
    )
    accept_missing: int = Field(0, ge=0, description="Let so many behind, whoever they are.")
    confirmed: bool = Field(False, description="For `withdraw`, from which there is no way back.")


class TrustedRoot(Shown):
    serial_number: str
    sha256: str | None = Field(description="Of our root that it is; null for one we do not know.")
    role: str = Field(description="`in force`, `coming` or `foreign`.")


class StationTrust(Shown):
    identity: str
    at: datetime = Field(description="When the station said so.")
    roots: list[TrustedRoot]


class TrustPage(Shown):
    stations: list[StationTrust]
    next: str | None


def rollover(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["root rollover"])
    for part in (_standing, _phases, _trusted):
        router.include_router(part(csms))
    return router


def _standing(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/ca/rollovers")
    async def list_rollovers(limit: Limit = 20) -> RolloverList:
        """Every replacement of the root, newest first."""
        found = await csms.store.rollovers(limit=limit)
        return RolloverList(rollovers=[RolloverSummary.model_validate(one) for one in found])

    @router.get("/ca/rollovers/current")
    async def show_rollover() -> Rollover:
        """How it stands."""
        return _shown(await csms.rollover.status())

    @router.get("/ca/rollovers/current/stations")
    async def list_rollover_stations(limit: Limit = 100, cursor: str | None = None) -> RolloverStationPage:
        """How it stands with each station that must trust us, ordered by identity."""
        view, behind = await csms.rollover.status(), after(cursor)
        found = [one for one in view.stations if behind is None or one.identity > behind]
        following = cursor_after(found[limit - 1].identity) if len(found) > limit else None
        return RolloverStationPage(stations=[_station(csms, one) for one in found[:limit]], next=following)

    return router


def _phases(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.post("/ca/rollovers", status_code=201)
    async def begin_rollover(body: NewRollover) -> Rollover:
        """Make a new root beside the one in force, each signed by the other, rehearsed; no station hears of it."""
        return _shown(await csms.rollover.begin(keep_keys=body.keep_old_keys))

    @router.post("/ca/rollovers/current/next")
    async def next_phase(body: NextPhase) -> Rollover:
        """Into the next phase; refused, with names and reasons, while it would harm a station."""
        return _shown(
            await csms.rollover.forward(
                to=body.to,
                exceptions=body.exceptions,
                accept_missing=body.accept_missing,
                confirmed=body.confirmed,
            )
        )

    @router.post("/ca/rollovers/current/back")
    async def previous_phase() -> Rollover:
        """Into the phase before; no open connection notices."""
        return _shown(await csms.rollover.back())

    @router.post("/ca/rollovers/current/abort")
    async def abort_rollover() -> Rollover:
        """Give it up: the new root is taken out of the stations again, then thrown away."""
        return _shown(await csms.rollover.abort())

    return router


def _trusted(csms: Csms) -> APIRouter:
    router = APIRouter()

    @router.get("/trust")
    async def list_trust(limit: Limit = 100, cursor: str | None = None) -> TrustPage:
        """Which station trusts which root, as it last said; stations that were never asked are missing."""
        found = await csms.trust.page(after=after(cursor), limit=limit + 1)
        following = cursor_after(found[limit - 1].identity) if len(found) > limit else None
        return TrustPage(stations=[_trust(one) for one in found[:limit]], next=following)

    @router.post("/stations/{identity}/trust")
    async def ask_for_trust(identity: str) -> StationTrust:
        """Ask a connected station which roots it has (GetInstalledCertificateIds)."""
        await csms.installed.all(identity)
        found = await csms.trust.of(identity)
        return _trust(found)

    return router


def _shown(view: View) -> Rollover:
    return Rollover(
        id=view.rollover.id,
        phase=view.operation.phase,
        following=view.following,
        open=view.rollover.open,
        old_sha256=view.old_sha256,
        new_sha256=view.new_sha256,
        started_at=view.rollover.started_at,
        ended_at=view.rollover.ended_at,
        exceptions=list(view.operation.exceptions),
        stations=len(view.stations),
        in_the_way=sum(bool(one.in_the_way) for one in view.stations),
        history=[RolloverLine.model_validate(line) for line in view.operation.history],
    )


def _station(csms: Csms, one: StationView) -> RolloverStation:
    return RolloverStation(
        identity=one.identity,
        connected=csms.connection(one.identity) is not None,
        roots=None if one.shows is None else [which for which in Which if which in one.shows],
        step=one.step,
        reason=one.reason,
        met=one.met,
        certificates=[which for which in Which if which in one.certificates],
        issues_under=one.issues_under,
        excepted=one.excepted,
        in_the_way=one.in_the_way,
    )


def _trust(trust: Trust) -> StationTrust:
    return StationTrust.model_validate(trust)
