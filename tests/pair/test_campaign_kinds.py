"""Campaigns that raise nobody: our CSMS and our stations, real sockets and real TLS."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.campaigner import Campaigner
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errors import BadInput
from ocppsec.csms.service import Csms
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import ErrandStatus, UpgradeStatus
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.upgrades.campaign.happenings import Finish
from ocppsec.upgrades.campaign.plan import read_plan

PLAN = {"select": "all", "phases": [{"percent": 100}], "rate": {"per_minute": 6000}}


class House:
    """One CSMS that looks after its campaigns all the time, and stations."""

    def __init__(self, directory):
        self.directory = directory
        self.store, self.events = MemoryStore(), []
        self.stations, self._tasks = {}, []

    async def open(self):
        doors = default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0)
        configuration = Configuration(
            state=self.directory, doors=doors, hostname="localhost", organization="CSO"
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        self.csms.campaigner = Campaigner(
            self.csms, emit=self.events.append, now=lambda: datetime.now(UTC), look_seconds=0.05
        )
        await self.csms.start()

    async def close(self):
        for station in self.stations.values():
            station.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.csms.stop()

    async def add(self, identity, **labels):
        added = await self.csms.add_station(identity, serial_number=f"SN-{identity}", labels=labels)
        config = StationConfig(
            identity=identity,
            serial_number=f"SN-{identity}",
            url=self.csms.url_for(1),
            password=added.generated_password,
            pace=0.02,
            traits=Traits(renewal_days=0),
            reboot_seconds=0.1,
        )
        station = self.stations[identity] = Station(
            config, PassingMemory(), clock=lambda: datetime.now(UTC), random=random.Random(1).random
        )
        self._tasks.append(asyncio.create_task(station.run()))
        await station.until(lambda station: station.accepted, timeout=10)
        return added.generated_password

    async def raise_(self, identity, to):
        begun = await self.csms.begin_upgrade(identity, to)
        await until(lambda: self._is(self.store.upgrade(begun.id), UpgradeStatus.DONE))

    async def _is(self, reading, status):
        return (await reading).status == status

    async def campaign(self, **plan):
        return (await self.csms.campaigner.begin(read_plan(PLAN | plan))).id

    async def ended(self, campaign):
        """{identity: (status, reason)} when it has come to its end."""

        async def has_ended():
            return (await self.store.campaign(campaign)).ended_at is not None

        await until(has_ended)
        rows = await self.store.campaign_members(campaign)
        return {row.identity: (row.status, row.reason) for row in rows}


async def until(condition, timeout=20):
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def house(tmp_path):
    made = House(tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture(scope="module")
def root():
    made = create_hierarchy(organization="Other", now=datetime.now(UTC))
    return write_chain((made.root.certificate,))


async def test_passwords(house):
    """Each station has logged in with its new password before it counts as done; the old one is dead."""
    old = {identity: await house.add(identity) for identity in ("CP1", "CP2")}
    hashes = {one: (await house.store.admission_record(one)).password_hashes for one in old}
    outcome = await house.ended(await house.campaign(kind="passwords"))

    assert outcome == {"CP1": ("done", ""), "CP2": ("done", "")}
    for identity in old:
        after = (await house.store.admission_record(identity)).password_hashes
        assert len(after) == 1
        assert after != hashes[identity]
        assert house.csms.connection(identity) is not None


async def test_roots_in_and_out(house, root):
    """A root is installed and withdrawn; done is what the station shows, and who has it already is left alone."""
    await house.add("CP1")
    for expected in (True, True):
        assert (await house.ended(await house.campaign(kind="install-root", root={"pem": root})))["CP1"] == (
            "done",
            "",
        )
        assert len(await house.csms.installed.all("CP1")) == int(expected)
    campaign = await house.campaign(kind="withdraw-root", root={"pem": root})
    assert (await house.ended(campaign))["CP1"] == ("done", "")
    assert await house.csms.installed.all("CP1") == []
    errand = await house.store.errand(f"{campaign}-0-1")
    assert (errand.status, errand.kind) == (ErrandStatus.DONE, "withdraw-root")


async def test_our_own_root_stays(house):
    """Nobody withdraws the root that the fleet connects by, nor installs what is none."""
    await house.add("CP1")
    for kind, pem, says in (
        ("withdraw-root", house.csms.authority.root_pem, "our own root"),
        ("install-root", "no certificate", "not one certificate"),
    ):
        with pytest.raises(BadInput, match=says):
            await house.campaign(kind=kind, root={"pem": pem})
    assert await house.store.campaigns() == []


async def test_renewals(house):
    """Certificates that are not due are renewed all the same, proven by a handshake; who has none cannot be."""
    await house.add("CP1")
    await house.add("CP2")
    await house.raise_("CP1", 3)
    (before,) = await house.store.certificates("CP1")
    outcome = await house.ended(await house.campaign(kind="renew"))

    assert outcome == {
        "CP1": ("done", ""),
        "CP2": ("skipped", "has no certificate in force that could be renewed"),
    }
    states = {one.fingerprint: one.state for one in await house.store.certificates("CP1")}
    assert states.pop(before.fingerprint) is CertificateState.SUPERSEDED
    assert list(states.values()) == [CertificateState.ACTIVE]


async def test_late_comers(house):
    """Stations that come to match later are raised too: added, labelled; it ends when a person says so."""
    await house.add("CP1", site="de")
    campaign = await house.campaign(to=2, select="site=de and observed<2", continuous=True)
    await house.add("CP2", site="de")
    await house.add("CP3", site="fr")
    await house.csms.set_labels("CP3", {"site": "de"})

    async def all_done():
        rows = await house.store.campaign_members(campaign)
        return [row.status for row in rows] == ["done"] * 3

    await until(all_done)
    assert (await house.store.campaign(campaign)).status == "running"
    await house.csms.campaigner.tell(campaign, Finish())
    assert sorted(await house.ended(campaign)) == ["CP1", "CP2", "CP3"]
    assert house.csms.connection("CP3").profile == 2
