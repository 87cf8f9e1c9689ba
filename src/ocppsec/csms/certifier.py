"""From a station's CSR to a certificate that admission knows: check, sign, record, then deliver.

Safe to repeat: the same request gets the same certificate as long as that has not been used, so a station that
asks again and an upgrade that resumes after a crash never cause a second one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ocppsec.certificates.ration import Ration
from ocppsec.certificates.renewal import Life, renew_at
from ocppsec.certificates.request import (
    ApprovedRequest,
    Expected,
    RefusedRequest,
    check_request,
    requested_key,
)
from ocppsec.csms.issuing import Issuer
from ocppsec.events import CertificateIssued, CertificateRequestRefused, Emit
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.store import NotRegistered, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate that will be recognised when the station shows it."""

    chain: str
    """PEM, leaf first, without the root."""
    fingerprint: str


class Certifier:
    """The registration authority: the records' side of every request."""

    def __init__(
        self,
        store: Store,
        issuer: Issuer,
        *,
        organization: str,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._issuer = issuer
        self._organization = organization
        self._emit = emit
        self._now = now
        self._ration = Ration()

    async def receive(
        self, identity: str, csr: str, *, secure: bool
    ) -> ApprovedRequest | Certified | RefusedRequest:
        """Judge a request that has just arrived, rationed; *secure* says whether it came over TLS."""
        too_many = self._ration.take(identity, time.monotonic())
        if too_many is not None:
            return self._refused(identity, RefusedRequest((too_many,)))
        return await self._judge(identity, csr, secure=secure)

    async def _judge(
        self, identity: str, csr: str, *, secure: bool
    ) -> ApprovedRequest | Certified | RefusedRequest:
        """What would come of *csr*: approval, the certificate it got before, or a refusal (then an event)."""
        station = await self._store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        own = await self._store.certificates(identity)
        key = requested_key(csr)
        for record in own:
            unused = record.state is CertificateState.PENDING and record.not_after > self._now()
            if record.public_key_sha256 == key and unused:
                return Certified(chain=record.chain, fingerprint=record.fingerprint)
        used = frozenset(record.public_key_sha256 for record in own)
        foreign = key is not None and key not in used and await self._store.key_is_known(key)
        expected = Expected(
            serial_number=station.serial_number,
            organization=self._organization,
            known_keys=used,
            keys_of_others=frozenset([key]) if foreign and key is not None else frozenset(),
            revoked_keys=frozenset(
                record.public_key_sha256 for record in own if record.state is CertificateState.REVOKED
            ),
            unsafe_connection=not secure,
        )
        verdict = check_request(csr, expected)
        return self._refused(identity, verdict) if isinstance(verdict, RefusedRequest) else verdict

    def _refused(self, identity: str, verdict: RefusedRequest) -> RefusedRequest:
        reasons = tuple(str(reason) for reason in verdict.reasons)
        self._emit(CertificateRequestRefused(identity=identity, reasons=reasons, alarming=verdict.alarming))
        return verdict

    async def certify(self, identity: str, csr: str) -> Certified | RefusedRequest:
        """Sign *csr*, which `receive` approved.  The record is kept before anybody can send the certificate.

        Raises `IssueFailed` when the CA cannot sign.
        """
        verdict = await self._judge(identity, csr, secure=True)
        if not isinstance(verdict, ApprovedRequest):
            return verdict
        now = self._now()
        issued = await self._issuer.issue(verdict, csr, identity=identity)
        await self._store.add_certificate(
            CertificateRecord(
                fingerprint=issued.fingerprint,
                identity=identity,
                serial_number=issued.serial_number,
                subject=issued.subject,
                public_key_sha256=verdict.public_key_sha256,
                not_before=issued.not_before,
                not_after=issued.not_after,
                state=CertificateState.PENDING,
                issued_at=now,
                chain=issued.chain_pem,
                renew_at=renew_at(Life(begin=now, end=issued.not_after), spread=identity),
            )
        )
        self._emit(
            CertificateIssued(
                identity=identity,
                serial_number=issued.serial_number,
                fingerprint=issued.fingerprint,
                not_after=issued.not_after.isoformat(),
            )
        )
        return Certified(chain=issued.chain_pem, fingerprint=issued.fingerprint)
