"""What others are told of revocation: the CRL and the OCSP answers for the CA that issues to stations.

Both are made from the records, when somebody asks.  The newest list lies in the state directory, so that the next
process goes on with the next number.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from cryptography import x509

from ocppsec.certificates import crl, ocsp
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import StationCa
from ocppsec.certificates.issue import IssueFailed, issue_responder_certificate, sign_crl
from ocppsec.certificates.keys import KeyFamily, family_of, new_key
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.certificates.safekeeping import PUBLIC_FILE, write_file
from ocppsec.issuers.trust import is_issued_by
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.store import RegistryError, Store

_LOOK_SECONDS = 30.0
"""So often, at the most, the records are read for a list, unless a revocation here says that it is old."""
_PAGE = 500
_MOST_QUESTIONS = 50
"""Waiting for the store.  Strangers ask: they read one at a time, so that admission can always read too."""


class Revocation:
    def __init__(
        self,
        store: Store,
        authority: AuthorityFiles | StationCa,
        *,
        now: Callable[[], datetime],
        serial: Callable[[], int] = x509.random_serial_number,
    ) -> None:
        self._store = store
        ca = authority if isinstance(authority, StationCa) else authority.station_cas[0]
        self._stations = ca.authority
        self._now = now
        self._serial = serial
        self._path = ca.list_file
        self._lock = asyncio.Lock()
        self._list: bytes | None = None
        self._listed: frozenset[int] = frozenset()
        self._issue: crl.Issue | None = None
        self._looked: datetime | None = None
        self._responder: ocsp.Responder | None = None
        self._certifying = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._questions = 0

    # -- CRL --------------------------------------------------------------------------------------------
    def changed(self) -> None:
        """Something was revoked: the list is old."""
        self._looked = None

    async def list_in_force(self) -> bytes:
        """The CRL, DER; raises `StoreUnavailable` only when there is none yet."""
        async with self._lock:
            now = self._now()
            if (
                self._list is None
                or self._looked is None
                or now - self._looked > timedelta(seconds=_LOOK_SECONDS)
            ):
                await self._look(now)
            assert self._list is not None
            return self._list

    async def _look(self, now: datetime) -> None:
        try:
            entries = await self._entries(now)
        except RegistryError:
            if self._list is None:
                raise
            return  # the old list says itself until when it is good
        self._looked = now
        serials = frozenset(entry.serial_number for entry in entries)
        fresh = self._issue is not None and now - self._issue.this_update < crl.REPUBLISH_AFTER
        if self._list is None or not fresh or serials != self._listed:
            try:
                await asyncio.get_running_loop().run_in_executor(None, partial(self._publish, entries, now))
            except IssueFailed:  # its key is in a token that does not answer: the old list, as above
                self._looked = None
                if self._list is None:
                    raise
                return
            self._listed = serials

    def _publish(self, entries: list[crl.Entry], now: datetime) -> None:
        before = self._issue
        if before is None:
            with contextlib.suppress(OSError, ValueError):  # none yet, or none of ours
                before = crl.read_issue(self._path.read_bytes())
        issue = crl.next_issue(before, now)
        authority = self._stations
        der = sign_crl(crl.crl_builder(authority.certificate, entries, issue), authority)
        write_file(self._path, der, mode=PUBLIC_FILE)
        self._list, self._issue = der, issue

    async def _entries(self, now: datetime) -> list[crl.Entry]:
        entries: list[crl.Entry] = []
        after: str | None = None
        while True:
            page = await self._store.ledger(after=after, limit=_PAGE, state=CertificateState.REVOKED)
            kept = [each for each in page if each.not_after + crl.KEPT_AFTER_EXPIRY > now]
            entries += [_entry(each) for each in kept if self._is_ours(each)]
            if len(page) < _PAGE:
                return entries
            after = page[-1].fingerprint

    # -- OCSP -------------------------------------------------------------------------------------------
    async def answer(self, der: bytes) -> bytes:
        """The OCSP response to a request, whatever it is."""
        try:
            question = ocsp.read_question(der)
        except ocsp.BadQuestion:
            return ocsp.MALFORMED
        now = self._now()
        try:
            responder = await self._current_responder(now)
        except IssueFailed:  # its key is in a token that does not answer
            return ocsp.TRY_LATER
        if not ocsp.is_about(question, responder):
            return ocsp.UNAUTHORIZED
        if self._questions >= _MOST_QUESTIONS:
            return ocsp.TRY_LATER
        self._questions += 1
        try:
            async with self._reading:
                found = await self._store.certificates_by_serial(f"{question.serial_number:X}")
        except RegistryError:
            return ocsp.TRY_LATER
        finally:
            self._questions -= 1
        ours = [each for each in found if self._is_ours(each)]
        return ocsp.answer(question, _status(ours), responder, now=now)

    def _is_ours(self, record: CertificateRecord) -> bool:
        """Of the CA whose list this is: what another CA signed (issuer.kind), that one tells about."""
        authority = self._stations.certificate
        if write_chain((authority,)) in record.chain:
            return True
        # Before our CA's certificate was renewed, its key and its name were these too.
        return is_issued_by(read_certificates(record.chain)[0], authority)

    async def _current_responder(self, now: datetime) -> ocsp.Responder:
        async with self._certifying:
            if self._responder is None or now >= self._responder.renew_at():
                self._responder = await asyncio.get_running_loop().run_in_executor(
                    None, self._new_responder, now
                )
            return self._responder

    def _new_responder(self, now: datetime) -> ocsp.Responder:
        """Its key lives in this process alone, and is of the CA's kind: who verifies the CA can verify it."""
        authority = self._stations
        of_rsa = family_of(authority.certificate.public_key()).startswith("rsa")  # type: ignore[arg-type]  # ours
        key = new_key(KeyFamily.RSA_2048 if of_rsa else KeyFamily.EC_P256)
        certificate = issue_responder_certificate(
            key.public_key(), authority, now=now, lifetime=ocsp.RESPONDER_LIFETIME, serial=self._serial()
        )
        return ocsp.Responder(issuer=authority.certificate, certificate=certificate, key=key)


def _status(found: list[CertificateRecord]) -> ocsp.Status:
    if not found:
        return ocsp.Unknown()
    revoked = [each for each in found if each.state is CertificateState.REVOKED]
    if not revoked:
        return ocsp.Good()
    entry = _entry(revoked[0])
    return ocsp.Revoked(entry.revoked_at, entry.reason)


def _entry(record: CertificateRecord) -> crl.Entry:
    reason = record.revocation_reason or ""
    return crl.Entry(
        serial_number=int(record.serial_number, 16),
        revoked_at=record.revoked_at or record.issued_at,
        reason="cessationOfOperation" if reason == "station removed" else reason,
    )
