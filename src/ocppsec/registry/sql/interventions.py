"""What people had done to stations outside of the ordinary way, in SQL; and the one way down for a floor."""

from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Intervention
from ocppsec.registry.sql.stations import not_registered
from ocppsec.registry.sql.tables import interventions as table
from ocppsec.registry.sql.tables import stations

_FIELDS: Final = ("at", "identity", "what", "by", "reason", "detail")


async def lower_floor(connection: AsyncConnection, intervention: Intervention) -> SecurityProfile:
    of_station = stations.c.identity == intervention.identity
    before: SecurityProfile | None = (
        await connection.execute(select(stations.c.floor).where(of_station))
    ).scalar_one_or_none()
    if before is None:
        raise not_registered(intervention.identity)
    if before is SecurityProfile.TLS_CLIENT:
        await connection.execute(update(stations).where(of_station).values(floor=SecurityProfile.TLS_BASIC))
        await add(connection, intervention)
    return before


async def add(connection: AsyncConnection, intervention: Intervention) -> None:
    await connection.execute(insert(table), {name: getattr(intervention, name) for name in _FIELDS})


async def newest(connection: AsyncConnection, identity: str, limit: int) -> list[Intervention]:
    chosen = (
        select(*(table.c[name] for name in _FIELDS))
        .where(table.c.identity == identity)
        .order_by(table.c.number.desc())
        .limit(max(0, limit))
    )
    return [Intervention(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001
