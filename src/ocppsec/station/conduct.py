"""How a station acts, as one value: the standard's way, or with one place or another changed by a manner.

Whoever makes stations in numbers starts from a `Conduct` and lets `manners` change it; nothing else in the room
knows that stations misbehave.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ocppsec.link.link import Link
from ocppsec.station.behaviour import STANDARD, Behaviour
from ocppsec.station.config import StationConfig
from ocppsec.station.dialling import Dialler, dial
from ocppsec.station.happenings import Happening
from ocppsec.station.memory import Memory
from ocppsec.station.signing import RequestMaker, new_request
from ocppsec.station.station import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    config: StationConfig
    clock: Callable[[], datetime]
    behaviour: Behaviour = field(default_factory=lambda: STANDARD)
    """What is answered."""
    dialler: Dialler = dial
    """How connections are made; whatever goes over them passes here too."""
    request: RequestMaker = new_request
    """How signing requests are made."""
    leftovers: list[Link] = field(default_factory=list)
    """Connections that a manner leaves standing; they end with the station."""

    def station(
        self, memory: Memory, *, random: Callable[[], float], observe: Callable[[Happening], None]
    ) -> Station:
        return Station(
            self.config,
            memory,
            clock=self.clock,
            random=random,
            observe=observe,
            behaviour=self.behaviour,
            dialler=self.dialler,
            request=self.request,
            leftovers=self.leftovers,
        )
