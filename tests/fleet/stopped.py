"""A campaign that has to stop itself: a third of the stations fail, and the rule says after how many."""

import time

from raised import Told, until_there
from server import Server
from simulated import SimFleet

FAILS = "wrong-cn"
"""At the certificate request, so that the station has climbed to profile 2 before."""
MOST, IN_FLIGHT = 4, 5
PLAN = {
    "to": 3,
    "select": "all",
    "phases": [{"percent": 100}],
    "rate": {"per_minute": 3000, "in_flight": IN_FLIGHT},
    "stop": {"failed": MOST, "failed_percent": 100, "lost": 1000},
}
QUIET = 1.5
"""Seconds in which a campaign that has stopped would begin another station, if it did."""


def run(directory, *, size, say=print):
    told = Told()
    server = Server(directory).start()
    fleet = SimFleet(directory, size, each=size // 3, manners=(FAILS,))
    try:
        server.register([fleet.passwords])
        fleet.start(server.up.door(1))
        until_there(server, [member.identity for member in fleet.members])
        campaign = server.ask("POST", "/campaigns", PLAN)["id"]
        shown = _settled(server, campaign)
        say(f"{shown['status']}: {shown['reason']}: {shown['stations']}")
        time.sleep(QUIET)
        after = server.ask("GET", f"/campaigns/{campaign}")
        told.wrong = _wrong(
            shown, after, server.stations(), server.pages(f"/campaigns/{campaign}/stations", "stations")
        )
        told.totals = {"reason": shown["reason"], "stations": shown["stations"]}
        server.ask("POST", f"/campaigns/{campaign}/abort")
    finally:
        fleet.end()
        server.stop()
    return told


def _settled(server, campaign):
    """Stopped, and nothing under way any more."""
    until = time.monotonic() + 300
    while True:
        shown = server.ask("GET", f"/campaigns/{campaign}")
        if shown["status"] == "stopped" and not shown["stations"]["running"] + shown["stations"]["starting"]:
            return shown
        assert shown["ended_at"] is None, f"it should have stopped itself: {shown['status']}"
        assert time.monotonic() < until, shown
        time.sleep(0.1)


def _wrong(shown, after, stations, members):
    counts, wrong = shown["stations"], []
    if not MOST <= counts["failed"] <= MOST - 1 + IN_FLIGHT:
        wrong.append(f"{counts['failed']} failed; the rule says {MOST}, and {IN_FLIGHT} may be under way")
    if after["stations"] != counts:
        wrong.append(f"it went on: {counts}, then {after['stations']}")
    if not counts["pending"]:
        wrong.append("nobody was spared")
    wrong += [
        f"{one['identity']} had no turn, and its floor is {stations[one['identity']]['floor']}"
        for one in members
        if one["status"] == "pending" and stations[one["identity"]]["floor"] != 1
    ]
    return wrong
