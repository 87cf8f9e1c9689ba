"""What a simulated station costs: ``python -m benchmarks.fleet_sim [--stations N] [--profile 1|3 …]``.

The fleet of ``ocppsec sim fleet``, in a process of its own, against our own server in another.  Memory is what the
process grew by for each station that is connected, booted and idle; CPU is its own, for dialling to boot and then
for doing nothing.
"""

import argparse
import asyncio
import ctypes
import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks import fleet as fleets
from benchmarks.fleet import Fleet as Members
from benchmarks.processes import child, resident_kib
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.config import FactoryCertificate
from ocppsec.station.fleet import Fleet, Kind
from ocppsec.station.ledger import Report
from ocppsec.station.members import Member

_WARM_UP = 32
_LONGEST_SECONDS = 600.0
_SETTLING_SECONDS = 2.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    fleet: str
    url: str
    profile: int
    count: int
    ramp: float
    idle_seconds: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    profile: int
    stations: int
    kib_each: float
    """Memory for each station: connected, booted, idle."""
    boot_ms_each: float
    """CPU from dialling to the accepted boot, all the messages after it included."""
    idle_percent: float
    """Of one core, for all of them together, while nothing happens but the pings."""
    seconds: float
    """Until all were let in."""
    boot_p50_ms: float
    boot_p99_ms: float


# -- inside: the process that is measured -------------------------------------------------------------------
def _members(made: Members, profile: int) -> list[Member]:
    return [
        Member(
            identity=one.identity,
            serial_number=one.identity,
            password=one.password or None,
            certificate=_certificate(made, one.certificate) if one.certificate else None,
        )
        for one in made.of_profile(profile)
    ]


def _certificate(made: Members, name: str) -> FactoryCertificate:
    key, begin, chain = (made.directory / name).read_text().partition("-----BEGIN CERTIFICATE-----")
    return FactoryCertificate(chain_pem=begin + chain, key_pem=key.encode())


async def measured(job: Job) -> Figures:
    made = fleets.load(Path(job.fleet))
    members = _members(made, job.profile)
    kind = Kind(url=job.url, profile=SecurityProfile(job.profile), roots=(made.root.read_text(),))
    await _held(Fleet(kind, members[:_WARM_UP]), _WARM_UP, ramp=None)
    base = _lean_kib()
    fleet = Fleet(kind, members[: job.count])
    cpu, began = time.process_time(), time.monotonic()
    running = asyncio.create_task(fleet.run(ramp=job.ramp))
    await _all_in(fleet, job.count)
    seconds = time.monotonic() - began
    await asyncio.sleep(_SETTLING_SECONDS)
    boot = time.process_time() - cpu
    gc.collect()
    held = resident_kib(os.getpid())
    idle = await _idle_percent(job.idle_seconds)
    report: Report = fleet.report()
    fleet.stop()
    await running
    return Figures(
        profile=job.profile,
        stations=job.count,
        kib_each=(held - base) / job.count,
        boot_ms_each=1000 * boot / job.count,
        idle_percent=idle,
        seconds=seconds,
        boot_p50_ms=report.boot.p50,
        boot_p99_ms=report.boot.p99,
    )


async def _held(fleet: Fleet, count: int, *, ramp: float | None) -> None:
    running = asyncio.create_task(fleet.run(ramp=ramp))
    await _all_in(fleet, count)
    fleet.stop()
    await running


async def _all_in(fleet: Fleet, count: int) -> None:
    async with asyncio.timeout(_LONGEST_SECONDS):
        while (total := fleet.report().total).accepted < count:
            if total.crashed:
                raise RuntimeError(f"stations crashed: {total.crashed}")
            await asyncio.sleep(0.25)


async def _idle_percent(seconds: float) -> float:
    cpu = time.process_time()
    await asyncio.sleep(seconds)
    return 100 * (time.process_time() - cpu) / seconds


def _lean_kib() -> int:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident_kib(os.getpid())


def inside() -> None:
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    figures = uvloop.run(measured(job))
    print(json.dumps(msgspec.to_builtins(figures)), flush=True)
    sys.stdin.readline()


# -- outside ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    profile: int
    stations: int


def once(directory: Path, made: Members, wanted: Wanted, *, ramp: float, idle_seconds: float) -> Figures:
    state = directory / f"state-{wanted.profile}"
    made.copy_to(state)
    with child("benchmarks.server_ours", [str(state)], directory / "server.log") as server:
        job = Job(
            fleet=str(made.directory),
            url=server.hear()["urls"][str(wanted.profile)],
            profile=wanted.profile,
            count=wanted.stations,
            ramp=ramp,
            idle_seconds=idle_seconds,
        )
        with child("benchmarks.fleet_sim", ["--inside"], directory / "fleet.log") as process:
            process.say(msgspec.json.encode(job).decode())
            return msgspec.convert(process.hear(), Figures)


def show(figures: Sequence[Figures], console: Console) -> None:
    table = Table(
        "profile",
        "stations",
        "KiB each",
        "CPU ms to boot",
        "idle, % of a core",
        "all in after",
        "p50/p99 boot",
    )
    for one in figures:
        table.add_row(
            str(one.profile),
            f"{one.stations:,}",
            f"{one.kib_each:.1f}",
            f"{one.boot_ms_each:.2f}",
            f"{one.idle_percent:.1f}",
            f"{one.seconds:.0f} s",
            f"{one.boot_p50_ms:.0f}/{one.boot_p99_ms:.0f} ms",
        )
    console.print(table)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet_sim", description=__doc__)
    parser.add_argument("--stations", type=int, default=5000, metavar="N", help="on profile 1 (5000)")
    parser.add_argument("--mutual", type=int, default=1000, metavar="N", help="on profile 3 (1000)")
    parser.add_argument("--ramp", type=float, default=200, metavar="N", help="started each second (200)")
    parser.add_argument("--idle", type=float, default=20, metavar="S", help="seconds of doing nothing (20)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.inside:
        inside()
        return 0
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    runs = [Wanted(profile=1, stations=chosen.stations), Wanted(profile=3, stations=chosen.mutual)]
    with tempfile.TemporaryDirectory(prefix="ocppsec-fleet-") as name:
        directory = Path(name)
        size = max(run.stations for run in runs)
        made = asyncio.run(fleets.create(directory / "fleet", size))
        figures = [
            once(directory, made, run, ramp=chosen.ramp, idle_seconds=chosen.idle)
            for run in runs
            if run.stations
        ]
    show(figures, Console(highlight=False, width=None if sys.stdout.isatty() else 110))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
