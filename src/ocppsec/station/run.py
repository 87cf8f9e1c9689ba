"""One station for the command line: its clock, its randomness, its directory."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ocppsec.station.config import StationConfig
from ocppsec.station.happenings import Happening
from ocppsec.station.memory import FileMemory, PassingMemory
from ocppsec.station.station import Station


def make_station(
    config: StationConfig, state_dir: Path | None, observe: Callable[[Happening], None]
) -> Station:
    """A station with the system's clock; *state_dir* None keeps its memory in RAM."""
    memory = PassingMemory() if state_dir is None else FileMemory(state_dir)
    return Station(
        config,
        memory,
        clock=lambda: datetime.now(UTC),
        random=random.SystemRandom().random,
        observe=observe,
    )


async def run_station(
    config: StationConfig, state_dir: Path | None, observe: Callable[[Happening], None]
) -> None:
    """Run one station until it is cancelled.

    What the directory remembers of an earlier run goes before *config*: slots, password, certificates.
    """
    await make_station(config, state_dir, observe).run()
