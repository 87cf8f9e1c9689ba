"""Root rollovers, and which roots stations have, in SQL."""

from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import Rollover, RolloverStation, TrustReport
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.tables import rollover_stations, trust_reports
from ocppsec.registry.sql.tables import rollovers as table
from ocppsec.registry.sql.tables import stations as stations_table
from ocppsec.registry.store import RolloverInProgress, Superseded

_CHANGING: Final = ("phase", "open", "state", "ended_at")
_FIELDS: Final = ("id", *_CHANGING, "version", "started_at")
_OF_STATION: Final = ("rollover", "identity", "step", "reason", "state", "deadline", "met_at")
_OF_REPORT: Final = ("identity", "at", "roots")


def in_progress() -> RolloverInProgress:
    return RolloverInProgress("a root is being replaced already")


async def begin(connection: AsyncConnection, rollover: Rollover) -> Rollover:
    if await _select(connection, table.c.open.is_(True), 1):
        raise in_progress()
    await connection.execute(insert(table), _values(rollover, _FIELDS))
    return rollover


async def save(connection: AsyncConnection, rollover: Rollover) -> Rollover:
    this_version = (table.c.id == rollover.id) & (table.c.version == rollover.version)
    changed = update(table).where(this_version)
    saved = await connection.execute(
        changed.values(version=rollover.version + 1, **_values(rollover, _CHANGING))
    )
    if saved.rowcount == 0:
        raise Superseded(f"rollover {rollover.id} was saved by somebody else, or is gone")
    return (await _select(connection, table.c.id == rollover.id, 1))[0]


async def the_open_one(connection: AsyncConnection) -> Rollover | None:
    found = await _select(connection, table.c.open.is_(True), 1)
    return found[0] if found else None


async def newest(connection: AsyncConnection, limit: int) -> list[Rollover]:
    return await _select(connection, None, limit)


async def _select(
    connection: AsyncConnection, which: ColumnElement[bool] | None, limit: int
) -> list[Rollover]:
    chosen = select(*(table.c[name] for name in _FIELDS)).order_by(table.c.number.desc())
    if which is not None:
        chosen = chosen.where(which)
    rows = await connection.execute(chosen.limit(max(0, limit)))
    return [Rollover(**row._mapping) for row in rows]  # noqa: SLF001


async def save_station(connection: AsyncConnection, station: RolloverStation) -> None:
    await stations.registered(connection, station.identity)
    this = (rollover_stations.c.rollover == station.rollover) & (
        rollover_stations.c.identity == station.identity
    )
    await connection.execute(delete(rollover_stations).where(this))
    await connection.execute(insert(rollover_stations), _values(station, _OF_STATION))


async def stations_of(connection: AsyncConnection, rollover_id: str) -> list[RolloverStation]:
    rows = await connection.execute(
        select(*(rollover_stations.c[name] for name in _OF_STATION))
        .where(rollover_stations.c.rollover == rollover_id)
        .order_by(rollover_stations.c.identity)
    )
    return [RolloverStation(**row._mapping) for row in rows]  # noqa: SLF001


async def save_trust(connection: AsyncConnection, report: TrustReport) -> None:
    here = select(stations_table.c.identity).where(stations_table.c.identity == report.identity)
    await connection.execute(delete(trust_reports).where(trust_reports.c.identity == report.identity))
    if (await connection.execute(here)).first() is not None:
        await connection.execute(insert(trust_reports), _values(report, _OF_REPORT))


async def trust_of(connection: AsyncConnection, identity: str) -> TrustReport | None:
    chosen = select(*(trust_reports.c[name] for name in _OF_REPORT))
    row = (await connection.execute(chosen.where(trust_reports.c.identity == identity))).first()
    return None if row is None else TrustReport(**row._mapping)  # noqa: SLF001


async def trust(connection: AsyncConnection, after: str | None, limit: int) -> list[TrustReport]:
    chosen = select(*(trust_reports.c[name] for name in _OF_REPORT)).order_by(trust_reports.c.identity)
    if after is not None:
        chosen = chosen.where(trust_reports.c.identity > after)
    rows = await connection.execute(chosen.limit(max(0, limit)))
    return [TrustReport(**row._mapping) for row in rows]  # noqa: SLF001


def _values(record: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}
