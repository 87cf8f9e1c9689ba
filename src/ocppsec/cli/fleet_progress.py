"""How a running fleet is shown: a table that changes in place on a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from ocppsec.cli.output import escaped
from ocppsec.station.fleet import Fleet
from ocppsec.station.ledger import Group, Report

if TYPE_CHECKING:
    from rich.table import Table

_TELL_SECONDS: Final = 0.5
_TELL_PLAINLY_SECONDS: Final = 5.0


class Show(Protocol):
    seconds: float

    def __call__(self, fleet: Fleet, report: Report) -> None: ...


class _Plain:
    """A line now and then, for logs."""

    seconds = _TELL_PLAINLY_SECONDS

    def __call__(self, fleet: Fleet, report: Report) -> None:
        total = report.total
        print(
            f"{report.seconds:7.1f} s  started {fleet.started}/{fleet.size}  connected {total.connected}"
            f"  let in {total.accepted}  refusals {sum(total.refused.values())}",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def progress() -> Iterator[Show]:
    """On a terminal a table that changes in place, on standard error."""
    if not sys.stderr.isatty():
        yield _Plain()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:

        class Shown:
            seconds = _TELL_SECONDS

            def __call__(self, fleet: Fleet, report: Report) -> None:
                live.update(table(fleet, report), refresh=True)

        yield Shown()


def table(fleet: Fleet, report: Report) -> "Table":
    from rich.table import Table

    title = f"{fleet.started} of {fleet.size} stations started, {report.seconds:.0f} s"
    shown = Table("MANNER", title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for heading in ("STATIONS", "CONNECTED", "LET IN", "REFUSALS"):
        shown.add_column(heading, justify="right")
    shown.add_column("MOST OFTEN", overflow="ellipsis", no_wrap=True)
    for label, group in report.manners.items():
        shown.add_row(escaped(label), *figures(group), escaped(most_frequent(group)))
    return shown


def figures(group: Group) -> tuple[str, ...]:
    figures = (group.stations, group.connected, group.accepted, sum(group.refused.values()))
    return tuple(str(figure) for figure in figures)


def most_frequent(group: Group) -> str:
    return next(iter(group.refused), "")
