"""Many stations in one process, against any CSMS: started at a rate, cut off on demand, kept account of."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.conduct import Conduct
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.happenings import Happening
from ocppsec.station.ledger import Ledger, Report
from ocppsec.station.manners import with_manners
from ocppsec.station.members import Member
from ocppsec.station.memory import FileMemory, Memory, PassingMemory
from ocppsec.station.station import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What all stations of a fleet have in common."""

    url: str
    profile: SecurityProfile | None = None
    roots: tuple[str, ...] = ()
    traits: Traits = field(default_factory=Traits)
    pace: float = 1.0
    reboot_seconds: float = 5.0
    source: str | None = None
    """The address of this machine that all connect from."""
    state: Path | None = None
    """A directory with one for each station; None: what they learn is lost with the process."""

    def config(self, member: Member) -> StationConfig:
        return StationConfig(
            identity=member.identity,
            serial_number=member.serial_number,
            url=self.url,
            password=member.password,
            profile=self.profile,
            roots=self.roots,
            certificate=member.certificate,
            traits=self.traits,
            pace=self.pace,
            reboot_seconds=self.reboot_seconds,
            source=self.source,
        )

    def memory(self, member: Member) -> Memory:
        if self.state is None:
            return PassingMemory()
        return FileMemory(self.state / quote(member.identity, safe="").replace(".", "%2E"))


class Fleet:
    """`run` it in a task; `storm` and `stop` from outside."""

    def __init__(
        self,
        kind: Kind,
        members: Sequence[Member],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = random.random,
        each: bool = False,
    ) -> None:
        """*each*: the report tells of every station too, not only of each manner."""
        self._kind = kind
        self._members = tuple(members)
        self._clock = clock
        self._random = random
        self._ledger = Ledger(
            [member.label for member in members],
            identities=[member.identity for member in members] if each else (),
        )
        self._stations: list[Station] = []
        self._stopping = asyncio.Event()
        self._began: float | None = None

    @property
    def size(self) -> int:
        return len(self._members)

    @property
    def started(self) -> int:
        return len(self._stations)

    def report(self) -> Report:
        return self._ledger.report(self._now())

    def _now(self) -> float:
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    # -- its life -----------------------------------------------------------------------------------------
    async def run(self, *, ramp: float | None = None) -> None:
        """Start *ramp* stations a second (None: all at once) and return when all have ended after `stop`."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number, member in enumerate(self._members):
                if ramp is not None:
                    await self._pause(self._began + number / ramp - loop.time())
                if self._stopping.is_set():
                    break
                group.create_task(self._live(number, self._make(number, member)), name=member.identity)

    def _make(self, number: int, member: Member) -> Station:
        conduct = with_manners(Conduct(config=self._kind.config(member), clock=self._clock), member.manners)

        def observe(happening: Happening) -> None:
            self._ledger.note(number, happening, self._now())

        station = conduct.station(self._kind.memory(member), random=self._random, observe=observe)
        self._stations.append(station)
        return station

    async def _live(self, number: int, station: Station) -> None:
        try:
            await station.run()
        except Exception as error:  # noqa: BLE001  the others go on; the report names it and fails
            self._ledger.crashed(number, error)

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def storm(self) -> None:
        """Every connection breaks at this moment, without a word; each station returns as its rules say."""
        self._ledger.storm(self._now())
        for station in self._stations:
            station.cut()

    def stop(self) -> None:
        """Hang up everywhere and start nobody else; harmless when repeated."""
        self._stopping.set()
        for station in self._stations:
            station.stop()
