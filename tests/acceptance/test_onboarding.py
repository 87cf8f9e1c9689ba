"""New stations and expired certificates, from outside: the installed command, a foreign station, openssl, kill -9."""

import json
import os
import signal
from datetime import timedelta

import pytest
from rig import certs
from rig.crew import Crew
from rig.s_client import s_client
from rig.server import Up, eventually

from ocppsec.profiles.record import CertificateState

KILLED_AT = ["came-in", "given-password", "on-its-own"]


class Killer:
    """Kills the server when its log tells that a new station has gone a step."""

    def __init__(self, server):
        self.server, self.step = server, None

    def on_line(self, line):
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "onboarding-stepped" and event["step"] == self.step:
            self.step = None
            os.kill(self.server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    directory = tmp_path_factory.mktemp("onboarding")
    server, crew = Up(directory / "state"), Crew(directory / "flash")
    killer = Killer(server)
    server.on_line = killer.on_line
    try:
        server.start()
        yield server, crew, killer
    finally:
        crew.close()
        server.stop()


def expect(server, identity, *more):
    done = server.command("onboarding", "add", identity, "--json", *more)
    assert done.code == 0, done
    return done.json


def stage(server, identity):
    return server.command("onboarding", "show", identity, "--json").json["stage"]


@pytest.mark.parametrize("step", KILLED_AT)
def test_a_new_station_gets_in_through_kill_9_at(scene, identity, step):
    """Killed when it has gone this step, and started again: it arrives, and no password is written anywhere."""
    server, crew, killer = scene
    password = expect(server, identity, "--by", "password", "--to", "2")["password"]
    killer.step = step

    station = crew.power_on(identity, url=server.door(1), password=password, serial=identity)
    server.await_death()
    server.start()

    eventually(lambda: stage(server, identity) == "done", within=60)
    crew.power_off(identity)
    eventually(lambda: server.station(identity)["connection"] is None)
    assert server.station(identity)["floor"] == 2
    own = station.flash.memory["password"]
    assert own != password
    assert not [one for one in server.why(identity)["attempts"] if one["reason"] == "wrong-password"]
    written = b"".join(path.read_bytes() for path in server.state.rglob("*") if path.is_file())
    for secret in (password, own):
        assert secret not in "".join(server.lines)
        assert secret.encode() not in written


def test_the_commands(scene, identity, tmp_path):
    """Import, list, show and remove, and what is refused says what to do."""
    server, _, _ = scene
    many = tmp_path / "many.csv"
    many.write_text(f"# identity,serial\n{identity}-a,SA-{identity}\n{identity}-b,SB-{identity}\n")

    first = server.command("onboarding", "import", str(many), "--by", "password", "--to", "1")
    again = server.command("onboarding", "import", str(many), "--by", "password", "--json")

    rows = [line.split(",") for line in first.out.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [
        (f"{identity}-a", f"SA-{identity}"),
        (f"{identity}-b", f"SB-{identity}"),
    ]
    assert all(len(row[1]) >= 16 for row in rows)
    assert again.json == {"expected": [], "already_registered": [f"{identity}-a", f"{identity}-b"]}
    assert f"{identity}-a" in server.command("onboarding", "list").out
    assert server.command("onboarding", "remove", f"{identity}-a").code == 0
    gone = server.command("onboarding", "show", f"{identity}-a")
    assert (gone.code, "Traceback" in gone.err) == (5, False), gone
    no = server.command("onboarding", "add", identity, "--by", "certificate", "--serial", "S")
    assert no.code == 2
    assert "[[manufacturers]]" in no.err
    never = server.command("station", "allow-expired", f"{identity}-b", "--for", "2h")
    assert never.code == 2
    assert "no certificate" in never.err


# -- expired certificates, judged by openssl ----------------------------------------------------------------
def request(identity):
    return (
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
    ).encode()


def test_expired_certificates_as_openssl_sees_them(openssl, house, tmp_path):
    """An alert before HTTP; with an allowance for one, 101 for it and 403 for everybody else; then the alert again."""
    there = house()
    for name in ("CP1", "CP2"):
        there.add(name, profile=3)
    state = CertificateState.ACTIVE
    files = {
        name: there.certificate_for(name, tmp_path, state=state, days=(-10, -1)) for name in ("CP1", "CP2")
    }

    def look(name):
        chain, key = files[name]
        options = ["-cert", chain, "-key", key]
        return s_client(openssl, there.door(3), *options, root=there.root, data=request(name), timeout=3)

    assert (look("CP1").alert, look("CP1").status) == (45, None)  # certificate_expired
    there.do(there.csms.allowances.give("CP1", timedelta(hours=1)))
    assert look("CP1").status == 101
    assert look("CP2").status == 403
    assert [one.reason for one in there.told("connection-refused")] == ["certificate-expired"]
    there.do(there.csms.allowances.withdraw("CP1"))
    assert (look("CP1").alert, look("CP1").status) == (45, None)


def test_a_ca_below_the_manufacturers_lets_nobody_in(openssl, house, tmp_path):
    """TLS would believe a chain through one more CA; what counts is who has signed the certificate itself."""
    from ocppsec.certificates.foreign_status import StatusPolicy, StatusRule
    from ocppsec.csms.anchors import Manufacturer

    maker, maker_key = certs.foreign_ca()
    below_key = certs.new_key()
    below = certs.sign(certs.name("Below"), below_key, maker, maker_key, usage=None, ca=True)
    rule = StatusRule(policy=StatusPolicy.OFF)
    there = house(manufacturers=(Manufacturer(name="maker", certificates=(maker,), rule=rule),))
    there.do(
        there.csms.onboarding.add(
            "CP1",
            way="certificate",
            serial_number="SN1",
            target=3,
            profile=1,
            time=timedelta(hours=1),
            connections=5,
        )
    )

    def look(issuer, issuer_key, name):
        key = certs.new_key()
        leaf = certs.sign(certs.name("SN1", "Maker"), key, issuer, issuer_key)
        chain, key_file = certs.save(tmp_path, name, leaf, key)
        more = tmp_path / f"{name}-more.pem"
        more.write_bytes(below.public_bytes(certs.serialization.Encoding.PEM))
        options = ["-cert", chain, "-key", key_file, "-cert_chain", more]
        return s_client(openssl, there.door(3), *options, root=there.root, data=request("CP1"), timeout=3)

    assert look(below, below_key, "below").status == 403
    assert there.told("connection-refused")[0].reason == "certificate-unknown"
    assert look(maker, maker_key, "direct").status == 101
