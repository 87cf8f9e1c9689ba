"""A fleet against a port where nobody listens: starting, stopping and keeping account need no CSMS."""

import asyncio
import socket

import pytest

from ocppsec.station.fleet import Fleet, Kind
from ocppsec.station.members import Member, numbered
from ocppsec.station.memory import FileMemory


@pytest.fixture
def nobody():
    """A port that refuses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{taken.getsockname()[1]}/ocpp"


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_every_station_dials_and_all_end_when_told(nobody):
    """One fleet, one stop."""
    fleet = Fleet(Kind(url=nobody), numbered("CS", 5, "a-password-of-16"))
    task = asyncio.create_task(fleet.run())
    await until(lambda: sum(fleet.report().total.refused.values()) >= 5)
    fleet.stop()
    await asyncio.wait_for(task, 5)
    assert (fleet.started, fleet.report().total.ever_accepted) == (5, 0)
    assert fleet.report().failed


async def test_a_ramp_is_a_rate(nobody):
    """At ten a second the second station does not start with the first; a stop ends the ramp."""
    fleet = Fleet(Kind(url=nobody), numbered("CS", 500, None))
    task = asyncio.create_task(fleet.run(ramp=10))
    await until(lambda: fleet.started >= 2)
    assert fleet.started < 10
    fleet.stop()
    await asyncio.wait_for(task, 5)
    assert fleet.started < 20


async def test_one_broken_station_leaves_the_others_alone(nobody):
    """It is counted, and the fleet has failed."""
    fleet = Fleet(Kind(url=nobody), numbered("CS", 3, None))
    made = fleet._make

    def make(number, member):
        station = made(number, member)
        if number == 1:

            async def broken():
                raise RuntimeError("a bug")

            station.run = broken
        return station

    fleet._make = make
    task = asyncio.create_task(fleet.run())
    await until(lambda: fleet.report().total.crashed and sum(fleet.report().total.refused.values()) >= 2)
    fleet.stop()
    await asyncio.wait_for(task, 5)
    assert fleet.report().total.crashed == {"RuntimeError": 1}


def test_each_station_keeps_its_memory_for_itself(tmp_path):
    """An identity is one plain file name, whatever is in it."""
    kind = Kind(url="ws://h/ocpp", state=tmp_path / "fleet")
    for identity in ("CS1", "a/b", ".."):
        memory = kind.memory(Member(identity=identity, serial_number="S"))
        assert isinstance(memory, FileMemory)
        memory.save_key("k", b"")
    assert sorted(path.name for path in (tmp_path / "fleet").iterdir()) == ["%2E%2E", "CS1", "a%2Fb"]
    assert not (tmp_path / "k.key").exists()


def test_what_all_have_in_common_is_in_each_config():
    """And what is a member's own."""
    kind = Kind(url="wss://h/ocpp", profile=2, roots=("PEM",), pace=0.5)
    config = kind.config(Member(identity="CS1", serial_number="SN", password="p"))
    assert (config.identity, config.serial_number, config.password) == ("CS1", "SN", "p")
    assert (config.url, config.profile, config.roots, config.pace) == ("wss://h/ocpp", 2, ("PEM",), 0.5)
