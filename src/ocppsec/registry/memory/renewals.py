"""Renewals in memory."""

from dataclasses import replace
from datetime import datetime

from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory.certificates import Certificates
from ocppsec.registry.records import Renewal
from ocppsec.registry.store import RenewalInProgress, Superseded


class Renewals(Certificates):
    def __init__(self) -> None:
        super().__init__()
        self._renewals: dict[str, Renewal] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        for renewal in list(self._renewals.values()):
            if renewal.identity == identity and renewal.open:
                del self._renewals[renewal.id]

    async def certificates_due(self, now: datetime, *, limit: int) -> list[CertificateRecord]:
        busy = {renewal.identity for renewal in await self.open_renewals()}
        found = [
            known
            for known in self._certificates.values()
            if known.state is CertificateState.ACTIVE
            and known.renew_at is not None
            and known.renew_at <= now
            and known.identity in self._stations
            and known.identity not in busy
        ]
        return sorted(found, key=lambda known: known.not_after)[: max(0, limit)]

    async def begin_renewal(self, renewal: Renewal) -> Renewal:
        self._registered(renewal.identity)
        if any(known.identity == renewal.identity for known in await self.open_renewals()):
            raise RenewalInProgress(f"station {renewal.identity!r} has an open renewal")
        self._renewals[renewal.id] = renewal
        return renewal

    async def save_renewal(self, renewal: Renewal) -> Renewal:
        self._check_open()
        stored = self._renewals.get(renewal.id)
        if stored is None or stored.version != renewal.version:
            raise Superseded(f"renewal {renewal.id} was saved by somebody else, or is gone")
        saved = replace(
            renewal,
            identity=stored.identity,
            fingerprint=stored.fingerprint,
            started_at=stored.started_at,
            version=stored.version + 1,
        )
        self._renewals[saved.id] = saved
        return saved

    async def open_renewals(self) -> list[Renewal]:
        self._check_open()
        return [renewal for renewal in self._renewals.values() if renewal.open]

    async def renewals(self, identity: str, *, limit: int = 20) -> list[Renewal]:
        self._check_open()
        of_station = [renewal for renewal in self._renewals.values() if renewal.identity == identity]
        return of_station[::-1][: max(0, limit)]
