"""kill -9 of the CSMS at each step of what a campaign does at one station, then a restart: it ends, and tells the truth.

The kill comes with the step's line in the log.  The station is a foreign one, and judges by what it has in its flash.
"""

import json
import os
import signal

import pytest
from cryptography.hazmat.primitives import serialization
from rig.certs import foreign_ca
from rig.crew import Crew
from rig.server import Up, eventually
from rig.wire import ask, basic, request, target

STATION = "KILLED"
PLAN = ("--set", "phases=[{percent=100}]", "--set", "rate.per_minute=6000")


class Killer:
    """Kills the server when the log says that an errand has come to a step."""

    def __init__(self, server):
        self.server, self.step = server, None

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "errand-stepped" and event["step"] == self.step:
            self.step = None
            os.kill(self.server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    directory = tmp_path_factory.mktemp("killed-campaigns")
    server, crew = Up(directory / "state"), Crew(directory / "flash")
    killer = Killer(server)
    server.on_line = killer.on_line
    try:
        server.start()
        password = server.add(STATION)
        station = crew.power_on(STATION, url=server.door(1), password=password)
        eventually(lambda: there(server), within=30)
        yield server, killer, station
    finally:
        crew.close()
        server.stop()


def there(server):
    connection = server.station(STATION)["connection"]
    return connection is not None and connection["accepted"]


def knock(server, password):
    """What the door says to who has this password: 101 or a refusal."""
    opening = request(target(STATION), authorization=basic(STATION, password))
    return ask(server.door(1), opening).status


def through_a_kill(scene, step, *plan):
    """Begin the campaign, be killed at *step*, start again; the campaign's one station when it has ended."""
    server, killer, _ = scene
    eventually(lambda: there(server), within=40)
    killer.step = step
    begun = server.command("campaign", "start", "--select", "all", *PLAN, *plan, "--json")
    assert begun.code == 0, begun
    campaign = f"/campaigns/{begun.json['id']}"
    server.await_death()
    server.start()
    eventually(lambda: server.get(campaign)["status"] != "running", within=90)
    assert server.get(campaign)["status"] == "done", server.get(campaign)
    (member,) = server.get(f"{campaign}/stations")["stations"]
    (evidence,) = server.get(f"{campaign}/evidence")["stations"]
    return member, evidence["evidence"]


@pytest.mark.parametrize("step", ["sending", "answered", "sent away"])
def test_a_rotation_survives_kill_9_at(scene, step):
    """The station has a new password and is in with it; the one before is dead, whatever the kill left open."""
    server, _, station = scene
    before = station.flash.memory.get("password", station.password)
    member, evidence = through_a_kill(scene, step, "--kind", "passwords")

    assert (member["status"], member["tries"]) == ("done", 1), member
    assert evidence["steps"][-2]["step"] == "proven"
    eventually(lambda: there(server), within=40)
    after = station.flash.memory["password"]
    assert after != before
    assert knock(server, before) == 401
    assert knock(server, after) == 101


@pytest.mark.parametrize("step", ["install"])
def test_a_root_survives_kill_9_at(scene, step, tmp_path):
    """The station has the root, once; that it shows it is what counts."""
    _, _, station = scene
    certificate, _ = foreign_ca()
    file = tmp_path / "root.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    member, _ = through_a_kill(scene, step, "--kind", "install-root", "--root", str(file))

    assert (member["status"], member["tries"]) == ("done", 1), member
    assert [root for root in station.flash.roots if root == certificate] == [certificate]
