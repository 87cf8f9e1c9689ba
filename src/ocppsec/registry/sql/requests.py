"""Certificate requests of stations, in SQL."""

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import CertificateRequest, RequestState
from ocppsec.registry.sql import stations
from ocppsec.registry.sql.tables import certificate_requests as table
from ocppsec.registry.store import REQUESTS_KEPT, Superseded

_CHANGING: Final = ("state", "reasons", "repeated_at", "times", "decided_at", "fingerprint")
_FIELDS: Final = ("id", "identity", "csr", "public_key_sha256", "received_at", *_CHANGING)
_COLUMNS: Final = tuple(table.c[name] for name in _FIELDS)
_UNSETTLED: Final = (RequestState.WAITING, RequestState.ACCEPTED, RequestState.APPROVED)
_OPEN: Final = and_(table.c.state.in_(_UNSETTLED), table.c.fingerprint.is_(None))


async def add(connection: AsyncConnection, request: CertificateRequest) -> None:
    await stations.registered(connection, request.identity)
    of_station = table.c.identity == request.identity
    if request.state is RequestState.WAITING:
        waiting = of_station & (table.c.state == RequestState.WAITING)
        await connection.execute(update(table).where(waiting).values(state=RequestState.REPLACED))
    await connection.execute(insert(table), {name: getattr(request, name) for name in _FIELDS})
    settled = of_station & not_(_OPEN)
    kept = select(table.c.number).where(settled).order_by(table.c.number.desc()).limit(REQUESTS_KEPT)
    await connection.execute(delete(table).where(settled, table.c.number.not_in(kept)))


async def save(connection: AsyncConnection, request: CertificateRequest, before: RequestState) -> None:
    as_read = (table.c.id == request.id) & (table.c.state == before)
    values = {name: getattr(request, name) for name in _CHANGING}
    values["fingerprint"] = func.coalesce(request.fingerprint, table.c.fingerprint)
    if (await connection.execute(update(table).where(as_read).values(**values))).rowcount == 0:
        raise Superseded(f"request {request.id} is no longer {before}")


async def one(connection: AsyncConnection, request_id: str) -> CertificateRequest | None:
    return next(iter(await _requests(connection, select(*_COLUMNS).where(table.c.id == request_id))), None)


async def for_key(
    connection: AsyncConnection, identity: str, public_key_sha256: str
) -> CertificateRequest | None:
    same = (table.c.identity == identity) & (table.c.public_key_sha256 == public_key_sha256)
    chosen = select(*_COLUMNS).where(same).order_by(table.c.number.desc()).limit(1)
    return next(iter(await _requests(connection, chosen)), None)


async def some(
    connection: AsyncConnection, identity: str | None, state: RequestState | None, limit: int
) -> list[CertificateRequest]:
    wanted: list[ColumnElement[bool]] = []
    if identity is not None:
        wanted.append(table.c.identity == identity)
    if state is not None:
        wanted.append(table.c.state == state)
    chosen = select(*_COLUMNS).where(*wanted).order_by(table.c.number.desc()).limit(max(0, limit))
    return await _requests(connection, chosen)


async def _requests(connection: AsyncConnection, chosen: Any) -> list[CertificateRequest]:
    return [CertificateRequest(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001
