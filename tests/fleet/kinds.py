"""Every kind of campaign over one fleet, one after the other, with trouble on the way: all of them end with all done.

The stations are right ones, and a few whose oddness does not keep them from anything.  What they say themselves is asked
after each campaign: who trusts which root, and who is refused a password it holds, shows there or nowhere.
"""

import random
from collections import Counter

from cryptography.hazmat.primitives import serialization
from raised import Floors, Told, drive, until_there
from rig.certs import foreign_ca
from rig.expected import OUTAGE
from server import Server
from simulated import SimFleet
from trouble import Troubles

ODD = ("everest-slots", "answers-twice", "crlf-pem", "reboot-required", "comes-back-twice")
COURSE = (
    {"kind": "passwords"},
    {"kind": "raise", "to": 2},
    {"kind": "passwords"},
    {"kind": "raise", "to": 3},
    {"kind": "renew"},
    {"kind": "install-root"},
    {"kind": "withdraw-root"},
)
PLAN = {
    "select": "all",
    "phases": [{"stations": 3}, {"percent": 100}],
    "rate": {"per_minute": 600, "in_flight": 25},
    "stop": {"failed_percent": 100, "lost": 1000},
    "wait": {"away": "3m", "answer": "2m"},
}
RETRIES = 3
"""A person asks so often for another try of those that an outage of ours made fail."""


def run(directory, *, size, course=COURSE, troubles=None, seed=0, say=print):
    told, server = Told(), Server(directory).start()
    trouble = Troubles(server, random.Random(seed), troubles or {}, say=say)
    fleet = SimFleet(directory, size, manners=ODD if size > len(ODD) else ())
    identities, floors, retried = [member.identity for member in fleet.members], Floors(), Counter()
    certificate, _ = foreign_ca()
    root = {"pem": certificate.public_bytes(serialization.Encoding.PEM).decode()}
    try:
        server.register([fleet.passwords])
        fleet.start(server.up.door(1))
        until_there(server, identities)
        for number, part in enumerate(course):
            before = _secrets(server)
            told_to = part | ({"root": root} if part["kind"].endswith("root") else {})
            campaign = server.ask("POST", "/campaigns", PLAN | told_to)["id"]
            name = " to ".join(str(word) for word in part.values())
            say(f"{name}: campaign {campaign}")
            over = lambda share, number=number: trouble.look((number + share) / len(course))  # noqa: E731
            drive(server, campaign, floors, say, over)
            retried[name] += _all_done(server, campaign, floors, say)
            until_there(server, identities)
            told.wrong += [f"{name}: {wrong}" for wrong in _wrong(server, campaign, part, before)]
        lived = fleet.end()
        told.wrong += floors.wrong + trouble.wrong + _refused(lived, outages=trouble.any)
        told.wrong += server.damaged() + server.bugs(full=trouble.seen["full"] > 0)
        told.totals = {"retried by a person": dict(retried), "refused": lived["total"]["refused"]}
        told.figures = {"stations": size, **trouble.seen}
    finally:
        fleet.end()
        server.stop()
    return told


def _all_done(server, campaign, floors, say):
    """How many tries a person had to ask for."""
    asked = 0
    for _ in range(RETRIES):
        again = [one for one in _members(server, campaign) if one["status"] != "done"]
        if not again or floors.wrong:
            break
        for one in again:
            say(f"to be tried again: {one['identity']} {one['status']}: {one['reason']}")
        asked += len(again)
        server.ask("POST", f"/campaigns/{campaign}/retry")
        drive(server, campaign, floors, say)
    return asked


def _members(server, campaign):
    return server.pages(f"/campaigns/{campaign}/stations", "stations")


def _secrets(server):
    """Identity → what it has in force: the hashes of its passwords, and the certificate."""
    passwords, certificates = {}, {}
    for identity, hashed in server.query("SELECT identity, password_hash FROM passwords"):
        passwords.setdefault(identity, set()).add(hashed)
    for identity, fingerprint in server.query(
        "SELECT identity, fingerprint FROM certificates WHERE state = 'active'"
    ):
        certificates.setdefault(identity, set()).add(fingerprint)
    return {"passwords": passwords, "renew": certificates}


# -- the verdict --------------------------------------------------------------------------------------------
def _wrong(server, campaign, part, before):
    """What is not as a campaign of this kind has to leave it."""
    kind, wrong = part["kind"], []
    wrong += [
        f"{one['identity']} ended as {one['status']}: {one['reason']}"
        for one in _members(server, campaign)
        if one["status"] != "done"
    ]
    if kind in before:
        wrong += [
            f"{identity} has {len(now)} in force"
            + (", the old one among them" if now & before[kind][identity] else "")
            for identity, now in _secrets(server)[kind].items()
            if len(now) != 1 or now & before[kind][identity]
        ]
    if kind == "raise":
        wrong += [
            f"{identity} is on floor {one['floor']}"
            for identity, one in server.stations().items()
            if one["floor"] != part["to"]
        ]
        wrong += [
            f"{identity}: {count} upgrades done"
            for identity, count in server.query(
                "SELECT identity, sum(status = 'done') FROM upgrades WHERE id LIKE ? GROUP BY identity",
                f"{campaign}-%",
            )
            if count != 1
        ]
    if kind.endswith("root"):
        wrong += _roots(server, there=kind == "install-root")
    for table in ("upgrades", "errands", "renewals"):
        ((still,),) = server.query(f"SELECT count(*) FROM {table} WHERE {OPEN[table]}")
        wrong += [f"{still} {table} are open still"] if still else []
    return wrong


OPEN = {"upgrades": "status = 'open'", "errands": "status = 'open'", "renewals": "open"}


def _roots(server, *, there):
    """Every station is asked; ours has to be there whatever happens, the foreign one once or not at all."""
    wrong = []
    for identity in server.stations():
        shown = server.ask("GET", f"/stations/{identity}/installed-certificates")["certificates"]
        roots = [one["ours"] for one in shown if one["certificate_type"] == "CSMSRootCertificate"]
        if (roots.count(True), roots.count(False)) != (1, int(there)):
            wrong.append(f"{identity} shows {roots.count(True)} root of ours and {roots.count(False)} others")
    return wrong


def _refused(lived, *, outages):
    return [
        f"{identity} was refused {times} times: {words}"
        for identity, one in lived["stations"].items()
        for words, times in one["refused"].items()
        if not (outages and OUTAGE.match(words))
    ]
