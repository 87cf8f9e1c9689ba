"""Root rollovers, and which roots stations have, in memory."""

from dataclasses import replace
from datetime import datetime

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Rollover, RolloverStation, TrustReport
from ocppsec.registry.store import RolloverInProgress, Superseded


class Rollovers(Base):
    def __init__(self) -> None:
        super().__init__()
        self._rollovers: dict[str, Rollover] = {}
        self._rollover_stations: dict[tuple[str, str], RolloverStation] = {}
        self._trust: dict[str, TrustReport] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        self._trust.pop(identity, None)
        for key in [key for key in self._rollover_stations if key[1] == identity]:
            del self._rollover_stations[key]

    async def begin_rollover(self, rollover: Rollover) -> Rollover:
        if await self.open_rollover() is not None:
            raise RolloverInProgress("a root is being replaced already")
        self._rollovers[rollover.id] = rollover
        return rollover

    async def save_rollover(self, rollover: Rollover) -> Rollover:
        self._check_open()
        stored = self._rollovers.get(rollover.id)
        if stored is None or stored.version != rollover.version:
            raise Superseded(f"rollover {rollover.id} was saved by somebody else, or is gone")
        saved = replace(rollover, started_at=stored.started_at, version=stored.version + 1)
        self._rollovers[saved.id] = saved
        return saved

    async def open_rollover(self) -> Rollover | None:
        self._check_open()
        return next((rollover for rollover in self._rollovers.values() if rollover.open), None)

    async def rollovers(self, *, limit: int = 20) -> list[Rollover]:
        self._check_open()
        return list(self._rollovers.values())[::-1][: max(0, limit)]

    async def save_rollover_station(self, station: RolloverStation) -> None:
        self._registered(station.identity)
        self._rollover_stations[(station.rollover, station.identity)] = station

    async def rollover_stations(self, rollover_id: str) -> list[RolloverStation]:
        self._check_open()
        found = [one for one in self._rollover_stations.values() if one.rollover == rollover_id]
        return sorted(found, key=lambda one: one.identity)

    async def save_trust(self, report: TrustReport) -> None:
        self._check_open()
        if report.identity in self._stations:
            self._trust[report.identity] = report

    async def trust_of(self, identity: str) -> TrustReport | None:
        self._check_open()
        return self._trust.get(identity)

    async def trust(self, *, after: str | None = None, limit: int = 100) -> list[TrustReport]:
        self._check_open()
        behind = sorted(identity for identity in self._trust if after is None or identity > after)
        return [self._trust[identity] for identity in behind[: max(0, limit)]]
