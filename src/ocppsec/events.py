"""What can happen, as frozen data with stable names.

An event says what happened and to whom; it never sends, formats or logs itself.  Whoever notices something
worth knowing calls the ``Emit`` it was given; what becomes of it (log line, metric, security log) is decided
in `ocppsec.observability`.  No event carries a password, a key, an Authorization header or a whole frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.  `name` is stable: logs, metrics and documents refer to it."""

    name: ClassVar[str] = "event"
    security: ClassVar[bool] = False
    """True where an operator's security log must have it."""


Emit = Callable[[Event], None]
"""Receives every event; must not block and must not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOpened(Event):
    name: ClassVar[str] = "door-opened"
    door: str
    url: str
    profiles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeFailed(Event):
    """TLS ended before HTTP: nobody said who they are, only from where."""

    name: ClassVar[str] = "handshake-failed"
    security: ClassVar[bool] = True
    door: str
    address: str
    reason: str
    """OpenSSL's word for it, such as ``CERTIFICATE_VERIFY_FAILED: certificate has expired``."""
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRefused(Event):
    """A connection got a complete HTTP answer other than 101."""

    name: ClassVar[str] = "connection-refused"
    security: ClassVar[bool] = True
    door: str
    address: str
    identity: str | None
    reason: str
    status: int
    presented: str
    expected: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConnected(Event):
    name: ClassVar[str] = "station-connected"
    identity: str
    profile: int
    door: str
    address: str
    replaced: bool
    """True when an older connection of this identity was closed in favour of this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDisconnected(Event):
    name: ClassVar[str] = "station-disconnected"
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationBooted(Event):
    name: ClassVar[str] = "station-booted"
    identity: str
    profile: int
    reason: str
    model: str
    vendor: str
    firmware_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialNumberMismatch(Event):
    """B01.FR.11/12: BootNotification named another serial number than the certificate."""

    name: ClassVar[str] = "serial-number-mismatch"
    security: ClassVar[bool] = True
    identity: str
    reported: str | None
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRaised(Event):
    """A05.FR.07: from now on this station is never let in lower again."""

    name: ClassVar[str] = "floor-raised"
    security: ClassVar[bool] = True
    identity: str
    old: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervened(Event):
    """A person had something done to one station outside of the ordinary way; kept in the registry too."""

    name: ClassVar[str] = "intervened"
    security: ClassVar[bool] = True
    identity: str
    what: str
    by: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginsSlowed(Event):
    name: ClassVar[str] = "logins-slowed"
    security: ClassVar[bool] = True
    address: str
    identity: str | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventReceived(Event):
    """A04: a station reported a security event."""

    name: ClassVar[str] = "security-event-received"
    security: ClassVar[bool] = True
    identity: str
    type: str
    timestamp: str
    tech_info: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDropped(Event):
    """Something arrived that the standard says to ignore; counted."""

    name: ClassVar[str] = "message-dropped"
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFailed(Event):
    """The application behind us raised, or answered what the schema forbids; the station got InternalError."""

    name: ClassVar[str] = "application-failed"
    identity: str
    action: str
    error: str
    """The type of what was raised; its words may hold anything and are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequestRefused(Event):
    name: ClassVar[str] = "certificate-request-refused"
    security: ClassVar[bool] = True
    identity: str
    reasons: tuple[str, ...]
    alarming: bool
    """True for what no honest firmware does by mistake, such as another station's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequestWaits(Event):
    """A station's request keeps the rules and waits for a person: ``ocppsec csr approve`` or ``deny``."""

    name: ClassVar[str] = "certificate-request-waits"
    security: ClassVar[bool] = True
    identity: str
    request: str
    public_key_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequestDecided(Event):
    """A person has approved or denied a station's request."""

    name: ClassVar[str] = "certificate-request-decided"
    security: ClassVar[bool] = True
    identity: str
    request: str
    approved: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued(Event):
    name: ClassVar[str] = "certificate-issued"
    security: ClassVar[bool] = True
    identity: str | None
    """None for the CSMS's own certificates."""
    serial_number: str
    fingerprint: str
    not_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRevoked(Event):
    """An operator revoked a station's certificate: it is refused at every door from now on."""

    name: ClassVar[str] = "certificate-revoked"
    security: ClassVar[bool] = True
    identity: str
    serial_number: str
    fingerprint: str
    reason: str
    closed: bool
    """True when the station was connected with it and was sent away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningFailed(Event):
    """The CA, ours or another one, could not sign an approved request; nothing was issued that anybody uses."""

    name: ClassVar[str] = "signing-failed"
    security: ClassVar[bool] = True
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerFound(Event):
    """The other CA that signs stations' certificates is there, and is the one that is configured."""

    name: ClassVar[str] = "issuer-found"
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerInDoubt(Event):
    """At the start the other CA did not answer, or showed other CAs than `issuer.ca` has."""

    name: ClassVar[str] = "issuer-in-doubt"
    security: ClassVar[bool] = True
    issuer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAsked(Event):
    """Another CA is going to be asked for a certificate; written down before it is."""

    name: ClassVar[str] = "certificate-asked"
    security: ClassVar[bool] = True
    identity: str
    issuer: str
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateUnaccounted(Event):
    """Another CA signed, or may have signed, what nobody here has or takes.  It opens no door of ours."""

    name: ClassVar[str] = "certificate-unaccounted"
    security: ClassVar[bool] = True
    identity: str
    issuer: str
    order: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationTold(Event):
    """Another CA knows now that a certificate of its own is revoked."""

    name: ClassVar[str] = "revocation-told"
    security: ClassVar[bool] = True
    identity: str
    issuer: str
    serial_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationNotTold(Event):
    """Another CA could not be told that a certificate is revoked; here it is refused all the same."""

    name: ClassVar[str] = "revocation-not-told"
    security: ClassVar[bool] = True
    identity: str
    issuer: str
    serial_number: str
    reason: str
    tried_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNotDelivered(Event):
    """A03: the station asked by itself, and CertificateSigned had no answer; it asks again (A02.FR.17)."""

    name: ClassVar[str] = "certificate-not-delivered"
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificatesUsed(Event):
    """Tested, and served from the next connection on."""

    name: ClassVar[str] = "server-certificates-used"
    security: ClassVar[bool] = True
    certificates: tuple[str, ...]
    """Names of the files."""
    not_after: str
    """When the first of them ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCertificateObtained(Event):
    """A public CA has certified the CSMS (ACME); tested, and served from the next connection on."""

    name: ClassVar[str] = "public-certificate-obtained"
    security: ClassVar[bool] = True
    issuer: str
    fingerprint: str
    not_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicCertificateFailed(Event):
    """A public CA gave no certificate, or none that stations would take; what is served stays."""

    name: ClassVar[str] = "public-certificate-failed"
    security: ClassVar[bool] = True
    issuer: str
    reason: str
    seconds: float
    """Until it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificatesRefused(Event):
    """New server certificates are bad: the old ones stay in use."""

    name: ClassVar[str] = "server-certificates-refused"
    security: ClassVar[bool] = True
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityCannotSign(Event):
    """The key of the CA that issues to stations does not sign, as in a token that was taken away: nobody is certified,
    and the list of revoked certificates grows old.  Told when it begins.
    """

    name: ClassVar[str] = "authority-cannot-sign"
    security: ClassVar[bool] = True
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySignsAgain(Event):
    """What `authority-cannot-sign` told is over."""

    name: ClassVar[str] = "authority-signs-again"
    security: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityEndsSoon(Event):
    """The last sixth of a CA's life has begun, or it has ended; told at the start and every day."""

    name: ClassVar[str] = "authority-ends-soon"
    security: ClassVar[bool] = True
    role: str
    """``root``, ``stations`` or ``servers``."""
    subject: str
    not_after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatusFailed(Event):
    """M06: a station asked for the status of a certificate, and the responder it named gave none."""

    name: ClassVar[str] = "certificate-status-failed"
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignStatusUnclear(Event):
    """It could not be known whether a manufacturer's CA has revoked a certificate that was shown."""

    name: ClassVar[str] = "foreign-status-unclear"
    security: ClassVar[bool] = True
    issuer: str
    serial_number: str
    reason: str
    counts: bool
    """True when the settings let it count all the same (``when-reachable``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignListFailed(Event):
    """The CRL of a manufacturer's CA could not be had, or not believed; told once for each kind of trouble."""

    name: ClassVar[str] = "foreign-list-failed"
    security: ClassVar[bool] = True
    issuer: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalStepped(Event):
    """The renewal of a station's certificate entered a step."""

    name: ClassVar[str] = "renewal-stepped"
    identity: str
    step: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalStuck(Event):
    """A02, A03: it is tried again later; until then the old certificate is in force."""

    name: ClassVar[str] = "renewal-stuck"
    security: ClassVar[bool] = True
    identity: str
    step: str
    reason: str
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEndsSoon(Event):
    """A station is in the last sixth of its certificate's life without a new one: look after it."""

    name: ClassVar[str] = "certificate-ends-soon"
    security: ClassVar[bool] = True
    identity: str
    serial_number: str
    not_after: str
    renewal: str
    """Where its renewal stands, and why it does not go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalEnded(Event):
    """There is nothing left to renew: the station's certificate was revoked meanwhile."""

    name: ClassVar[str] = "renewal-ended"
    security: ClassVar[bool] = True
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRenewed(Event):
    """A handshake showed the new certificate; the one before is superseded."""

    name: ClassVar[str] = "certificate-renewed"
    security: ClassVar[bool] = True
    identity: str
    old: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPending(Event):
    """B02: a BootNotification was answered Pending; only settings and certificates are put right."""

    name: ClassVar[str] = "station-pending"
    security: ClassVar[bool] = True
    identity: str
    profile: int
    because: str
    """``onboarding`` or ``expired-certificate``."""
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingStepped(Event):
    """A new station went a step on its way in."""

    name: ClassVar[str] = "onboarding-stepped"
    security: ClassVar[bool] = True
    identity: str
    step: str
    """``added``, ``came-in``, ``given-password``, ``given-root``, ``on-its-own``, ``raised``, ``done``, ``removed``."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingStuck(Event):
    """A new station does not go on: its time has passed, or it refuses what it has to take."""

    name: ClassVar[str] = "onboarding-stuck"
    security: ClassVar[bool] = True
    identity: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnboardingDisputed(Event):
    """Two at once want to be the same new station: one of them is not."""

    name: ClassVar[str] = "onboarding-disputed"
    security: ClassVar[bool] = True
    identity: str
    address: str
    """Of the one that was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredCertificateAllowed(Event):
    """A00.FR.429: what happened to the allowance of one station to come with an expired certificate."""

    name: ClassVar[str] = "expired-certificate-allowed"
    security: ClassVar[bool] = True
    identity: str
    what: str
    """``given``, ``used`` or ``ended``."""
    until: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverMoved(Event):
    """The replacement of the CSMS root entered a phase."""

    name: ClassVar[str] = "rollover-moved"
    security: ClassVar[bool] = True
    phase: str
    before: str
    detail: str
    """Who did it, or let whom behind; empty when there is nothing to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverStepped(Event):
    """A station's part in a root rollover entered a step."""

    name: ClassVar[str] = "rollover-stepped"
    identity: str
    step: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverStuck(Event):
    """M05: a station does not have the roots it is to have; it is tried again later."""

    name: ClassVar[str] = "rollover-stuck"
    security: ClassVar[bool] = True
    identity: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeStepped(Event):
    name: ClassVar[str] = "upgrade-stepped"
    identity: str
    upgrade: str
    step: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeEnded(Event):
    name: ClassVar[str] = "upgrade-ended"
    security: ClassVar[bool] = True
    identity: str
    upgrade: str
    outcome: str
    """``done`` or ``failed``."""
    profile: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLostContact(Event):
    """An upgrade has ended while its station was away: look after it; its old profile is still admitted."""

    name: ClassVar[str] = "station-lost-contact"
    security: ClassVar[bool] = True
    identity: str
    upgrade: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandStepped(Event):
    """What a campaign does at one station went a step on; kept before this is told."""

    name: ClassVar[str] = "errand-stepped"
    identity: str
    errand: str
    kind: str
    step: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandEnded(Event):
    """What a campaign did at one station has ended: done, failed or lost."""

    name: ClassVar[str] = "errand-ended"
    identity: str
    errand: str
    kind: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStepped(Event):
    """A campaign began, went to its next phase, was paused, stopped itself, or has ended."""

    name: ClassVar[str] = "campaign-stepped"
    security: ClassVar[bool] = True
    campaign: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChange(Event):
    """A01: a new password was sent to a station, or the station has logged in with one for the first time."""

    name: ClassVar[str] = "password-change"
    security: ClassVar[bool] = True
    identity: str
    outcome: str
    """``accepted``, ``reboot-required``, ``rejected``, ``unknown``, ``in-use``, ``not-begun``."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUnavailable(Event):
    name: ClassVar[str] = "store-unavailable"
    security: ClassVar[bool] = True
    doing: str
    reason: str
