"""What admission is told of a station, read at one moment.

The registry fills these in; it keeps them, but they are admission's words.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppsec.profiles.profile import SecurityProfile


class CertificateState(StrEnum):
    PENDING = "pending"
    """Issued, not yet seen in a handshake."""
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRecord:
    """One certificate that our CA issued to a station."""

    fingerprint: str
    identity: str
    serial_number: str
    subject: str
    public_key_sha256: str
    """Lower-case hex over the DER SubjectPublicKeyInfo; one key belongs to one station for ever."""
    not_before: datetime
    not_after: datetime
    state: CertificateState
    issued_at: datetime
    chain: str
    """PEM, leaf first, without the root."""
    activated_at: datetime | None = None
    """When it was first seen in a handshake."""
    revoked_at: datetime | None = None
    revocation_reason: str | None = None
    renew_at: datetime | None = None
    """When its renewal is due, settled when it was issued; None for one that is not renewed by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRecord:
    """All that an admission decision needs to know of a station, read at one moment."""

    identity: str
    serial_number: str
    floor: SecurityProfile
    target: SecurityProfile
    password_hashes: tuple[str, ...] = ()
    """Current first; see `ocppsec.profiles.password`."""
    certificates: tuple[CertificateRecord, ...] = ()
    registered: bool = False
    """True when a BootNotification was answered Accepted before."""
