"""A root rollover under `ocppsec up`, with foreign stations, judged by openssl, killed in every phase.

The stations are somebody else's: one verifies its own certificate against the roots it has, as EVerest does.
"""

import http.client
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from rig.crew import Crew
from rig.s_client import s_client
from rig.server import Up, eventually

PHASES = ["distribute", "serve", "issue", "alone"]


class Killer:
    """Kills the server when the log says that something was entered; each place once."""

    def __init__(self, server, places):
        self.server, self.places = server, list(places)

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        for place in self.places:
            if all(event.get(name) == value for name, value in place.items()):
                self.places.remove(place)
                os.kill(self.server.pid, signal.SIGKILL)
                return


class Scene:
    """A server that is killed and comes back, and stations that do not care."""

    def __init__(self, directory):
        self.server, self.crew = Up(directory / "state"), Crew(directory / "flash")
        self.stations = {}
        self.killer = Killer(self.server, [])
        self.server.on_line = self.killer.on_line
        self.server.start()

    def add(self, identity, to):
        password = self.server.add(identity, serial_number=f"SN-{identity}")
        self.stations[identity] = self.crew.power_on(
            identity, url=self.server.door(1), password=password, serial=f"SN-{identity}"
        )
        eventually(lambda: self.crew.booted(identity, 1), within=20)
        done = self.server.command(
            "station", "upgrade", identity, "--to", str(to), "--wait", "--timeout", "60"
        )
        assert done.code == 0, done

    def alive(self):
        """Start the server again when it was killed."""
        if self.server._process.poll() is not None:
            self.server.await_death()
            self.server.start()

    def next(self, phase, **more):
        """Into that phase; again when the server died of it: what it said is lost, what it did is not."""
        while True:
            self.alive()
            try:
                return self.server.api("POST", "/ca/rollovers/current/next", {"to": phase, **more})
            except (OSError, http.client.HTTPException):
                continue

    def get(self, path):
        """What the API says, whoever kills the server meanwhile."""
        while True:
            self.alive()
            try:
                return self.server.get(path)
            except (OSError, http.client.HTTPException):
                continue

    def phase(self):
        (newest,) = self.get("/ca/rollovers?limit=1")["rollovers"]
        return newest["phase"]

    def go_to(self, phase):
        """The next phase, by name: who repeats it after a kill goes no phase further."""
        eventually(lambda: not self.get("/ca/rollovers/current")["in_the_way"], within=60)
        status, text = self.next(phase)
        assert (status, self.phase()) == (200, phase), text

    def roots(self, identity):
        return sorted(root.subject.rfc4514_string() for root in self.stations[identity].flash.roots)

    def verifies(self, openssl, name):
        """Whether s_client, with that root alone, accepts what the door of profile 2 serves."""
        while True:
            self.alive()
            root = self.server.state / f"{name}.pem"
            seen = s_client(openssl, self.server.door(2), root=root, data=b"GET / HTTP/1.0\r\n\r\n")
            if "Server certificate" in seen.text:  # else it was killed: s_client calls nothing verified, too
                return seen.verified

    def connected(self):
        return all(self.get(f"/stations/{identity}")["connection"] is not None for identity in self.stations)


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    yield scene
    scene.crew.close()
    scene.server.stop()


