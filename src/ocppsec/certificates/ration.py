"""How often a station may ask for a certificate.

Requests are rationed by station and altogether, so that neither a broken firmware nor a stolen password keeps
the CA busy or fills the records.  Pure bookkeeping in bounded memory; *now* is any clock in seconds that never
goes back.
"""

from collections import OrderedDict
from dataclasses import dataclass

from ocppsec.certificates.reasons import Reason, ReasonCode

STATIONS_REMEMBERED = 100_000
"""Beyond it the station that has not asked for the longest time is forgotten: it may then ask sooner."""


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


class Ration:
    """Of all stations of a process."""

    def __init__(self, *, burst: int = 5, seconds: float = 60.0, burst_of_all: int = 2000) -> None:
        """A station may ask *burst* times at once and once more every *seconds*; all together *burst_of_all*
        times at once and forty times a second after that.
        """
        self._burst = burst
        self._seconds = seconds
        self._all = _Bucket(burst_of_all, 1 / 40)
        self._stations: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, identity: str, now: float) -> Reason | None:
        """None: the request may be looked at.  A reason: not yet."""
        bucket = self._bucket(identity)
        wait = max(bucket.wait(now), self._all.wait(now))
        if wait > 0:
            text = f"too many requests; the next one is looked at in {wait:.0f} s"
            return Reason(ReasonCode.TOO_MANY_REQUESTS, text)
        bucket.take(now)
        self._all.take(now)
        return None

    def __len__(self) -> int:
        return len(self._stations)

    def _bucket(self, identity: str) -> _Bucket:
        bucket = self._stations.pop(identity, None) or _Bucket(self._burst, self._seconds)
        self._stations[identity] = bucket
        if len(self._stations) > STATIONS_REMEMBERED:
            self._stations.popitem(last=False)
        return bucket
