"""Another CA has not decided yet: whoever waits for that is told to ask again, when that CA said.

What waits is a row (an upgrade, a renewal), and asks again by itself after a restart; only the time is kept here.
"""

import asyncio
from collections.abc import Awaitable, Callable

LEAST_SECONDS = 30.0
LONGEST_SECONDS = 6 * 3600.0


class AskingAgain:
    def __init__(
        self,
        go_on: Callable[[str], Awaitable[None]],
        *,
        least: float = LEAST_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        """*go_on* is called with the identity of the station; it may find that nobody waits any more."""
        self._go_on = go_on
        self.least = least
        self._longest = longest
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def later(self, identity: str, seconds: float) -> None:
        """Once for each station, the last call counts."""
        before = self._waiting.pop(identity, None)
        if before is not None and before is not asyncio.current_task():
            before.cancel()
        seconds = max(self.least, min(seconds, self._longest))
        self._waiting[identity] = asyncio.get_running_loop().create_task(self._wait(identity, seconds))

    async def stop(self) -> None:
        """May be called twice."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _wait(self, identity: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._waiting.get(identity) is asyncio.current_task():
            del self._waiting[identity]
        await self._go_on(identity)
