"""How often a station may ask for a certificate.

Stations repeat a request that was not answered in time (A02.FR.17, 18): the same request gets the same chain
again, never a second certificate.  New requests are rationed by station and altogether, so that neither a
broken firmware nor a stolen password keeps the CA busy or fills the records.

Pure bookkeeping in bounded memory; *now* is any clock in seconds that never goes back.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

from ocppsec.certificates.reasons import Reason, ReasonCode

STATIONS_REMEMBERED = 100_000
"""Beyond it the station that has not asked for the longest time is forgotten: it may then ask sooner."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A request to be judged; report what came of it with `RequestDesk.delivered`."""


@dataclass(frozen=True, slots=True)
class AnsweredBefore:
    """The station's last request again: send the same chain."""

    chain_pem: str


@dataclass(frozen=True, slots=True)
class TooMany:
    reason: Reason
    seconds: float
    """Until the next request will be looked at."""


@dataclass(slots=True)
class _Bucket:
    """Holds up to *size* permits; one more every *seconds*."""

    size: int
    seconds: float
    full_at: float = 0.0

    def wait(self, now: float) -> float:
        return max(0.0, self.full_at - now - (self.size - 1) * self.seconds)

    def take(self, now: float) -> None:
        self.full_at = max(self.full_at, now) + self.seconds


@dataclass(slots=True)
class _Caller:
    bucket: _Bucket
    request: str = ""
    chain_pem: str | None = field(default=None, repr=False)


class RequestDesk:
    """One desk for all stations of a process."""

    def __init__(self, *, burst: int = 5, seconds: float = 60.0, burst_of_all: int = 2000) -> None:
        """A station may ask *burst* times at once and once more every *seconds*; all together *burst_of_all*
        times at once and forty times a second after that.
        """
        self._burst = burst
        self._seconds = seconds
        self._all = _Bucket(burst_of_all, 1 / 40)
        self._callers: OrderedDict[str, _Caller] = OrderedDict()

    def arrive(self, identity: str, csr_pem: str, now: float) -> Fresh | AnsweredBefore | TooMany:
        caller = self._caller(identity)
        request = _digest(csr_pem)
        if caller.request == request and caller.chain_pem is not None:
            return AnsweredBefore(caller.chain_pem)
        wait = max(caller.bucket.wait(now), self._all.wait(now))
        if wait > 0:
            text = f"too many requests; the next one is looked at in {wait:.0f} s"
            return TooMany(Reason(ReasonCode.TOO_MANY_REQUESTS, text), wait)
        caller.bucket.take(now)
        self._all.take(now)
        return Fresh()

    def delivered(self, identity: str, csr_pem: str, chain_pem: str) -> None:
        """The chain that *csr_pem* was answered with; it replaces what was remembered of the station."""
        caller = self._caller(identity)
        caller.request, caller.chain_pem = _digest(csr_pem), chain_pem

    def forget(self, identity: str) -> None:
        """The chain is not to be sent again: it was revoked, or the station was removed."""
        self._callers.pop(identity, None)

    def _caller(self, identity: str) -> _Caller:
        caller = self._callers.pop(identity, None)
        if caller is None:
            caller = _Caller(_Bucket(self._burst, self._seconds))
        self._callers[identity] = caller
        if len(self._callers) > STATIONS_REMEMBERED:
            self._callers.popitem(last=False)
        return caller


def _digest(csr_pem: str) -> str:
    return hashlib.sha256("".join(csr_pem.split()).encode("utf-8", "surrogatepass")).hexdigest()
