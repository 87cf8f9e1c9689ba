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
from ocppsec.csms.request_book import Newer, RequestBook, Waits
from ocppsec.events import CertificateIssued, CertificateRequestRefused, Emit
from ocppsec.issuers.issuer import NotYet
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.store import KeyAlreadyUsed, NotRegistered, Store


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
        book: RequestBook | None = None,
    ) -> None:
        """Without a *book* of its own what keeps the rules is signed."""
        self._store = store
        self._book = book or RequestBook(store, emit=emit, now=now)
        self._issuer = issuer
        self._organization = organization
        self._emit = emit
        self._now = now
        self._ration = Ration()
        self.on_later: Callable[[str, float], None] = lambda _identity, _seconds: None
        """The CA has not decided on a station's request: whoever waits for it is to ask again in so many seconds."""

    async def receive(
        self, identity: str, csr: str, *, secure: bool, shown: str | None = None
    ) -> ApprovedRequest | Certified | RefusedRequest | Waits:
        """Judge a request that has just arrived, rationed, and keep it with what became of it.

        *secure* says whether it came over TLS, *shown* is the fingerprint of the certificate in its handshake.
        """
        too_many = self._ration.take(identity, time.monotonic())
        if too_many is not None:  # not kept: who floods does not fill the records
            return self._refused(identity, RefusedRequest((too_many,)))
        verdict = await self.judge(identity, csr, secure=secure)
        if isinstance(verdict, ApprovedRequest):
            with_certificate = await self._in_force(identity, shown)
            found = await self._book.received(identity, csr, verdict, with_certificate=with_certificate)
            return self._refused(identity, found) if isinstance(found, RefusedRequest) else found
        if isinstance(verdict, RefusedRequest):
            await self._book.refused(identity, csr, requested_key(csr), verdict)
            return self._refused(identity, verdict)
        return verdict

    async def _in_force(self, identity: str, fingerprint: str | None) -> bool:
        record = None if fingerprint is None else await self._store.certificate_owner(fingerprint)
        return (
            record is not None
            and record.identity == identity
            and record.state is CertificateState.ACTIVE
            and record.not_after > self._now()
        )

    async def judge(
        self, identity: str, csr: str, *, secure: bool
    ) -> ApprovedRequest | Certified | RefusedRequest:
        """What the rules say of *csr*: approval, the certificate it got before, or a refusal.

        Raises `NotRegistered`.
        """
        station = await self._store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        key = requested_key(csr)
        # Asked before the station's own are read: a repeated request may meet its certificate just being kept.
        known = key is not None and await self._store.key_is_known(key)
        own = await self._store.certificates(identity)
        for record in own:
            unused = record.state is CertificateState.PENDING and record.not_after > self._now()
            if record.public_key_sha256 == key and unused:
                return Certified(chain=record.chain, fingerprint=record.fingerprint)
        used = frozenset(record.public_key_sha256 for record in own)
        foreign = known and key not in used
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
        return check_request(csr, expected)

    def _refused(self, identity: str, verdict: RefusedRequest) -> RefusedRequest:
        reasons = tuple(str(reason) for reason in verdict.reasons)
        self._emit(CertificateRequestRefused(identity=identity, reasons=reasons, alarming=verdict.alarming))
        return verdict

    async def certify(self, identity: str, csr: str) -> Certified | RefusedRequest | Waits:
        """Sign *csr*, which `receive` took.  The record is kept before anybody can send the certificate.

        Where a person has to approve it first nothing is signed, and it may be asked for again.  Raises
        `IssueFailed` when the CA cannot sign.
        """
        verdict = await self.judge(identity, csr, secure=True)
        if isinstance(verdict, Certified):
            return verdict
        if isinstance(verdict, RefusedRequest):
            return self._refused(identity, verdict)
        match await self._book.permission(identity, csr, verdict):
            case Newer(csr=newer):
                return await self.certify(identity, newer)
            case RefusedRequest() as refused:
                return self._refused(identity, refused)
            case Waits() as waits:
                return waits
            case ApprovedRequest():
                return await self._issue(identity, csr, verdict)

    async def _issue(
        self, identity: str, csr: str, verdict: ApprovedRequest
    ) -> Certified | RefusedRequest | Waits:
        now = self._now()
        try:
            issued = await self._issuer.issue(verdict, csr, identity=identity)
        except NotYet as later:
            self.on_later(identity, later.seconds)
            return Waits(verdict.public_key_sha256[:16], later.ca)
        try:
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
        except KeyAlreadyUsed:
            # Asked for twice at a time: the one that was kept counts, and this one nobody gets to see.
            return await self.certify(identity, csr)
        await self._book.issued(identity, verdict.public_key_sha256, issued.fingerprint)
        self._emit(
            CertificateIssued(
                identity=identity,
                serial_number=issued.serial_number,
                fingerprint=issued.fingerprint,
                not_after=issued.not_after.isoformat(),
            )
        )
        return Certified(chain=issued.chain_pem, fingerprint=issued.fingerprint)
