"""What ends when: looked up again and again, for the metrics, and told before a station is cut off.

A renewal begins after two thirds of a certificate's life.  Whoever is in the last sixth of it and still has the old one
will be locked out unless somebody looks: the station is away, refuses, or a person has not said yes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.events import CertificateEndsSoon, Emit, StoreUnavailable
from ocppsec.registry.records import Renewal, RequestState
from ocppsec.registry.store import RegistryError, Store

WITHIN: Final = {"30d": timedelta(days=30), "7d": timedelta(days=7), "1d": timedelta(days=1)}
_LAST_PART: Final = 1 / 6
"""Of a certificate's life.  Renewals begin at two thirds, a twentieth earlier or later."""
_MOST_TOLD: Final = 500
"""At one look; the first to end in front."""
_EVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_LONGEST: Final = 300.0
_SHORTEST: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """What was found at one look."""

    at: datetime
    first: Mapping[str, datetime] = field(default_factory=dict)
    """For each kind of certificate the first end: ``station``, ``server``, ``root``, ``stations-ca``, ``servers-ca``."""
    within: Mapping[str, int] = field(default_factory=dict)
    """So many certificates in force of stations end within ``30d``, ``7d``, ``1d``, those that have ended included."""
    late: int = 0
    """So many are in the last part of their certificate's life without a new one."""
    crl_made_at: datetime | None = None
    crl_good_until: datetime | None = None
    requests_waiting: int = 0
    """For a person; counted up to a thousand."""


class ExpiryWatch:
    def __init__(
        self,
        store: Store,
        authority: Callable[[], AuthorityFiles],
        server_ends: Callable[[], datetime | None],
        renewal_of: Callable[[str], Renewal | None],
        crl: Callable[[], Awaitable[bytes | None]],
        *,
        lifetime: timedelta,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*lifetime* is that of stations' certificates."""
        self._store = store
        self._authority = authority
        self._server_ends = server_ends
        self._renewal_of = renewal_of
        self._crl = crl
        self._lifetime = lifetime
        self._emit = emit
        self._now = now
        self._told: dict[str, str] = {}
        self.newest: Expiry | None = None

    async def run(self) -> None:
        """Until cancelled."""
        pause = min(max(self._lifetime.total_seconds() / 50, _SHORTEST), _LONGEST)
        while True:
            look = asyncio.ensure_future(self._look_once())
            try:
                await asyncio.shield(look)
            except asyncio.CancelledError:
                await look  # several reads, one behind the other: none is torn out of the store's hands
                raise
            await asyncio.sleep(pause)

    async def _look_once(self) -> None:
        try:
            await self.look()
        except RegistryError as error:
            self._emit(StoreUnavailable(doing="looking which certificates end", reason=str(error)))

    async def look(self) -> Expiry:
        """Raises `StoreUnavailable`."""
        now = self._now()
        counts = await self._store.count_ending([now + each for each in WITHIN.values()])
        der = await self._crl()
        crl = None if der is None else x509.load_der_x509_crl(der)
        waiting = await self._store.requests(state=RequestState.WAITING, limit=1000)
        await self._tell(now)
        late = len(self._told)
        self.newest = Expiry(
            at=now,
            first=await self._first(),
            within=dict(zip(WITHIN, counts, strict=True)),
            late=late,
            crl_made_at=None if crl is None else crl.last_update_utc,
            crl_good_until=None if crl is None else crl.next_update_utc,
            requests_waiting=len(waiting),
        )
        return self.newest

    async def _first(self) -> dict[str, datetime]:
        hierarchy = self._authority().hierarchy
        found = {
            "root": hierarchy.root.certificate.not_valid_after_utc,
            "stations-ca": hierarchy.stations.certificate.not_valid_after_utc,
            "servers-ca": hierarchy.servers.certificate.not_valid_after_utc,
        }
        server = self._server_ends()
        if server is not None:
            found["server"] = server
        for record in await self._store.certificates_ending(_EVER, limit=1):
            found["station"] = record.not_after
        return found

    async def _tell(self, now: datetime) -> None:
        """Each certificate once, and again when its renewal stands elsewhere."""
        soon = now + self._lifetime * _LAST_PART
        told: dict[str, str] = {}
        for record in await self._store.certificates_ending(soon, limit=_MOST_TOLD):
            life = record.not_after - record.issued_at
            if now < record.not_after - life * _LAST_PART:
                continue  # it was issued when lives were shorter
            renewal = self._renewal_of(record.identity)
            words = "none is open" if renewal is None else f"{renewal.step} {renewal.reason}".rstrip()
            told[record.fingerprint] = words
            if self._told.get(record.fingerprint) != words:
                self._emit(
                    CertificateEndsSoon(
                        identity=record.identity,
                        serial_number=record.serial_number,
                        not_after=record.not_after.isoformat(),
                        renewal=words,
                    )
                )
        self._told = told
