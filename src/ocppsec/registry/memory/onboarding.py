"""Onboarding, and allowances for expired certificates, in memory."""

from dataclasses import replace
from datetime import UTC, datetime

from ocppsec.profiles.record import Onboarding as Entry
from ocppsec.profiles.record import Stage
from ocppsec.registry.memory.stations import Stations
from ocppsec.registry.records import Allowance, NewStation, Station
from ocppsec.registry.store import Superseded

_CHANGING = ("stage", "connections", "reason", "first_at", "own_at", "ended_at")


class Onboarding(Stations):
    def __init__(self) -> None:
        super().__init__()
        self._entries: dict[str, Entry] = {}
        self._allowances: dict[str, Allowance] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        self._entries.pop(identity, None)
        self._end_open(identity, at or datetime.now(UTC), "station-removed")

    def _entry(self, identity: str) -> Entry | None:
        return self._entries.get(identity)

    def _expired_until(self, identity: str) -> datetime | None:
        return next((one.until for one in self._open(identity)), None)

    async def add_onboarding(self, station: NewStation, entry: Entry) -> Station:
        added = await self.add_station(station)
        self._entries[station.identity] = entry
        return added

    async def onboarding(self, identity: str) -> Entry | None:
        self._check_open()
        return self._entries.get(identity)

    async def onboardings(
        self, *, after: str | None = None, limit: int = 100, stage: Stage | None = None
    ) -> list[Entry]:
        self._check_open()
        chosen = (
            entry
            for identity, entry in sorted(self._entries.items())
            if (after is None or identity > after) and stage in (None, entry.stage)
        )
        return list(chosen)[: max(0, limit)]

    async def save_onboarding(self, entry: Entry) -> Entry:
        self._check_open()
        stored = self._entries.get(entry.identity)
        if stored is None or stored.version != entry.version:
            raise Superseded(f"the onboarding of {entry.identity!r} was saved by somebody else, or is gone")
        changed = {name: getattr(entry, name) for name in _CHANGING}
        saved: Entry = replace(stored, version=stored.version + 1, **changed)
        self._entries[entry.identity] = saved
        return saved

    # -- allowances -------------------------------------------------------------------------------------
    def _open(self, identity: str) -> list[Allowance]:
        return [one for one in self._allowances.values() if one.identity == identity and one.ended_at is None]

    def _end_open(self, identity: str, at: datetime, how: str) -> None:
        for one in self._open(identity):
            self._allowances[one.id] = replace(one, ended_at=at, how=how)

    async def give_allowance(self, allowance: Allowance) -> Allowance:
        self._registered(allowance.identity)
        self._end_open(allowance.identity, allowance.given_at, "replaced")
        self._allowances[allowance.id] = allowance
        return allowance

    async def use_allowance(self, allowance_id: str, at: datetime) -> bool:
        self._check_open()
        found = self._allowances.get(allowance_id)
        if found is None or found.ended_at is not None:
            return False
        self._allowances[allowance_id] = replace(found, uses=found.uses + 1, used_at=at)
        return True

    async def end_allowance(self, allowance_id: str, at: datetime, how: str) -> bool:
        self._check_open()
        found = self._allowances.get(allowance_id)
        if found is None or found.ended_at is not None:
            return False
        self._allowances[allowance_id] = replace(found, ended_at=at, how=how)
        return True

    async def open_allowances(self) -> list[Allowance]:
        self._check_open()
        return [one for one in self._allowances.values() if one.ended_at is None]

    async def allowances(self, identity: str, *, limit: int = 20) -> list[Allowance]:
        self._check_open()
        found = [one for one in self._allowances.values() if one.identity == identity]
        return found[::-1][: max(0, limit)]
