"""A person lets a station have its certificate: through the installed command, with kill -9 while it waits."""

import subprocess

import pytest
from rig.server import eventually


@pytest.fixture
def asked(new_up, crew, identity):
    """A server where a person approves first certificates, and a foreign station on its way to profile 3."""
    server = new_up(variables={"OCPPSEC_CA__APPROVAL": "first"})
    server.start()
    password = server.add(identity, serial_number="SN-APPROVAL")
    station = crew.power_on(
        identity, url=server.door(1), password=password, serial="SN-APPROVAL", key_family="ec"
    )
    eventually(lambda: crew.booted(identity, 1), within=15)
    assert server.command("station", "upgrade", identity, "--to", "3").code == 0
    eventually(lambda: waiting(server), within=30)
    return server, station


def waiting(server):
    return server.command("csr", "list", "--in", "waiting", "--json").json["requests"]


def test_approved_behind_a_kill(asked, crew, identity, tmp_path):
    """It waits over a kill -9 and says so; what would be signed is shown with its rules; approved, it goes on at once."""
    server, _ = asked
    (request,) = waiting(server)
    server.kill()
    server.start()
    assert waiting(server) == [request]
    upgrade = server.get(f"/stations/{identity}/upgrades?limit=1")["upgrades"][0]
    assert f"ocppsec csr approve {request['id']}" in upgrade["step"]

    shown = server.command("csr", "show", request["id"])
    assert "CN=SN-APPROVAL" in shown.out
    assert "A00.FR.512" in shown.out
    csr = tmp_path / "request.pem"
    csr.write_text(server.command("csr", "show", request["id"], "--pem").out)
    verified = subprocess.run(
        ["openssl", "req", "-in", csr, "-verify", "-noout"], capture_output=True, text=True, check=True
    )
    assert "OK" in verified.stdout + verified.stderr

    approved = server.command("csr", "approve", request["id"])
    assert (approved.code, approved.out.split(":")[0]) == (0, "approved"), approved
    eventually(lambda: server.station(identity)["floor"] == 3, within=30)
    (kept,) = server.command("csr", "list", "--station", identity, "--json").json["requests"]
    (certificate,) = server.get(f"/stations/{identity}/certificates")["certificates"]
    assert (kept["state"], kept["fingerprint"]) == ("approved", certificate["fingerprint"])
    soon = server.command("cert", "list", "--expires-in", "100d", "--json").json["certificates"]
    assert [one["fingerprint"] for one in soon] == [certificate["fingerprint"]]
    assert server.command("cert", "list", "--expires-in", "1d", "--json").json["certificates"] == []
    assert server.command("cert", "list", "--expires-in", "soon").code == 2
    again = server.command("csr", "approve", request["id"])
    assert again.code == 2
    assert "it is approved" in again.err


def test_denied(asked, identity):
    """The upgrade ends with the person's words, nothing was signed, and its key is not certified later either."""
    server, _ = asked
    (request,) = waiting(server)
    denied = server.command("csr", "deny", request["id"], "--reason", "nobody ordered this one")
    assert denied.code == 0, denied
    eventually(lambda: server.get(f"/stations/{identity}/upgrades?limit=1")["upgrades"][0]["ended_at"])
    upgrade = server.get(f"/stations/{identity}/upgrades?limit=1")["upgrades"][0]
    assert upgrade["status"] == "failed"
    assert "a person denied it: nobody ordered this one" in upgrade["reason"]
    assert server.get(f"/stations/{identity}/certificates")["certificates"] == []
    assert server.command("csr", "approve", request["id"]).code == 2
    assert server.command("csr", "show", "0123456789abcdef").code == 5
