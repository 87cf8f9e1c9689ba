"""The same with a real process and a real kill -9: `ocppsec up` is killed again and again during a campaign."""

import asyncio
import random
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))

from rig.server import Up

from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station

PLAN = {
    "to": 3,
    "select": "all",
    "phases": [{"stations": 3}, {"percent": 100}],
    "rate": {"per_minute": 600, "in_flight": 25},
    # A station that meets closed doors three times in a row goes back to its old slot: that is no fault of it.
    "stop": {"failed_percent": 100},
    "retry": {"failed": 10, "pause": "2s"},
    "wait": {"away": "5m"},
}
PATIENCE = 700.0
"""Longer than an upgrade waits for a boot: a Reset may be lost with the connection it came on."""


async def run(seed, directory, *, stations, kills):
    """What is wrong in the end; empty when all stations are on profile 3, each by one upgrade that was done."""
    dice, loop = random.Random(seed), asyncio.get_running_loop()
    up = Up(directory / "state", variables={"OCPPSEC_LOG__LEVEL": "warning"})
    await loop.run_in_executor(None, up.start)
    identities = [f"CP{number:04}" for number in range(stations)]
    fleet = [await loop.run_in_executor(None, _station, up, identity) for identity in identities]
    tasks = [asyncio.create_task(station.run()) for station in fleet]
    try:
        await asyncio.gather(*(station.until(lambda one: one.accepted, timeout=60) for station in fleet))
        campaign = (await _api(up, "POST", "/campaigns", PLAN))["id"]
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.1, 1.2))
            await loop.run_in_executor(None, up.kill)
            await loop.run_in_executor(None, up.start)
        until = time.monotonic() + PATIENCE
        while (shown := await _api(up, "GET", f"/campaigns/{campaign}"))["ended_at"] is None:
            if time.monotonic() >= until:
                return await _where_it_hangs(up, campaign)
            if shown["status"] in ("stopped", "waiting", "paused"):
                failed = (await _api(up, "GET", f"/campaigns/{campaign}/stations?status=failed"))["stations"]
                reasons = [f"{one['identity']} failed: {one['reason']}" for one in failed]
                return [f"the campaign stands still: {shown['status']}, {shown['reason']}", *reasons]
            await asyncio.sleep(0.5)
    finally:
        for station in fleet:
            station.stop()
        await asyncio.wait(tasks, timeout=20)
        await loop.run_in_executor(None, up.stop)
    died = [f"a station died: {task.exception()!r}" for task in tasks if task.done() and task.exception()]
    return [*died, *_judge(shown, stations), *_rows(directory / "state" / "ocppsec.db")]


async def _where_it_hangs(up, campaign):
    """Each upgrade that is still under way, with its step: what a reader needs first."""
    running = (await _api(up, "GET", f"/campaigns/{campaign}/stations?status=running"))["stations"]
    found = [await _api(up, "GET", f"/upgrades/{one['upgrade']}") for one in running]
    told = [
        f"{one['identity']} hangs at: {one['step']}, deadline {one['deadline']}; {one['steps'][-6:]}"
        for one in found
    ]
    return ["the campaign has not come to its end", *told]


def _station(up, identity):
    config = StationConfig(
        identity=identity,
        serial_number=f"SN-{identity}",
        url=up.door(1),
        password=up.add(identity, serial_number=f"SN-{identity}"),
        pace=0.05,
        traits=Traits(back_off_minimum=5, back_off_range=5, back_off_repeats=1),
    )
    return Station(config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.random)


async def _api(up, method, path, body=None):
    import json

    loop = asyncio.get_running_loop()
    status, text = await loop.run_in_executor(None, lambda: up.api(method, path, body))
    assert status < 400, text
    return json.loads(text)


def _judge(shown, stations):
    done = shown["stations"]["done"]
    return [] if done == stations else [f"{done} of {stations} are done: {shown['stations']}"]


def _rows(database):
    """One upgrade of each station that was done, one certificate in force, floor 3."""
    connection = sqlite3.connect(database)
    wrong = [
        f"{identity}: {count} upgrades done"
        for identity, count in connection.execute(
            "SELECT identity, sum(status = 'done') FROM upgrades GROUP BY identity"
        )
        if count != 1
    ]
    wrong += [
        f"{identity}: floor {floor}"
        for identity, floor in connection.execute("SELECT identity, floor FROM stations")
        if floor != 3
    ]
    wrong += [
        f"{identity}: {count} certificates in force"
        for identity, count in connection.execute(
            "SELECT identity, count(*) FROM certificates WHERE state = 'active' GROUP BY identity"
        )
        if count != 1
    ]
    connection.close()
    return wrong
