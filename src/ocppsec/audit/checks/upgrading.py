"""A whole simulated station, for what takes one: an upgrade by the CSMS, with slots, roots, requests and reboots."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from ocppsec.audit.target import Door, Target
from ocppsec.ocppj.messages import RegistrationStatus
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.happenings import Happening
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station


class Simulated:
    """A station of ours, and what it told."""

    def __init__(self, target: Target, door: Door) -> None:
        config = StationConfig(
            identity=target.identity or "",
            serial_number=target.serial,
            url=door.url.rstrip("/"),
            password=target.password,
            roots=(target.roots,) if target.roots else (),
            traits=Traits(back_off_minimum=1, back_off_range=0, organization=target.organization or ""),
            reboot_seconds=0.5,
        )
        self.told: list[str] = []
        self.station = Station(
            config,
            PassingMemory(),
            clock=lambda: datetime.now(UTC),
            random=random.SystemRandom().random,
            observe=self._observe,
        )
        self.profile = self.station.profile

    def _observe(self, happening: Happening) -> None:
        self.told.append(str(happening))

    async def accepted(self, seconds: float) -> bool:
        return await self._becomes(RegistrationStatus.ACCEPTED, self.profile, seconds)

    async def on(self, profile: int, seconds: float) -> bool:
        """True once it has booted on that profile."""
        return await self._becomes(RegistrationStatus.ACCEPTED, profile, seconds)

    async def _becomes(self, status: RegistrationStatus, profile: int, seconds: float) -> bool:
        try:
            await self.station.until(
                lambda one: one.accepted and one.registration == status and one.profile == profile,
                timeout=seconds,
            )
        except TimeoutError:
            return False
        return True


@contextlib.asynccontextmanager
async def simulated(target: Target, door: Door) -> AsyncIterator[Simulated]:
    """The known station, switched on; switched off at the end."""
    one = Simulated(target, door)
    task = asyncio.get_running_loop().create_task(one.station.run())
    try:
        yield one
    finally:
        one.station.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await task
