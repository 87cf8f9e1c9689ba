"""`ocppsec up` as a subprocess, and the ways to it: the commands, the API, its logs, its files."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rig.ports import kept_ports

OCPPSEC = Path(sys.executable).with_name("ocppsec")
ORGANIZATION = "ACME"


def environment(**more):
    """Ours alone: no setting of the machine's user comes in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCPPSEC_")}
    return {**kept, **more}


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Up:
    """One server on one state directory.  `start` it, `kill` it, start it again on the same ports."""

    def __init__(self, state, *arguments, variables=None, doors=True):
        self.state = Path(state)
        self._arguments = list(arguments)
        self._variables = {
            "OCPPSEC_LOG__LEVEL": "debug",
            "XDG_STATE_HOME": str(self.state.parent),
            **(variables or {}),
        }
        self._doors = doors
        self._ports = dict(zip(("ws", "wss", "mtls", "api"), kept_ports(4), strict=True))
        self._process = None
        self._reader = None
        self.lines = []
        """Everything it wrote to standard error, over all its lives."""
        self.on_line = lambda line: None
        self.ready = {}

    # -- life -------------------------------------------------------------------------------------------
    def start(self):
        ports = [
            f"--{name}-port={port}" for name, port in self._ports.items() if self._doors or name == "api"
        ]
        self._process = subprocess.Popen(
            [
                OCPPSEC,
                "up",
                "--json",
                "--state",
                self.state,
                "--organization",
                ORGANIZATION,
                *ports,
                *self._arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**self._variables),
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        line = self._process.stdout.readline()
        if not line:
            self._ended()
            raise AssertionError("ocppsec up did not get ready: " + "".join(self.lines[-20:]))
        self.ready = json.loads(line)
        return self

    def _read(self, stream):
        for line in stream:
            self.lines.append(line)
            self.on_line(line)

    def _ended(self):
        code = self._process.wait(timeout=30)
        self._reader.join(timeout=10)
        self._process.stdout.close()
        self._process.stderr.close()
        self._process = None
        return code

    def kill(self):
        """kill -9: nothing is said, written or closed any more."""
        self._process.send_signal(signal.SIGKILL)
        self._ended()

    def await_death(self):
        """Wait for a process that somebody else kills."""
        self._ended()

    def stop(self):
        """An orderly end; gives the exit code."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._ended()
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def pid(self):
        return self._process.pid

    def memory(self):
        """Resident memory in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])

    # -- the doors --------------------------------------------------------------------------------------
    def door(self, profile):
        return self.ready["doors"][str(profile)]

    @property
    def root(self):
        return Path(self.ready["root_certificate"])

    # -- the commands and the API -----------------------------------------------------------------------
    def command(self, *arguments, stdin=None, timeout=60):
        """Run an `ocppsec` command on this state directory."""
        done = subprocess.run(
            [OCPPSEC, *arguments, "--state", self.state],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=timeout,
            env=environment(XDG_STATE_HOME=str(self.state.parent)),
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def api(self, method, path, body=None, *, token=None):
        """(status, body) of a request to the API; *path* begins behind ``/api/v1`` unless it is a full one."""
        address = json.loads((self.state / "api.json").read_text())
        full = path if path.startswith(("/healthz", "/readyz", "/metrics", "/openapi")) else f"/api/v1{path}"
        request = urllib.request.Request(
            address["url"] + full,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {token or address['token']}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def get(self, path):
        status, text = self.api("GET", path)
        assert status == 200, (path, status, text)
        return json.loads(text)

    # -- stations ---------------------------------------------------------------------------------------
    def add(self, identity, **more):
        """Register a station; gives its password (None when it has none)."""
        status, text = self.api("POST", "/stations", {"identity": identity, **more})
        assert status == 201, text
        return json.loads(text)["password"]

    def station(self, identity):
        return self.get(f"/stations/{urllib.parse.quote(identity, safe='')}")

    def why(self, identity):
        return self.get(f"/stations/{urllib.parse.quote(identity, safe='')}/why")

    def begin_upgrade(self, identity, to=3):
        status, text = self.api(
            "POST", f"/stations/{urllib.parse.quote(identity, safe='')}/upgrades", {"to": to}
        )
        assert status == 202, text
        return json.loads(text)["id"]

    # -- what it logged ---------------------------------------------------------------------------------
    def events(self, name):
        """Logged events of this name, as dictionaries."""
        found = []
        for line in list(self.lines):
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == name:
                    found.append(event)
        return found


def port_of(url):
    return urllib.parse.urlsplit(url).port


def eventually(found, *, within=10.0, every=0.05):
    """What *found* gives as soon as it gives something true; fails after *within* seconds."""
    until = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < until, (
            f"not within {within:g} s: {getattr(found, '__doc__', None) or found}"
        )
        time.sleep(every)
    return result
