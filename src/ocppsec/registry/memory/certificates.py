"""Certificates in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory.base import Base
from ocppsec.registry.store import KeyAlreadyUsed


class Certificates(Base):
    def __init__(self) -> None:
        super().__init__()
        self._certificates: dict[str, CertificateRecord] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        for certificate in self._of(identity):
            self._revoke(certificate, at, "station removed")

    async def certificate_owner(self, fingerprint: str) -> CertificateRecord | None:
        self._check_open()
        return self._certificates.get(fingerprint)

    async def add_certificate(self, certificate: CertificateRecord) -> None:
        self._registered(certificate.identity)
        if await self.key_is_known(certificate.public_key_sha256):
            raise KeyAlreadyUsed("a certificate was issued for this public key before")
        self._certificates[certificate.fingerprint] = certificate

    async def certificates(self, identity: str) -> list[CertificateRecord]:
        self._check_open()
        return list(newest_first(self._of(identity)))

    async def certificates_by_serial(self, serial_number: str) -> list[CertificateRecord]:
        self._check_open()
        return [known for known in self._certificates.values() if known.serial_number == serial_number]

    async def ledger(
        self, *, after: str | None = None, limit: int = 100, state: CertificateState | None = None
    ) -> list[CertificateRecord]:
        self._check_open()
        behind = sorted(each for each in self._certificates if after is None or each > after)
        wanted = [self._certificates[each] for each in behind]
        return [each for each in wanted if state is None or each.state is state][: max(0, limit)]

    async def certificates_ending(self, by: datetime, *, limit: int) -> list[CertificateRecord]:
        self._check_open()
        found = [
            known
            for known in self._certificates.values()
            if known.state is CertificateState.ACTIVE
            and known.not_after <= by
            and known.identity in self._stations
        ]
        return sorted(found, key=lambda known: known.not_after)[: max(0, limit)]

    async def count_ending(self, by: Sequence[datetime]) -> list[int]:
        return [len(await self.certificates_ending(each, limit=len(self._certificates))) for each in by]

    async def key_is_known(self, public_key_sha256: str) -> bool:
        self._check_open()
        return any(known.public_key_sha256 == public_key_sha256 for known in self._certificates.values())

    async def activate_certificate(self, fingerprint: str, at: datetime) -> None:
        self._check_open()
        seen = self._certificates.get(fingerprint)
        if seen is None or seen.state is not CertificateState.PENDING:
            return
        for other in self._of(seen.identity):
            if other.state is CertificateState.ACTIVE:
                self._certificates[other.fingerprint] = replace(other, state=CertificateState.SUPERSEDED)
        self._certificates[fingerprint] = replace(seen, state=CertificateState.ACTIVE, activated_at=at)

    async def set_certificate_state(
        self, fingerprint: str, state: CertificateState, *, at: datetime, reason: str | None = None
    ) -> bool:
        self._check_open()
        certificate = self._certificates.get(fingerprint)
        if certificate is None:
            return False
        if state is CertificateState.REVOKED:
            self._revoke(certificate, at, reason)
        elif certificate.state is not CertificateState.REVOKED:
            self._certificates[fingerprint] = replace(certificate, state=state)
        return True

    def _of(self, identity: str) -> list[CertificateRecord]:
        return [known for known in self._certificates.values() if known.identity == identity]

    def _revoke(self, certificate: CertificateRecord, at: datetime | None, reason: str | None) -> None:
        if certificate.state is not CertificateState.REVOKED:
            self._certificates[certificate.fingerprint] = replace(
                certificate, state=CertificateState.REVOKED, revoked_at=at, revocation_reason=reason
            )


def newest_first(certificates: Iterable[CertificateRecord]) -> tuple[CertificateRecord, ...]:
    return tuple(sorted(certificates, key=lambda known: known.issued_at))[::-1]
