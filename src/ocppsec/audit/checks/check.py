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
    last: bool = False
    """It wears out the patience of the other side, so it runs when everything else is done."""
    early: bool = False
    """It looks at a station that has not booted, so it runs before any that boots."""


def check(
    *, last: bool = False, early: bool = False, **about: Any
) -> Callable[[Callable[[Place], Awaitable[Outcome]]], Check[Place]]:
    """Make a check of a coroutine function; *about* are the fields of `About`."""
    described = About(**about)

    def made(run: Callable[[Place], Awaitable[Outcome]]) -> Check[Place]:
        return Check(about=described, run=run, last=last, early=early)

    return made
