"""Doors and connections: who came, who was let in, what was said on the way."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
