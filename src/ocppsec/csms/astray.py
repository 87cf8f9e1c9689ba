"""Rows that have to be read again, because the store failed in the middle of a save.

Whether it was saved and only the answer lost, nobody here knows; what had happened may be kept nowhere.  The row alone
can tell how the matter stands, so it is read until the store answers, and its step is gone about again.  Without that
an upgrade or a renewal stands still until the process is started again: a timer fires once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from ocppsec.registry.store import StoreUnavailable

RETRY_SECONDS = 2.0


class Astray:
    """Each station once."""

    def __init__(
        self,
        read_again: Callable[[str], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """*read_again* makes memory agree with the row, and goes on from there; safe to repeat."""
        self._read_again = read_again
        self._spawn = spawn
        self._identities: set[str] = set()

    def soon(self, identity: str) -> None:
        """Its row is read as soon as the store answers."""
        if identity not in self._identities:
            self._identities.add(identity)
            self._spawn(self._find(identity))

    async def _find(self, identity: str) -> None:
        try:
            while True:
                try:
                    await self._read_again(identity)
                    return
                except StoreUnavailable:
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._identities.discard(identity)
