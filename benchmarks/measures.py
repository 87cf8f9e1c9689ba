"""The five measures.  Each starts a server, has it worked on once, and gives one figure."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.fleet import Fleet
from benchmarks.load import Job
from benchmarks.processes import Child, child, resident_kib

SERVERS = {
    "ours": ("benchmarks.server_ours",),
    "peer": ("benchmarks.server_peer",),
    "tuned": ("benchmarks.server_peer", "--inline"),
}
_SETTLING_SECONDS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a run does."""

    idle: int
    connects: int
    speakers: int
    cpu_seconds: float
    rounds: int


FULL = Size(idle=500, connects=1000, speakers=50, cpu_seconds=2.0, rounds=3)
QUICK = Size(idle=200, connects=200, speakers=50, cpu_seconds=0.5, rounds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    process: Child
    urls: dict[int, str]
    """Profile to door."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Starts one server on a fresh copy of the fleet, and the load against it."""

    directory: Path
    fleet: Fleet
    size: Size

    def memory(self, which: str) -> float:
        """KiB for each idle station of profile 3."""
        with self._server(which) as server, self._load(server, 3, "idle", self.size.idle) as load:
            load.hear()
            before = _settled(server.process, "lean")
            load.say("go on")
            held = int(load.hear()["held"])
            after = _settled(server.process, "collect")
            load.say("go on")
            return (after - before) / held

    def connects(self, which: str, profile: int) -> float:
        """Connections with boot and orderly end for each CPU second of the server."""
        return self._per_cpu_second(which, profile, "connect", self.size.connects)

    def calls(self, which: str, kind: str) -> float:
        """Answered CALLs on profile 3 for each CPU second of the server."""
        return self._per_cpu_second(which, 3, kind, self.size.speakers)

    def _per_cpu_second(self, which: str, profile: int, kind: str, count: int) -> float:
        with self._server(which) as server, self._load(server, profile, kind, count) as load:
            heard = load.hear()
            return float(heard["done"] / heard["cpu_seconds"])

    @contextmanager
    def _server(self, which: str) -> Iterator[Server]:
        state = self.directory / "state"
        self.fleet.copy_to(state)
        try:
            module, *more = SERVERS[which]
            with child(module, [str(state), *more], self.directory / f"{which}.log") as process:
                urls = {int(profile): url for profile, url in process.hear()["urls"].items()}
                yield Server(process=process, urls=urls)
        finally:
            shutil.rmtree(state)

    @contextmanager
    def _load(self, server: Server, profile: int, kind: str, count: int) -> Iterator[Child]:
        job = Job(
            fleet=str(self.fleet.directory),
            url=server.urls[profile],
            profile=profile,
            server=server.process.pid,
            kind=kind,
            count=count,
            cpu_seconds=self.size.cpu_seconds,
        )
        with child("benchmarks.load", [], self.directory / "load.log") as process:
            process.say(msgspec.json.encode(job).decode())
            yield process


def _settled(server: Child, how: str) -> int:
    """The base is taken lean, the end is not: heap that connecting left behind counts against the server."""
    time.sleep(_SETTLING_SECONDS)
    server.say(how)
    server.hear()
    return resident_kib(server.pid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    name: str
    says: str
    unit: str
    once: Callable[[Bench, str], float]
    less_is_better: bool = False
    at_most: float | None = None
    """What our own figure has to keep (issue 2, "Done when" 6)."""
    times_peer: float | None = None
    """How many times the peer's figure ours has to be."""

    def ratio(self, ours: float, peer: float) -> float:
        """How many times better we are than the peer."""
        return peer / ours if self.less_is_better else ours / peer

    def fulfilled(self, ours: float, peer: float) -> bool:
        kept = self.at_most is None or ours <= self.at_most
        return kept and (self.times_peer is None or self.ratio(ours, peer) >= self.times_peer)


MEASURES = (
    Measure(
        name="memory",
        says="memory per idle mTLS station",
        unit="KiB",
        once=Bench.memory,
        less_is_better=True,
        at_most=60.0,
    ),
    Measure(
        name="connect-1",
        says="connect + boot, profile 1",
        unit="per CPU second",
        once=lambda bench, which: bench.connects(which, 1),
        times_peer=1.0,
    ),
    Measure(
        name="connect-3",
        says="connect + boot, profile 3",
        unit="per CPU second",
        once=lambda bench, which: bench.connects(which, 3),
        times_peer=1.0,
    ),
    Measure(
        name="heartbeat",
        says="Heartbeat over mTLS",
        unit="per CPU second",
        once=lambda bench, which: bench.calls(which, "heartbeat"),
        times_peer=4.0,
    ),
    Measure(
        name="transaction",
        says="TransactionEvent over mTLS",
        unit="per CPU second",
        once=lambda bench, which: bench.calls(which, "transaction"),
        times_peer=4.0,
    ),
)
