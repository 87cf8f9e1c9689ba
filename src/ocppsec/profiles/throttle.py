"""Wrong passwords are slowed, in bounded memory, and nobody is ever locked out.

Bookkeeping alone: time is told, nothing waits.  Failures are counted for three things, each forgetting them
again at a steady rate, and each letting one attempt through per delay, whoever comes first:

- one identity from one address, where a guesser is slowed first;
- one address, whatever identities it tries;
- one identity, whatever addresses try it.  One address alone, slowed as it is, never fills this count, so it
  cannot slow a station that connects from elsewhere.

The first attempt of an address on an identity, or the first in a long time, is not held up by the third count:
such attempts have one of their own, and pass a second apart.  Otherwise six addresses that never tire would take
every turn, and shut out a station that has a new address or comes for the first time since a restart.

A right password is refused like a wrong one while its sender is being slowed: if it were let in, an attacker
would learn as fast as ever which guess is right, and the delay would delay nothing.  What keeps a station from
being shut out by an attacker behind the same NAT is another thing: where it was let in from before, it is judged
by its own count only, never by what its address or strangers did, and its own delay is at most
`HOME.longest` seconds, so that even an attacker who knows its identity takes only some of its turns.  Knowing a
few passwords earns nothing: "from before" holds for that identity at that address.

Who asks for many different identities without getting in is slowed too, by address, so that the list of stations
cannot be read off the answers.  That costs no station anything: it concerns refusals alone.

Only looked-at passwords count.  Call `check`, `admit` and `failed` or `succeeded` with no await in between;
otherwise many attempts may pass `check` before the first has failed.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")

_LONGEST_ADDRESS: Final = 64
_MOST_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one kind of count slows."""

    free: int
    """So many failures cost nothing; the next costs a second, and each further one twice as long."""
    longest: float
    """Seconds; no delay is longer."""
    forgotten_every: float
    """Seconds after which one failure is forgotten."""


PAIR: Final = Rule(free=5, longest=60.0, forgotten_every=120.0)
HOME: Final = Rule(free=5, longest=2.0, forgotten_every=120.0)
ADDRESS: Final = Rule(free=50, longest=10.0, forgotten_every=5.0)
IDENTITY: Final = Rule(free=30, longest=10.0, forgotten_every=20.0)

FIRST: Final = Rule(free=100, longest=1.0, forgotten_every=1.0)

PROBE: Final = Rule(free=50, longest=10.0, forgotten_every=5.0)
"""Different identities of one address that were refused."""

HOME_LASTS: Final = 30 * 86_400.0
"""Seconds after the last right password in which a station is at home at an address."""


class LoginThrottle:
    """At most *capacity* counts of each kind and *homes* known pairs; the least recently used go first."""

    __slots__ = (
        "_addresses",
        "_firsts",
        "_homes",
        "_homes_limit",
        "_identities",
        "_pairs",
        "_probed",
        "_probes",
    )

    def __init__(self, *, capacity: int = 10_000, homes: int = 100_000) -> None:
        self._pairs: _Counts[tuple[str, str]] = _Counts(capacity)
        self._addresses: _Counts[str] = _Counts(capacity)
        self._identities: _Counts[str] = _Counts(capacity)
        self._firsts: _Counts[str] = _Counts(capacity)
        self._probes: _Counts[str] = _Counts(capacity)
        self._probed: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._homes: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._homes_limit = homes

    def check(self, identity: str, address: str, now: float) -> float:
        """Seconds until this attempt may be looked at; 0 now.  *now* is monotonic, in seconds."""
        network = network_of(address)
        pair = (identity, network)
        if self._at_home(pair, now):
            return self._pairs.wait(pair, HOME, now)
        if self._pairs.forgiven(pair, PAIR, now):
            return max(self._addresses.wait(network, ADDRESS, now), self._firsts.wait(identity, FIRST, now))
        return max(
            self._pairs.wait(pair, PAIR, now),
            self._addresses.wait(network, ADDRESS, now),
            self._identities.wait(identity, IDENTITY, now),
        )

    def failed(self, identity: str, address: str, now: float) -> float:
        """A password was looked at and wrong.  The seconds that the next attempt has to wait."""
        network = network_of(address)
        pair = (identity, network)
        if self._at_home(pair, now):
            # At HOME's pace these would fill the other counts, and slow this station elsewhere and others here.
            self._pairs.add(pair, HOME, now)
        else:
            if self._pairs.forgiven(pair, PAIR, now):
                self._firsts.add(identity, FIRST, now)
            self._pairs.add(pair, PAIR, now)
            self._addresses.add(network, ADDRESS, now)
            self._identities.add(identity, IDENTITY, now)
        return self.check(identity, address, now)

    def succeeded(self, identity: str, address: str, now: float) -> None:
        """The right password: this pair starts afresh.  What was counted for others stays."""
        pair = (identity, network_of(address))
        self._pairs.forget(pair)
        self._homes[pair] = now
        self._homes.move_to_end(pair)
        if len(self._homes) > self._homes_limit:
            self._homes.popitem(last=False)

    def probed(self, identity: str, address: str, now: float) -> float:
        """*identity* is being refused, for whatever reason; the seconds until the reason may be told, 0 now."""
        network = network_of(address)
        pair = (identity, network)
        if self._at_home(pair, now) or pair in self._probed:
            return 0.0  # the same station again, and again
        wait = self._probes.wait(network, PROBE, now)
        if wait == 0:
            self._probes.add(network, PROBE, now)
            self._probed[pair] = None
            if len(self._probed) > self._homes_limit:
                self._probed.popitem(last=False)
        return wait

    def _at_home(self, pair: tuple[str, str], now: float) -> bool:
        let_in = self._homes.get(pair)
        return let_in is not None and now - let_in <= HOME_LASTS

    def __len__(self) -> int:
        """All that is remembered."""
        counts = (self._pairs, self._addresses, self._identities, self._firsts, self._probes)
        return sum(len(each) for each in counts) + len(self._homes) + len(self._probed)


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or the /64 that one IPv6 subscriber has to himself."""
    if ":" not in address:
        return address[:_LONGEST_ADDRESS]
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address[:_LONGEST_ADDRESS]
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64)) + "/64"


class _Counts(Generic[Key]):
    """Failures by key, with the time of the last one."""

    __slots__ = ("_capacity", "_counts")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._counts: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def forgiven(self, key: Key, rule: Rule, now: float) -> bool:
        """Nothing is counted for *key*, or all of it was so long ago that it is forgotten."""
        count, last = self._counts.get(key, (0.0, now))
        return count * rule.forgotten_every <= max(0.0, now - last)

    def wait(self, key: Key, rule: Rule, now: float) -> float:
        found = self._counts.get(key)
        if found is None:
            return 0.0
        count, last = found
        if count <= rule.free:
            return 0.0
        delay: float = min(rule.longest, 2.0 ** (count - rule.free - 1))
        return max(0.0, last + delay - now)

    def add(self, key: Key, rule: Rule, now: float) -> None:
        count, last = self._counts.get(key, (0.0, now))
        left = max(0.0, count - max(0.0, now - last) / rule.forgotten_every)
        self._counts[key] = (min(left + 1, rule.free + _MOST_DOUBLINGS), now)
        self._counts.move_to_end(key)
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)

    def forget(self, key: Key) -> None:
        self._counts.pop(key, None)
