"""Stations are asked what they are like before anything is changed: our CSMS and our stations, real sockets."""

import asyncio
import random
from dataclasses import replace as dataclass_replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from ocppsec.csms.asked_first import MOST, OF_EACH_KIND, asked_first
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errors import BadInput, Busy, NotConnected
from ocppsec.csms.preflight import Preflight, PreflightDesk
from ocppsec.csms.service import Csms
from ocppsec.link.errors import LinkClosed
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.store import NotRegistered
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.upgrades.campaign.plan import read_plan

PLAN = {"select": "all", "to": 3}


class House:
    """A CSMS, and as many stations as a test switches on."""

    def __init__(self, directory: Path):
        configuration = Configuration(
            state=directory,
            doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
            hostname="localhost",
            organization="CSO",
        )
        self.csms = Csms(configuration, MemoryStore(), emit=lambda _: None)
        self.stations = {}
        self._tasks = []

    async def switch_on(self, identity, *, model="Fast", **traits):
        added = await self.csms.add_station(identity)
        config = StationConfig(
            identity=identity,
            serial_number=identity,
            url=self.csms.url_for(1),
            password=added.generated_password,
            model=model,
            pace=0.02,
            traits=Traits(**traits),
            reboot_seconds=0.1,
        )
        station = Station(
            config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.Random(1).random
        )
        self._tasks.append(asyncio.create_task(station.run()))
        self.stations[identity] = station
        await station.until(lambda one: one.accepted, timeout=60)

    async def plan(self, **more):
        return await self.csms.campaigner.plan(read_plan(PLAN | more))

    async def asked(self):
        return await asked_first(await self.plan(), self.csms.preflight, self.csms.store)

    async def close(self):
        for station in self.stations.values():
            station.stop()
        await asyncio.gather(*self._tasks)
        await self.csms.stop()


@pytest.fixture
async def house(tmp_path):
    made = House(tmp_path)
    await made.csms.start()
    yield made
    await made.close()


def what_counts(station):
    """All that an upgrade could change; what is queued and logged goes on."""
    kept = station.remembered
    return kept.priority, kept.slots, kept.roots, kept.certificates, kept.variables, kept.security_profile


async def test_nothing_is_changed(house):
    """The station tells its slots and roots; neither it nor its upgrades are another afterwards."""
    await house.switch_on("CP1", slots=(1, 2))
    before = what_counts(house.stations["CP1"])

    found = await house.csms.preflight("CP1", 3)

    assert found.objection == ""
    assert "slots 1,2; priority 1" in found.told
    assert "CSMS root not listed" in found.told
    assert what_counts(house.stations["CP1"]) == before
    assert house.stations["CP1"].profile == 1
    assert await house.csms.store.upgrades("CP1") == []


async def test_who_would_fail(house):
    """One slot, and that one in use: the upgrade would end there, and so says who only asks."""
    await house.switch_on("CP1", slots=(1,))

    found = await house.csms.preflight("CP1", 3)

    assert "Nothing was changed" in found.objection
    assert "slot" in found.objection


async def test_it_is_kept_for_its_kind(house):
    """Vendor, model and firmware: the next of the kind is known before it is met; nothing counts as an upgrade."""
    await house.switch_on("CP1", slots=(4, 5), lacks=frozenset({"OCPPCommCtrlr.ActiveNetworkProfile"}))
    await house.switch_on("CP2", lacks=frozenset({"OCPPCommCtrlr.NetworkConfigurationPriority"}))

    await house.csms.preflight("CP1", 3)
    await house.csms.preflight("CP2", 3)

    (kind,) = await house.csms.store.kinds()
    assert (kind.done, kind.failed) == (0, 0)
    (note,) = (await house.plan()).known.values()
    assert note.startswith("none of this kind was raised yet; slots 4,5")
    assert "does not know NetworkConfigurationPriority (UnknownVariable)" in note


