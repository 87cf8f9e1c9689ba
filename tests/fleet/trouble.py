"""What befalls the server of a run, at points of the seed: it is killed -9, its database is locked, its disk is full.

None of it is played.  The lock is SQLite's own, held by another process for longer than ours waits for it; the disk is a
small file system (`small_disk`) that a ballast fills to the last byte.  What a server has to do meanwhile is looked at
then and there; that the stations come to their ends all the same is for the run to judge.
"""

import json
import sqlite3
import subprocess
import sys
import time
import urllib.error
from itertools import count

from rig.server import eventually

SECONDS = (3.0, 7.0)
"""A lock or a full disk lasts so long: longer than the server waits for a lock (2 s), with room for a station's message."""
KINDS = ("kill", "lock", "full")
LONGEST_WITHOUT = 15.0
"""Seconds until the next trouble comes even though nothing in the run has moved."""
LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


class Troubles:
    """*counts*: how often which of `KINDS`.  `look` again and again: what is due happens there and then."""

    def __init__(self, server, dice, counts, *, say=print):
        self._server, self._dice, self._say = server, dice, say
        drawn = [kind for kind, number in counts.items() for _ in range(number)]
        dice.shuffle(drawn)
        self._points = list(zip(sorted(dice.uniform(0.02, 0.95) for _ in drawn), drawn, strict=True))
        self._quiet_since = time.monotonic()
        self.any = bool(drawn)
        self.seen = dict.fromkeys(KINDS, 0)
        self.wrong = []

    def look(self, share):
        """*share* of the run is over; true when something has happened."""
        if not self._points:
            return False
        point, kind = self._points[0]
        if share < point and time.monotonic() - self._quiet_since < LONGEST_WITHOUT:
            return False
        self._points.pop(0)
        self._say(f"{time.strftime('%H:%M:%S')} {kind}")
        if kind == "kill":
            self._server.kill()
        else:
            with {"lock": locked, "full": full}[kind](self._server.up.state):
                wrong = outage(self._server, self._dice.uniform(*SECONDS), kind)
            self.wrong += wrong
            for one in wrong:
                self._say(f"! {one}")
            recovers(self._server)
        self.seen[kind] += 1
        self._quiet_since = time.monotonic()
        return True


# -- what is done to it -------------------------------------------------------------------------------------
class locked:  # noqa: N801  read as a verb: with locked(state)
    """Another process has the write lock."""

    def __init__(self, state):
        self._state = state

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOCK, self._state / "ocppsec.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout.readline() == b"locked\n", "the lock was not to be had"

    def __exit__(self, *_):
        self._process.communicate(timeout=20)


class full:  # noqa: N801
    """Not a byte is left on the file system; the write-ahead log is emptied before, so that it has to grow."""

    def __init__(self, state):
        self._state = state
        self._ballast = state / "ballast"

    def __enter__(self):
        connection = sqlite3.connect(self._state / "ocppsec.db", timeout=20, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                _fill(file, bytes(size))

    def __exit__(self, *_):
        self._ballast.unlink()


def _fill(file, piece):
    try:
        while file.write(piece) == len(piece):
            pass
    except OSError:
        return


# -- what it has to do meanwhile ----------------------------------------------------------------------------
def outage(server, seconds, kind):
    """What is wrong with a server that can write nothing for *seconds*: it has to live, to read, and to say 503."""
    wrong, until = [], time.monotonic() + seconds
    identity = server.query("SELECT min(identity) FROM stations")[0][0]
    for number in count():
        change = {"labels": {"trouble": f"{kind} {number}"}}  # the same once more would need no write
        asked = {
            "lives": (200, server.up.api, "GET", "/healthz"),
            "reads": (200, server.up.api, "GET", f"/stations/{identity}"),
            "is not ready": (503, server.up.api, "GET", "/readyz"),
            "refuses a change": (503, server.up.api, "PUT", f"/stations/{identity}/labels", change),
        }
        for what, (expected, ask, *how) in asked.items():
            status, text = ask(*how)
            if status != expected:
                wrong.append(f"{kind}: it should be that it {what}: {status} {text}")
            elif status == 503 and json.loads(text)["type"].rpartition(":")[2] != "store-unavailable":
                wrong.append(f"{kind}: 503 for another reason: {text}")
        if time.monotonic() > until:
            break
        time.sleep(0.2)
    if not server.alive:
        wrong.append(f"{kind}: the server has ended")
    return list(dict.fromkeys(wrong))


def recovers(server):
    """It is ready again by itself."""
    eventually(lambda: _ready(server), within=60)


def _ready(server):
    """ready again, behind an outage"""
    try:
        return server.up.api("GET", "/readyz")[0] == 200
    except (OSError, urllib.error.URLError):
        return False
