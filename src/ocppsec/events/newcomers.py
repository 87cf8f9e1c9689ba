"""Who is let in and not accepted yet: new stations, and one whose certificate has expired."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
