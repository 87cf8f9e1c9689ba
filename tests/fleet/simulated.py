"""`ocppsec sim fleet` as a process of its own, and who in it has which manner."""

import json
import signal
import subprocess
from dataclasses import replace

from rig.server import OCPPSEC, environment

from ocppsec.station.manners import MANNERS
from ocppsec.station.manners.credentials import COLONS
from ocppsec.station.members import numbered, read_share, with_shares

GUESSERS = ("wrong-password", "guesses-passwords")
"""Logins from an address are slowed when many failed there, so these have an address of their own."""
ELSEWHERE = "127.66.0.1"


class SimFleet:
    """*size* stations, *each* of every manner in *manners*, the rest right.  `start` it once, `end` it for its report."""

    def __init__(
        self, directory, size, *, each=1, manners=tuple(MANNERS), prefix="CS", pace=0.1, source=None
    ):
        self.shares = [f"{name}={each / size!r}" for name in manners]
        members = numbered(prefix, size, "secret-of-{identity}")
        self.members = tuple(map(_registered, with_shares(members, map(read_share, self.shares))))
        self.passwords = directory / f"{prefix}.csv"
        self.passwords.write_text(
            "".join(f"{one.identity},{one.password},{one.serial_number}\n" for one in self.members)
        )
        self._report = directory / f"{prefix}.json"
        self._log = directory / f"{prefix}.log"
        self._pace = pace
        self._source = () if source is None else ("--source", source)
        self._process = None

    @property
    def manner_of(self):
        """Identity → manner, ``right`` for none."""
        return {member.identity: member.label for member in self.members}

    def start(self, url, *options, ramp=50):
        shares = [word for share in self.shares for word in ("--manner", share)]
        told = ["--passwords", self.passwords, "--report", self._report, "--each", "--pace", str(self._pace)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    OCPPSEC,
                    "sim",
                    "fleet",
                    "--url",
                    url,
                    *told,
                    "--ramp",
                    str(ramp),
                    *shares,
                    *self._source,
                    *options,
                ],
                stdout=log,
                stderr=log,
                env=environment(),
            )

    @property
    def pid(self):
        return self._process.pid

    def storm(self):
        self._process.send_signal(signal.SIGUSR1)

    def end(self):
        """Its report: ``stations`` has an account of each.  None when it was never started; may be called twice."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=120)
        assert self._report.exists(), f"the fleet ended with {code}: {self._log.read_text()[-2000:]}"
        return json.loads(self._report.read_text())


class Fleets:
    """The same in one, with those who guess passwords beside it."""

    def __init__(self, directory, size, *, each=1, manners=tuple(MANNERS)):
        guessers = [name for name in GUESSERS if name in manners]
        others = [name for name in manners if name not in guessers]
        few = each * len(guessers)
        self._fleets = [SimFleet(directory, size - few, each=each, manners=others)]
        if guessers:
            self._fleets.append(
                SimFleet(directory, few, each=each, manners=guessers, prefix="GUESS", source=ELSEWHERE)
            )

    @property
    def members(self):
        return [member for fleet in self._fleets for member in fleet.members]

    @property
    def manner_of(self):
        return {member.identity: member.label for member in self.members}

    @property
    def passwords(self):
        return [fleet.passwords for fleet in self._fleets]

    def start(self, url, *options):
        for fleet in self._fleets:
            fleet.start(url, *options)

    def end(self):
        """What the stations lived, and errors of the simulator."""
        reports = [report for fleet in self._fleets if (report := fleet.end()) is not None]
        lived = {identity: one for report in reports for identity, one in report["stations"].items()}
        crashed = [
            f"a station crashed: {error}" for report in reports for error in report["total"]["crashed"]
        ]
        return lived, crashed


def _registered(member):
    """As the operator registers it: one manner has a password of its own."""
    return replace(member, password=COLONS) if member.manners == ("colon-password",) else member
