"""``Idempotency-Key``: a request repeated with the same key gets the first answer again.

Remembered in bounded memory and not over a restart.  That is enough here: what a restart could repeat, the
store refuses by itself (there is never more than one open upgrade of a station).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ocppsec.web.problems import Problem

MAX_KEY = 255

Answer = TypeVar("Answer")


class Idempotency(Generic[Answer]):
    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._lock = asyncio.Lock()
        self._known: OrderedDict[str, tuple[object, Answer]] = OrderedDict()

    async def once(self, key: str | None, request: object, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """What *act* gives, done at most once for *key*; a refusal is not remembered.

        Raises `Problem` (422) when *key* came with another *request* before.
        """
        if key is None:
            return await act()
        async with self._lock:
            if key in self._known:
                return self._again(key, request)
            answer = await act()
            self._known[key] = (request, answer)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
            return answer

    def _again(self, key: str, request: object) -> Answer:
        before, answer = self._known[key]
        if before != request:
            raise Problem(422, "idempotency-key-reused", "this key came with another request before")
        return answer
