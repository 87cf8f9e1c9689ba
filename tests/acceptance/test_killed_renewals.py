"""kill -9 of the CSMS at each step of a renewal, then a restart: the station has its new certificate, and one only.

The kill comes with the step's line in the log.  The station is a foreign one.
"""

import json
import os
import signal

import pytest
from rig.crew import Crew
from rig.fixtures import raised
from rig.server import Up, eventually

STEPS = [
    "asks the station for a request",
    "waits for SignCertificate",
    "signs",
    "delivers the certificate",
    "waits for a connection with the new certificate",
]


class Killer:
    """Kills the server when the log says that the renewal has entered a step."""

    def __init__(self, server):
        self.server, self.step = server, None

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "renewal-stepped" and event["step"] == self.step:
            self.step = None
            os.kill(self.server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    directory = tmp_path_factory.mktemp("killed-renewals")
    server, crew = Up(directory / "state"), Crew(directory / "flash")
    killer = Killer(server)
    server.on_line = killer.on_line
    try:
        server.start()
        station = raised(server, crew, "ec")

        def power_on():
            crew.power_on(
                station.identity, url=server.door(1), password=station.password, serial=station.serial
            )

        def power_cycle():
            crew.power_off(station.identity)
            eventually(lambda: server.station(station.identity)["connection"] is None)
            power_on()
            eventually(lambda: server.station(station.identity)["connection"] is not None, within=15)

        power_on()
        eventually(lambda: server.station(station.identity)["connection"] is not None, within=15)
        yield server, killer, station.identity, power_cycle
    finally:
        crew.close()
        server.stop()


def ledger(server, identity):
    found = server.get(f"/stations/{identity}/certificates")["certificates"]
    return {one["fingerprint"]: one["standing"] for one in found}


@pytest.mark.parametrize("step", STEPS)
def test_a_renewal_survives_kill_9_at(scene, step):
    """Killed when it stands at this step, and started again: proven by a handshake, one certificate in force."""
    server, killer, identity, power_cycle = scene
    eventually(lambda: server.station(identity)["connection"] is not None, within=20)
    before = ledger(server, identity)
    killer.step = step

    server.command("cert", "renew", identity)  # its answer may be lost in the kill
    server.await_death()
    server.start()

    cycled = []

    def done():
        newest = server.get(f"/stations/{identity}/renewals?limit=1")["renewals"][0]
        waiting = newest["step"] == STEPS[-1] and server.station(identity)["connection"] is not None
        if waiting and not cycled:
            cycled.append(True)  # once: it is to be heard on the new connection, which then counts
            power_cycle()  # this station does not reconnect by itself for a new certificate
        return not newest["open"]

    eventually(done, within=90)
    (renewal,) = server.get(f"/stations/{identity}/renewals?limit=1")["renewals"]
    after = ledger(server, identity)
    active = [fingerprint for fingerprint, standing in after.items() if standing == "active"]
    assert renewal["step"] == "done", renewal
    assert len(active) == 1
    assert active[0] not in before
    assert after[renewal["fingerprint"]] == "superseded"
