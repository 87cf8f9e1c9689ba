"""A fleet whose certificates live for minutes, under load: renewed again and again, the root replaced in the middle.

No connection may be refused but those of the one station whose certificate is revoked; that one has to be out at once.
"""

import contextlib
import time

from raised import PLAN, Told, until_there
from server import Server
from simulated import SimFleet

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


def run(directory, *, size, lifetime, renewals=3, rollover=True, meter=2.0, now=False, say=print):
    """*lifetime* of a station's certificate in seconds, *meter* seconds between TransactionEvents of each.

    *now*: a person asks for the first renewal of each; else all of them come by themselves, when they are due.
    """
    told = Told()
    server = Server(directory, SETTINGS.format(days=lifetime / DAY)).start()
    fleet = SimFleet(directory, size, manners=())
    identities = [member.identity for member in fleet.members]
    try:
        server.register([fleet.passwords])
        fleet.start(server.up.door(1), "--meter", str(meter))
        until_there(server, identities)
        server.ask("POST", "/campaigns", PLAN | {"charging": "ignore"})  # they never stop
        _until(lambda: all(one["floor"] == 3 for one in server.stations().values()), "all on profile 3", say)
        began, before = time.monotonic(), server.cpu
        for identity in identities if now else ():
            server.ask("POST", f"/stations/{identity}/renewals")
        once = renewals - renewals // 2 if rollover else renewals
        _until(lambda: _least(server) >= once, f"{once} renewals of each", say)
        victim = identities[size // 2]
        told.figures["seconds until the revoked one was out"] = _revoke(server, victim)
        if rollover:
            _replace_the_root(server, victim, say)
            _until(lambda: _least(server, but=victim) >= renewals, f"{renewals} renewals of each", say)
        told.figures |= {
            "stations": size,
            "lifetime": lifetime,
            "renewals": _count(server),
            "cpu_per_renewal": (server.cpu - before) / max(1, _count(server)),
            "seconds": time.monotonic() - began,
        }
        time.sleep(2)  # it dials again and again, and has to be refused
        stations, report = server.stations(), fleet.end()
        told.wrong = _wrong(server, stations, report, victim) + server.bugs()[:5]
        told.totals = {"refused": report["total"]["refused"], "latency": report["connect"]}
    finally:
        fleet.end()
        server.stop()
    return told


def _until(found, what, say):
    until = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < until, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.5)
    say(f"{time.strftime('%H:%M:%S')} {what}")


# -- renewals -----------------------------------------------------------------------------------------------
def _seen(server):
    """Identity → certificates that a handshake has shown."""
    return dict(
        server.query(
            "SELECT identity, count(*) FROM certificates WHERE activated_at IS NOT NULL GROUP BY identity"
        )
    )


def _least(server, *, but=None):
    return min(count for identity, count in _seen(server).items() if identity != but) - 1


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
def _replace_the_root(server, victim, say):
    """Phase by phase, as soon as nobody is in the way; the revoked station is let behind by name."""
    server.ask("POST", "/ca/rollovers", {})
    for phase in PHASES:
        _until(lambda phase=phase: _enter(server, phase, victim), f"the rollover is in {phase}", say)
    _until(
        lambda: not server.ask("GET", "/ca/rollovers?limit=1")["rollovers"][0]["open"],
        "the old root is gone",
        say,
    )


def _enter(server, phase, victim):
    """True when it is there: the server asks every station first, so its answer may be later than we wait."""
    if server.ask("GET", "/ca/rollovers/current")["phase"] == phase:
        return True
    with contextlib.suppress(OSError):
        server.up.api(
            "POST", "/ca/rollovers/current/next", {"exceptions": [victim], "confirmed": phase == "withdraw"}
        )
    return False


# -- the verdict --------------------------------------------------------------------------------------------
def _wrong(server, stations, report, victim):
    wrong = []
    for identity, lived in report["stations"].items():
        if identity == victim:
            if not any(words.startswith("3: ") for words in lived["refused"]):
                wrong.append(f"{identity} is revoked and was never refused: {lived}")
            continue
        wrong += [
            f"{identity} was refused {times} times: {words}" for words, times in lived["refused"].items()
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
