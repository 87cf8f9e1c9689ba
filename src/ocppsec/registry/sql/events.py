"""Security events in SQL."""

from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import SecurityEventRecord
from ocppsec.registry.sql.tables import security_events as table
from ocppsec.registry.store import SECURITY_EVENTS_KEPT

_FIELDS: Final = ("identity", "type", "timestamp", "tech_info", "received_at")


async def add(connection: AsyncConnection, event: SecurityEventRecord) -> None:
    await connection.execute(insert(table), {name: getattr(event, name) for name in _FIELDS})
    of_station = select(table.c.number).where(table.c.identity == event.identity)
    oldest_kept = of_station.order_by(table.c.number.desc()).limit(1).offset(SECURITY_EVENTS_KEPT)
    await connection.execute(
        delete(table).where(
            table.c.identity == event.identity, table.c.number <= oldest_kept.scalar_subquery()
        )
    )


async def newest(connection: AsyncConnection, identity: str | None, limit: int) -> list[SecurityEventRecord]:
    chosen = select(*(table.c[name] for name in _FIELDS)).order_by(table.c.number.desc()).limit(max(0, limit))
    if identity is not None:
        chosen = chosen.where(table.c.identity == identity)
    return [SecurityEventRecord(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001
