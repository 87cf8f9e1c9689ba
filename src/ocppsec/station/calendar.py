"""What a station has to do of its own accord, and when.  Each duty has at most one time."""

import asyncio
from enum import Enum, auto


class Duty(Enum):
    BOOT = auto()
    HEARTBEAT = auto()
    EVENTS = auto()
    ASK_AGAIN = auto()
    RENEW = auto()
    PING = auto()
    METER = auto()


class Calendar:
    """In the loop's time."""

    __slots__ = ("_due", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[Duty, float] = {}

    def __contains__(self, duty: Duty) -> bool:
        return duty in self._due

    def now(self) -> float:
        return self._loop.time()

    def at(self, duty: Duty, seconds: float) -> None:
        """Let *duty* be due in *seconds* from now, and not when it was."""
        self._due[duty] = self.now() + seconds

    def cancel(self, duty: Duty) -> None:
        self._due.pop(duty, None)

    def wait(self, duty: Duty | None = None) -> float | None:
        """Seconds until *duty* is due, or the first of all; None when there is no such time."""
        if duty is not None:
            return max(0.0, self._due[duty] - self.now()) if duty in self._due else None
        return max(0.0, min(self._due.values()) - self.now()) if self._due else None

    def take_due(self) -> list[Duty]:
        """Those whose time has come, in the order they were written down; they are off the calendar."""
        now = self.now()
        due = [duty for duty, when in self._due.items() if when <= now]
        for duty in due:
            del self._due[duty]
        return due
