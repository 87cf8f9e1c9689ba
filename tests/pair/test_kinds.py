"""What one station taught helps the next of its kind: our CSMS and two of our stations, real sockets and real TLS."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import UpgradeStatus
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.upgrades.kinds import decode_facts


@pytest.fixture
async def csms(tmp_path):
    configuration = Configuration(
        state=tmp_path,
        doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
        hostname="localhost",
        organization="CSO",
    )
    made = Csms(configuration, MemoryStore(), emit=lambda _: None)
    await made.start()
    yield made
    await made.stop()


async def climb(csms, identity):
    """Raise a station that takes one rare interface alone; gives how often its network profile was written."""
    added = await csms.add_station(identity)
    config = StationConfig(
        identity=identity,
        serial_number=identity,
        url=csms.url_for(1),
        password=added.generated_password,
        pace=0.02,
        traits=Traits(interfaces=(OCPPInterface.WIRELESS1,), slots=(1, 2)),
        reboot_seconds=0.1,
    )
    station = Station(
        config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.Random(1).random
    )
    task = asyncio.create_task(station.run())
    try:
        await station.until(lambda one: one.accepted, timeout=60)
        begun = await csms.begin_upgrade(identity, 3)
        async with asyncio.timeout(90):
            while (upgrade := await csms.store.upgrade(begun.id)).status is UpgradeStatus.OPEN:
                await asyncio.sleep(0.02)
        assert upgrade.status is UpgradeStatus.DONE, upgrade.reason
        steps = await csms.store.upgrade_steps(begun.id)
        return sum("SetNetworkProfile)" in step.step for step in steps)
    finally:
        station.stop()
        await asyncio.wait([task])


async def test_the_second_of_a_kind_is_asked_right_at_once(csms):
    """The first has to refuse interface after interface; the second takes the first that it is offered, twice."""
    first = await climb(csms, "CP1")
    second = await climb(csms, "CP2")
    assert first > 2
    assert second == 2
    (kind,) = await csms.store.kinds()
    facts = decode_facts(kind.facts)
    assert (kind.done, kind.failed, facts.interface) == (2, 0, OCPPInterface.WIRELESS1)
    assert any("refuses Wired0" in quirk for quirk in facts.quirks)
