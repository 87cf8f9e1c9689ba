"""A CSMS, its database and a fleet in one process, and a hand that breaks things.

The CSMS can be killed: from one moment on nothing it does reaches its database, its connections are gone, and a new
one is started on the same database and the same ports.
"""

import asyncio
import random
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from unittest import mock
from urllib.parse import urlsplit

from faults import FaultyStore
from wire import Wire

from ocppsec.csms import planning
from ocppsec.csms.campaigner import Campaigner
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.service import Csms
from ocppsec.registry.open import open_store
from ocppsec.station.conduct import Conduct
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.manners import with_manners
from ocppsec.station.memory import PassingMemory
from ocppsec.upgrades.plan import Deadlines, Plan
from ocppsec.upgrades.renewal import Terms

PACE = 0.02
TRAITS = Traits(back_off_minimum=5, back_off_range=5, back_off_repeats=1, connection_attempts=2)
MESSAGE_TIMEOUT = 3
"""Seconds; a CSMS that answers a BootNotification later than its station waits has told it nothing."""
DEADLINES = Deadlines(step=20, report=2, csr=4, signing=5, boot=2, scheduled=4, reset_pause=0.3, arrival=2)
RENEWAL = RenewalSettings(
    terms=Terms(
        message=MESSAGE_TIMEOUT, csr=4, signing=5, reconnect=2, handshake=4, back_off=0.3, longest_back_off=1
    ),
    check_seconds=0.3,
)


class World:
    def __init__(self, directory, faults, watch):
        self.directory = directory
        self.faults = faults
        self.watch = watch
        self.csms = None
        self.stations = {}
        self.bugs = []
        self.kills = 0
        self._ports = (0, 0, 0)
        self._tasks = set()
        self._killing = asyncio.Lock()

    # -- the CSMS ---------------------------------------------------------------------------------------
    async def start(self):
        ws, wss, mtls = self._ports
        configuration = Configuration(
            state=self.directory,
            doors=default_doors("127.0.0.1", ws_port=ws, wss_port=wss, mtls_port=mtls),
            hostname="localhost",
            organization="CSO",
            boot_seconds=5,
            upgrade_deadlines=DEADLINES,
            renewal=RENEWAL,
        )
        self.store = FaultyStore(await open_store(self.directory / "ocppsec.db"), self.faults, self.watch)
        self.csms = Csms(configuration, self.store, emit=self._event)
        self.csms.campaigner = Campaigner(
            self.csms, emit=self._event, now=lambda: datetime.now(UTC), look_seconds=0.05
        )
        quiet, self.faults.quiet = (
            self.faults.quiet,
            True,
        )  # a CSMS that cannot start is started again by others
        await self.csms.start()
        self.faults.quiet = quiet
        self._ports = tuple(urlsplit(self.csms.url_for(profile)).port for profile in (1, 2, 3))

    async def kill(self):
        async with self._killing:
            self.kills += 1
            self.store.dead = True
            for session in self.csms._sessions:
                if session.link is not None:
                    session.link.abort("killed")
            await self.csms.stop()
            await self.store.close()
            await self.start()

    def _event(self, event):
        self.watch.event(event)
        identity = getattr(event, "identity", None)
        self._strike(f"{event.name} {identity or ''}", identity)

    def _strike(self, where, identity):
        if self.store.dead:
            return
        if self.faults.strikes("kill", where, 0.01):
            self._spawn(self.kill())
        elif identity is not None and self.faults.strikes("cut", where, 0.15):
            self._cut(identity)

    def _cut(self, identity):
        session = self.csms._sessions.get(identity)
        if session is not None and session.link is not None:
            session.link.abort("chaos: cut")

    def _spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task):
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.bugs.append({"message": "a task of the world died", "exception": error})

    # -- the fleet --------------------------------------------------------------------------------------
    async def add(self, identity, *manners):
        added = await self.csms.add_station(identity, serial_number=f"SN-{identity}")
        config = StationConfig(
            identity=identity,
            serial_number=f"SN-{identity}",
            url=self.csms.url_for(1),
            password=added.generated_password,
            pace=PACE,
            traits=TRAITS,
            model=" ".join(manners)[:20] or "sound",  # as long as BootNotification has room for
        )
        right = Conduct(config=config, clock=lambda: datetime.now(UTC))
        wire = Wire(identity, self.faults)
        conduct = wire.around(with_manners(right, manners))
        if not manners:
            self.watch.honest.add(identity)

        def observe(happening):
            wire.observe(happening)
            self.watch.lived(identity, happening)
            self._strike(f"{type(happening).__name__} {identity}", identity)

        station = conduct.station(
            PassingMemory(),
            random=random.Random(f"{self.faults.seed}/{identity}").random,
            observe=observe,
        )
        self.stations[identity] = station
        self._spawn(station.run())

    async def power_off(self):
        for station in self.stations.values():
            station.stop()
        await asyncio.wait(self._tasks, timeout=10) if self._tasks else None


@asynccontextmanager
async def world(directory, faults, watch):
    """Upgrades wait seconds instead of minutes here."""
    directory.mkdir(mode=0o700, parents=True)
    made = World(directory, faults, watch)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: made.bugs.append(context))
    impatient = partial(Plan, message_timeout=MESSAGE_TIMEOUT)
    quiet, faults.quiet = faults.quiet, True
    with mock.patch.object(planning, "Plan", impatient):
        await made.start()
        try:
            yield made
        finally:
            faults.quiet = True
            async with made._killing:
                await made.power_off()
                await made.csms.stop()
                await made.store.close()
    faults.quiet = quiet
    shutil.rmtree(directory, ignore_errors=True)
