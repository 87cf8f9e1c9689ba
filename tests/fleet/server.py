"""The server of a run: `ocppsec up` with a user's settings, looked at through its API over all its lives."""

import json
import re
import resource
import sqlite3
import time
import urllib.error

from rig.server import Up

from ocppsec.observability.security_log import Intact, verify

SETTINGS = """
[log]
level = "warning"

[upgrade]             # hours for real stations; who never restarts is not waited for until tomorrow here
step = "3m"
report = "20s"
csr = "45s"
signing = "45s"
boot = "20s"
scheduled = "20s"
reset_pause = "5s"
arrival = "10s"
"""
PERSISTENT = 60.0
"""Seconds in which an answer of the API may fail to come: it is down, or just coming up."""


class Server:
    """Counts what its processes cost, through kills and restarts."""

    def __init__(self, directory, settings=SETTINGS):
        directory.mkdir(parents=True, exist_ok=True)
        self._log = directory / "server.log"
        file = directory / "ocppsec.toml"
        file.write_text(settings)
        self.up = Up(directory / "state", "--config", file, variables={"OCPPSEC_LOG__LEVEL": "warning"})
        self._cpu = 0.0

    def start(self):
        self.up.start()
        return self

    def kill(self):
        """kill -9, and a new one on the same ports."""
        self._cpu += cpu_seconds(self.up.pid)
        self.up.kill()
        self.up.start()

    @property
    def alive(self):
        return self.up._process.poll() is None

    def stop(self):
        if self.up._process is not None:
            self._cpu += cpu_seconds(self.up.pid)
        code = self.up.stop()
        self._log.write_text("".join(self.up.lines))
        return code

    @property
    def cpu(self):
        """Seconds of all its lives; the last moments before a kill are in it, those of an orderly end are not."""
        return self._cpu + (cpu_seconds(self.up.pid) if self.up._process is not None else 0.0)

    def register(self, files):
        for file in files:
            imported = self.up.command("station", "import", str(file), timeout=600)
            assert imported.code == 0, imported

    # -- what it says -----------------------------------------------------------------------------------
    def ask(self, method, path, body=None):
        """The answer's JSON; asked again while the server is away."""
        until = time.monotonic() + PERSISTENT
        while True:
            try:
                status, text = self.up.api(method, path, body)
            except (OSError, urllib.error.URLError) as error:
                status, text = 503, str(error)
            if status < 400:
                return json.loads(text) if text else None
            if status != 503 or time.monotonic() > until:
                raise AssertionError(f"{method} {path}: {status} {text}")
            time.sleep(0.2)

    def pages(self, path, of):
        """All of a list, page by page."""
        found, cursor, mark = [], "", "&" if "?" in path else "?"
        while cursor is not None:
            page = self.ask("GET", f"{path}{mark}limit=500" + (f"&cursor={cursor}" if cursor else ""))
            found += page[of]
            cursor = page["next"]
        return found

    def stations(self):
        return {one["identity"]: one for one in self.pages("/stations", "stations")}

    def bugs(self, *, full=False):
        """Log lines that no server should write, the first few; one whose disk was *full* has to say of its security log."""
        found = [
            line.strip()
            for line in self.up.lines
            if re.search(r"Traceback|\"bug\"|\"level\": ?\"(critical|error)\"", line)
        ]
        excused = ("No space left on device", "security-log-failed") if full else ("not excused",)
        return [line for line in found if not all(words in line for words in excused)][:5]

    # -- what it keeps ----------------------------------------------------------------------------------
    def query(self, sql, *values):
        connection = sqlite3.connect(f"file:{self.up.state / 'ocppsec.db'}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def damaged(self):
        """What SQLite and the security log's own hashes have to say against the files."""
        wrong = [
            f"{pragma}: {row}"
            for pragma, good in (("integrity_check", [("ok",)]), ("foreign_key_check", []))
            for row in self.query(f"PRAGMA {pragma}")
            if [row] != good
        ]
        found = verify(self.up.state / "security-log.jsonl")
        return wrong + ([] if isinstance(found, Intact) else [f"security log: {found}"])

    def rows(self):
        """Table → rows."""
        tables = [name for (name,) in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: self.query(f'SELECT count(*) FROM "{name}"')[0][0]
            for name in tables
            if not name.startswith("sqlite")
        }

    def database_bytes(self):
        return sum(file.stat().st_size for file in self.up.state.glob("ocppsec.db*"))


def cpu_seconds(pid):
    """User and system time of all threads (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def most_files():
    """Many stations are many sockets; up to the hard limit this is ours to raise."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
