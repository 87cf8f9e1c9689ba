"""A fleet whose certificates live for minutes, under load: renewed again and again, the root replaced in the middle.

No connection may be refused but those of the one station whose certificate is revoked; that one has to be out at once.
With trouble on the way (`trouble`) a station may meet what an outage of ours gives everybody, and nothing else.
"""

import contextlib
import random
import time

from raised import PLAN, Told, until_there
from rig.expected import OUTAGE
from rig.server import eventually
from server import Server
from simulated import SimFleet
from trouble import Troubles

SETTINGS = """
[log]
level = "warning"

[ca]
station_days = {days}

[upgrade]
boot = "60s"

[renewal]
check = "2s"
at_once = 50
reconnect = "20s"
"""
PHASES = ("distribute", "serve", "issue", "alone", "withdraw")
PATIENCE = 900.0
"""Seconds for one part: all renewed so often, or a phase through."""
DAY = 86_400
LONG = 10.0
"""Seconds over which the trouble of one part of the run is spread, when the part takes as long."""


class Parts:
    """Each waits for something; what befalls the server comes in the middle of them."""

    def __init__(self, trouble, number, say):
        self._trouble, self._number, self._say = trouble, number, say
        self._over = 0

    def until(self, found, what):
        began = time.monotonic()
        while not found():
            passed = time.monotonic() - began
            assert passed < PATIENCE, f"not within {PATIENCE:g} s: {what}"
            self._trouble.look((self._over + min(0.99, passed / LONG)) / self._number)
            time.sleep(0.5)
        self._over += 1
        while self._trouble.look(self._over / self._number):
            pass  # it was quicker than its trouble
        self._say(f"{time.strftime('%H:%M:%S')} {what}")


def run(
    directory,
    *,
    size,
    lifetime,
    renewals=3,
    rollover=True,
    meter=2.0,
    asked=False,
    troubles=None,
    seed=0,
    say=print,
):
    """*lifetime* of a station's certificate in seconds, *meter* seconds between TransactionEvents of each.

    *asked*: a person asks for every renewal, and again where an outage of ours kept nothing; else all of them come by
    themselves, when they are due.  Then no outage may be so long that a certificate ends in it.
    """
    told = Told()
    server = Server(directory, SETTINGS.format(days=lifetime / DAY)).start()
    trouble = Troubles(server, random.Random(seed), troubles or {}, say=say)
    parts = Parts(trouble, len(PHASES) + 3 if rollover else 1, say)
    fleet = SimFleet(directory, size, manners=())
    identities = [member.identity for member in fleet.members]
    try:
        server.register([fleet.passwords])
        fleet.start(server.up.door(1), "--meter", str(meter))
        until_there(server, identities)
        server.ask("POST", "/campaigns", PLAN | {"charging": "ignore"})  # they never stop
        eventually(lambda: all(one["floor"] == 3 for one in server.stations().values()), within=PATIENCE)
        say(f"{time.strftime('%H:%M:%S')} all on profile 3")
        began, before = time.monotonic(), server.cpu
        once = renewals - renewals // 2 if rollover else renewals
        parts.until(lambda: _renewed(server, once, asked=asked), f"{once} renewals of each")
        victim = identities[size // 2]
        told.figures["seconds until the revoked one was out"] = _revoke(server, victim)
        if rollover:
            _replace_the_root(server, victim, parts)
            parts.until(
                lambda: _renewed(server, renewals, but=victim, asked=asked), f"{renewals} renewals of each"
            )
        told.figures |= {
            "stations": size,
            "lifetime": lifetime,
            "renewals": _count(server),
            "cpu_per_renewal": (server.cpu - before) / max(1, _count(server)),
            "seconds": time.monotonic() - began,
        } | trouble.seen
        until_there(server, [one for one in identities if one != victim])  # a kill may have been a moment ago
        time.sleep(2)  # it dials again and again, and has to be refused
        stations, report = server.stations(), fleet.end()
        told.wrong = _wrong(server, stations, report, victim, outages=trouble.any)
        told.wrong += trouble.wrong + server.damaged() + server.bugs(full=trouble.seen["full"] > 0)
        told.totals = {"refused": report["total"]["refused"], "latency": report["connect"]}
    finally:
        fleet.end()
        server.stop()
    return told


# -- renewals -----------------------------------------------------------------------------------------------
def _seen(server):
    """Identity → certificates that a handshake has shown."""
    return dict(
        server.query(
            "SELECT identity, count(*) FROM certificates WHERE activated_at IS NOT NULL GROUP BY identity"
        )
    )


def _renewed(server, times, *, but=None, asked=False):
    """True when each has been so often; else those that have not are asked for it, when they are to be."""
    behind = [name for name, count in _seen(server).items() if count <= times and name != but]
    under_way = {name for (name,) in server.query("SELECT identity FROM renewals WHERE open")}
    for identity in behind if asked else ():
        if identity not in under_way:
            with contextlib.suppress(OSError):
                server.up.api("POST", f"/stations/{identity}/renewals")
    return not behind


def _count(server):
    return sum(_seen(server).values()) - len(_seen(server))


# -- revocation ---------------------------------------------------------------------------------------------
def _revoke(server, identity):
    """Seconds from the request until the open connection is gone."""
    shown = server.ask("GET", f"/stations/{identity}/certificates")["certificates"]
    certificate = next(one for one in shown if one["standing"] == "active")
    began = time.monotonic()
    server.ask("POST", f"/certificates/{certificate['fingerprint']}/revocation", {"reason": "keyCompromise"})
    while not _is_out(server, identity):
        time.sleep(0.01)
    return time.monotonic() - began


def _is_out(server, identity):
    return server.ask("GET", f"/stations/{identity}")["connection"] is None


# -- the root -----------------------------------------------------------------------------------------------
def _replace_the_root(server, victim, parts):
    """Phase by phase, as soon as nobody is in the way; the revoked station is let behind by name."""
    server.ask("POST", "/ca/rollovers", {})
    for phase in PHASES:
        parts.until(lambda phase=phase: _enter(server, phase, victim), f"the rollover is in {phase}")
    parts.until(
        lambda: not server.ask("GET", "/ca/rollovers?limit=1")["rollovers"][0]["open"], "the old root is gone"
    )


def _enter(server, phase, victim):
    """True when it is there: the server asks every station first, so its answer may be later than we wait."""
    shown = server.ask("GET", "/ca/rollovers?limit=1")["rollovers"][0]
    if not shown["open"] or shown["phase"] in PHASES[PHASES.index(phase) :]:
        return True
    with contextlib.suppress(OSError):
        server.up.api(
            "POST", "/ca/rollovers/current/next", {"exceptions": [victim], "confirmed": phase == "withdraw"}
        )
    return False


# -- the verdict --------------------------------------------------------------------------------------------
def _wrong(server, stations, report, victim, *, outages):
    wrong = []
    for identity, lived in report["stations"].items():
        if identity == victim:
            if not any(words.startswith("3: ") for words in lived["refused"]):
                wrong.append(f"{identity} is revoked and was never refused: {lived}")
            continue
        wrong += [
            f"{identity} was refused {times} times: {words}"
            for words, times in lived["refused"].items()
            if not (outages and OUTAGE.match(words))
        ]
        if not (lived["accepted"] and lived["profile"] == 3 and stations[identity]["connection"]):
            wrong.append(f"{identity} is not on profile 3 in the end: {lived}")
    wrong += [
        f"{identity}: {count} certificates in force"
        for identity, count in server.query(
            "SELECT identity, count(*) FROM certificates WHERE state = 'active' GROUP BY identity"
        )
        if count != 1
    ]
    return wrong
