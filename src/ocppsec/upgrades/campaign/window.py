"""When stations may be begun: hours and days, in the station's own time zone where it is known."""

from datetime import datetime, time
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIMEZONE_LABEL: Final = "timezone"
"""A station with this label keeps its own time."""


class BadWindow(ValueError):  # noqa: N818
    """Not hours, or a time zone nobody knows."""


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    hours: str
    """``22:00-05:00``; behind midnight it still belongs to the day it began on."""
    days: tuple[Day, ...] = DAYS
    timezone: str = "UTC"


def check(window: Window) -> None:
    """Raises `BadWindow`."""
    begins, ends = _hours(window)
    if begins == ends:
        raise BadWindow(
            "window: hours begin and end at the same time; leave the window out for the whole day"
        )
    if not window.days:
        raise BadWindow("window: days are empty, so it would never open")
    if not known(window.timezone):
        raise BadWindow(f"window: nobody knows a time zone {window.timezone!r}; one is Europe/Berlin")


def known(timezone: str) -> bool:
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_open(window: Window | None, timezone: str, now: datetime) -> bool:
    """*timezone*: the station's own; empty or unknown: the window's."""
    if window is None:
        return True
    begins, ends = _hours(window)
    there = now.astimezone(ZoneInfo(timezone if timezone and known(timezone) else window.timezone))
    clock, day = there.time(), there.weekday()
    if begins < ends:
        return begins <= clock < ends and DAYS[day] in window.days
    if clock >= begins:
        return DAYS[day] in window.days
    return clock < ends and DAYS[day - 1] in window.days


def _hours(window: Window) -> tuple[time, time]:
    try:
        begins, ends = (time.fromisoformat(part.strip()) for part in window.hours.split("-"))
    except ValueError:
        raise BadWindow(f"window: hours are written 22:00-05:00, not {window.hours!r}") from None
    if begins.tzinfo or ends.tzinfo:
        raise BadWindow("window: the time zone stands in timezone, not in hours")
    return begins, ends
