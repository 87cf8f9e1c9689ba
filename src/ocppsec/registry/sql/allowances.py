"""Allowances for expired certificates in SQL."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import Allowance
from ocppsec.registry.sql.tables import allowances as table
from ocppsec.registry.sql.tables import stations
from ocppsec.registry.store import NotRegistered

_FIELDS: Final = ("id", "identity", "until", "given_at", "uses", "used_at", "ended_at", "how")
IS_OPEN: Final = table.c.ended_at.is_(None)


async def give(connection: AsyncConnection, allowance: Allowance) -> Allowance:
    known = select(stations.c.identity).where(stations.c.identity == allowance.identity)
    if (await connection.execute(known)).first() is None:
        raise NotRegistered(f"no station {allowance.identity!r} is registered")
    await _end(connection, table.c.identity == allowance.identity, allowance.given_at, "replaced")
    await connection.execute(insert(table), {name: getattr(allowance, name) for name in _FIELDS})
    return allowance


async def use(connection: AsyncConnection, allowance_id: str, at: datetime) -> bool:
    counted = update(table).where(table.c.id == allowance_id, IS_OPEN)
    done = await connection.execute(counted.values(uses=table.c.uses + 1, used_at=at))
    return done.rowcount > 0


async def end(connection: AsyncConnection, allowance_id: str, at: datetime, how: str) -> bool:
    return await _end(connection, table.c.id == allowance_id, at, how)


async def end_of_station(connection: AsyncConnection, identity: str, at: datetime | None) -> None:
    await _end(connection, table.c.identity == identity, at or datetime.now(UTC), "station-removed")


async def all_open(connection: AsyncConnection) -> list[Allowance]:
    return await _select(connection, IS_OPEN, None)


async def of_station(connection: AsyncConnection, identity: str, limit: int) -> list[Allowance]:
    return await _select(connection, table.c.identity == identity, limit, newest_first=True)


async def _end(connection: AsyncConnection, which: ColumnElement[bool], at: datetime, how: str) -> bool:
    ended = await connection.execute(update(table).where(which, IS_OPEN).values(ended_at=at, how=how))
    return ended.rowcount > 0


async def _select(
    connection: AsyncConnection, which: ColumnElement[bool], limit: int | None, *, newest_first: bool = False
) -> list[Allowance]:
    order = table.c.number.desc() if newest_first else table.c.number
    chosen = select(*(table.c[name] for name in _FIELDS)).where(which).order_by(order)
    if limit is not None:
        chosen = chosen.limit(max(0, limit))
    return [Allowance(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001
