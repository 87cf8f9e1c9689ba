"""The audit of a station, from its first request to profile 3, in the only order that works."""

import contextlib
from collections.abc import Callable

from ocppsec.audit.checks.check import Check
from ocppsec.audit.finding import About, Finding, Outcome, Report, Severity, inconclusive, not_tested
from ocppsec.audit.run import Limits, NotReachable, Progress, Selection, run
from ocppsec.audit.stations import contact, own, roots, servers, slots
from ocppsec.audit.stations.lab import NoStation, StationLab, Subject

_LATER = {
    "slots.fallback": (
        "It falls back to the second slot after NetworkProfileConnectionAttempts",
        "TC_B_46_CS",
    ),
    "slots.new-root": (
        "A migration to a server under a new root keeps the old root until it worked",
        "TC_B_47_CS",
    ),
    "slots.recovery": ("All slots exhausted, it returns to the last that worked", "TC_B_49_CS"),
    "connection.back-off": ("It waits longer after each failed connection", "TC_B_57_CS"),
    "certificate.asks-again": ("It repeats SignCertificate with doubled waits", "TC_A_23_CS"),
    "roots.signed-by-old": (
        "A new root has to be signed by the old one where that is switched on",
        "TC_M_09_CS",
    ),
}


def _later(name: str, title: str, test: str) -> Check[StationLab]:
    async def run_(lab: StationLab) -> Outcome:  # noqa: ARG001
        return not_tested("this audit does not look at it yet")

    about = About(id=name, title=title, severity=Severity.MEDIUM, remedy="", tests=(test,))
    return Check(about=about, run=run_)


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
            *own.CHECKS,
            *slots.AFTER,
            *(_later(name, *words) for name, words in _LATER.items()),
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
