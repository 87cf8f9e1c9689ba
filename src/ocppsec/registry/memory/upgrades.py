"""Upgrades in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Upgrade, UpgradeChange, UpgradeStatus, UpgradeStep
from ocppsec.registry.store import Superseded, UpgradeInProgress


class Upgrades(Base):
    def __init__(self) -> None:
        super().__init__()
        self._upgrades: dict[str, Upgrade] = {}
        self._steps: dict[str, list[UpgradeStep]] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        for upgrade in list(self._upgrades.values()):
            if upgrade.identity == identity and upgrade.status is UpgradeStatus.OPEN:
                del self._upgrades[upgrade.id]
                self._steps.pop(upgrade.id, None)

    async def begin_upgrade(self, upgrade: Upgrade, steps: Sequence[UpgradeStep] = ()) -> Upgrade:
        station = self._registered(upgrade.identity)
        if await self.open_upgrade(upgrade.identity) is not None:
            raise UpgradeInProgress(f"station {upgrade.identity!r} has an open upgrade")
        if upgrade.target > station.target:
            self._stations[station.identity] = replace(station, target=upgrade.target)
        self._upgrades[upgrade.id] = upgrade
        self._steps[upgrade.id] = list(steps)
        return upgrade

    async def save_upgrade(self, change: UpgradeChange) -> Upgrade:
        self._check_open()
        stored = self._upgrades.get(change.upgrade.id)
        if stored is None or stored.version != change.upgrade.version:
            raise Superseded(f"upgrade {change.upgrade.id} was saved by somebody else, or is gone")
        station = self._stations.get(stored.identity)
        rival = await self.open_upgrade(stored.identity)
        if change.upgrade.status is UpgradeStatus.OPEN and rival is not None and rival.id != stored.id:
            raise UpgradeInProgress(f"station {stored.identity!r} has another open upgrade")
        saved = replace(
            change.upgrade,
            identity=stored.identity,
            target=stored.target,
            started_at=stored.started_at,
            version=stored.version + 1,
        )
        self._upgrades[saved.id] = saved
        self._steps[saved.id].extend(change.steps)
        if station is not None and change.raise_floor_to is not None:
            self._raise(station, change.raise_floor_to)
        lower = change.lower_target_to
        if station is not None and lower is not None and station.floor <= lower < station.target:
            lowered = replace(station, target=lower, open_to=station.target)
            self._stations[station.identity] = lowered
        return saved

    async def upgrade(self, upgrade_id: str) -> Upgrade | None:
        self._check_open()
        return self._upgrades.get(upgrade_id)

    async def upgrades(self, identity: str, *, limit: int = 20) -> list[Upgrade]:
        self._check_open()
        of_station = [upgrade for upgrade in self._upgrades.values() if upgrade.identity == identity]
        return of_station[::-1][: max(0, limit)]

    async def open_upgrade(self, identity: str) -> Upgrade | None:
        return next((upgrade for upgrade in await self.open_upgrades() if upgrade.identity == identity), None)

    async def open_upgrades(self) -> list[Upgrade]:
        self._check_open()
        return [upgrade for upgrade in self._upgrades.values() if upgrade.status is UpgradeStatus.OPEN]

    async def upgrade_steps(self, upgrade_id: str) -> list[UpgradeStep]:
        self._check_open()
        return list(self._steps.get(upgrade_id, ()))
