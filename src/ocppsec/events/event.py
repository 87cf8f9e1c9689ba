"""What all events are."""

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
