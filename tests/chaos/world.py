"""A CSMS, its database and a fleet in one process, and a hand that breaks things.

The CSMS can be killed: from one moment on nothing it does reaches its database, its connections are gone, and a new
one is started on the same database and the same ports.
"""

import asyncio
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest import mock

from faults import FaultyStore
from rig.ports import kept_ports
from wire import Wire

from ocppsec.certificates.ration import Ration
from ocppsec.csms import installed, planning
from ocppsec.csms.campaigner import Campaigner
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errands import carried
from ocppsec.csms.onboarding import OnboardingOffice
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.csms.renewer import RenewalSettings
from ocppsec.csms.root_carrier import RolloverSettings
from ocppsec.csms.service import Csms
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.open import open_store
from ocppsec.registry.store import StoreUnavailable
from ocppsec.station import happenings as told
from ocppsec.station.conduct import Conduct
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.manners import with_manners
from ocppsec.station.memory import PassingMemory
from ocppsec.station.trust import csms_roots, parsed
from ocppsec.upgrades.plan import Deadlines, Plan
from ocppsec.upgrades.renewal import Terms
from ocppsec.upgrades.rollover import station as rollover_station

PACE = 0.02
TRAITS = Traits(back_off_minimum=5, back_off_range=5, back_off_repeats=1, connection_attempts=2)
MESSAGE_TIMEOUT = 3
"""Seconds; a CSMS that answers a BootNotification later than its station waits has told it nothing."""
DEADLINES = Deadlines(step=12, report=2, csr=4, signing=5, boot=2, scheduled=4, reset_pause=0.3, arrival=2)
RENEWAL = RenewalSettings(
    terms=Terms(
        message=MESSAGE_TIMEOUT, csr=4, signing=5, reconnect=2, handshake=4, back_off=0.3, longest_back_off=1
    ),
    check_seconds=0.5,
)
ROLLOVER = RolloverSettings(
    terms=rollover_station.Terms(message=MESSAGE_TIMEOUT, back_off=0.3, longest_back_off=1),
    check_seconds=0.5,
    proof_seconds=5,
    return_seconds=1,
)
PENDING_SECONDS = 20
"""As long for stations as 0.4 seconds for us."""
HASTE = (
    (Campaigner, {"look_seconds": 0.1}),
    (OnboardingOffice, {"look_seconds": 1.0, "again_seconds": 1.0, "come_back_seconds": 0.5}),
    (PasswordOffice, {"seconds": MESSAGE_TIMEOUT}),
    (Ration, {"burst": 50, "seconds": 0.5}),
)
"""Hours are minutes here, and minutes seconds."""
HOUR = timedelta(hours=1)


