"""Certificates of stations from the first to the last: our CSMS and our station, real sockets and real TLS."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime

import pytest

from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import UpgradeStatus
from ocppsec.station import happenings as told
from ocppsec.station.config import StationConfig
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station

IDENTITY = "CP1"


class House:
    """One CSMS and one station, both running; `grow` takes the station to profile 3."""

    def __init__(self, directory, **settings):
        self.directory, self.settings = directory, settings
        self.store, self.events, self.happenings = MemoryStore(), [], []
        self.station = None
        self._tasks = []

    async def open(self):
        doors = default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0)
        configuration = Configuration(
            state=self.directory, doors=doors, hostname="localhost", organization="CSO", **self.settings
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        await self.csms.start()

    async def close(self):
        if self.station is not None:
            self.station.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.csms.stop()

    def switch_on(self, password):
        config = StationConfig(
            identity=IDENTITY,
            serial_number="SN-1",
            url=self.csms.url_for(1),
            password=password,
            pace=0.02,
            reboot_seconds=0.1,
        )
        self.station = Station(
            config,
            PassingMemory(),
            clock=lambda: datetime.now(UTC),
            random=random.Random(1).random,
            observe=self.happenings.append,
        )
        self._tasks.append(asyncio.create_task(self.station.run()))

    async def grow(self):
        added = await self.csms.add_station(IDENTITY, serial_number="SN-1")
        self.switch_on(added.generated_password)
        await self.station.until(lambda station: station.accepted, timeout=10)
        begun = await self.csms.begin_upgrade(IDENTITY, 3)
        await self.until_async(lambda: self._ended(begun.id))
        assert (await self.store.upgrade(begun.id)).status is UpgradeStatus.DONE

    async def _ended(self, upgrade):
        return (await self.store.upgrade(upgrade)).status is not UpgradeStatus.OPEN

    async def until_async(self, condition, timeout=15):
        async with asyncio.timeout(timeout):
            while not await condition():
                await asyncio.sleep(0.02)

    async def until(self, condition, timeout=15):
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def in_use(self):
        states = await self.store.certificates(IDENTITY)
        return next(each for each in states if each.state is CertificateState.ACTIVE)

    def told(self, name):
        return [event for event in self.events if event.name == name]


class NeverHangsUp:
    """A link whose station does not answer a close frame."""

    def __init__(self, link):
        self.abort, self.close_reason = link.abort, ""

    def close(self, code, reason):
        pass


@pytest.fixture
async def new_house(tmp_path):
    async with contextlib.AsyncExitStack() as stack:

        async def make(**settings):
            house = House(tmp_path / "state", **settings)
            await house.open()
            stack.push_async_callback(house.close)
            return house

        yield make


# -- revocation ---------------------------------------------------------------------------------------------
async def test_a_revoked_station_is_out_within_a_second(new_house):
    """The open connection goes at once, the next handshake is refused as revoked (LESSONS 21)."""
    house = await new_house()
    await house.grow()
    certificate = await house.in_use()
    assert house.csms.connection(IDENTITY).profile == 3
    loop = asyncio.get_running_loop()
    begun = loop.time()

    revoked = await house.csms.certificates.revoke(certificate.fingerprint, "keyCompromise")
    await house.until(lambda: house.csms.connection(IDENTITY) is None, timeout=1)

    assert (loop.time() - begun, revoked.closed) < (1.0, 2)
    await house.until(lambda: any(isinstance(one, told.Refused) for one in house.happenings))
    refused = next(one for one in house.happenings if isinstance(one, told.Refused))
    assert (refused.status, refused.profile) == (403, 3)
    assert "certificate-revoked" in refused.body
    why = await house.csms.why(IDENTITY)
    assert why.attempts[0].reason == "certificate-revoked"


async def test_a_station_that_does_not_hang_up_is_dropped(new_house):
    """The connection of a revoked certificate ends without the station's consent."""
    house = await new_house()
    await house.grow()
    certificate = await house.in_use()
    session = house.csms._sessions.get(IDENTITY)
    link = session.link
    session.link = NeverHangsUp(link)

    await house.csms.certificates.revoke(certificate.fingerprint, "keyCompromise")

    await house.until(lambda: link.closed, timeout=1)
