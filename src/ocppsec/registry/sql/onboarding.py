"""Onboarding in SQL."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.record import Onboarding, Stage
from ocppsec.registry.records import NewStation, Station
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.tables import onboarding as table
from ocppsec.registry.store import Superseded

_CHANGING: Final = ("stage", "connections", "reason", "first_at", "own_at", "ended_at")
_FIELDS: Final = (
    "identity",
    "way",
    "target",
    "until",
    "most_connections",
    "added_at",
    "password_hash",
    "manufacturer",
    "version",
    *_CHANGING,
)
COLUMNS: Final = tuple(table.c[name].label(f"onboarding_{name}") for name in _FIELDS)
"""Labelled, because other tables have columns of these names."""


def onboarding_of(row: Sequence[Any]) -> Onboarding | None:
    """The entry in *row*, which holds `COLUMNS`; None when the outer join found none."""
    return None if row[0] is None else Onboarding(**dict(zip(_FIELDS, row, strict=True)))


async def add(connection: AsyncConnection, station: NewStation, entry: Onboarding) -> Station:
    added = await stations.add(connection, station)
    await connection.execute(insert(table), {name: getattr(entry, name) for name in _FIELDS})
    return added


async def one(connection: AsyncConnection, identity: str) -> Onboarding | None:
    row = (await connection.execute(select(*COLUMNS).where(table.c.identity == identity))).first()
    return None if row is None else onboarding_of(row)


async def some(
    connection: AsyncConnection, after: str | None, limit: int, stage: Stage | None
) -> list[Onboarding]:
    chosen = select(*COLUMNS).order_by(table.c.identity).limit(max(0, limit))
    if after is not None:
        chosen = chosen.where(table.c.identity > after)
    if stage is not None:
        chosen = chosen.where(table.c.stage == stage)
    found = (onboarding_of(row) for row in await connection.execute(chosen))
    return [entry for entry in found if entry is not None]


async def save(connection: AsyncConnection, entry: Onboarding) -> Onboarding:
    this_version = (table.c.identity == entry.identity) & (table.c.version == entry.version)
    values = {name: getattr(entry, name) for name in _CHANGING}
    saved = await connection.execute(
        update(table).where(this_version).values(version=entry.version + 1, **values)
    )
    found = await one(connection, entry.identity)
    if saved.rowcount == 0 or found is None:
        raise Superseded(f"the onboarding of {entry.identity!r} was saved by somebody else, or is gone")
    return found
