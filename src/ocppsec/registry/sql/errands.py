"""What campaigns do at single stations, in SQL."""

from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import Errand
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.tables import errands as table
from ocppsec.registry.store import Superseded

_CHANGING: Final = ("status", "reason", "state", "ended_at")
_FIELDS: Final = ("id", "identity", "kind", *_CHANGING, "version", "started_at")


async def begin(connection: AsyncConnection, errand: Errand) -> Errand:
    stored = await one(connection, errand.id)
    if stored is not None:
        return stored
    await stations.registered(connection, errand.identity)
    await connection.execute(insert(table), {name: getattr(errand, name) for name in _FIELDS})
    return errand


async def save(connection: AsyncConnection, errand: Errand) -> Errand:
    this_version = (table.c.id == errand.id) & (table.c.version == errand.version)
    values = {name: getattr(errand, name) for name in _CHANGING}
    saved = await connection.execute(
        update(table).where(this_version).values(version=errand.version + 1, **values)
    )
    stored = await one(connection, errand.id) if saved.rowcount else None
    if stored is None:
        raise Superseded(f"errand {errand.id} was saved by somebody else, or is gone")
    return stored


async def one(connection: AsyncConnection, errand_id: str) -> Errand | None:
    chosen = select(*(table.c[name] for name in _FIELDS)).where(table.c.id == errand_id)
    row = (await connection.execute(chosen)).first()
    return None if row is None else Errand(**row._mapping)  # noqa: SLF001  public, underscored
