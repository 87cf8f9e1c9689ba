"""kill -9 on the way from profile 3 to 2, when the floor has fallen."""

import asyncio
import json
import random
from datetime import UTC, datetime

from rig.server import Up, eventually

from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station

IDENTITY = "CP-DOWN"
RESETTING = "profile 2: restart the station when it is idle (Reset)"
ALLOW = {
    "attributeValue": "true",
    "component": {"name": "SecurityCtrlr"},
    "variable": {"name": "AllowSecurityProfileDowngrade"},
}


def ended(up, upgrade):
    eventually(lambda: up.get(f"/upgrades/{upgrade}")["status"] != "open", within=90)
    return up.get(f"/upgrades/{upgrade}")


class Victim:
    """Kills the server at the line of one step."""

    def __init__(self, up):
        self.up, self.armed = up, False
        up.on_line = self.on_line

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if self.armed and event.get("event") == "upgrade-stepped" and event["step"] == RESETTING:
            self.armed = False
            self.up._process.kill()


def story(up, station_is_there):
    """In a thread: up to 3, allowed, down, killed, started again."""
    victim = Victim(up)
    station_is_there()
    assert ended(up, up.begin_upgrade(IDENTITY))["status"] == "done"
    status, told = up.api(
        "POST",
        f"/stations/{IDENTITY}/calls",
        {"action": "SetVariables", "payload": {"setVariableData": [ALLOW]}},
    )
    assert (status, "Accepted" in told) == (200, True)
    victim.armed = True
    body = {"to": 2, "reason": "broken store", "by": "ops"}
    status, told = up.api("POST", f"/stations/{IDENTITY}/downgrades", body)
    assert status == 202, told
    up.await_death()
    up.start()
    lowered = ended(up, json.loads(told)["id"])
    found = up.station(IDENTITY)
    kept = up.get(f"/stations/{IDENTITY}/interventions")["interventions"]
    raised = ended(up, up.begin_upgrade(IDENTITY))
    return lowered, found, kept, raised, up.station(IDENTITY)


async def test_killed_on_the_way_down(tmp_path):
    """It goes on after the restart, ends on 2, with who and why for each fall of the floor, and climbs to 3 again."""
    up, loop = Up(tmp_path / "state"), asyncio.get_running_loop()
    await loop.run_in_executor(None, up.start)
    password = await loop.run_in_executor(None, up.add, IDENTITY)
    config = StationConfig(
        identity=IDENTITY,
        serial_number=IDENTITY,
        url=up.door(1),
        password=password,
        pace=0.05,
        traits=Traits(back_off_minimum=5, back_off_range=5, back_off_repeats=1),
    )
    station = Station(
        config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.Random(1).random
    )
    task = asyncio.create_task(station.run())
    try:
        accepted = lambda: eventually(lambda: station.accepted, within=60)  # noqa: E731
        lowered, found, kept, raised, after = await loop.run_in_executor(None, story, up, accepted)
    finally:
        station.stop()
        await asyncio.wait([task], timeout=20)
        await loop.run_in_executor(None, up.stop)

    assert lowered["status"] == "done", (lowered["reason"], lowered["steps"])
    assert (found["floor"], found["observed"]) == (2, 2)
    # Once more for each boot on 3 that took the floor up again in between.
    assert {(one["what"], one["by"], one["reason"]) for one in kept} == {
        ("lower-floor", "ops", "broken store")
    }
    assert raised["status"] == "done", (raised["reason"], raised["steps"])
    assert (after["floor"], after["observed"]) == (3, 3)
