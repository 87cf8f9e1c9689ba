"""What is known of kinds of stations, in SQL."""

from typing import Final

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import Kind
from ocppsec.registry.sql.tables import kinds as table

_FIELDS: Final = (
    "vendor",
    "model",
    "firmware_version",
    "facts",
    "done",
    "failed",
    "reason",
    "updated_at",
)


async def save(connection: AsyncConnection, kind: Kind) -> None:
    await connection.execute(delete(table).where(_is(kind.vendor, kind.model, kind.firmware_version)))
    await connection.execute(insert(table), {name: getattr(kind, name) for name in _FIELDS})


async def one(connection: AsyncConnection, vendor: str, model: str, firmware_version: str) -> Kind | None:
    row = (await connection.execute(select(table).where(_is(vendor, model, firmware_version)))).first()
    return None if row is None else Kind(**row._mapping)  # noqa: SLF001


async def some(connection: AsyncConnection, limit: int) -> list[Kind]:
    chosen = select(table).order_by(table.c.vendor, table.c.model, table.c.firmware_version)
    return [Kind(**row._mapping) for row in await connection.execute(chosen.limit(max(0, limit)))]  # noqa: SLF001


def _is(vendor: str, model: str, firmware_version: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = (
        (table.c.vendor == vendor) & (table.c.model == model) & (table.c.firmware_version == firmware_version)
    )
    return found
