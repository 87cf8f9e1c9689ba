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


class Way(StrEnum):
    """By what a new station shows, the first time, that it is the one that is expected."""

    LISTED = "listed"
    """By its identity and serial number alone: whoever comes first under that name is believed."""
    PASSWORD = "password"  # noqa: S105  a way in, not a password
    """By a password for this once."""
    CERTIFICATE = "certificate"
    """By a certificate that its manufacturer's CA made out to its serial number (A00.FR.804)."""


class Stage(StrEnum):
    """How far a new station is."""

    OPEN = "open"
    """Its way in is open: nobody has come yet, or has not shown credentials of its own."""
    RAISING = "raising"
    """It has credentials of its own and its way in is shut; on the way to its target."""
    DONE = "done"
    EXPIRED = "expired"
    """The time passed before it had credentials of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarding:
    """What was settled for a station that is new."""

    identity: str
    way: Way
    stage: Stage
    target: SecurityProfile
    until: datetime
    """After this its way in is shut."""
    most_connections: int
    added_at: datetime
    connections: int = 0
    """How often somebody came in by it."""
    password_hash: str | None = None
    """Of the one-time password, which stands among the station's passwords too."""
    manufacturer: str | None = None
    """Whose certificate it has to be; None for any that is configured."""
    reason: str = ""
    """Why it does not go on; empty otherwise."""
    first_at: datetime | None = None
    """When somebody first came in by it."""
    own_at: datetime | None = None
    """When it was seen with credentials of its own."""
    ended_at: datetime | None = None
    version: int = 0
    """Counts saves; a save that names an old version is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRecord:
    """All that an admission decision needs to know of a station, read at one moment."""

    identity: str
    serial_number: str
    floor: SecurityProfile
    target: SecurityProfile
    """Highest profile it is admitted on."""
    password_hashes: tuple[str, ...] = ()
    """Current first; see `ocppsec.profiles.password`."""
    certificates: tuple[CertificateRecord, ...] = ()
    registered: bool = False
    """True when a BootNotification was answered Accepted before."""
    onboarding: Onboarding | None = None
    """How it comes in as long as it is new; kept when that is over."""
    expired_until: datetime | None = None
    """A00.FR.429: until then its certificate may have expired; None when nobody has allowed that."""
