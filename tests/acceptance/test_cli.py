"""The installed command, as a stranger uses it: real processes, real sockets, real TLS."""

import json
import os
import signal
import stat
import subprocess
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

OCPPSEC = Path(sysconfig.get_path("scripts")) / "ocppsec"
FREE_PORTS = ["--ws-port", "0", "--wss-port", "0", "--mtls-port", "0", "--api-port", "0"]


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class House:
    """A state directory, the server on it, and everything that was ever printed."""

    directory: Path
    printed: list[str] = field(default_factory=list)
    server: subprocess.Popen[str] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OCPPSEC_")}
        return kept | {
            "OCPPSEC_STATE": str(self.directory / "state"),
            "XDG_STATE_HOME": str(self.directory / "xdg"),
        }

    def run(self, *arguments: str, stdin: str = "", timeout: float = 60.0) -> Ran:
        done = subprocess.run(
            [OCPPSEC, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment,
            check=False,
        )
        self.printed += [done.stdout, done.stderr]
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, ports: list[str] = FREE_PORTS) -> dict[str, Any]:
        with (self.directory / "server.log").open("a") as log:
            self.server = subprocess.Popen(
                [OCPPSEC, "up", "--json", *ports, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment,
            )
        assert self.server.stdout is not None
        self.ready = json.loads(self.server.stdout.readline())
        return self.ready

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code, and what stood on standard output behind the readiness line."""
        assert self.server is not None
        self.server.send_signal(how)
        rest, _ = self.server.communicate(timeout=20)
        code, self.server = self.server.returncode, None
        self.printed += [rest]
        return code, rest


@pytest.fixture
def house(tmp_path):
    """A house without a server yet."""
    house = House(tmp_path)
    yield house
    if house.server is not None:
        house.stop(signal.SIGKILL)


@pytest.fixture
def served(house):
    """A house with its server running."""
    house.start()
    return house


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that leave it as it is; each uses identities of its own."""
    house = House(tmp_path_factory.mktemp("shared"))
    house.start()
    yield house
    assert house.stop() == (0, "")


class Simulated:
    """`ocppsec sim run`, told as JSON lines."""

    def __init__(self, house: House, identity: str, password: str, url: str, *, name: str = "sim") -> None:
        password_file = house.directory / f"{name}.password"
        password_file.write_text(password + "\n")
        self.log = house.directory / f"{name}.out"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [
                    OCPPSEC, "sim", "run", "--url", url, "--identity", identity, "--password-file", password_file,
                    "--root", house.ready["root_certificate"], "--json", "--state", house.directory / name,
                ],
                stdout=out, stderr=subprocess.STDOUT, text=True, env=house.environment,
            )  # fmt: skip

    def told(self, happening: str) -> list[dict[str, Any]]:
        lines = [
            json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]
        return [line for line in lines if line["happening"] == happening]

    def wait_for(self, happening: str, *, timeout: float = 20.0) -> dict[str, Any]:
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if found := self.told(happening):
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"no {happening} within {timeout} s: {self.log.read_text()[-2000:]}")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def test_ready_is_one_line_and_sigterm_ends_cleanly(house):
    """Exactly one line on standard output, with everything a caller needs; then SIGTERM gives exit code 0."""
    ready = house.start()
    assert list(ready) == ["ready", "doors", "api", "state", "root_certificate", "root_sha256"]
    assert ready["ready"] is True
    assert list(ready["doors"]) == ["1", "2", "3"]
    assert [url.partition(":")[0] for url in ready["doors"].values()] == ["ws", "wss", "wss"]
    assert all(url.endswith("/ocpp") for url in ready["doors"].values())
    assert Path(ready["root_certificate"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    state = Path(ready["state"])
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    loose = [
        path
        for path in state.rglob("*")
        if path.stat().st_mode & 0o022 or (path.suffix == ".key" and path.stat().st_mode & 0o077)
    ]
    assert not loose
    assert (state / "api.json").exists()
    assert house.stop() == (0, "")
    assert not (state / "api.json").exists()


def test_ctrl_c_ends_cleanly_too(house):
    """SIGINT gives exit code 0."""
    house.start("--loop", "asyncio")
    assert house.stop(signal.SIGINT)[0] == 0


def test_a_second_server_on_the_same_state_is_refused(shared):
    """Exit code 4 and the reason; the first goes on."""
    second = shared.run("up", *FREE_PORTS)
    assert second.code == 4
    assert "another ocppsec runs" in second.err
    assert shared.run("station", "list").code == 0


def test_a_port_that_is_taken_is_said(shared):
    """No traceback, the port's owner stays, and nothing is left running."""
    port = shared.ready["doors"]["1"].rpartition(":")[2].partition("/")[0]
    arguments = [
        "--state",
        str(shared.directory / "other"),
        "--ws-port",
        port,
        "--wss-port",
        "0",
        "--mtls-port",
        "0",
    ]
    other = shared.run("up", *arguments, "--api-port", "0")
    assert other.code == 1
    assert "cannot be opened" in other.err
    api_port = shared.ready["api"].rpartition(":")[2]
    other = shared.run("up", *arguments[:2], *FREE_PORTS[:-1], api_port)
    assert other.code == 1
    assert api_port in other.err


def test_loose_permissions_stop_the_start(house):
    """Exit code 4 with the command that repairs it, which then does."""
    (house.directory / "state").mkdir()
    (house.directory / "state").chmod(0o755)
    refused = house.run("up", *FREE_PORTS)
    assert refused.code == 4
    (command,) = [line for line in refused.err.splitlines() if "chmod" in line]
    subprocess.run(command.partition("next: ")[2].split(), check=True)
    house.start()


def test_a_misspelt_setting_stops_the_start(house):
    """A typo in the configuration is exit code 2 and names the key that was meant (LESSONS 14)."""
    config = house.directory / "c.toml"
    config.write_text("[csms]\nhostnme = 'csms.example'\n")
    refused = house.run("up", "--config", str(config), *FREE_PORTS)
    assert refused.code == 2
    assert "'csms.hostname'" in refused.err


@pytest.mark.parametrize(
    "command",
    [
        "station why NOBODY",
        "station interventions NOBODY",
        "station allow-expired NOBODY",
        "trust NOBODY",
        "cert list --station NOBODY",
        "cert list --station NOBODY --expires-in 30d",
        "csr list --station NOBODY",
    ],
)
def test_nobody_has_that_name(shared, command):
    """Where nothing is found for a name it is said that nobody has it: a typing error is no empty list."""
    ran = shared.run(*command.split())
    assert ran.code == 5
    assert "no station has this identity" in ran.err


def test_no_such_phase(shared):
    """The phases that a person names are told, and no other."""
    ran = shared.run("ca", "rotate", "next", "nosuch")
    assert ran.code == 2
    assert "nosuch is no phase" in ran.err
    assert "prepared, distribute, serve, issue, alone, withdraw" in ran.err
    assert "conclude" not in ran.err


def test_stations_come_and_go(shared):
    """add, list, show, why and remove, in JSON and in words, with the exit codes of the house."""
    added = shared.run("station", "add", "CS|1", "--serial", "SN 1", "--json").json
    assert len(added["password"]) == 40
    assert added["urls"]["1"] == shared.ready["doors"]["1"] + "/CS%7C1"
    own = shared.directory / "own"
    own.write_text("my-own:password-0123\n")
    given = shared.run("station", "add", "CS2", "--password-file", str(own), "--json").json
    assert given["password"] is None
    assert shared.run("station", "add", "CS3", "--password-stdin", stdin="another-password-42\n").code == 0
    listed = [one["identity"] for one in shared.run("station", "list", "--json").json["stations"]]
    assert [identity for identity in listed if identity.startswith("CS")] == ["CS2", "CS3", "CS|1"]
    assert "SN 1" in shared.run("station", "list").out
    assert shared.run("station", "show", "CS|1", "--json").json["serial_number"] == "SN 1"
    assert shared.run("station", "why", "CS|1", "--json").json["registered"]
    stranger = shared.run("station", "why", "NOBODY", "--json")
    assert (stranger.code, stranger.json["registered"]) == (5, False)
    assert shared.run("station", "add", "CS2").code == 1
    assert shared.run("station", "add", "a:b").code == 2
    assert shared.run("station", "add", "CS4", "--password-stdin", stdin="short\n").code == 2
    assert shared.run("station", "remove", "CS2").code == 0
    assert shared.run("station", "remove", "CS2").code == 5
    assert shared.run("station", "show", "CS2").code == 5
    assert shared.run("station", "call", "CS3", "Reset", '{"type":"OnIdle"}').code == 3
    assert shared.run("station", "upgrade", "nobody", "--to", "2").code == 5
    assert shared.run("station", "upgrade", "CS3", "--to", "9").code == 2


def test_without_a_server_the_commands_say_so(house):
    """Exit code 3 and how to start one; also when the server was killed and left its traces."""
    missing = house.run("station", "list")
    assert missing.code == 3
    assert f"ocppsec up --state {house.directory / 'state'}" in missing.err
    house.start()
    house.stop(signal.SIGKILL)
    killed = house.run("station", "list")
    assert killed.code == 3
    house.start()
    assert house.run("station", "list").code == 0


def test_the_root_is_shown(shared):
    """The same fingerprint everywhere, and the PEM alone with --pem."""
    shown = shared.run("ca", "show", "--json").json
    assert shown["root_sha256"] == shared.ready["root_sha256"]
    assert shared.run("ca", "show", "--pem").out == Path(shared.ready["root_certificate"]).read_text()
    assert shared.ready["root_sha256"] in shared.run("ca", "show").out


def test_settings_with_their_origin(house):
    """`config show --origin` names file and default; secrets are told as set, not shown."""
    config = house.directory / "c.toml"
    config.write_text("[csms]\nhostname = 'csms.example'\n[ca]\npassphrase = 'correct horse battery'\n")
    shown = house.run("config", "show", "--config", str(config), "--origin", "--json").json
    assert shown["csms.hostname"] == {"value": "csms.example", "origin": str(config)}
    assert shown["csms.ws_port"] == {"value": 9000, "origin": "default"}
    assert shown["ca.passphrase"]["value"] == "set"
    assert "correct horse" not in "".join(house.printed)


def test_one_combined_door(house):
    """With one door for all profiles the readiness line gives its port for each."""
    config = house.directory / "c.toml"
    config.write_text('[[doors]]\nname = "combined"\nport = 0\nprofiles = [1, 2, 3]\n')
    ready = house.start("--config", str(config), ports=["--api-port", "0"])
    assert len({url.rpartition(":")[2] for url in ready["doors"].values()}) == 1
    assert [url.partition(":")[0] for url in ready["doors"].values()] == ["ws", "wss", "wss"]


def test_the_house_is_watched_without_a_token_and_nothing_else(shared):
    """Health, readiness and metrics are open on loopback; the API is not."""
    with httpx2.Client(base_url=shared.ready["api"], trust_env=False) as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 200
        assert "ocppsec_connections" in http.get("/metrics").text
        assert http.get("/api/v1/stations").status_code == 401
        assert http.get("/healthz", headers={"Host": "evil.example"}).status_code == 421


def test_a_station_that_is_away_times_out(shared):
    """`--wait` gives up after its time with exit code 6; the upgrade stays open."""
    shared.run("station", "add", "AWAY")
    late = shared.run("station", "upgrade", "AWAY", "--to", "2", "--wait", "--timeout", "0.5", "--json")
    assert late.code == 6
    assert late.json["status"] == "open"
    assert shared.run("station", "upgrade", "AWAY", "--to", "2").code == 1


def test_from_profile_1_to_3_and_never_back(served):
    """The whole story through the command line; afterwards no secret is anywhere but where it belongs."""
    password = served.run("station", "add", "CS1", "--json").json["password"]
    served.printed.clear()  # where the password was shown, once, as it should be
    station = Simulated(served, "CS1", password, served.ready["doors"]["1"])
    try:
        assert station.wait_for("Booted")["status"] == "Accepted"
        answer = served.run("station", "call", "CS1", "GetVariables", json.dumps(ONE_VARIABLE), "--json")
        assert answer.json["getVariableResult"][0]["attributeValue"] == "1"
        assert served.run("station", "call", "CS1", "GetVariables", "{}").code == 2
        refused = served.run("station", "call", "CS1", "ClearCache", "--json")
        assert (refused.code, refused.json["code"]) in {(1, "NotImplemented"), (1, "NotSupported")}

        asked = served.run("station", "upgrade", "CS1", "--to", "3", "--dry-run", "--json")
        assert (asked.code, asked.json["objection"]) == (0, "")
        planned = served.run("campaign", "plan", "--select", "identity=CS1", "--to", "3", "--ask")
        assert "asked: slots 1,2,3" in planned.out

        climbed = served.run("station", "upgrade", "CS1", "--to", "3", "--wait", "--timeout", "60")
        assert climbed.code == 0, climbed.err
        assert "InstallCertificate" in climbed.out
        assert "CertificateSigned" in climbed.out
        shown = served.run("station", "show", "CS1", "--json").json
        assert (shown["floor"], shown["observed"], shown["connection"]["profile"]) == (3, 3, 3)

        for profile in ("1", "2"):
            downgrade = Simulated(
                served, "CS1", password, served.ready["doors"][profile], name=f"down-{profile}"
            )
            try:
                assert downgrade.wait_for("Refused")["status"] == 403
            finally:
                downgrade.stop()
        told = served.run("station", "why", "CS1").out
        assert "profile-below-floor" in told
        assert served.run("station", "show", "CS1", "--json").json["connection"]["profile"] == 3
    finally:
        assert station.stop() == 0
    everything = readable_by_nobody_else_matters(served)
    served.stop()
    secrets = [password, *private_keys(Path(served.ready["state"]))]
    assert len(secrets) > 3
    for name, content in {**everything, **files_after(served)}.items():
        for secret in secrets:
            assert secret not in content, f"a secret in {name}"
        assert "authorization: basic" not in content.lower(), name


ONE_VARIABLE = {
    "getVariableData": [{"component": {"name": "SecurityCtrlr"}, "variable": {"name": "SecurityProfile"}}]
}


def readable_by_nobody_else_matters(house: House) -> dict[str, str]:
    """All that the API tells, and all that the commands printed."""
    found = json.loads((Path(house.ready["state"]) / "api.json").read_text())
    told = {"commands": "\n".join(house.printed)}
    assert found["token"] not in told["commands"]
    with httpx2.Client(
        base_url=found["url"], headers={"Authorization": f"Bearer {found['token']}"}, trust_env=False
    ) as http:
        upgrades = http.get("/api/v1/stations/CS1/upgrades").json()["upgrades"]
        paths = ["/api/v1/stations", "/api/v1/stations/CS1", "/api/v1/stations/CS1/why", "/api/v1/ca", "/metrics",
                 "/api/v1/security-events", f"/api/v1/upgrades/{upgrades[0]['id']}"]  # fmt: skip
        for path in paths:
            response = http.get(path)
            assert response.status_code == 200
            told[path] = response.text
    return told


def files_after(house: House) -> dict[str, str]:
    """Every file of the server but keys and the pepper, crash files and the stations' output included."""
    state, own = Path(house.ready["state"]), {"pepper"}
    files = [path for path in state.rglob("*") if path.is_file() and path.name not in own]
    files += [path for path in (house.directory / "xdg").rglob("*") if path.is_file()]
    files += [*house.directory.glob("*.out"), house.directory / "server.log"]
    return {str(path): without_keys(path.read_bytes().decode("latin-1"), path) for path in files}


def without_keys(text: str, path: Path) -> str:
    """The files whose business it is to hold a private key hold no other secret."""
    return "" if path.suffix == ".key" or path.name.startswith("server-") else text


def private_keys(state: Path) -> list[str]:
    """A line from the middle of each private key of the CA and the server."""
    found = []
    for path in state.rglob("*"):
        text = path.read_bytes().decode("latin-1") if path.is_file() else ""
        if "PRIVATE KEY-----" in text and path.suffix in {".key", ".pem"}:
            found.append(text.partition("PRIVATE KEY-----\n")[2].splitlines()[0])
    return found


def test_an_upgrade_survives_the_server(served):
    """kill -9 in the middle and a restart on the same ports: `--wait` waits, and the station arrives."""
    password = served.run("station", "add", "CS1", "--json").json["password"]
    station = Simulated(served, "CS1", password, served.ready["doors"]["1"])
    ports = [url.rpartition(":")[2].partition("/")[0] for url in served.ready["doors"].values()]
    try:
        station.wait_for("Booted")
        waiting = subprocess.Popen(
            [OCPPSEC, "station", "upgrade", "CS1", "--to", "3", "--wait", "--timeout", "90"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=served.environment,
        )  # fmt: skip
        station.wait_for("Rebooting")
        served.stop(signal.SIGKILL)
        served.start(
            ports=["--ws-port", ports[0], "--wss-port", ports[1], "--mtls-port", ports[2], "--api-port", "0"]
        )
        out, _ = waiting.communicate(timeout=100)
        assert waiting.returncode == 0, out
        assert served.run("station", "show", "CS1", "--json").json["floor"] == 3
    finally:
        station.stop()


@pytest.mark.parametrize("form", ["words", "json"])
def test_the_demonstration(house, form):
    """`ocppsec demo --once` takes all stations to profile 3, has the downgrade refused, and exits 0."""
    shown = house.run("demo", "--stations", "3", "--once", *(["--json"] if form == "json" else []))
    assert shown.code == 0, shown.out
    if form == "json":
        last = [json.loads(line) for line in shown.out.splitlines()][-1]
        assert (last["event"], last["ok"], last["on_profile_3"], last["downgrades_refused"]) == (
            "demo-ended",
            True,
            3,
            2,
        )
    else:
        assert "3 of 3 stations are on profile 3; 2 of 2 downgrades were refused" in shown.out
        assert "SetNetworkProfile" in shown.out
    assert not (house.directory / "state").exists()


def test_the_demonstration_stays_until_it_is_told_to_end(house):
    """Without --once it stays up, says what to try, and SIGINT ends it with exit code 0."""
    with subprocess.Popen(
        [OCPPSEC, "demo", "--stations", "1", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=house.environment,
    ) as demo:
        assert demo.stdout is not None
        staying = next(told for line in demo.stdout if (told := json.loads(line))["event"] == "staying")
        listed = subprocess.run(
            [OCPPSEC, "station", "list", "--json", "--state", staying["state"]],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(listed.stdout)["stations"][0]["floor"] == 3
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=20) == 0
    assert not Path(staying["state"]).exists()
