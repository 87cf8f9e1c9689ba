"""Attempts to connect, in memory."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Attempt
from ocppsec.registry.store import ATTEMPTS_KEPT, ATTEMPTS_KEPT_IN_ALL


@dataclass(slots=True)
class _Kept:
    """One attempt and whose share of the room it takes."""

    attempt: Attempt
    share: tuple[str, str]


class Attempts(Base):
    def __init__(self) -> None:
        super().__init__()
        self._attempts: dict[int, _Kept] = {}
        self._shares: dict[tuple[str, str], deque[int]] = {}
        self._next_attempt = 0

    async def record_attempt(self, attempt: Attempt) -> None:
        self._check_open()
        known = attempt.identity is not None and attempt.identity in self._stations
        share = ("identity", str(attempt.identity)) if known else ("address", attempt.address)
        self._attempts[self._next_attempt] = _Kept(attempt, share)
        numbers = self._shares.setdefault(share, deque())
        numbers.append(self._next_attempt)
        self._next_attempt += 1
        if len(numbers) > ATTEMPTS_KEPT:
            del self._attempts[numbers.popleft()]
        if len(self._attempts) > ATTEMPTS_KEPT_IN_ALL:
            self._drop_oldest_attempt()

    async def attempts(self, identity: str, *, limit: int = 20) -> list[Attempt]:
        self._check_open()
        return self._newest(limit, (kept for kept in self._kept() if kept.identity == identity))

    async def attempts_from(self, address: str, *, limit: int = 20) -> list[Attempt]:
        self._check_open()
        return self._newest(limit, (kept for kept in self._kept() if kept.address == address))

    def _kept(self) -> Iterable[Attempt]:
        return (kept.attempt for kept in reversed(self._attempts.values()))

    def _newest(self, limit: int, attempts: Iterable[Attempt]) -> list[Attempt]:
        return [attempt for attempt, _ in zip(attempts, range(limit), strict=False)]

    def _drop_oldest_attempt(self) -> None:
        number = next(iter(self._attempts))
        share = self._attempts.pop(number).share
        self._shares[share].remove(number)
        if not self._shares[share]:
            del self._shares[share]
