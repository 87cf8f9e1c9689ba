"""Our own CA, and the certificates of the doors."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