async def test_who_cannot_be_asked(house):
    """Unknown, away, to no profile there is, or being changed: each is said, and nobody is asked."""
    await house.csms.add_station("AWAY")
    await house.switch_on("CP1")
    with pytest.raises(NotRegistered):
        await house.csms.preflight("NOBODY", 3)
    with pytest.raises(NotConnected, match="not connected"):
        await house.csms.preflight("AWAY", 3)
    with pytest.raises(BadInput, match="2 or 3"):
        await house.csms.preflight("CP1", 1)
    first, second = await asyncio.gather(
        *(house.csms.preflight("CP1", 3) for _ in range(2)), return_exceptions=True
    )
    assert isinstance(first, Preflight)
    assert isinstance(second, Busy)
    await house.csms.begin_upgrade("CP1", 2)
    with pytest.raises(Busy):
        await house.csms.preflight("CP1", 3)


async def test_who_goes_away_meanwhile(house):
    """A connection that ends in the middle is no answer, and nobody asks on."""
    await house.switch_on("CP1")
    station = await house.csms.store.station("CP1")
    plan, start = await house.csms._told_at_start(station, 3)

    class Gone:
        async def call(self, *_, **__):
            raise LinkClosed("its power failed")

    session = SimpleNamespace(identity="CP1", accepted=True, link=Gone())
    desk = PreflightDesk(lambda _: session, frozenset, house.csms.kinds.saw)

    async with asyncio.timeout(10):
        for _ in range(2):  # it is not taken for one that is being asked still
            with pytest.raises(NotConnected, match="went away"):
                await desk.ask("CP1", plan, start)
    assert await house.csms.store.kinds() == []


# -- the plan of a campaign ---------------------------------------------------------------------------------
async def test_a_plan_that_asks(house):
    """Who would fail cannot, with the reason; of the others it is told what they said, or what theirs said."""
    await house.switch_on("CP1", model="One", slots=(1,))
    await house.switch_on("CP2", model="Two", slots=(1, 2))
    await house.csms.add_station("CP3")

    rows = {one.identity: one for one in (await house.asked()).stations}

    assert (rows["CP1"].can, rows["CP1"].phase) == (False, None)
    assert "slot" in rows["CP1"].reason
    assert rows["CP2"].can
    assert "asked: slots 1,2" in rows["CP2"].note
    assert (rows["CP3"].can, rows["CP3"].note) == (True, "has never connected")


@pytest.mark.parametrize(("kinds", "most"), [(50, MOST), (10, 10 * OF_EACH_KIND)])
async def test_a_few_of_each_kind(house, kinds, most):
    """No more than so many of a kind are asked, in the order of the campaign; what they said stands for the rest."""
    store, asked = house.csms.store, []
    dry = await house.plan()
    await house.switch_on("CP1")
    (row,) = (await house.plan()).stations
    (member,) = (await house.plan()).members
    names = [f"S{number:03}" for number in range(200)]
    dry = dataclass_replace(
        dry,
        stations=tuple(
            dataclass_replace(row, identity=name, kind=f"kind {number % kinds}")
            for number, name in enumerate(names)
        ),
        members=tuple(replace(member, identity=name, position=number) for number, name in enumerate(names)),
    )

    async def ask(identity, to):
        asked.append(identity)
        return Preflight(identity=identity, to=to, objection="No free slot.", told="", quirks=())

    found = await asked_first(dry, ask, store)

    assert sorted(asked) == names[:most]
    of_kind = [one for one in found.stations if one.kind == "kind 9"]
    assert sum(not one.can for one in of_kind) <= OF_EACH_KIND
    assert all("cannot: No free slot." in one.note for one in of_kind if one.can)


async def test_only_who_is_raised_is_asked(house):
    """For the other kinds of campaigns there is no pre-flight to run."""
    dry = await house.csms.campaigner.plan(read_plan({"select": "all", "kind": "passwords"}))

    with pytest.raises(BadInput, match="raised"):
        await asked_first(dry, house.csms.preflight, house.csms.store)
