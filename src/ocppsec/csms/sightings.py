"""What the doors saw of stations in an upgrade, without letting them in: evidence, and nobody else's.

A failed handshake says no name, and a name in a refused request proves nothing; so only what comes from the network
that the station was connected from counts, and of that a few lines a minute.  A stranger can neither fill the history
of somebody's upgrade nor push out of it what the station itself did.
"""

import time
from collections.abc import Callable, Iterable

from ocppsec.profiles.throttle import network_of
from ocppsec.registry.store import Store

MOST_A_MINUTE = 6
_MINUTE = 60.0
_LOOK_BACK = 20
"""So many attempts are read to find where a station was connected from."""


class Sightings:
    """*upgrading*: whose sightings matter now.  *clock*: seconds, monotonic."""

    def __init__(
        self, upgrading: Callable[[], Iterable[str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._upgrading = upgrading
        self._clock = clock
        self._networks: dict[str, str] = {}
        self._told: dict[str, dict[str, float]] = {}
        """By identity, what was told in the last minute, and when."""

    async def recall(self, store: Store) -> None:
        """Where the stations of open upgrades were connected from before this process began."""
        for identity in self._upgrading():
            for attempt in await store.attempts(identity, limit=_LOOK_BACK):
                if attempt.profile is not None:  # only of who was let in
                    self._networks.setdefault(identity, network_of(attempt.address))
                    break

    def connects_from(self, identity: str, address: str) -> None:
        """The station was let in, and is in an upgrade."""
        current = frozenset(self._upgrading())
        self._networks = {known: at for known, at in self._networks.items() if known in current}
        self._told = {known: times for known, times in self._told.items() if known in current}
        self._networks[identity] = network_of(address)

    def whose(self, address: str, what: str) -> list[str]:
        """Whose a handshake from there may be, as far as *what* may still be told of them."""
        network = network_of(address)
        return [known for known, at in self._networks.items() if at == network and self._news(known, what)]

    def is_of(self, identity: str, address: str, what: str) -> bool:
        """True when a request under this name is to be believed and told."""
        return self._networks.get(identity) == network_of(address) and self._news(identity, what)

    def _news(self, identity: str, what: str) -> bool:
        """Counts what it allows; the same again is no news for a minute."""
        now = self._clock()
        told = {said: at for said, at in self._told.get(identity, {}).items() if now - at < _MINUTE}
        self._told[identity] = told
        if what in told or len(told) >= MOST_A_MINUTE:
            return False
        told[what] = now
        return True
