"""The audit of a station, from its first request to profile 3, in the only order that works."""

import contextlib
from collections.abc import Callable

from ocppsec.audit.checks.check import Check
from ocppsec.audit.finding import Finding, Outcome, Report, inconclusive
from ocppsec.audit.run import Limits, NotReachable, Progress, Selection, run
from ocppsec.audit.stations import contact, moving, new_roots, own, roots, servers, slots
from ocppsec.audit.stations.lab import NoStation, StationLab, Subject


def _guarded(check: Check[StationLab]) -> Check[StationLab]:
    """A station that went away leaves its check without a judgement, not without a report."""

    async def run_(lab: StationLab) -> Outcome:
        try:
            return await check.run(lab)
        except NoStation as gone:
            return inconclusive(str(gone))

    return Check(about=check.about, run=run_, turn=check.turn)


ALL: tuple[Check[StationLab], ...] = tuple(
    map(
        _guarded,
        (
            *contact.CHECKS,
            *slots.BEFORE,
            *roots.CHECKS,
            *slots.UPGRADE,
            *servers.CHECKS,
            *moving.CHECKS,
            *new_roots.CHECKS,
            *own.CHECKS,
            *slots.AFTER,
        ),
    )
)


async def audit_station(
    subject: Subject,
    *,
    limits: Limits | None = None,
    selection: Selection | None = None,
    ready: Callable[[StationLab], None] = lambda _lab: None,
    progress: Progress = lambda _finding: None,
) -> Report:
    """Listen, wait for the station, audit it.  *ready* is called when it may dial.

    Raises `NotReachable` when the station does not come, OSError for a port in use, `UnknownCheck`.
    """
    limits, selection = limits or Limits(patience=120.0), selection or Selection()
    selection.check_names(ALL)
    chosen = [check for check in ALL if check in selection]
    async with StationLab(subject, patience=limits.patience) as lab:
        ready(lab)
        if await lab.visit(lambda one: not one.failed, seconds=limits.patience) is None:
            raise NotReachable(f"{subject.identity} did not connect within {limits.patience:g} s")
        lab.look_again()
        report = await run(
            lab,
            chosen,
            subject=subject.identity,
            kind="station",
            has=subject.has,
            limits=limits,
            progress=progress,
        )
        with contextlib.suppress(NoStation):  # it is gone, and keeps what it has
            await lab.restore()
        return report


__all__ = ["ALL", "Finding", "audit_station"]
