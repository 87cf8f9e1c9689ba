"""Figures of several rounds as one table and one JSON document."""

import json
import platform
import ssl
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measures import Measure, Size

_PACKAGES = ("ocppsec", "picows", "aiofastnet", "msgspec", "jsonschema-rs", "ocpp", "websockets", "uvloop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measure, all rounds; figures at the same place were taken right after one another."""

    measure: Measure
    ours: tuple[float, ...]
    peer: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        return tuple(map(self.measure.ratio, self.ours, self.peer))

    @property
    def fulfilled(self) -> bool:
        return self.measure.fulfilled(statistics.median(self.ours), statistics.median(self.peer))

    @property
    def aim(self) -> str:
        aims = []
        if self.measure.at_most is not None:
            aims.append(f"≤ {self.measure.at_most:g} {self.measure.unit}")
        if self.measure.times_peer is not None:
            aims.append(f"≥ {self.measure.times_peer:g} × peer")
        return ", ".join(aims)


def spread(figures: Sequence[float]) -> float:
    """From lowest to highest, as a part of the median."""
    return (max(figures) - min(figures)) / statistics.median(figures)


def show(results: Sequence[Result], console: Console) -> None:
    table = Table(title="ocppsec against ocpp + websockets (medians; ± is half of lowest to highest)")
    table.add_column("measure")
    table.add_column("unit")
    for name in ("ocppsec", "peer", "times better"):
        table.add_column(name, justify="right")
    table.add_column("aim")
    table.add_column("")
    for result in results:
        table.add_row(
            result.measure.says,
            result.measure.unit,
            _figure(result.ours),
            _figure(result.peer),
            _figure(result.ratios),
            result.aim,
            "kept" if result.fulfilled else "MISSED",
        )
    console.print(table)


def _figure(figures: Sequence[float]) -> str:
    median = statistics.median(figures)
    digits = 0 if median >= 100 else 1 if median >= 10 else 2
    return f"{median:,.{digits}f} ±{spread(figures) * 50:.0f} %"


def document(
    results: Sequence[Result], *, size: Size, peer: str, at: datetime, load: tuple[float, float]
) -> dict[str, Any]:
    """*load* is the machine's load average before and after."""
    return {
        "at": at.isoformat(),
        "machine": _machine(load),
        "peer": peer,
        "packages": {name: version(name) for name in _PACKAGES},
        "size": {name: getattr(size, name) for name in size.__slots__},
        "measures": {result.measure.name: _row(result) for result in results},
    }


def _machine(load: tuple[float, float]) -> Mapping[str, Any]:
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "load_average_before": load[0],
        "load_average_after": load[1],
    }


def _row(result: Result) -> dict[str, Any]:
    return {
        "says": result.measure.says,
        "unit": result.measure.unit,
        "aim": result.aim,
        "fulfilled": result.fulfilled,
        "ours": {"median": statistics.median(result.ours), "rounds": list(result.ours)},
        "peer": {"median": statistics.median(result.peer), "rounds": list(result.peer)},
        "times_better": {"median": statistics.median(result.ratios), "rounds": list(result.ratios)},
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
