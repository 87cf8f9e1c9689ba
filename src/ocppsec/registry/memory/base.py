"""What the areas of the store in memory have in common."""

from dataclasses import replace
from datetime import datetime

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Station
from ocppsec.registry.store import NotRegistered, StoreUnavailable


class Base:
    """What every area needs: who is registered, and whether the store is open.

    An area is a class that keeps its own rows; `MemoryStore` is all of them.  Each calls ``super()`` in `__init__` and
    in `_forget`.
    """

    def __init__(self) -> None:
        self._stations: dict[str, Station] = {}
        self._closed = False

    async def ping(self) -> None:
        self._check_open()

    async def close(self) -> None:
        self._closed = True

    def _forget(self, identity: str, at: datetime | None) -> None:
        """The station was removed: what belongs to it goes with it, or is marked."""

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def _registered(self, identity: str) -> Station:
        self._check_open()
        station = self._stations.get(identity)
        if station is None:
            raise NotRegistered(f"no station {identity!r} is registered")
        return station

    def _raise(self, station: Station, floor: SecurityProfile) -> None:
        raised = max(station.floor, floor)
        self._stations[station.identity] = replace(station, floor=raised, target=max(station.target, raised))
