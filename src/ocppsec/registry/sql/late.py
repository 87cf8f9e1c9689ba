"""What may be written a moment late: attempts, and that a station has connected.

Kept here for at most `DELAY` seconds, then written together.  When the database is away it is tried again, and the
oldest is dropped when too much waits: evidence must not eat the memory of the server it is about.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Attempt
from ocppsec.registry.sql import attempts
from ocppsec.registry.sql.stations import RECORD_CONNECTED
from ocppsec.registry.sql.writer import Writer

DELAY: Final = 0.1
AGAIN_AFTER: Final = 2.0
"""Seconds between tries while the database is away."""
_MOST: Final = 5_000
_TRIM_AFTER: Final = 10
_TRIM_ALL_AFTER: Final = 5_000


@dataclass(slots=True)
class _Waiting:
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_MOST))
    connected: dict[str, tuple[SecurityProfile, datetime]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.attempts or self.connected)


class Late:
    """Owned by the store, which calls `flush` before it closes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting = _Waiting()
        self._in_flight = _Waiting()
        self._timer: asyncio.TimerHandle | None = None
        self._untrimmed: Counter[str] = Counter()
        self._closed = False

    def attempt(self, attempt: Attempt) -> None:
        self._waiting.attempts.append(attempts.clean(attempt))
        self._soon()

    def connected(self, identity: str, profile: SecurityProfile, at: datetime) -> None:
        self._waiting.connected.pop(identity, None)
        self._waiting.connected[identity] = (profile, at)
        if len(self._waiting.connected) > _MOST:
            del self._waiting.connected[next(iter(self._waiting.connected))]
        self._soon()

    def booted(self, identity: str) -> None:
        """A boot says more, and later, than a connection that still waits to be written."""
        self._waiting.connected.pop(identity, None)

    def observed(self, identity: str) -> tuple[SecurityProfile, datetime] | None:
        """What waits to be written about *identity*."""
        return self._waiting.connected.get(identity) or self._in_flight.connected.get(identity)

    async def flush(self) -> None:
        """Everything told until now is durable; raises `StoreUnavailable`."""
        # What is in flight is waited for as well: the writer keeps the order, so an empty change comes after it.
        if self._waiting or self._in_flight:
            await self._write()

    def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _soon(self, delay: float = DELAY) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(delay, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        if self._waiting:
            self._write()

    def _write(self) -> asyncio.Future[Any]:
        taken, self._waiting = self._waiting, _Waiting()
        if taken:
            self._in_flight = taken
        done = self._writer.submit(self._work(taken))
        done.add_done_callback(lambda done: self._settle(taken, done))
        return done

    def _work(self, taken: _Waiting) -> Callable[[AsyncConnection], Any]:
        async def work(connection: AsyncConnection) -> None:
            if taken.connected:
                values = [
                    {"connected": identity, "profile": profile, "at": at}
                    for identity, (profile, at) in taken.connected.items()
                ]
                await connection.execute(RECORD_CONNECTED, values)
            if taken.attempts:
                shares = await attempts.add(connection, taken.attempts)
                await self._trim(connection, shares)

        return work

    async def _trim(self, connection: AsyncConnection, shares: list[str]) -> None:
        # Not with every attempt: a share may hold a few more than its due for a while.
        self._untrimmed.update(shares)
        if self._untrimmed.total() >= _TRIM_ALL_AFTER:
            await attempts.trim_all(connection)
            self._untrimmed.clear()
            return
        full = [share for share in set(shares) if self._untrimmed[share] >= _TRIM_AFTER]
        await attempts.trim(connection, full)
        for share in full:
            del self._untrimmed[share]

    def _settle(self, taken: _Waiting, done: asyncio.Future[Any]) -> None:
        if self._in_flight is taken:
            self._in_flight = _Waiting()
        if done.cancelled() or done.exception() is None:
            return
        for attempt in self._waiting.attempts:
            taken.attempts.append(attempt)
        self._waiting = _Waiting(taken.attempts, {**taken.connected, **self._waiting.connected})
        if self._waiting:
            self._soon(AGAIN_AFTER)
