"""Which slot to dial next, and how long to wait before (B10, Part 4 §5.3).

After a reboot the priority list from its first entry (B10.FR.04), after a lost connection from the slot that was
in use; a number of attempts in each (B10.FR.03).  When all are used up, the slot of the last success, for ever
(B10.FR.07, 09).  Pure: randomness is a parameter, nothing waits here.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """RetryBackOffWaitMinimum, RetryBackOffRandomRange, RetryBackOffRepeatTimes."""

    minimum: float
    random_range: float
    repeats: int

    def wait(self, step: int, random: float) -> float:
        """Seconds to wait in the *step*-th wait of a row, from 1.  *random* is from [0, 1)."""
        doublings = min(step - 1, self.repeats)
        return self.minimum * (1 << doublings) + self.random_range * random


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Where the dialling stands.  `failures` count in the present slot."""

    order: tuple[int, ...]
    home: int
    """Where to fall back to."""
    per_slot: int
    lost: bool = False
    """A connection was lost: Part 4 §5.3 wants a wait even before the first attempt, or a thousand stations
    return in the same second."""
    position: int = 0
    failures: int = 0

    @property
    def recovering(self) -> bool:
        """All slots were tried in vain; what worked last is tried again, the old certificate included."""
        return self.position >= len(self.order)

    @property
    def slot(self) -> int:
        return self.home if self.recovering else self.order[self.position]

    @property
    def back_off_step(self) -> int:
        """For `BackOff.wait`; 0 means dial at once, as with each new slot."""
        return self.failures + (1 if self.lost and self.position == 0 else 0)

    def failed(self) -> "Attempts":
        """After one more attempt in vain."""
        failures = self.failures + 1
        if self.recovering or failures < self.per_slot:
            return replace(self, failures=failures)
        following = replace(self, position=self.position + 1, failures=0)
        if following.slot == self.slot:  # no new slot, so no reason to dial at once
            return replace(following, failures=self.back_off_step + 1)
        return following


def after_reboot(priority: tuple[int, ...], *, last_good: int | None, per_slot: int) -> Attempts:
    """B10.FR.04: from the first entry, at once."""
    home = last_good if last_good is not None else priority[0]
    return Attempts(order=priority, home=home, per_slot=max(1, per_slot))


def after_loss(priority: tuple[int, ...], *, active: int, per_slot: int) -> Attempts:
    """The slot in use first, then the others by priority, after a wait."""
    order = (active, *(slot for slot in priority if slot != active))
    return Attempts(order=order, home=active, per_slot=max(1, per_slot), lost=True)


def own_reconnect(priority: tuple[int, ...], *, active: int, per_slot: int) -> Attempts:
    """Like `after_loss`, but the station hung up itself and comes back at once (A01, A02.FR.08)."""
    return replace(after_loss(priority, active=active, per_slot=per_slot), lost=False)
