"""The simulator as it is installed, against `ocppsec up`: a station that is killed, a fleet, a list of manners."""

import json
import signal
import stat
import subprocess
import time
from contextlib import contextmanager

import pytest
from rig.server import OCPPSEC, environment, eventually

from ocppsec.station.manners import MANNERS


class Simulated:
    """`ocppsec sim run --json`, and what it told."""

    def __init__(self, directory, identity, *arguments):
        self._out = directory / f"{identity}.out"
        self._directory = directory
        with self._out.open("a") as out:
            self.process = subprocess.Popen(
                [OCPPSEC, "sim", "run", "--json", "--identity", identity, *arguments],
                stdout=out, stderr=subprocess.STDOUT, env=environment(XDG_STATE_HOME=str(directory)),
            )  # fmt: skip

    def told(self, happening):
        lines = [
            json.loads(line) for line in self._out.read_text().splitlines(keepends=True) if line[-1] == "\n"
        ]
        return [line for line in lines if line["happening"] == happening]

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


@contextmanager
def simulated(directory, identity, *arguments):
    station = Simulated(directory, identity, *arguments)
    try:
        yield station
    finally:
        if station.process.poll() is None:
            station.end(signal.SIGKILL)


def test_a_station_that_is_killed_goes_on_where_it_was(up, identity, tmp_path):
    """kill -9 on profile 3: key, certificate, root and slots are there, and nothing of it is for others to read."""
    (tmp_path / "pw").write_text(up.add(identity))
    arguments = ["--url", up.door(1), "--password-file", tmp_path / "pw", "--state", tmp_path / "memory"]
    with simulated(tmp_path, identity, *arguments) as station:
        eventually(lambda: station.told("Booted"), within=20)
        done = up.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "40")
        assert done.code == 0, done
        assert station.end(signal.SIGKILL) == -signal.SIGKILL
        before = len(station.told("Booted"))
    kept = list((tmp_path / "memory").iterdir())
    assert {path.suffix for path in kept} == {".json", ".key"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    with simulated(tmp_path, identity, *arguments) as station:
        eventually(lambda: len(station.told("Booted")) > before, within=20)
        booted = station.told("Booted")[-1]
        assert (booted["profile"], booted["status"], booted["reason"]) == (3, "Accepted", "PowerUp")
        assert station.told("Dialling")[-1]["url"].startswith(up.door(3))
        assert station.end(signal.SIGTERM) == 0


def fleet(*arguments, cwd, timeout=60):
    return subprocess.run(
        [OCPPSEC, "sim", "fleet", *arguments],
        capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd, env=environment(),
    )  # fmt: skip


def test_a_fleet_is_imported_and_run(up, identity, tmp_path):
    """From one file: registered, connected, cut off and back; with one manner for a part, told apart in the report."""
    names = [f"{identity}-{number}" for number in range(20)]
    (tmp_path / "stations.csv").write_text("".join(f"{name},password-of-{name}\n" for name in names))
    assert up.command("station", "import", tmp_path / "stations.csv").out == "20 stations are registered\n"
    done = fleet(
        "--url", up.door(1), "--passwords", "stations.csv", "--ramp", "200", "--storm", "2", "--duration", "5",
        "--pace", "0.05", "--manner", "wrong-serial-at-boot=10%", "--json", "--report", "report.json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert {name: group["stations"] for name, group in report["manners"].items()} == {
        "right": 18,
        "wrong-serial-at-boot": 2,
    }
    assert report["manners"]["right"]["accepted"] == 18
    (storm,) = report["storms"]
    assert (storm["cut"] >= 18, storm["back"]) == (True, storm["cut"])
    assert 400 < storm["recovery"]["p50"] < 3000  # ten seconds and more, at a twentieth of their length
    assert "password-of" not in done.stdout + done.stderr


def test_a_storm_comes_when_it_is_asked_for(up, identity, tmp_path):
    """SIGUSR1 breaks every connection of a running fleet, as often as it is sent; Ctrl-C ends it with its report."""
    (tmp_path / "stations.csv").write_text("".join(f"{identity}-{n},password-of-{n:05}\n" for n in range(3)))
    assert up.command("station", "import", tmp_path / "stations.csv").code == 0
    running = subprocess.Popen(
        [OCPPSEC, "sim", "fleet", "--url", up.door(1), "--passwords", tmp_path / "stations.csv", "--pace", "0.01", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        for _ in range(2):
            eventually(lambda: all(up.station(f"{identity}-{n}")["connection"] for n in range(3)), within=20)
            running.send_signal(signal.SIGUSR1)
            time.sleep(1)
        running.send_signal(signal.SIGINT)
        report = json.loads(running.communicate(timeout=20)[0])
    finally:
        running.kill()
    assert running.returncode == 0
    assert [(storm["cut"], storm["back"]) for storm in report["storms"]] == [(3, 3), (3, 3)]


def test_a_fleet_that_is_not_let_in_fails(up, identity, tmp_path):
    """Exit code 1, with the words of the CSMS."""
    done = fleet(
        "--url", up.door(1), "--count", "2", "--prefix", f"{identity}-nobody-", "--password-pattern", "x" * 16,
        "--duration", "1", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert "2 x 404 unknown-station" in done.stdout
    assert "not every station without a manner was let in" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--manner", "tls-11"], "no manner is called tls-11: tls-1.1", id="an unknown manner"),
        pytest.param(["--passwords", "nowhere"], "nowhere cannot be read", id="a missing file"),
    ],
)
def test_a_wrong_option_is_told(tmp_path, arguments, words):
    """Exit code 2, and no station has started."""
    done = fleet("--url", "ws://127.0.0.1:1/ocpp", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_damaged_memory_is_told(tmp_path):
    """Exit code 4, with the file's name and what to do; nobody begins as new from the factory by accident."""
    memory = tmp_path / "memory" / "CS00001"
    memory.mkdir(parents=True, mode=0o700)
    (memory / "station.json").touch(mode=0o600)
    done = fleet(
        "--url", "ws://127.0.0.1:1/ocpp", "--count", "2", "--state", "memory", "--duration", "2", cwd=tmp_path
    )
    assert done.returncode == 4
    assert "CS00001/station.json cannot be read; move the directory away" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_manners_are_listed():
    """`sim manners --json` for programs."""
    done = subprocess.run(
        [OCPPSEC, "sim", "manners", "--json"], capture_output=True, text=True, check=True, timeout=60
    )
    assert {one["name"] for one in json.loads(done.stdout)["manners"]} == MANNERS.keys()
