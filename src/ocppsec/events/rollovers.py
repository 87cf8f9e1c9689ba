"""One CSMS root following another."""

from dataclasses import dataclass
from typing import ClassVar

from ocppsec.events.event import Event


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
