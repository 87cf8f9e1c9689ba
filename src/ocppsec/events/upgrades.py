"""Upgrades, campaigns, and what a campaign does with one station."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
