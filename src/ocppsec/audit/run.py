"""Runs checks one after the other, within limits, and turns what they found into a report.

What a check lacks, or nobody allowed, is `not tested` with the reason.  A check that breaks is a bug of ours: it
is `inconclusive` and says so, and it never counts as a pass.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import ocppsec
from ocppsec.audit.checks import ALL
from ocppsec.audit.checks.check import Check
from ocppsec.audit.finding import (
    Exchange,
    Finding,
    Need,
    Outcome,
    Report,
    Severity,
    inconclusive,
    not_tested,
)
from ocppsec.audit.lab import Lab, Operator, nobody
from ocppsec.audit.target import Target
from ocppsec.audit.wire import Ended, Wire

Progress = Callable[[Finding], None]


class NotReachable(Exception):  # noqa: N818  what it is
    """Nothing listens there, so there is nothing to audit."""


class UnknownCheck(ValueError):  # noqa: N818  what it is
    """--only or --skip name a check or an area there is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard an audit may be on the other side, and how long it may take."""

    pause: float = 0.1
    """Seconds between the beginnings of two connections."""
    patience: float = 10.0
    """Seconds to wait for an answer."""
    check_seconds: float = 240.0
    total_seconds: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Ids of checks or of areas.  No `only` means all."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def check_names(self, known: Sequence[Check[Any]]) -> None:
        """Raises `UnknownCheck`: a typo must not look like a passed audit."""
        names = {check.about.id for check in known} | {check.about.area for check in known}
        for name in (*self.only, *self.skip):
            if name not in names:
                raise UnknownCheck(f"there is no check and no area {name!r}")

    def __contains__(self, check: object) -> bool:
        assert isinstance(check, Check)
        names = {check.about.id, check.about.area}
        return bool(not self.only or names & set(self.only)) and not names & set(self.skip)


class Workplace(Protocol):
    """What the runner wants of a laboratory."""

    trail: list[Exchange]

    async def tidy(self) -> None: ...


Place = TypeVar("Place", bound=Workplace)


async def audit_csms(
    target: Target,
    *,
    limits: Limits | None = None,
    selection: Selection | None = None,
    operator: Operator = nobody,
    progress: Progress = lambda _finding: None,
) -> Report:
    """Audit the CSMS at *target*.  Raises `NotReachable`, `UnknownCheck`."""
    limits, selection = limits or Limits(), selection or Selection()
    selection.check_names(ALL)
    await _reach(target, limits)
    chosen = [check for check in ALL if check in selection]
    async with Lab(target, pause=limits.pause, patience=limits.patience, operator=operator) as lab:
        return await run(
            lab,
            chosen,
            subject=target.first.url,
            kind="csms",
            has=target.has,
            limits=limits,
            progress=progress,
        )


async def _reach(target: Target, limits: Limits) -> None:
    door = target.first
    try:
        wire = await Wire.dial(door.host, door.port, patience=limits.patience)
    except Ended as ended:
        raise NotReachable(f"{door.host}:{door.port}: {ended.how}") from ended
    wire.abort()


async def run(
    lab: Place,
    checks: Sequence[Check[Place]],
    *,
    subject: str,
    kind: str,
    has: Callable[[Need], bool],
    limits: Limits,
    progress: Progress = lambda _finding: None,
) -> Report:
    """Run *checks* and report in their order; they run in their turns."""
    loop = asyncio.get_running_loop()
    started, begun = datetime.now(UTC), loop.time()
    found: dict[str, Finding] = {}
    for check in sorted(checks, key=lambda one: one.turn):
        left = limits.total_seconds - (loop.time() - begun)
        finding = await _one(lab, check, has, seconds=min(limits.check_seconds, left))
        found[check.about.id] = finding
        progress(finding)
    return Report(
        subject=subject,
        kind=kind,
        findings=tuple(found[check.about.id] for check in checks),
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=round(loop.time() - begun, 3),
        version=ocppsec.__version__,
    )


async def _one(lab: Place, check: Check[Place], has: Callable[[Need], bool], *, seconds: float) -> Finding:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    lab.trail.clear()
    missing = [need.value for need in check.about.needs if not has(need)]
    if missing:
        outcome = not_tested("it takes " + "; ".join(missing))
    elif seconds <= 0:
        outcome = not_tested("the time for the whole audit was up")
    else:
        outcome = await _within(check.run(lab), seconds)
        await lab.tidy()
    return Finding(
        about=check.about,
        verdict=outcome.verdict,
        why=outcome.why,
        evidence=tuple(lab.trail),
        seconds=round(loop.time() - begun, 3),
    )


async def _within(running: Awaitable[Outcome], seconds: float) -> Outcome:
    try:
        async with asyncio.timeout(seconds):
            return await running
    except TimeoutError:
        return inconclusive(f"the check did not come to an end within {seconds:.0f} s")
    except Ended as ended:
        return inconclusive(f"the connection ended at a place nobody expected: {ended.how}")
    except Exception as error:  # noqa: BLE001  one check that breaks must not cost the others
        return inconclusive(f"a bug in this check: {type(error).__name__}: {error}"[:300])


def worst(report: Report) -> Severity | None:
    """Of the failures; None without one."""
    return report.failures[0].about.severity if report.failures else None