def subject_of(path):
    done = subprocess.run(
        ["openssl", "x509", "-in", path, "-noout", "-subject", "-nameopt", "RFC2253"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().removeprefix("subject=").strip()


def test_a_rollover_survives_kill_9_in_every_phase(scene, openssl):
    """Nobody is refused on the way; in the end the stations have the new root alone, and openssl agrees."""
    server = scene.server
    scene.add("TWO", 2)
    scene.add("THREE", 3)
    old = Path(server.ready["root_certificate"]).read_text()
    (server.state / "old.pem").write_text(old)
    scene.killer.places += [  # one in each phase: as it begins, or in the middle of its work
        {
            "event": "rollover-stepped",
            "identity": "TWO",
            "step": "installs the new root (InstallCertificate)",
        },
        {"event": "rollover-moved", "phase": "serve"},
        {"event": "renewal-stepped", "identity": "THREE", "step": "delivers the certificate"},
        {"event": "rollover-moved", "phase": "alone"},
        {"event": "rollover-stepped", "identity": "TWO", "step": "deletes the old root (DeleteCertificate)"},
        {"event": "rollover-moved", "phase": "conclude"},
    ]

    assert server.api("POST", "/ca/rollovers", {})[0] == 201
    new = server.state / "new.pem"
    new.write_text((server.state / "ca" / "next" / "root.pem").read_text())
    verified = {}
    for phase in PHASES:
        scene.go_to(phase)
        eventually(scene.connected, within=30)
        verified[phase] = {name for name in ("old", "new") if scene.verifies(openssl, name)}
    eventually(lambda: not scene.get("/ca/rollovers/current")["in_the_way"], within=60)
    assert scene.next("withdraw")[0] == 400  # from there is no way back
    scene.next("withdraw", confirmed=True)
    eventually(lambda: scene.phase() == "done", within=60)
    ended = scene.server.command("ca", "rotate", "status", "--wait")
    assert (ended.code, "the new root is in force" in ended.out) == (0, True)

    assert scene.killer.places == []
    assert verified == {
        "distribute": {"old"},
        "serve": {"old", "new"},
        "issue": {"old", "new"},
        "alone": {"new"},
    }
    wanted = subject_of(new)
    assert {identity: scene.roots(identity) for identity in scene.stations} == {
        identity: [wanted] for identity in scene.stations
    }
    eventually(scene.connected, within=30)
    assert server.events("connection-refused") == []
    # What THREE shows leads to the new root, and the files of the server's CA are the new ones.
    chain = scene.stations["THREE"].flash.chain_file
    done = subprocess.run(
        [openssl, "verify", "-CAfile", new, "-untrusted", chain, chain],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert (server.state / "ca" / "root.pem").read_text() == new.read_text()
    assert not list((server.state / "ca").rglob("past/*/root.key"))
    # The list of the CA before is still to be had, and openssl reads who signed it.
    kept = server.state / "ca" / "past"
    assert len(list(kept.rglob("stations.key"))) == 1
    trust = server.command("trust", "THREE", "--ask", "--json").json["stations"][0]
    assert [root["role"] for root in trust["roots"]] == ["in force"]


def test_who_never_got_the_root_is_named_and_the_way_back_is_short(scene, openssl):
    """Exit code, name and reason; then served in spite of it, seen to fail, and taken back."""
    server = scene.server
    scene.add("HERE", 2)
    scene.add("AWAY", 2)
    scene.crew.power_off("AWAY")
    eventually(lambda: server.station("AWAY")["connection"] is None)
    assert server.command("ca", "rotate", "next").code == 2  # nothing has begun
    assert server.command("ca", "rotate", "begin").code == 0
    assert server.command("ca", "rotate", "next").code == 0
    eventually(lambda: server.get("/ca/rollovers/current")["in_the_way"] == 1, within=20)

    refused = server.command("ca", "rotate", "next")
    assert refused.code != 0
    assert "AWAY" in refused.err
    assert "not connected" in refused.err
    shown = server.command("ca", "rotate", "status")
    assert (shown.code, "HERE" in shown.out, "AWAY" in shown.out) == (0, False, True)

    assert server.command("ca", "rotate", "next", "--except", "AWAY").code == 0
    for phase in ("issue", "alone"):
        assert scene.next(phase)[0] == 200
    # It has the old root alone, and meets the new one without the cross certificate.  Its TLS sends no alert.
    scene.crew.power_on(
        "AWAY", url=server.door(2), password=scene.stations["AWAY"].password, serial="SN-AWAY"
    )
    eventually(lambda: "at the door: " in failed(server, "AWAY"), within=20)
    assert server.command("ca", "rotate", "back").code == 0
    eventually(lambda: server.station("AWAY")["connection"] is not None, within=20)
    assert server.command("ca", "rotate", "abort").code == 0
    eventually(lambda: scene.phase() == "aborted", within=30)
    assert scene.roots("HERE") == scene.roots("AWAY") == [subject_of(server.root)]


def failed(server, identity):
    stations = server.get("/ca/rollovers/current/stations")["stations"]
    return next(one["reason"] for one in stations if one["identity"] == identity)
