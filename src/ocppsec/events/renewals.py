"""Certificates that end, and are renewed."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
