"""A station's certificate, from its request to its revocation, by our CA or by the one that signs for us."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
