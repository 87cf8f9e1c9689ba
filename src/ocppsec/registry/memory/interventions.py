"""What people had done to stations outside of the ordinary way, in memory; and the one way down for a floor."""

from dataclasses import replace

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Intervention


class Interventions(Base):
    def __init__(self) -> None:
        super().__init__()
        self._interventions: list[Intervention] = []

    async def lower_floor(self, intervention: Intervention) -> SecurityProfile:
        station = self._registered(intervention.identity)
        if station.floor is SecurityProfile.TLS_CLIENT:
            self._stations[station.identity] = replace(station, floor=SecurityProfile.TLS_BASIC)
            self._interventions.append(intervention)
        return station.floor

    async def record_intervention(self, intervention: Intervention) -> None:
        self._check_open()
        self._interventions.append(intervention)

    async def interventions(self, identity: str, *, limit: int = 20) -> list[Intervention]:
        self._check_open()
        found = [each for each in self._interventions if each.identity == identity]
        return found[::-1][: max(0, limit)]
