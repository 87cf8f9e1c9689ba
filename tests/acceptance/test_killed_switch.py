"""kill -9 again and again while a station restarts: it meets closed doors, goes back, and is not blamed for it."""

import asyncio
import json

from rig.crew import Crew
from rig.server import Up, eventually

AWAITING_BOOT = "profile 2: wait for the station to boot on the new profile"
KILLS = 5
"""More than the three rounds that a station has of its own."""


class Switches:
    """Holds the station before it dials: for the kill, and, when the new profile failed twice, for the restart."""

    def __init__(self, identity, told):
        self.identity = identity
        self.told = told
        self.resets = 0
        self.kills = 0
        self.down = False

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "upgrade-stepped" and event["step"] == AWAITING_BOOT:
            self.resets += event["detail"].startswith("Reset")

    def refused(self):
        return sum(1 for what in self.told if what["event"] == "refused" and what["profile"] == 2)

    def may_go(self):
        if self.down:
            return self.refused() < 2 * self.kills
        return self.resets <= self.kills or self.kills == KILLS

    async def pace(self):
        if self.told and self.told[-1]["event"] == "disconnected":
            await asyncio.sleep(0.1)  # the log line is a moment behind the Reset
        while not self.may_go():
            await asyncio.sleep(0.02)


def test_killed_five_times_while_a_station_restarts(tmp_path):
    """Each time it tries the new profile while the process is not there, and boots on the old: in the end it is on 3."""
    identity = "CP-SWITCH"
    server, crew = Up(tmp_path / "state"), Crew(tmp_path / "flash")
    switches = Switches(identity, crew.told.setdefault(identity, []))
    server.on_line = switches.on_line
    try:
        server.start()
        crew.power_on(identity, url=server.door(1), password=server.add(identity), pace=switches.pace)
        eventually(lambda: crew.booted(identity, 1), within=60)
        upgrade = server.begin_upgrade(identity)
        for _ in range(KILLS):
            eventually(lambda: switches.resets > switches.kills, within=60)
            switches.kills += 1
            switches.down = True
            server.kill()
            eventually(lambda: switches.refused() == 2 * switches.kills, within=60)
            server.start()
            switches.down = False
        eventually(lambda: server.get(f"/upgrades/{upgrade}")["status"] != "open", within=90)
        ended = server.get(f"/upgrades/{upgrade}")
        station = server.station(identity)
    finally:
        crew.close()
        server.stop()

    assert ended["status"] == "done", (ended["reason"], ended["steps"])
    assert (station["floor"], station["observed"]) == (3, 3)
    excused = [step for step in ended["steps"] if "does not count" in step["detail"]]
    assert len(excused) == KILLS
