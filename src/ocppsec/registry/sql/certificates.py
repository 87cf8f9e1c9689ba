"""Certificates in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.sql.tables import certificates as table
from ocppsec.registry.sql.tables import stations
from ocppsec.registry.store import KeyAlreadyUsed, NotRegistered

FIELDS: Final = (
    "fingerprint",
    "identity",
    "serial_number",
    "subject",
    "public_key_sha256",
    "not_before",
    "not_after",
    "state",
    "issued_at",
    "chain",
    "activated_at",
    "revoked_at",
    "revocation_reason",
    "renew_at",
)
COLUMNS: Final = tuple(table.c[name] for name in FIELDS)


def certificate_of(row: Sequence[Any]) -> CertificateRecord:
    """The record in *row*, which holds `COLUMNS`."""
    return CertificateRecord(**dict(zip(FIELDS, row, strict=True)))


async def add(connection: AsyncConnection, certificate: CertificateRecord) -> None:
    if not await _found(
        connection, select(stations.c.identity).where(stations.c.identity == certificate.identity)
    ):
        raise NotRegistered(f"no station {certificate.identity!r} is registered")
    if await key_is_known(connection, certificate.public_key_sha256):
        raise KeyAlreadyUsed("a certificate was issued for this public key before")
    await connection.execute(insert(table), {name: getattr(certificate, name) for name in FIELDS})


async def by_fingerprint(connection: AsyncConnection, fingerprint: str) -> CertificateRecord | None:
    row = (await connection.execute(select(*COLUMNS).where(table.c.fingerprint == fingerprint))).first()
    return None if row is None else certificate_of(row)


async def of_station(connection: AsyncConnection, identity: str) -> list[CertificateRecord]:
    newest_first = (table.c.issued_at.desc(), table.c.number.desc())
    rows = await connection.execute(
        select(*COLUMNS).where(table.c.identity == identity).order_by(*newest_first)
    )
    return [certificate_of(row) for row in rows]


async def by_serial(connection: AsyncConnection, serial_number: str) -> list[CertificateRecord]:
    rows = await connection.execute(select(*COLUMNS).where(table.c.serial_number == serial_number))
    return [certificate_of(row) for row in rows]


async def some(
    connection: AsyncConnection, after: str | None, limit: int, state: CertificateState | None
) -> list[CertificateRecord]:
    chosen = select(*COLUMNS).order_by(table.c.fingerprint).limit(max(0, limit))
    if after is not None:
        chosen = chosen.where(table.c.fingerprint > after)
    if state is not None:
        chosen = chosen.where(table.c.state == state)
    return [certificate_of(row) for row in await connection.execute(chosen)]


async def ending(connection: AsyncConnection, by: datetime, limit: int) -> list[CertificateRecord]:
    chosen = select(*COLUMNS).where(_ending(by)).order_by(table.c.not_after, table.c.number)
    return [certificate_of(row) for row in await connection.execute(chosen.limit(max(0, limit)))]


async def count_ending(connection: AsyncConnection, by: Sequence[datetime]) -> list[int]:
    counts = (select(func.count()).select_from(table).where(_ending(each)) for each in by)
    return [int((await connection.execute(count)).scalar_one()) for count in counts]


def _ending(by: datetime) -> ColumnElement[bool]:
    return and_(
        table.c.state == CertificateState.ACTIVE,
        table.c.not_after <= by,
        exists().where(stations.c.identity == table.c.identity),
    )


async def key_is_known(connection: AsyncConnection, public_key_sha256: str) -> bool:
    return await _found(
        connection, select(table.c.number).where(table.c.public_key_sha256 == public_key_sha256)
    )


async def activate(connection: AsyncConnection, fingerprint: str, at: datetime) -> None:
    seen = await by_fingerprint(connection, fingerprint)
    if seen is None or seen.state is not CertificateState.PENDING:
        return
    others = (table.c.identity == seen.identity) & (table.c.state == CertificateState.ACTIVE)
    await connection.execute(update(table).where(others).values(state=CertificateState.SUPERSEDED))
    active = update(table).where(table.c.fingerprint == fingerprint)
    await connection.execute(active.values(state=CertificateState.ACTIVE, activated_at=at))


async def set_state(
    connection: AsyncConnection,
    fingerprint: str,
    state: CertificateState,
    at: datetime,
    reason: str | None,
) -> bool:
    changed = update(table).where(
        table.c.fingerprint == fingerprint,
        table.c.state != CertificateState.REVOKED,  # revoked stays revoked, with its first date and reason
    )
    if state is CertificateState.REVOKED:
        await connection.execute(changed.values(state=state, revoked_at=at, revocation_reason=reason))
    else:
        await connection.execute(changed.values(state=state))
    return await _found(connection, select(table.c.number).where(table.c.fingerprint == fingerprint))


async def revoke_all(connection: AsyncConnection, identity: str, at: datetime | None, reason: str) -> None:
    await connection.execute(
        update(table)
        .where(table.c.identity == identity, table.c.state != CertificateState.REVOKED)
        .values(state=CertificateState.REVOKED, revoked_at=at, revocation_reason=reason)
    )


async def _found(connection: AsyncConnection, statement: Any) -> bool:
    return (await connection.execute(statement)).first() is not None
