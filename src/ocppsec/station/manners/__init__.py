"""Misbehaviour by name: what stations in the field do, and what attackers and bad firmware do.

A manner is a sentence and a few lines that change a `Conduct` in one place; several go together, applied in the
order they are named.  `MANNERS` has them all, `docs/reference/manners.md` is made from it.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from ocppsec.station.conduct import Conduct
from ocppsec.station.manners import (
    answers,
    certificates,
    connections,
    credentials,
    kinds,
    requests,
    unfinished,
    wording,
)
from ocppsec.station.manners.manner import Kind, Manner

__all__ = ["MANNERS", "Kind", "Manner", "UnknownManner", "with_manners"]

_MODULES: Final = (kinds, answers, wording, connections, unfinished, credentials, certificates, requests)
MANNERS: Final[Mapping[str, Manner]] = MappingProxyType(
    {value.name: value for module in _MODULES for value in vars(module).values() if isinstance(value, Manner)}
)


class UnknownManner(ValueError):  # noqa: N818
    """The message names those that sound alike."""

    def __init__(self, name: str) -> None:
        alike = get_close_matches(name, MANNERS, n=3)
        super().__init__(f"no manner is called {name}" + (f": {' or '.join(alike)}?" if alike else ""))


def with_manners(right: Conduct, names: Iterable[str]) -> Conduct:
    """*right*, changed by each manner in turn; raises `UnknownManner`."""
    for name in names:
        if name not in MANNERS:
            raise UnknownManner(name)
        right = MANNERS[name].alter(right)
    return right
