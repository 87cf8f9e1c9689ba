"""Durations as people write them (``90s``, ``10m``, ``2h``, ``1d``), kept as seconds."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ocppsec.upgrades.plan import Deadlines

_DURATIONS: Final = {
    "wait": ("away", "charging", "answer"),
    "retry": ("pause",),
    "phases": ("soak",),
    "deadlines": Deadlines.__struct_fields__,
}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class BadDuration(ValueError):  # noqa: N818
    """Not a duration, or none that makes sense; says where."""


def in_seconds(given: Mapping[str, Any]) -> dict[str, Any]:
    """A plan as it was written, with numbers for durations; raises `BadDuration`."""
    read = dict(given)
    for part, names in _DURATIONS.items():
        if isinstance(inner := read.get(part), Mapping):
            read[part] = _seconds_of(inner, names, part)
        elif isinstance(inner, (list, tuple)):
            read[part] = [_seconds_of(one, names, part) for one in inner]
    return read


def _seconds_of(part: Any, names: tuple[str, ...], where: str) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {key: seconds(value, f"{where}: {key}") if key in names else value for key, value in part.items()}


def seconds(value: Any, where: str) -> float:
    """``10m`` → 600.0; raises `BadDuration`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number, size = float(value), 1
    elif isinstance(value, str) and (
        found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip(), re.ASCII)
    ):
        number, size = float(found[1]), _SECONDS[found[2]]
    else:
        raise BadDuration(f"{where} is a duration such as 90s, 10m, 2h or 1d")
    if not 0 <= number * size <= 366 * 86_400:
        raise BadDuration(f"{where} lies between 0 and 366 days")
    return number * size