class World:
    def __init__(self, directory, faults, watch):
        self.directory = directory
        self.faults = faults
        self.watch = watch
        self.csms = None
        self.stations = {}
        self.bugs = []
        self.kills = 0
        self._ports = kept_ports(3)
        self._tasks = set()
        self._asked = set()
        self._killing = asyncio.Lock()
        self._threads = None

    def now(self):
        return datetime.now(UTC)

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
            rollover=ROLLOVER,
            pending_seconds=PENDING_SECONDS,
        )
        self.store = FaultyStore(await open_store(self.directory / "ocppsec.db"), self.faults, self.watch)
        csms = Csms(configuration, self.store, emit=self._event)
        quiet, self.faults.quiet = (
            self.faults.quiet,
            True,
        )  # a CSMS that cannot start is started again by others
        await csms.start()
        self.csms = csms  # whoever looks meanwhile sees the one that was killed
        self.faults.quiet = quiet

    async def kill(self):
        async with self._killing:
            self.kills += 1
            self.store.dead = True
            for session in self.csms._sessions:
                if session.link is not None:
                    session.link.abort("killed")
            for task in self._asked:
                task.cancel()
            await asyncio.gather(*self._asked, return_exceptions=True)
            await self.csms.stop()
            self._other_threads()
            await self.store.close()
            await self.start()

    def _other_threads(self):
        """What those of the killed one write to the disk is written before the next one reads; it has its own."""
        before, self._threads = self._threads, ThreadPoolExecutor(4)
        asyncio.get_running_loop().set_default_executor(self._threads)
        if before is not None:
            before.shutdown()

    async def ask(self, what):
        """What a person asks of the CSMS that runs; who asks one that is killed has no answer."""
        async with self._killing:
            task = asyncio.ensure_future(what(self.csms))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
        await asyncio.wait([task])
        if task.cancelled():
            raise StoreUnavailable("chaos: killed")
        return task.result()

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
    async def add(self, identity, *manners, traits=TRAITS):
        added = await self.csms.add_station(identity, serial_number=f"SN-{identity}")
        self._switch_on(identity, added.generated_password, manners, traits)

    async def expect(self, identity, way, *, target, traits=TRAITS):
        """A new one, which comes at once."""
        expected = await self.csms.onboarding.add(
            identity,
            way=way,
            serial_number=f"SN-{identity}",
            target=target,
            profile=1,
            time=HOUR,
            connections=1000,
        )
        self.watch.new.add(identity)
        self._switch_on(identity, expected.password, (), traits)

    def _switch_on(self, identity, password, manners, traits):
        config = StationConfig(
            identity=identity,
            serial_number=f"SN-{identity}",
            url=self.csms.url_for(1),
            password=password,
            profile=SecurityProfile.BASIC,
            pace=PACE,
            traits=traits,
            model=" ".join(manners)[:20] or "sound",  # as long as BootNotification has room for
        )
        right = Conduct(config=config, clock=self.now)
        wire = Wire(identity, self.faults)
        conduct = wire.around(with_manners(right, manners))
        if not manners:
            self.watch.honest.add(identity)

        def observe(happening):
            wire.observe(happening)
            self.watch.lived(identity, happening)
            if isinstance(happening, told.Answered | told.Booted) and identity in self.watch.honest:
                self._look_at_roots(identity)
            self._strike(f"{type(happening).__name__} {identity}", identity)

        station = conduct.station(
            PassingMemory(),
            random=random.Random(f"{self.faults.seed}/{identity}").random,
            observe=observe,
        )
        self.stations[identity] = station
        self._spawn(station.run())

    def _look_at_roots(self, identity):
        kept = self.stations[identity].remembered
        trusted = [root.public_key() for root in csms_roots(kept, with_fallback=True)]
        served = [parsed(pem).public_key() for pem in self.csms.server_certificates.believed_by]
        self.watch.roots(identity, kept.security_profile, trusted, served)

    async def power_off(self):
        for station in self.stations.values():
            station.stop()
        await asyncio.wait(self._tasks, timeout=10) if self._tasks else None


@asynccontextmanager
async def world(directory, faults, watch):
    """Upgrades wait seconds instead of minutes here, and everything else in proportion."""
    directory.mkdir(mode=0o700, parents=True)
    made = World(directory, faults, watch)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: made.bugs.append(context))
    faults.quiet = True
    with ExitStack() as hasty:
        impatient = partial(Plan, message_timeout=MESSAGE_TIMEOUT)
        hasty.enter_context(mock.patch.object(planning, "Plan", impatient))
        hasty.enter_context(mock.patch.object(installed, "SECONDS", MESSAGE_TIMEOUT))
        hasty.enter_context(mock.patch.object(carried, "PAUSE", timedelta(seconds=0.2)))
        for office, defaults in HASTE:
            hasty.enter_context(mock.patch.dict(office.__init__.__kwdefaults__, defaults))
        made._other_threads()
        await made.start()
        try:
            yield made
        finally:
            faults.quiet = True
            async with made._killing:
                await made.power_off()
                await made.csms.stop()
                await made.store.close()
    shutil.rmtree(directory, ignore_errors=True)
