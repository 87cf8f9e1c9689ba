"""Stations on other people's stacks are taken from profile 1 to 3 by `ocppsec up`, and never let back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rig.server import eventually
from rig.wire import ask, basic, client_context, request, target

FOREIGN = Path(__file__).parent / "foreign"


def in_its_own_process(command, log):
    with log.open("w") as file:
        return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, text=True)


def told(log):
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


@pytest.mark.parametrize("family", ["ec", "rsa"])
def test_a_station_on_mobilityhouse_climbs_to_3_and_is_refused_on_1_and_2(up, identity, tmp_path, family):
    """A station built on `ocpp` and `websockets` is taken 1→2→3 by one command and refused on 1 and 2 afterwards."""
    password = up.add(identity, serial_number=f"SN{identity}"[:25])
    serial = up.station(identity)["serial_number"]
    secret = tmp_path / "password"
    secret.write_text(password)
    log = tmp_path / "station.log"
    command = [sys.executable, FOREIGN / "station_on_mobilityhouse.py", "--dir", tmp_path / "flash"]
    command += [
        "--identity",
        identity,
        "--serial",
        serial,
        "--url",
        up.door(1),
        "--password-file",
        secret,
        "--key",
        family,
    ]
    climbs(up, identity, password, command, log)


def test_a_station_that_tidies_up_late_climbs_to_3(up, crew, identity):
    """A station that drops its lower slots only a while after the boot (A05.FR.06) tells stale settings meanwhile."""
    password = up.add(identity)
    crew.power_on(identity, url=up.door(1), password=password, tidies_late=True)
    eventually(lambda: crew.booted(identity, 1))
    done = up.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "40")
    assert done.code == 0, done.err


@pytest.fixture(scope="session")
def ocpp_rpc(tmp_path_factory):
    """npm's `ocpp-rpc`, installed where it is missing; without node, npm or a registry there is no such judge."""
    return install_ocpp_rpc()


def test_a_station_on_ocpp_rpc_climbs_to_3_and_is_refused_on_1_and_2(up, identity, tmp_path, ocpp_rpc):
    """A station built on npm `ocpp-rpc` is taken 1→2→3 by one command and refused on 1 and 2 afterwards."""
    password = up.add(identity)
    secret = tmp_path / "password"
    secret.write_text(password)
    log = tmp_path / "station.log"
    command = [
        "node",
        FOREIGN / "station_on_ocpp_rpc.mjs",
        ocpp_rpc,
        tmp_path / "flash",
        identity,
        up.door(1),
        secret,
    ]
    climbs(up, identity, password, command, log)


def climbs(up, identity, password, command, log):
    station = in_its_own_process([str(part) for part in command], log)
    try:
        eventually(lambda: {"event": "booted", "profile": 1} in told(log), within=15)
        done = up.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "40")
        assert done.code == 0, (done, log.read_text())
        assert [event["profile"] for event in told(log) if event["event"] == "booted"] == [1, 2, 3]
        shown = up.station(identity)
        assert (shown["floor"], shown["observed"], shown["connection"]["profile"]) == (3, 3, 3)
        for profile, context in ((1, None), (2, client_context(up.root))):
            data = request(target(identity), authorization=basic(identity, password))
            answer = ask(up.door(profile), data, context=context)
            assert answer.status == 403, answer
            assert "profile-below-floor" in answer.body
        assert up.station(identity)["connection"]["profile"] == 3, "the attempts did not touch the connection"
    finally:
        station.terminate()
        station.wait(timeout=10)


def install_ocpp_rpc():
    """The folder that holds `node_modules`; kept in `.cache` for the next time."""
    import shutil

    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = Path(__file__).parents[2] / ".cache" / "ocpp-rpc"
    if (folder / "node_modules" / "ocpp-rpc" / "package.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        "ocpp-rpc@2.2.1",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install ocpp-rpc within 60 s")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install ocpp-rpc: {done.stderr.strip()[-200:]}")
    return folder
