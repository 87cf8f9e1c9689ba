"""Upgrades and their steps in SQL."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import (
    Upgrade,
    UpgradeChange,
    UpgradeStatus,
    UpgradeStep,
)
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.tables import upgrade_steps
from ocppsec.registry.sql.tables import upgrades as table
from ocppsec.registry.store import Superseded, UpgradeInProgress

_FIELDS: Final = (
    "id",
    "identity",
    "target",
    "status",
    "step",
    "reason",
    "state",
    "version",
    "deadline",
    "started_at",
    "ended_at",
)
_OF_A_STEP: Final = ("at", "step", "detail", "messages")
_CHANGING: Final = ("status", "step", "reason", "state", "deadline", "ended_at")


def in_progress(identity: str) -> UpgradeInProgress:
    return UpgradeInProgress(f"station {identity!r} has an open upgrade")


async def begin(connection: AsyncConnection, upgrade: Upgrade, steps: Sequence[UpgradeStep]) -> Upgrade:
    await stations.registered(connection, upgrade.identity)
    if await _select(connection, (table.c.identity == upgrade.identity) & _OPEN, 1):
        raise in_progress(upgrade.identity)
    await connection.execute(insert(table), {name: getattr(upgrade, name) for name in _FIELDS})
    await _add_steps(connection, upgrade.id, steps)
    await stations.raise_target(connection, upgrade.identity, upgrade.target)
    return upgrade


async def save(connection: AsyncConnection, change: UpgradeChange) -> Upgrade:
    wanted = change.upgrade
    this_version = (table.c.id == wanted.id) & (table.c.version == wanted.version)
    values = {name: getattr(wanted, name) for name in _CHANGING}
    saved = await connection.execute(
        update(table).where(this_version).values(version=wanted.version + 1, **values)
    )
    if saved.rowcount == 0:
        raise Superseded(f"upgrade {wanted.id} was saved by somebody else, or is gone")
    await _add_steps(connection, wanted.id, change.steps)
    stored = await one(connection, wanted.id)
    assert stored is not None
    if change.raise_floor_to is not None:
        await stations.raise_floor(connection, stored.identity, change.raise_floor_to)
    if change.lower_target_to is not None:
        await stations.lower_target(connection, stored.identity, change.lower_target_to)
    return stored


async def one(connection: AsyncConnection, upgrade_id: str) -> Upgrade | None:
    found = await _select(connection, table.c.id == upgrade_id, 1)
    return found[0] if found else None


async def of_station(connection: AsyncConnection, identity: str, limit: int) -> list[Upgrade]:
    return await _select(connection, table.c.identity == identity, limit, newest_first=True)


async def open_of(connection: AsyncConnection, identity: str) -> Upgrade | None:
    found = await _select(connection, (table.c.identity == identity) & _OPEN, 1)
    return found[0] if found else None


async def all_open(connection: AsyncConnection) -> list[Upgrade]:
    return await _select(connection, _OPEN, None)


async def steps_of(connection: AsyncConnection, upgrade_id: str) -> list[UpgradeStep]:
    columns = (upgrade_steps.c[name] for name in _OF_A_STEP)
    chosen = select(*columns).where(upgrade_steps.c.upgrade == upgrade_id).order_by(upgrade_steps.c.number)
    return [UpgradeStep(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001


_OPEN: Final = table.c.status == UpgradeStatus.OPEN


async def _select(
    connection: AsyncConnection, which: ColumnElement[bool], limit: int | None, *, newest_first: bool = False
) -> list[Upgrade]:
    order = table.c.number.desc() if newest_first else table.c.number
    chosen = select(*(table.c[name] for name in _FIELDS)).where(which).order_by(order)
    if limit is not None:
        chosen = chosen.limit(max(0, limit))
    return [Upgrade(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001


async def _add_steps(connection: AsyncConnection, upgrade_id: str, steps: Sequence[UpgradeStep]) -> None:
    if steps:
        rows = [
            {"upgrade": upgrade_id, **{name: getattr(each, name) for name in _OF_A_STEP}} for each in steps
        ]
        await connection.execute(insert(upgrade_steps), rows)
