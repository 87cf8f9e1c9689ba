"""Attempts in SQL, and how few of them are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.records import Attempt
from ocppsec.registry.sql.tables import attempts as table
from ocppsec.registry.sql.tables import stations
from ocppsec.registry.store import ATTEMPTS_KEPT, ATTEMPTS_KEPT_IN_ALL

_FIELDS: Final = (
    "at",
    "outcome",
    "door",
    "address",
    "identity",
    "profile",
    "reason",
    "presented",
    "expected",
    "advice",
)
_TEXTS: Final = ("door", "address", "reason", "presented", "expected", "advice")
_LONGEST: Final = 1_000

_oldest_kept = (
    select(table.c.number)
    .where(table.c.share == bindparam("of"))
    .order_by(table.c.number.desc())
    .limit(1)
    .offset(ATTEMPTS_KEPT)
    .scalar_subquery()
)
_TRIM: Final = delete(table).where(table.c.share == bindparam("of"), table.c.number <= _oldest_kept)


def clean(attempt: Attempt) -> Attempt:
    """Fit to be stored, whatever a stranger sent: bounded, and text that every database takes."""
    texts: dict[str, Any] = {name: _clean(getattr(attempt, name)) for name in _TEXTS}
    identity = None if attempt.identity is None else _clean(attempt.identity)[:48]
    return replace(attempt, identity=identity, **texts)


async def add(connection: AsyncConnection, attempts: Sequence[Attempt]) -> list[str]:
    """Keep them; returns the share that each takes a place of."""
    claimed = {attempt.identity for attempt in attempts if attempt.identity is not None}
    known = await _registered(connection, claimed)
    shares = [_share(attempt, known) for attempt in attempts]
    rows = [
        {"share": share, **{name: getattr(attempt, name) for name in _FIELDS}}
        for share, attempt in zip(shares, attempts, strict=True)
    ]
    await connection.execute(insert(table), rows)
    return shares


async def trim(connection: AsyncConnection, shares: Sequence[str]) -> None:
    """Drop what is more than its due in each of *shares*."""
    if shares:
        await connection.execute(_TRIM, [{"of": share} for share in shares])


async def trim_all(connection: AsyncConnection) -> None:
    """Drop what is more than its due in any share, then the oldest of all."""
    place = func.row_number().over(partition_by=table.c.share, order_by=table.c.number.desc())
    ranked = select(table.c.number, place.label("place")).subquery()
    spare = select(ranked.c.number).where(ranked.c.place > ATTEMPTS_KEPT)
    await connection.execute(delete(table).where(table.c.number.in_(spare)))
    newest = select(table.c.number).order_by(table.c.number.desc())
    oldest_kept = newest.limit(1).offset(ATTEMPTS_KEPT_IN_ALL).scalar_subquery()
    await connection.execute(delete(table).where(table.c.number <= oldest_kept))


async def newest(
    connection: AsyncConnection, limit: int, *, identity: str | None = None, address: str | None = None
) -> list[Attempt]:
    chosen = select(*(table.c[name] for name in _FIELDS)).order_by(table.c.number.desc()).limit(max(0, limit))
    if identity is not None:
        chosen = chosen.where(table.c.identity == identity)
    if address is not None:
        chosen = chosen.where(table.c.address == address)
    rows: Any = await connection.execute(chosen)
    return [Attempt(**row._mapping) for row in rows]  # noqa: SLF001  public, underscored


async def _registered(connection: AsyncConnection, identities: Iterable[str]) -> set[str]:
    rows = await connection.execute(
        select(stations.c.identity).where(stations.c.identity.in_(list(identities)))
    )
    return set(rows.scalars())


def _share(attempt: Attempt, known: set[str]) -> str:
    # What strangers claim goes to their address, so that they push out nothing a station did.
    return f"identity:{attempt.identity}" if attempt.identity in known else f"address:{attempt.address[:64]}"


def _clean(text: str) -> str:
    if len(text) <= _LONGEST and text.isascii() and "\0" not in text:
        return text
    return (
        text[:_LONGEST].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    )
