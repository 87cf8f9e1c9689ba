"""Points in time as the wire spells them: strict when we write, patient when we read."""

import re
from datetime import UTC, datetime

# LESSONS, stations in the field, 8: with and without fractions, with and without offsets.
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,12}))?(?:([Zz])|([+-]\d\d):?(\d\d))?",
)


def to_wire(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds (Part 2, time format: at most three decimals).  *moment* must be aware."""
    if moment.utcoffset() is None:
        raise ValueError("a point in time without an offset means nothing on the wire")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_wire(text: str) -> datetime:
    """The moment in UTC; without an offset it is taken as UTC.  Raises ValueError for what is no point in time."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError("not a date-time")
    day, clock, fraction, _, hours, minutes = match.groups()
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{fraction or '0':0<6}{offset}")
        return moment.astimezone(UTC)
    except OverflowError as beyond:  # year 1 or 9999, moved over the edge by its offset
        raise ValueError("not a date-time") from beyond
