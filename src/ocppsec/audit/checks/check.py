"""A check: what is known of it, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ocppsec.audit.finding import About, Outcome

Place = TypeVar("Place")
"""What the check works with: a laboratory for CSMSs or one for stations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[Place]):
    about: About
    run: Callable[[Place], Awaitable[Outcome]]
    turn: int = 0
    """When it runs.  Below 0 come those that need a station as it is at first, above 0 those after which it is not
    as it was: patience worn out, a certificate revoked."""


def check(*, turn: int = 0, **about: Any) -> Callable[[Callable[[Place], Awaitable[Outcome]]], Check[Place]]:
    """Make a check of a coroutine function; *about* are the fields of `About`."""
    described = About(**about)

    def made(run: Callable[[Place], Awaitable[Outcome]]) -> Check[Place]:
        return Check(about=described, run=run, turn=turn)

    return made
