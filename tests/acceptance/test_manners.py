"""Our CSMS among stations that misbehave: who gets to profile 3, who does not and why, who does not get in at all.

All of them at once, each a station of its own with one manner; they hurry, the CSMS does not.
"""

import asyncio
import re

import pytest
from rig.expected import EXPECTED

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import UpgradeStatus
from ocppsec.station.fleet import Fleet, Kind
from ocppsec.station.manners import MANNERS
from ocppsec.station.manners.credentials import COLONS
from ocppsec.station.members import Member

ODD = {name: one for name, one in EXPECTED.items() if name != "right"}
REACHES_3 = {name for name, one in ODD.items() if one.able and one.soon}
FAILS = {name: one for name, one in ODD.items() if one.soon and one.status in ("failed", "skipped")}
STAYS_OUT = {name: one for name, one in ODD.items() if one.soon and one.status == "away"}
WAITS = {name for name, one in ODD.items() if not one.soon}
"""Their upgrades end by deadlines and repetitions that no test waits for."""

PASSWORD = "registered-password"


def test_every_manner_has_its_place():
    """A new manner wants to be told how it should end."""
    assert set(ODD) == set(MANNERS)
    assert REACHES_3 | FAILS.keys() | STAYS_OUT.keys() | WAITS == set(ODD)


def member(name):
    identity = f"M-{name}"[:48]
    password = COLONS if name == "colon-password" else PASSWORD
    return Member(identity=identity, serial_number=identity[:25], password=password, manners=(name,))


async def settled(ask, names, *, within):
    """The upgrades of *names*, once none of them is open; else as they stand when the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within
    while True:
        upgrades = {name: await ask(name) for name in names}
        if loop.time() > end or all(one.status != UpgradeStatus.OPEN for one in upgrades.values()):
            return upgrades
        await asyncio.sleep(0.25)


@pytest.mark.slow
async def test_each_manner_meets_what_it_deserves(house):
    """40 odd stations reach profile 3, twelve fail in words, seven stay out, and none of the rest slips through."""
    csms = house()
    members = [member(name) for name in MANNERS]
    for one in members:
        csms.add(one.identity, serial_number=one.serial_number, profile=1, password=one.password)
    kind = Kind(url=csms.door(1), pace=0.1, reboot_seconds=1.0)
    fleet = Fleet(kind, members)
    running = asyncio.create_task(fleet.run(ramp=40))
    upgraded = [*REACHES_3, *FAILS, *WAITS]
    await ready(fleet, REACHES_3 | FAILS.keys())

    async def begun(name):
        return await in_house(csms, csms.csms.begin_upgrade(f"M-{name}", 3))

    async def newest(name):
        return (await in_house(csms, csms.store.upgrades(f"M-{name}")))[0]

    for name in upgraded:
        await begun(name)
    upgrades = await settled(newest, [*REACHES_3, *FAILS], within=40)
    report = fleet.report()
    floors = {name: (await in_house(csms, csms.store.station(f"M-{name}"))).floor for name in MANNERS}
    fleet.stop()
    await running

    assert report.total.crashed == {}
    not_done = {
        name: upgrades[name].reason for name in REACHES_3 if upgrades[name].status != UpgradeStatus.DONE
    }
    assert not_done == {}
    for name, expected in FAILS.items():
        ended = upgrades[name]
        assert ended.status == UpgradeStatus.FAILED, ended
        assert re.match(expected.reason, ended.reason, re.DOTALL), ended
    for name, expected in STAYS_OUT.items():
        refusals = [f"1: {words}" for words in report.manners[name].refused]
        assert report.manners[name].ever_accepted == 0, name
        assert refusals, name
        assert all(re.match(expected.refusals, words) for words in refusals), (name, refusals)
    slipped = {
        name for name, one in ODD.items() if not one.able and floors[name] == SecurityProfile.TLS_CLIENT
    }
    assert slipped <= {"goes-back"}, slipped  # up to there it does all that is asked of it


async def ready(fleet, names, within=20):
    """All of *names* have been let in."""
    async with asyncio.timeout(within):
        while not all(fleet.report().manners[name].ever_accepted for name in names):
            await asyncio.sleep(0.1)


async def in_house(csms, coroutine):
    return await asyncio.to_thread(csms.do, coroutine)
