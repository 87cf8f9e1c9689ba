"""Does what `ocppsec.csms.rescue` explains, when a person says so; who and why is kept before it is done.

Nothing here opens what the standard shuts: no floor falls, no profile opens below it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from ocppsec.csms.errors import BadInput
from ocppsec.csms.interventions import Interventions
from ocppsec.csms.rescue import Action
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Station, Upgrade
from ocppsec.registry.store import NotRegistered, Store
from ocppsec.upgrades.plan import Deadlines

WATCH_SECONDS = 30 * 86_400.0


class Begin(Protocol):
    async def __call__(self, identity: str, to: int, *, deadlines: Deadlines | None = None) -> Upgrade: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person wants done."""

    action: Action
    by: str
    reason: str
    seconds: float | None = None
    """How long to watch."""
    profile: int | None = None
    """Which one to open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescued:
    action: Action
    detail: str
    upgrade: str | None = None
    password: str | None = field(default=None, repr=False)
    """Told this once; only its hash is kept."""


class Rescuer:
    def __init__(
        self,
        store: Store,
        interventions: Interventions,
        *,
        begin: Begin,
        give_up: Callable[[str, str], Awaitable[bool]],
        hand_out: Callable[[str], Awaitable[str]],
        deadlines: Deadlines,
    ) -> None:
        self._store = store
        self._interventions = interventions
        self._begin = begin
        self._give_up = give_up
        self._hand_out = hand_out
        self._deadlines = deadlines

    async def do(self, identity: str, order: Order) -> Rescued:
        """Raises `NotRegistered`, `BadInput`, `UpgradeInProgress`, `StoreUnavailable`."""
        station = await self._store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        if not order.reason.strip():
            raise BadInput("a reason is kept with what is done", "--reason TEXT")
        match order.action:
            case Action.RETRY:
                return await self._upgrade(station, order, self._deadlines, "its upgrade has begun again")
            case Action.WATCH:
                seconds = order.seconds or WATCH_SECONDS
                detail = f"its upgrade begins when it is seen, within {seconds / 86_400:.1f} days"
                return await self._upgrade(station, order, replace(self._deadlines, step=seconds), detail)
            case Action.GIVE_UP:
                return await self._end(station, order)
            case Action.NEW_PASSWORD:
                return await self._password(station, order)
            case Action.OPEN_PROFILE:
                return await self._open(station, order)

    async def _upgrade(self, station: Station, order: Order, deadlines: Deadlines, detail: str) -> Rescued:
        if station.target <= station.floor:
            raise BadInput(
                f"{station.identity} is where it should be, on profile {int(station.floor)}",
                f"ocppsec station upgrade {station.identity} --to N takes it higher",
            )
        await self._keep(station, order, detail)
        begun = await self._begin(station.identity, int(station.target), deadlines=deadlines)
        return Rescued(action=order.action, detail=detail, upgrade=begun.id)

    async def _end(self, station: Station, order: Order) -> Rescued:
        under_way = await self._store.open_upgrade(station.identity)
        if under_way is None:
            raise BadInput(f"no upgrade of {station.identity} is under way", "nothing is to be given up")
        detail = "its upgrade is ended; it is admitted as before"
        await self._keep(station, order, detail)
        await self._give_up(station.identity, order.reason)
        return Rescued(action=order.action, detail=detail, upgrade=under_way.id)

    async def _password(self, station: Station, order: Order) -> Rescued:
        detail = "a further password is valid; the old ones end when the station logs in with it"
        await self._keep(station, order, detail)
        password = await self._hand_out(station.identity)
        return Rescued(action=order.action, detail=detail, password=password)

    async def _open(self, station: Station, order: Order) -> Rescued:
        wanted = order.profile
        if wanted is None or not station.target < wanted <= SecurityProfile.TLS_CLIENT:
            raise BadInput(
                f"{station.identity} is admitted on profile {int(station.floor)} to {int(station.target)};"
                " only a higher one can be opened",
                "--profile N, up to 3",
            )
        detail = f"it is admitted on profile {wanted} too, which becomes its target"
        await self._keep(station, order, detail)
        await self._store.set_target(station.identity, SecurityProfile(wanted))
        return Rescued(action=order.action, detail=detail)

    async def _keep(self, station: Station, order: Order, detail: str) -> None:
        await self._interventions.record(
            station.identity, order.action, by=order.by, reason=order.reason, detail=detail
        )
