"""When a certificate has to be renewed: after two thirds of its life, each a little earlier or later than others.

Without the spread a fleet that was commissioned in one week would renew in one hour for ever.  It follows from the
name it is given, so that nothing has to be remembered and every node comes to the same moment.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

AFTER = 2 / 3
"""Of the life.  A03 would have a station begin one month before the end of it."""
SPREAD = 1 / 20
"""Of the life, to both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """From when until when a certificate is valid."""

    begin: datetime
    end: datetime


def due(life: Life, now: datetime, *, spread: str | None = None) -> bool:
    return now >= renew_at(life, spread=spread)


def renew_at(life: Life, *, spread: str | None = None) -> datetime:
    """*spread* is a name, such as the station's: the same name always gets the same moment; None gets the middle."""
    share = AFTER if spread is None else AFTER + SPREAD * (2 * _fraction(spread) - 1)
    return life.begin + (life.end - life.begin) * share


def elapsed(life: Life, now: datetime) -> float:
    """The share of its life that is over: below 0 before it begins, above 1 after its end."""
    return (now - life.begin) / max(life.end - life.begin, timedelta(microseconds=1))


def _fraction(name: str) -> float:
    """From [0, 1), evenly."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
