"""``python -m benchmarks``: all measures, ours and the peer in turn; prints a table and writes JSON."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import fleet, report
from benchmarks.measures import FULL, MEASURES, QUICK, Bench, Measure
from benchmarks.report import Result

_RESULTS = Path(__file__).parent / "results"


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one small round: under a minute, figures are rough"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="ours and the peer in turn, N times each")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the JSON goes (benchmarks/results/…)"
    )
    names = [measure.name for measure in MEASURES]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}"
    )
    parser.add_argument(
        "--peer",
        choices=("default", "tuned"),
        default="default",
        help="tuned: validation on the event loop instead of ocpp's thread pool, which costs the peer less CPU",
    )
    return parser.parse_args(arguments)


def rounds_of(bench: Bench, measure: Measure, other: str, console: Console) -> Result:
    figures = list(_in_turn(bench, measure, other, console))
    return Result(
        measure=measure,
        ours=tuple(ours for ours, _ in figures),
        peer=tuple(peer for _, peer in figures),
    )


def _in_turn(bench: Bench, measure: Measure, other: str, console: Console) -> Iterator[tuple[float, float]]:
    for number in range(bench.size.rounds):
        ours = measure.once(bench, "ours")
        peer = measure.once(bench, other)
        ratio = measure.ratio(ours, peer)
        console.print(
            f"{measure.name} {number + 1}: ours {ours:,.1f}, peer {peer:,.1f}, {ratio:.2f} times better"
        )
        yield ours, peer


def main(arguments: Sequence[str]) -> int:
    """0 when it could be measured, whatever the figures are."""
    chosen = options(arguments)
    size = QUICK if chosen.quick else FULL
    if chosen.rounds is not None:
        size = replace(size, rounds=max(1, chosen.rounds))
    measures = [measure for measure in MEASURES if not chosen.only or measure.name in chosen.only]
    other = "tuned" if chosen.peer == "tuned" else "peer"
    began, load = datetime.now(UTC), os.getloadavg()[0]
    console = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="ocppsec-bench-") as name:
        directory = Path(name)
        stations = asyncio.run(fleet.create(directory / "fleet", size.idle))
        bench = Bench(directory=directory, fleet=stations, size=size)
        results = [rounds_of(bench, measure, other, console) for measure in measures]
    report.show(results, Console(highlight=False, width=None if sys.stdout.isatty() else 130))
    path = chosen.json or _RESULTS / f"{began:%Y-%m-%dT%H%M%SZ}.json"
    report.write(
        path, report.document(results, size=size, peer=chosen.peer, at=began, load=(load, os.getloadavg()[0]))
    )
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
