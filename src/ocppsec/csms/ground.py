"""The ground of an admission may be gone while it is made: the station was removed, and perhaps registered anew.

Who decides watches the identity from before its record is read until the station is in; who removes it says so
afterwards.  A decision that was overtaken is made again, so nobody is let in by a record that is gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class Overtaken(Exception):  # noqa: N818  what happened to a decision
    """What was decided no longer holds; nothing was sent."""


class Watch:
    __slots__ = ("overtaken",)

    def __init__(self) -> None:
        self.overtaken = False

    def check(self) -> None:
        """Raises `Overtaken`.  Call it with no await before the deed."""
        if self.overtaken:
            raise Overtaken


class Ground:
    def __init__(self) -> None:
        self._watches: dict[str, list[Watch]] = {}

    @contextmanager
    def watched(self, identity: str) -> Iterator[Watch]:
        """Notice whatever shifts for *identity* inside."""
        watch = Watch()
        watches = self._watches.setdefault(identity, [])
        watches.append(watch)
        try:
            yield watch
        finally:
            watches.remove(watch)
            if not watches:
                del self._watches[identity]

    def shifted(self, identity: str) -> None:
        """The record of *identity* is gone from the store."""
        for watch in self._watches.get(identity, ()):
            watch.overtaken = True

    def __len__(self) -> int:
        """How many identities are watched."""
        return len(self._watches)
