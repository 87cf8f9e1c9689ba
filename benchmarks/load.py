"""The load: many stations in one process, the same program whoever the server is.

``python -m benchmarks.load`` reads a `Job` as JSON from one line of standard input and gives one JSON line.  The
CPU of the server is read here, at the very moments the counting starts and ends.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from benchmarks import fleet as fleets
from benchmarks.fleet import Fleet, Member
from benchmarks.frames import CALLS, INVALID, Message, heartbeats
from benchmarks.processes import cpu_seconds
from benchmarks.station import Dialler, Failed, Station

_DIALLING_AT_ONCE = 16
_WARM_UP_SECONDS = 0.5
_WARM_UP_CONNECTIONS = 32
_LONGEST_SECONDS = 15.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    fleet: str
    url: str
    profile: int
    server: int
    """Process id."""
    kind: str
    """``connect``, ``idle`` or one of `frames.CALLS`."""
    count: int
    """Of connections: to make in all, to hold, or to speak on."""
    cpu_seconds: float = 0.0
    """How much of the server's CPU to use up with speaking."""


@dataclass(slots=True)
class Tally:
    """What was done while the server's clock ran."""

    server: int
    done: int = 0
    _cpu: float = 0.0
    _wall: float = 0.0

    def start(self) -> None:
        self.done = 0
        self._cpu, self._wall = cpu_seconds(self.server), time.monotonic()

    def stop(self) -> dict[str, float]:
        cpu, wall = cpu_seconds(self.server) - self._cpu, time.monotonic() - self._wall
        return {"done": self.done, "cpu_seconds": cpu, "seconds": wall}


async def connects(job: Job, dialler: Dialler, members: tuple[Member, ...]) -> dict[str, float]:
    """Connect, boot, close; again and again."""
    tally = Tally(job.server)
    await _each(islice(cycle(members), _WARM_UP_CONNECTIONS), dialler, tally)
    tally.start()
    await _each(islice(cycle(members), job.count), dialler, tally)
    await asyncio.sleep(0.2)  # what the server does behind the last one
    return tally.stop()


async def _each(members: Any, dialler: Dialler, tally: Tally) -> None:
    async def one_after_another() -> None:
        for member in members:
            station = await dialler.connect_and_boot(member)
            await station.close()
            tally.done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_DIALLING_AT_ONCE):
            group.create_task(one_after_another())


async def calls(job: Job, dialler: Dialler, members: tuple[Member, ...]) -> dict[str, float]:
    """Every station asks, waits for the answer, asks again."""
    stations = await _connected(dialler, members[: job.count])
    await _require_validation(stations[0], INVALID[job.kind])
    tally = Tally(job.server)
    messages = CALLS[job.kind]()
    over = False

    async def ask(station: Station, first: int) -> None:
        for message in cycle([*messages[first:], *messages[:first]]):
            await station.ask(message)
            tally.done += 1
            if over:
                return

    async with asyncio.TaskGroup() as group:
        for number, station in enumerate(stations):
            group.create_task(ask(station, number % len(messages)))
        await asyncio.sleep(_WARM_UP_SECONDS)
        tally.start()
        result = await _when_used_up(tally, job.cpu_seconds)
        over = True
    await _close(stations)
    return result


async def _when_used_up(tally: Tally, cpu_seconds: float) -> dict[str, float]:
    """A busy machine makes it last longer; the figure then still stands on as much CPU."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while True:
        await asyncio.sleep(0.05)
        result = tally.stop()
        if result["cpu_seconds"] >= cpu_seconds or time.monotonic() > deadline:
            return result


async def _require_validation(station: Station, invalid: Message) -> None:
    answer = await station.tell(invalid)
    if not answer.startswith(b"[4,"):
        raise Failed(f"this server does not validate: {answer.decode(errors='replace')}")


async def _connected(dialler: Dialler, members: Sequence[Member]) -> list[Station]:
    stations: list[Station] = []
    waiting = iter(members)

    async def some() -> None:
        stations.extend([await dialler.connect_and_boot(member) for member in waiting])

    async with asyncio.TaskGroup() as group:
        for _ in range(_DIALLING_AT_ONCE):
            group.create_task(some())
    return stations


async def _close(stations: Sequence[Station]) -> None:
    await asyncio.gather(*(station.close() for station in stations))


async def idle(job: Job, dialler: Dialler, members: tuple[Member, ...]) -> None:
    """Connect a few and let them go, so that what is loaded once is loaded; then hold *count* for a while."""
    await _close(await _connected(dialler, members[:_WARM_UP_CONNECTIONS]))
    await _reported({"held": 0})
    stations = await _connected(dialler, members[: job.count])
    for station in stations:
        await station.ask(heartbeats()[0])
    await _reported({"held": len(stations)})
    await _close(stations)


async def _reported(message: dict[str, Any]) -> None:
    """Say it and wait for the word to go on."""
    print(json.dumps(message), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def main() -> None:
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    fleet: Fleet = fleets.load(Path(job.fleet))
    members = fleet.of_profile(job.profile)
    dialler = Dialler(fleet, job.url, members[: job.count] if job.kind != "connect" else members)
    if job.kind == "idle":
        await idle(job, dialler, members)
    elif job.kind == "connect":
        print(json.dumps(await connects(job, dialler, members)), flush=True)
    else:
        print(json.dumps(await calls(job, dialler, members)), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
