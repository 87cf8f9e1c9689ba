"""One campaign 1→3 over a fleet in which every manner is found, with trouble on the way, explained station by station."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from account import judge
from rig.expected import EXPECTED
from server import Server
from simulated import Fleets
from trouble import Troubles

PLAN = {
    "name": "fleet",
    "to": 3,
    "select": "all",
    "phases": [{"percent": 100}],
    "rate": {"per_minute": 3000, "in_flight": 400},
    "stop": {"failed_percent": 60, "at_least": 50, "lost": 1000},
    "wait": {"away": "3m"},
}
PATIENCE = 420.0
"""Seconds without any station coming to its end, before those under way are told to hang."""
STEPS = 30
"""Rows of the upgrade of one station for which all goes well."""
RETRIES = 3
"""A person asks so often for another try of those that an outage of ours made fail."""


@dataclass
class Told:
    """What a run has shown."""

    accounts: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)
    totals: dict = field(default_factory=dict)


def run(directory, *, size, each=1, troubles=None, seed=0, manners=None, say=print):
    """*troubles*: how often what befalls the server, see `trouble`."""
    told, server = Told(), Server(directory).start()
    trouble = Troubles(server, random.Random(seed), troubles or {}, say=say)
    fleet = Fleets(directory, size, each=each, **({} if manners is None else {"manners": manners}))
    able = [one.identity for one in fleet.members if one.label == "right"]
    try:
        server.register(fleet.passwords)
        fleet.start(server.up.door(1))
        until_there(server, able)
        before, floors = server.cpu, Floors()
        campaign = server.ask("POST", "/campaigns", PLAN)["id"]
        say(f"campaign {campaign} over {size} stations, {troubles or 'no trouble'}")
        drive(server, campaign, floors, say, trouble.look)
        retried = _retry(server, campaign, floors, fleet.manner_of, say)
        told.figures["cpu"] = server.cpu - before
        members = server.pages(f"/campaigns/{campaign}/stations", "stations")
        until_there(server, able)  # a kill may have been a moment ago
        stations = server.stations()
        shown = server.ask("GET", f"/campaigns/{campaign}")
        lived, crashed = fleet.end()
        told.accounts = judge(members, stations, lived, fleet.manner_of, outages=trouble.any)
        told.wrong = (
            floors.wrong
            + trouble.wrong
            + _rows(server)
            + server.damaged()
            + server.bugs(full=trouble.seen["full"] > 0)
            + crashed
        )
        told.totals = {
            "campaign": shown["status"],
            "stations": shown["stations"],
            "retried by a person": retried,
        }
        told.figures |= _figures(server, members, size, told.figures["cpu"]) | trouble.seen
    finally:
        fleet.end()
        server.stop()
    return told


def until_there(server, able):
    until = time.monotonic() + 600
    while True:
        stations = server.stations()
        away = [name for name in able if not (stations[name]["connection"] or {}).get("accepted")]
        if not away:
            return
        assert time.monotonic() < until, f"{len(away)} right stations have not come: {away[:5]}"
        time.sleep(0.2 + len(able) / 1000)  # asking for a thousand costs the server something too


class Floors:
    """Looked at again and again: none may fall."""

    def __init__(self):
        self._seen = {}
        self.wrong = []

    def look(self, stations):
        for identity, one in stations.items():
            if one["floor"] < self._seen.get(identity, 0):
                self.wrong.append(f"the floor of {identity} fell to {one['floor']}")
            self._seen[identity] = one["floor"]


def drive(server, campaign, floors, say, look=lambda share: False):
    """To its end; *look* is told how much of it is over, and says whether something befell the server then."""
    told, moved = None, time.monotonic()
    while True:
        shown = server.ask("GET", f"/campaigns/{campaign}")
        counts = {name: number for name, number in shown["stations"].items() if number}
        if counts != told:
            say(f"{time.strftime('%H:%M:%S')} {shown['status']} {counts}")
            told, moved = counts, time.monotonic()
        if look(_share(server, campaign, counts)):
            moved = time.monotonic()
            continue
        if shown["ended_at"] is not None:
            return
        assert shown["status"] not in ("stopped", "paused", "waiting"), (shown["status"], shown["reason"])
        if time.monotonic() - moved > PATIENCE:
            floors.wrong.append(f"the campaign has not come to its end: {counts}")
            return
        floors.look(server.stations())
        time.sleep(0.3)


def _share(server, campaign, counts):
    """How much of it is over: of its stations, or of the steps to profile 3, in which all may go at once."""
    size = sum(counts.values())
    over = sum(counts.get(name, 0) for name in ("done", "failed", "lost", "away", "skipped"))
    ((steps,),) = server.query("SELECT count(*) FROM upgrade_steps WHERE upgrade LIKE ?", f"{campaign}-%")
    return max(over / size, min(0.9, steps / size / STEPS))


def _retry(server, campaign, floors, manner_of, say):
    """How many tries a person had to ask for, of stations that can reach profile 3."""
    asked = 0
    for _ in range(RETRIES if not floors.wrong else 0):
        members = server.pages(f"/campaigns/{campaign}/stations", "stations")
        again = [
            one for one in members if one["status"] != "done" and EXPECTED[manner_of[one["identity"]]].able
        ]
        if not again:
            break
        for one in again:
            say(
                f"to be tried again: {one['identity']} ({manner_of[one['identity']]}) {one['status']}: {one['reason']}"
            )
        asked += len(again)
        server.ask("POST", f"/campaigns/{campaign}/retry")
        drive(server, campaign, floors, say)
    return asked


def _rows(server):
    """What must be true in the database whatever happened."""
    wrong = [
        f"{identity}: {count} certificates in force"
        for identity, count in server.query(
            "SELECT identity, count(*) FROM certificates WHERE state = 'active' GROUP BY identity"
        )
        if count > 1
    ]
    wrong += [
        f"{identity}: upgrade {name} is open still"
        for name, identity in server.query("SELECT id, identity FROM upgrades WHERE status = 'open'")
    ]
    wrong += [
        f"{identity}: {count} upgrades done"
        for identity, count in server.query(
            "SELECT identity, count(*) FROM upgrades WHERE status = 'done' GROUP BY identity"
        )
        if count > 1
    ]
    wrong += [
        f"{identity}: upgrade {name} failed without a reason"
        for name, identity in server.query(
            "SELECT id, identity FROM upgrades WHERE status = 'failed' AND reason = ''"
        )
    ]
    return wrong


def _figures(server, members, size, cpu):
    done = sorted(datetime.fromisoformat(one["ended_at"]) for one in members if one["status"] == "done")
    began = min(datetime.fromisoformat(one["began_at"]) for one in members if one["began_at"])
    most = done[: max(1, int(len(done) * 0.9))]
    minutes = (most[-1] - began).total_seconds() / 60
    rows = server.rows()
    return {
        "stations": size,
        "done": len(done),
        "per_minute": len(most) / minutes if minutes else 0.0,
        "cpu_per_station": cpu / size,
        "rows_per_station": sum(rows.values()) / size,
        "rows": dict(Counter(rows).most_common(12)),
        "bytes_per_station": server.database_bytes() / size,
    }
