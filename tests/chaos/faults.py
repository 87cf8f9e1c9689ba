"""Where things go wrong, chosen by a seed: at the n-th time that something happens to somebody, and not by a clock."""

import contextlib
from collections import Counter
from random import Random

from ocppsec.registry.store import StoreUnavailable

MOST = {
    "cut": 6,  # at an event of the CSMS or of the station
    "break": 6,  # before a message arrives, or after it left
    "answer": 6,  # lost, late or doubled
    "outage": 6,  # of the database
    "kill": 2,
    "reboot": 2,
    "refusal": 2,
    "lie": 2,
    "twice": 2,
    "asleep": 2,
    "unreachable": 2,
}
"""How many of each kind a purse may hold.  Each part of a course fills its own: one has two kills and another none."""


class Faults:
    """A seed and a purse of faults; empty, all goes well."""

    def __init__(self, seed, **purse):
        self.seed = seed
        drawn = Random(f"{seed}/purse")
        self.left = Counter({kind: purse.get(kind, drawn.randint(0, most)) for kind, most in MOST.items()})
        self._zeal = drawn.choice([0.3, 0.6, 1.0])
        """Low: faults come late in the course too."""
        self.quiet = False
        self.told = []
        """Every fault, in the order they came, for who has to understand a failing seed."""
        self._seen = Counter()

    def strikes(self, kind, where, chance):
        """True when the fault *kind* is to happen at this passing of *where*."""
        self._seen[where] += 1
        if self.quiet or self.left[kind] <= 0:
            return False
        point = f"{self.seed}/{kind}/{where}/{self._seen[where]}"
        if Random(point).random() >= chance * self._zeal:
            return False
        self.left[kind] -= 1
        self.told.append(f"{kind} at {where} #{self._seen[where]}")
        return True

    @contextlib.contextmanager
    def trouble(self, part):
        """A purse of its own for one part of the course; behind it all goes well again."""
        drawn = Random(f"{self.seed}/purse/{part}")
        self.left = Counter({kind: drawn.randint(0, most) for kind, most in MOST.items()})
        self.told.append(f"-- {part}")
        self.quiet = False
        try:
            yield
        finally:
            self.quiet = True

    def choose(self, where, options):
        """Depends on the seed and on *where* alone, so that no choice changes another one."""
        return Random(f"{self.seed}/choose/{where}").choice(options)


CHANGES = ("add_", "begin_", "save_", "set_", "raise_", "record_", "activate_", "replace_", "remove_")


class FaultyStore:
    """A store that is away at times: before it did what it was asked, or after, when the answer is lost.

    It also keeps watch: what was booted on which profile, and every floor that it was told or tells.
    """

    def __init__(self, inner, faults, watch):
        self._inner = inner
        self._faults = faults
        self._watch = watch
        self._away = 0
        self.dead = False
        """The process that held this store was killed: nothing reaches the disk any more."""

    async def close(self):
        await self._inner.close()

    async def peek(self, name, *arguments, **more):
        """For the judge: asked past the faults, and no passing of anybody."""
        if self.dead:
            raise StoreUnavailable("chaos: killed")
        return await getattr(self._inner, name)(*arguments, **more)

    def __getattr__(self, name):
        really = getattr(self._inner, name)

        async def call(*arguments, **more):
            lose_answer = self._strike(name)
            result = await really(*arguments, **more)
            self._watch.stored(name, arguments, result)
            if lose_answer or self.dead:
                raise StoreUnavailable("chaos: the answer is lost")
            return result

        return call

    def _strike(self, name):
        """True when the change is to be made and its answer lost."""
        if self.dead:
            raise StoreUnavailable("chaos: killed")
        if self._away > 0 and not self._faults.quiet:
            self._away -= 1
            raise StoreUnavailable("chaos: locked")
        if not self._faults.strikes("outage", f"store {name}", 0.04):
            return False
        how = self._faults.choose(f"{name} {self._faults.left['outage']}", ["locked", "full", "lost"])
        if how == "lost" and name.startswith(CHANGES):
            return True
        self._away = 3 if how == "full" else 0
        raise StoreUnavailable(f"chaos: {how}")
