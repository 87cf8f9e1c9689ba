"""Orders at other CAs, in SQL."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.record import CertificateState
from ocppsec.registry.records import OrderState, SigningOrder
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.tables import certificates
from ocppsec.registry.sql.tables import signing_orders as table
from ocppsec.registry.store import REFUSED_ORDERS_KEPT, Superseded

_ENDING: Final = ("state", "reason", "ended_at", "certificate", "fingerprint")
_FIELDS: Final = ("id", "identity", "issuer", "public_key_sha256", "asked_at", "revocation", *_ENDING)
_COLUMNS: Final = tuple(table.c[name] for name in _FIELDS)


async def add(connection: AsyncConnection, order: SigningOrder) -> None:
    await stations.registered(connection, order.identity)
    await connection.execute(insert(table), {name: getattr(order, name) for name in _FIELDS})
    refused = (table.c.identity == order.identity) & (table.c.state == OrderState.REFUSED)
    kept = select(table.c.number).where(refused).order_by(table.c.number.desc()).limit(REFUSED_ORDERS_KEPT)
    await connection.execute(delete(table).where(refused, table.c.number.not_in(kept)))


async def end(connection: AsyncConnection, order: SigningOrder) -> None:
    open_still = (table.c.id == order.id) & (table.c.state == OrderState.ASKED)
    values = {name: getattr(order, name) for name in _ENDING}
    if (await connection.execute(update(table).where(open_still).values(**values))).rowcount == 0:
        raise Superseded(f"order {order.id} has ended already")


async def some(
    connection: AsyncConnection, identity: str | None, state: OrderState | None, limit: int
) -> list[SigningOrder]:
    wanted: list[ColumnElement[bool]] = []
    if identity is not None:
        wanted.append(table.c.identity == identity)
    if state is not None:
        wanted.append(table.c.state == state)
    chosen = select(*_COLUMNS).where(*wanted).order_by(table.c.number.desc()).limit(max(0, limit))
    return await _orders(connection, chosen)


async def for_key(connection: AsyncConnection, public_key_sha256: str) -> SigningOrder | None:
    issued = (table.c.public_key_sha256 == public_key_sha256) & (table.c.state == OrderState.ISSUED)
    chosen = select(*_COLUMNS).where(issued).order_by(table.c.number.desc()).limit(1)
    return next(iter(await _orders(connection, chosen)), None)


async def to_revoke(
    connection: AsyncConnection, limit: int, untaken_before: datetime | None
) -> list[SigningOrder]:
    wanted = [
        table.c.state == OrderState.UNUSED,
        certificates.c.state == CertificateState.REVOKED,
    ]
    if untaken_before is not None:
        wanted.append(
            and_(
                table.c.state == OrderState.ISSUED,
                table.c.ended_at < untaken_before,
                certificates.c.fingerprint.is_(None),
            )
        )
    chosen = (
        select(*_COLUMNS)
        .outerjoin(certificates, certificates.c.fingerprint == table.c.fingerprint)
        .where(table.c.revocation == "", or_(*wanted))
        .order_by(table.c.number)
        .limit(max(0, limit))
    )
    return await _orders(connection, chosen)


async def set_revocation(connection: AsyncConnection, order_id: str, words: str) -> None:
    await connection.execute(update(table).where(table.c.id == order_id).values(revocation=words))


async def _orders(connection: AsyncConnection, chosen: Any) -> list[SigningOrder]:
    return [SigningOrder(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001
