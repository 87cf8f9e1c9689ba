"""Strangers cannot fill the disk: what anybody may cause as often as he likes is written only so often.

Pure bookkeeping in bounded memory.  Nothing is left out silently: the next row that is written says how many
were not.
"""

from collections import OrderedDict
from dataclasses import dataclass

WINDOW = 60.0
FROM_ONE_ADDRESS = 20
FROM_ALL = 200
ADDRESSES = 1000


@dataclass(slots=True)
class _Window:
    began: float
    written: int = 0
    left_out: int = 0

    def admits(self, now: float, most: int) -> bool:
        if now - self.began >= WINDOW:
            self.began, self.written = now, 0
        return self.written < most


class Restraint:
    def __init__(self) -> None:
        self._all = _Window(began=float("-inf"))
        self._by_address: OrderedDict[str, _Window] = OrderedDict()

    def left_out_before(self, address: str, now: float) -> int | None:
        """How many rows were left out since the last one; None when this one is to be left out too.

        *now* is monotonic, in seconds.
        """
        own = self._window_of(address)
        if not (own.admits(now, FROM_ONE_ADDRESS) and self._all.admits(now, FROM_ALL)):
            self._all.left_out += 1
            return None
        own.written += 1
        self._all.written += 1
        left_out, self._all.left_out = self._all.left_out, 0
        return left_out

    def _window_of(self, address: str) -> _Window:
        window = self._by_address.setdefault(address, _Window(began=float("-inf")))
        self._by_address.move_to_end(address)
        if len(self._by_address) > ADDRESSES:
            self._by_address.popitem(last=False)
        return window
