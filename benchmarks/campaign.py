"""What a campaign costs: ``python -m benchmarks.campaign [--stations N ...]``.

`ocppsec up` and `ocppsec sim fleet` as a user starts them, right stations alone, one campaign 1→3 as fast as the plan
lets it.  CPU is the server's own for the whole campaign; rows and bytes are what its database grew by.  The ratio of
several sizes in one run says whether a station costs the same in a large campaign as in a small one.
"""

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import cpu_seconds

_OCPPSEC = Path(sys.executable).with_name("ocppsec")
_PLAN = {
    "to": 3,
    "select": "all",
    "phases": [{"percent": 100}],
    "rate": {"per_minute": 6000, "in_flight": 100},
}
_LONGEST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    stations: int
    per_minute: float
    """From the first begun to nine tenths of them done: the last few may wait for a retry."""
    cpu_ms: float
    """Of the server, for each station."""
    fleet_cpu_ms: float
    rows: float
    kib: float


# -- processes ----------------------------------------------------------------------------------------------
@contextmanager
def _process(*arguments: str | Path, log: Path, **more: Any) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as errors:
        started = subprocess.Popen([_OCPPSEC, *arguments], stderr=errors, text=True, **more)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGINT)
        started.wait(timeout=60)


class _Server:
    def __init__(self, state: Path, pid: int) -> None:
        self.state = state
        self.pid = pid

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        address = json.loads((self.state / "api.json").read_text())
        request = urllib.request.Request(
            f"{address['url']}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {address['token']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())

    def rows(self) -> int:
        with closing(self._database()) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            return sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables)

    def kib(self) -> float:
        """Of the pages in use, with what is still in the write-ahead log."""
        with closing(self._database()) as database:
            size, pages = (
                database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count")
            )
            return float(size * pages / 1024)

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.state / 'ocppsec.db'}?mode=ro", uri=True)


# -- one size -----------------------------------------------------------------------------------------------
def measured(directory: Path, stations: int) -> Figures:
    members = directory / "stations.csv"
    members.write_text("".join(f"CS{n:05},secret-of-station-{n:05}\n" for n in range(stations)))
    state = directory / "state"
    ports = [f"--{name}-port=0" for name in ("ws", "wss", "mtls", "api")]
    up = ("up", "--json", "--state", state, *ports)
    with _process(*up, log=directory / "up.log", stdout=subprocess.PIPE) as server_process:
        assert server_process.stdout is not None
        url = json.loads(server_process.stdout.readline())["doors"]["1"]
        server = _Server(state, server_process.pid)
        subprocess.run(
            [_OCPPSEC, "station", "import", members, "--state", state], check=True, capture_output=True
        )
        sim = ("sim", "fleet", "--url", url, "--passwords", members, "--pace", "0.1")
        with _process(*sim, log=directory / "fleet.log", stdout=subprocess.DEVNULL) as fleet:
            _until(lambda: _connected(server) == stations, "all connected")
            return _campaign(server, fleet.pid, stations)


def _campaign(server: _Server, fleet: int, stations: int) -> Figures:
    rows, kib = server.rows(), server.kib()
    cpu, fleet_cpu = cpu_seconds(server.pid), cpu_seconds(fleet)
    campaign = server.ask("POST", "/campaigns", _PLAN)["id"]
    _until(lambda: server.ask("GET", f"/campaigns/{campaign}")["ended_at"] is not None, "the campaign over")
    cpu, fleet_cpu = cpu_seconds(server.pid) - cpu, cpu_seconds(fleet) - fleet_cpu
    members = list(_members(server, campaign))
    done = sorted(datetime.fromisoformat(one["ended_at"]) for one in members if one["status"] == "done")
    if len(done) < stations:
        raise SystemExit(
            f"{stations - len(done)} stations did not arrive: {[one for one in members if one['status'] != 'done'][:3]}"
        )
    most = done[: max(1, stations * 9 // 10)]
    began = min(datetime.fromisoformat(one["began_at"]) for one in members)
    return Figures(
        stations=stations,
        per_minute=60 * len(most) / (most[-1] - began).total_seconds(),
        cpu_ms=1000 * cpu / stations,
        fleet_cpu_ms=1000 * fleet_cpu / stations,
        rows=(server.rows() - rows) / stations,
        kib=(server.kib() - kib) / stations,
    )


def _members(server: _Server, campaign: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = server.ask("GET", f"/campaigns/{campaign}/stations?limit=500{cursor}")
        yield from page["stations"]
        if page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


def _connected(server: _Server) -> int:
    cursor, found = "", 0
    while True:
        page = server.ask("GET", f"/stations?limit=500{cursor}")
        found += sum(bool(one["connection"] and one["connection"]["accepted"]) for one in page["stations"])
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def _until(found: Any, what: str) -> None:
    until = time.monotonic() + _LONGEST_SECONDS
    while not found():
        if time.monotonic() > until:
            raise SystemExit(f"not within {_LONGEST_SECONDS:g} s: {what}")
        time.sleep(0.5)


# -- all of it ----------------------------------------------------------------------------------------------
def show(found: Sequence[Figures], console: Console) -> None:
    table = Table(title="a campaign from profile 1 to 3, for each station")
    for heading in (
        "stations",
        "a minute",
        "CPU of the server",
        "against the first",
        "of the fleet",
        "rows",
        "KiB",
    ):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(
            f"{one.stations:,}",
            f"{one.per_minute:,.0f}",
            f"{one.cpu_ms:.0f} ms",
            f"{one.cpu_ms / found[0].cpu_ms:.2f}",
            f"{one.fleet_cpu_ms:.0f} ms",
            f"{one.rows:.1f}",
            f"{one.kib:.1f}",
        )
    console.print(table)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.add_argument("--stations", type=int, nargs="+", default=[50, 200], metavar="N")
    chosen = parser.parse_args(arguments)
    found = []
    for stations in chosen.stations:
        with tempfile.TemporaryDirectory(prefix="ocppsec-bench-") as name:
            found.append(measured(Path(name), stations))
        print(found[-1], file=sys.stderr, flush=True)
    show(found, Console(highlight=False, width=None if sys.stdout.isatty() else 110))
    print(f"load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
