"""Renewals in SQL."""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import Renewal
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.certificates import COLUMNS, certificate_of
from ocppsec.registry.sql.tables import certificates
from ocppsec.registry.sql.tables import renewals as table
from ocppsec.registry.sql.tables import stations as stations_table
from ocppsec.registry.store import RenewalInProgress, Superseded

_CHANGING: Final = ("open", "step", "reason", "failures", "state", "deadline", "ended_at")
_FIELDS: Final = ("id", "identity", "fingerprint", *_CHANGING, "version", "started_at")


def in_progress(identity: str) -> RenewalInProgress:
    return RenewalInProgress(f"station {identity!r} has an open renewal")


async def certificates_due(connection: AsyncConnection, now: datetime, limit: int) -> list[CertificateRecord]:
    of_whom = certificates.c.identity
    rows = await connection.execute(
        select(*COLUMNS)
        .where(
            certificates.c.state == CertificateState.ACTIVE,
            certificates.c.renew_at <= now,
            exists().where(stations_table.c.identity == of_whom),
            ~exists().where((table.c.identity == of_whom) & table.c.open),
        )
        .order_by(certificates.c.not_after, certificates.c.number)
        .limit(max(0, limit))
    )
    return [certificate_of(row) for row in rows]


async def begin(connection: AsyncConnection, renewal: Renewal) -> Renewal:
    await stations.registered(connection, renewal.identity)
    if await _select(connection, (table.c.identity == renewal.identity) & table.c.open, 1):
        raise in_progress(renewal.identity)
    await connection.execute(insert(table), {name: getattr(renewal, name) for name in _FIELDS})
    return renewal


async def save(connection: AsyncConnection, renewal: Renewal) -> Renewal:
    this_version = (table.c.id == renewal.id) & (table.c.version == renewal.version)
    values = {name: getattr(renewal, name) for name in _CHANGING}
    saved = await connection.execute(
        update(table).where(this_version).values(version=renewal.version + 1, **values)
    )
    if saved.rowcount == 0:
        raise Superseded(f"renewal {renewal.id} was saved by somebody else, or is gone")
    return (await _select(connection, table.c.id == renewal.id, 1))[0]


async def all_open(connection: AsyncConnection) -> list[Renewal]:
    return await _select(connection, table.c.open.is_(True), None)


async def of_station(connection: AsyncConnection, identity: str, limit: int) -> list[Renewal]:
    return await _select(connection, table.c.identity == identity, limit, newest_first=True)


async def _select(
    connection: AsyncConnection, which: ColumnElement[bool], limit: int | None, *, newest_first: bool = False
) -> list[Renewal]:
    order = table.c.number.desc() if newest_first else table.c.number
    chosen = select(*(table.c[name] for name in _FIELDS)).where(which).order_by(order)
    if limit is not None:
        chosen = chosen.limit(max(0, limit))
    return [Renewal(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001
