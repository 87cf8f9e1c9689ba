"""Admission records, many with one query.

While one query runs the next identities gather.  A caller never gets the answer of a query that began before it
asked: what was revoked then is revoked for it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, case, select

from ocppsec.profiles.record import AdmissionRecord, CertificateRecord
from ocppsec.registry.sql.certificates import COLUMNS as CERTIFICATE_COLUMNS
from ocppsec.registry.sql.certificates import certificate_of
from ocppsec.registry.sql.engine import Database, outages, understood
from ocppsec.registry.sql.onboarding import COLUMNS as ONBOARDING_COLUMNS
from ocppsec.registry.sql.onboarding import onboarding_of
from ocppsec.registry.sql.tables import allowances, certificates, onboarding, passwords, stations
from ocppsec.registry.store import StoreUnavailable

_TOGETHER: Final = 500
_GATHER_SECONDS: Final = 0.005
"""Of a storm of stations, those that come within this share a query and its thread hops."""
_PASSWORD: Final = 6
_CERTIFICATE: Final = 8
_ONBOARDING: Final = _CERTIFICATE + len(CERTIFICATE_COLUMNS)

# One statement, so that it sees one moment.
_SELECT: Final = (
    select(
        stations.c.identity,
        stations.c.serial_number,
        stations.c.floor,
        case((stations.c.open_to > stations.c.target, stations.c.open_to), else_=stations.c.target),
        stations.c.registered_at.is_not(None),
        allowances.c.until,
        passwords.c.password_hash,
        passwords.c.position,
        *CERTIFICATE_COLUMNS,
        *ONBOARDING_COLUMNS,
    )
    .select_from(
        stations.outerjoin(passwords, passwords.c.identity == stations.c.identity)
        .outerjoin(certificates, certificates.c.identity == stations.c.identity)
        .outerjoin(onboarding, onboarding.c.identity == stations.c.identity)
        .outerjoin(
            allowances,
            (allowances.c.identity == stations.c.identity) & allowances.c.ended_at.is_(None),
        )
    )
    .where(stations.c.identity.in_(bindparam("identities", expanding=True)))
    .order_by(
        stations.c.identity,
        passwords.c.position,
        certificates.c.issued_at.desc(),
        certificates.c.number.desc(),
    )
)


class Admissions:
    """Owns the task that queries; `close` ends it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, list[asyncio.Future[AdmissionRecord | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def record(self, identity: str) -> AdmissionRecord | None:
        done: asyncio.Future[AdmissionRecord | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(identity, []).append(done)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="registry admissions")
        return await done

    async def close(self) -> None:
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            taken: dict[str, list[asyncio.Future[AdmissionRecord | None]]] = {}
            try:
                await asyncio.sleep(_GATHER_SECONDS)
                taken = {each: self._waiting.pop(each) for each in list(self._waiting)[:_TOGETHER]}
                found = await self._query(list(taken))
            except Exception as error:  # noqa: BLE001  goes to those who asked
                _fail(taken, error)
            except BaseException:
                _fail(taken, StoreUnavailable("the store is closing"))
                _fail(self._waiting, StoreUnavailable("the store is closing"))
                raise
            else:
                for identity, waiting in taken.items():
                    for done in waiting:
                        if not done.done():
                            done.set_result(found.get(identity))

    async def _query(self, identities: Sequence[str]) -> dict[str, AdmissionRecord]:
        self._database.check_file()
        with outages(), understood():
            async with self._database.read.connect() as connection:
                rows = (await connection.execute(_SELECT, {"identities": identities})).all()
        return _records(rows)


def _records(rows: Sequence[Sequence[Any]]) -> dict[str, AdmissionRecord]:
    by_identity: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        by_identity.setdefault(row[0], []).append(row)
    return {identity: _record(of_station) for identity, of_station in by_identity.items()}


def _record(rows: list[Sequence[Any]]) -> AdmissionRecord:
    identity, serial_number, floor, target, registered, expired_until = rows[0][:_PASSWORD]
    # Passwords times certificates: each once, in the order they came.
    hashes = {row[_PASSWORD + 1]: row[_PASSWORD] for row in rows if row[_PASSWORD] is not None}
    held: dict[str, CertificateRecord] = {}
    for row in rows:
        fingerprint = row[_CERTIFICATE]
        if fingerprint is not None and fingerprint not in held:
            held[fingerprint] = certificate_of(row[_CERTIFICATE:_ONBOARDING])
    return AdmissionRecord(
        identity=identity,
        serial_number=serial_number,
        floor=floor,
        target=target,
        password_hashes=tuple(hashes.values()),
        certificates=tuple(held.values()),
        registered=bool(registered),
        onboarding=onboarding_of(rows[0][_ONBOARDING:]),
        expired_until=expired_until,
    )


def _fail(waiting: dict[str, list[asyncio.Future[AdmissionRecord | None]]], error: Exception) -> None:
    for each in waiting.values():
        for done in each:
            if not done.done():
                done.set_exception(error)
    waiting.clear()
