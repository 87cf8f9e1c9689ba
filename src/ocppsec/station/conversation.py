"""What arrives on one connection, put in order for the one task that works it off.

Requests of the CSMS are answered at once, in the callback; what follows from them, and the end of the connection,
wait in the inbox.  Until `begin` (the server's certificate was looked at) nothing is answered.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ocppsec.link.link import Link
from ocppsec.ocppj.received import CallReceived
from ocppsec.station.reply import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The connection is gone."""

    code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Something may be due that was not before."""


Item = Effect | Ended | Wake


class Conversation:
    """The `Handler` of one link."""

    __slots__ = ("_answer", "_arrived", "_begun", "_dropped", "_early", "_inbox")

    def __init__(
        self, answer: Callable[["Conversation", Link, CallReceived], None], dropped: Callable[[str], None]
    ) -> None:
        self._answer = answer
        self._dropped = dropped
        self._begun = False
        self._early: list[tuple[Link, CallReceived]] = []
        self._inbox: deque[Item] = deque()
        self._arrived: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """Answer from now on, what came early first."""
        self._begun = True
        early, self._early = self._early, []
        for link, call in early:
            self._answer(self, link, call)

    def put(self, *items: Item) -> None:
        self._inbox.extend(items)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def next(self, timeout: float | None) -> Item:
        """The next item; `Wake` when *timeout* seconds have passed without one."""
        if not self._inbox:
            self._arrived = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._arrived
            except TimeoutError:
                return Wake()
            finally:
                self._arrived = None
        return self._inbox.popleft()

    # -- Handler ------------------------------------------------------------------------------------------
    def on_open(self, link: Link) -> None:
        """The dialler goes on when `connect` returns."""

    def on_call(self, link: Link, call: CallReceived) -> None:
        if self._begun:
            self._answer(self, link, call)
        else:
            self._early.append((link, call))

    def on_dropped(self, link: Link, reason: str) -> None:  # noqa: ARG002
        self._dropped(reason)

    def on_closed(self, link: Link) -> None:
        self.put(Ended(code=link.close_code, reason=link.close_reason))
