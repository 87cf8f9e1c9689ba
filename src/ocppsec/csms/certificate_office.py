"""The ledger of station certificates as operators see it: what was issued, how it stands, and revoking it.

Revoking is done in this order: the record, so that admission refuses from then on and the key is never certified
again; then the connections that were let in with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppsec.csms.errors import BadInput, CsmsError
from ocppsec.csms.sessions import Sessions
from ocppsec.events import CertificateRevoked, Emit
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.store import Store

_HEX = frozenset("0123456789abcdef")
_FINGERPRINT_DIGITS = 64


class Standing(StrEnum):
    """How a certificate stands today: its state in the records, and whether it has run out."""

    PENDING = "pending"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"


class RevocationReason(StrEnum):
    """RFC 5280 5.3.1, without certificateHold: what is revoked here stays revoked."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


class UnknownCertificate(CsmsError):  # noqa: N818
    """No certificate of a station has this fingerprint or serial number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    record: CertificateRecord
    closed: int
    """So many connections were open with it, and were closed."""


def standing(record: CertificateRecord, now: datetime) -> Standing:
    """Revoked stays revoked after its end; everything else is expired then."""
    if record.state is not CertificateState.REVOKED and now > record.not_after:
        return Standing.EXPIRED
    return Standing(record.state.value)


class CertificateOffice:
    def __init__(self, store: Store, sessions: Sessions, *, emit: Emit, now: Callable[[], datetime]) -> None:
        self._store = store
        self._sessions = sessions
        self._emit = emit
        self._now = now
        self.on_revoked: Callable[[], None] = lambda: None
        self.on_revoked_of: Callable[[str], None] = lambda _: None
        """Called with the station's identity."""

    def standing(self, record: CertificateRecord) -> Standing:
        return standing(record, self._now())

    async def find(self, name: str) -> CertificateRecord:
        """By fingerprint or serial number, as any tool prints them: in either case, with or without colons.

        Raises `UnknownCertificate`, `BadInput`.
        """
        digits = name.replace(":", "").replace(" ", "").lower()
        if not digits or not _HEX.issuperset(digits):
            raise BadInput(
                "a certificate is named by its SHA-256 fingerprint or its serial number, in hex",
                "ocppsec cert list shows both",
            )
        if len(digits) == _FINGERPRINT_DIGITS:
            found = await self._store.certificate_owner(digits)
            records = [] if found is None else [found]
        else:
            records = await self._store.certificates_by_serial(digits.upper().lstrip("0"))
        if not records:
            raise UnknownCertificate("no station's certificate has this name", "ocppsec cert list shows all")
        if len(records) > 1:
            raise BadInput("several certificates have this serial number", "name it by its fingerprint")
        return records[0]

    async def revoke(self, name: str, reason: str) -> Revoked:
        """Refuse it from now on and close the connections with it; repeating it keeps the first reason.

        With the certificate in force falls what was issued on its word and not used yet: whoever had the key could ask
        for that.  Not when it was only replaced.  Raises `UnknownCertificate`, `BadInput`.
        """
        try:
            why = RevocationReason(reason)
        except ValueError:
            raise BadInput(f"{reason[:40]!r} is no reason", f"one of {', '.join(RevocationReason)}") from None
        record = await self.find(name)
        closed = await self._revoke(record, why)
        revoked = await self.find(record.fingerprint)
        for each in await self._on_its_word(revoked):
            closed += await self._revoke(each, why)
        self.on_revoked_of(record.identity)
        return Revoked(record=revoked, closed=closed)

    async def _on_its_word(self, revoked: CertificateRecord) -> list[CertificateRecord]:
        """Not used yet, and asked for while *revoked* was in force; found again when revoking is repeated."""
        if revoked.revoked_at is None or revoked.revocation_reason == RevocationReason.SUPERSEDED:
            return []
        records = await self._store.certificates(revoked.identity)
        if revoked.activated_at is None or any(each.state is CertificateState.ACTIVE for each in records):
            return []
        return [
            each
            for each in records
            if each.state is CertificateState.PENDING and each.issued_at <= revoked.revoked_at
        ]

    async def _revoke(self, record: CertificateRecord, why: RevocationReason) -> int:
        """How many connections were open with it."""
        first = record.state is not CertificateState.REVOKED
        await self._store.set_certificate_state(
            record.fingerprint, CertificateState.REVOKED, at=self._now(), reason=why.value
        )
        sessions = self._sessions.bar(record.fingerprint)
        self.on_revoked()
        for session in sessions:
            session.drop("the certificate was revoked")
        if first:
            self._tell(record, why, closed=bool(sessions))
        return len(sessions)

    def _tell(self, record: CertificateRecord, reason: RevocationReason, *, closed: bool) -> None:
        self._emit(
            CertificateRevoked(
                identity=record.identity,
                serial_number=record.serial_number,
                fingerprint=record.fingerprint,
                reason=reason.value,
                closed=closed,
            )
        )
