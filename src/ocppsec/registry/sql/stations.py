"""Stations and their password hashes in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import (
    BootFacts,
    ErrandStatus,
    NewStation,
    RequestState,
    Station,
    UpgradeStatus,
)
from ocppsec.registry.sql import allowances, certificates
from ocppsec.registry.sql.tables import (
    Profile,
    certificate_requests,
    errands,
    passwords,
    renewals,
    upgrades,
)
from ocppsec.registry.sql.tables import stations as table
from ocppsec.registry.store import AlreadyRegistered, NotRegistered, Superseded

RECORD_BOOT: Final = (
    update(table)
    .where(table.c.identity == bindparam("booted"))
    .values(
        observed=bindparam("profile"),
        registered_at=bindparam("at"),
        last_seen_at=bindparam("at"),
        vendor=bindparam("new_vendor"),
        model=bindparam("new_model"),
        firmware_version=bindparam("new_firmware_version"),
        reported_serial_number=bindparam("new_serial_number"),
        boot_reason=bindparam("reason"),
    )
)
RECORD_CONNECTED: Final = (
    update(table)
    .where(table.c.identity == bindparam("connected"))
    .values(observed=bindparam("profile"), last_seen_at=bindparam("at"))
)


def boot_values(identity: str, facts: BootFacts) -> dict[str, Any]:
    """What `RECORD_BOOT` needs."""
    return {
        "booted": identity,
        "profile": facts.profile,
        "at": facts.at,
        "new_vendor": facts.vendor,
        "new_model": facts.model,
        "new_firmware_version": facts.firmware_version,
        "new_serial_number": facts.serial_number,
        "reason": facts.reason,
    }


async def add(connection: AsyncConnection, station: NewStation) -> Station:
    taken = (table.c.identity == station.identity) | (table.c.serial_number == station.serial_number)
    row = (await connection.execute(select(table.c.identity).where(taken))).first()
    if row is not None:
        same = row.identity == station.identity
        what = f"identity {station.identity!r}" if same else f"serial number {station.serial_number!r}"
        raise AlreadyRegistered(f"a station with {what} is registered")
    added = {
        "identity": station.identity,
        "serial_number": station.serial_number,
        "floor": station.profile,
        "target": station.profile if station.target is None else station.target,
        "added_at": station.added_at,
        "labels": dict(station.labels),
    }
    await connection.execute(insert(table), added)
    if station.password_hash is not None:
        await _add_password(connection, station.identity, station.password_hash)
    return Station(**added, observed=None)  # type: ignore[arg-type]


async def one(connection: AsyncConnection, identity: str) -> Station | None:
    row = (await connection.execute(select(table).where(table.c.identity == identity))).first()
    return None if row is None else Station(**row._mapping)  # noqa: SLF001  public, underscored


async def some(connection: AsyncConnection, after: str | None, limit: int) -> list[Station]:
    chosen = select(table).order_by(table.c.identity).limit(max(0, limit))
    if after is not None:
        chosen = chosen.where(table.c.identity > after)
    return [Station(**row._mapping) for row in await connection.execute(chosen)]  # noqa: SLF001


async def remove(connection: AsyncConnection, identity: str, at: datetime | None) -> bool:
    if (await connection.execute(delete(table).where(table.c.identity == identity))).rowcount == 0:
        return False
    # Passwords go with their station, steps with their upgrade: the foreign keys say so.
    await certificates.revoke_all(connection, identity, at, "station removed")
    gone = (upgrades.c.identity == identity) & (upgrades.c.status == UpgradeStatus.OPEN)
    await connection.execute(delete(upgrades).where(gone))
    await connection.execute(delete(renewals).where((renewals.c.identity == identity) & renewals.c.open))
    gone = (errands.c.identity == identity) & (errands.c.status == ErrandStatus.OPEN)
    await connection.execute(delete(errands).where(gone))
    await allowances.end_of_station(connection, identity, at)
    # What was allowed to a station is not allowed to the next one of its name.
    unsettled = certificate_requests.c.state.in_(
        (RequestState.WAITING, RequestState.ACCEPTED, RequestState.APPROVED)
    )
    gone = (certificate_requests.c.identity == identity) & unsettled
    await connection.execute(
        delete(certificate_requests).where(gone, certificate_requests.c.fingerprint.is_(None))
    )
    return True


async def set_password_hash(connection: AsyncConnection, identity: str, password_hash: str) -> None:
    await registered(connection, identity)
    await connection.execute(delete(passwords).where(passwords.c.identity == identity))
    await _add_password(connection, identity, password_hash)


async def replace_passwords(
    connection: AsyncConnection, identity: str, before: Sequence[str], after: Sequence[str]
) -> None:
    await registered(connection, identity)
    chosen = select(passwords.c.password_hash).where(passwords.c.identity == identity)
    known = (await connection.execute(chosen.order_by(passwords.c.position))).scalars().all()
    if list(known) != list(before):
        raise Superseded(f"the passwords of station {identity!r} have changed meanwhile")
    await connection.execute(delete(passwords).where(passwords.c.identity == identity))
    if after:
        rows = [
            {"identity": identity, "position": position, "password_hash": each}
            for position, each in enumerate(after)
        ]
        await connection.execute(insert(passwords), rows)


async def set_target(connection: AsyncConnection, identity: str, target: SecurityProfile) -> None:
    await registered(connection, identity)
    allowed = (table.c.identity == identity) & (table.c.floor <= target)
    await connection.execute(update(table).where(allowed).values(target=target))


async def set_labels(connection: AsyncConnection, identity: str, labels: Mapping[str, str]) -> None:
    await registered(connection, identity)
    await connection.execute(update(table).where(table.c.identity == identity).values(labels=dict(labels)))


async def raise_target(connection: AsyncConnection, identity: str, target: SecurityProfile) -> None:
    lower = (table.c.identity == identity) & (table.c.target < target)
    await connection.execute(update(table).where(lower).values(target=target))


async def lower_target(connection: AsyncConnection, identity: str, target: SecurityProfile) -> None:
    higher = (table.c.identity == identity) & (table.c.target > target) & (table.c.floor <= target)
    await connection.execute(update(table).where(higher).values(target=target, open_to=table.c.target))


async def raise_floor(
    connection: AsyncConnection, identity: str, floor: SecurityProfile
) -> SecurityProfile | None:
    """The floor that was; None when there is no such station."""
    row = (await connection.execute(select(table.c.floor).where(table.c.identity == identity))).first()
    if row is None:
        return None
    lower = (table.c.identity == identity) & (table.c.floor < floor)
    # Both at once: the target is never below the floor.
    raised = case((table.c.target < floor, literal(floor, Profile())), else_=table.c.target)
    await connection.execute(update(table).where(lower).values(floor=floor, target=raised))
    before: SecurityProfile = row.floor
    return before


async def registered(connection: AsyncConnection, identity: str) -> None:
    """Raises `NotRegistered`."""
    count = select(func.count()).select_from(table).where(table.c.identity == identity)
    if not (await connection.execute(count)).scalar_one():
        raise not_registered(identity)


def not_registered(identity: str) -> NotRegistered:
    return NotRegistered(f"no station {identity!r} is registered")


async def _add_password(connection: AsyncConnection, identity: str, password_hash: str) -> None:
    await connection.execute(
        insert(passwords), {"identity": identity, "position": 0, "password_hash": password_hash}
    )
