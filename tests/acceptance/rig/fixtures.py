"""What the tests stand on; `conftest.py` takes these in."""

import itertools
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from rig.crew import Crew
from rig.house import House
from rig.server import Up, eventually

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def up(tmp_path_factory):
    """`ocppsec up`, shared by all tests of this worker that do it no harm."""
    server = Up(tmp_path_factory.mktemp("up") / "state").start()
    yield server
    server.stop()


@pytest.fixture
def new_up(tmp_path):
    """Makes servers of a test's own; they end with it."""
    made = []

    def make(*arguments, **more):
        server = Up(tmp_path / f"state-{len(made)}", *arguments, **more)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def house(tmp_path):
    """Makes a CSMS inside of the test; it ends with the test, and no bug may have shown itself meanwhile."""
    made = []

    def make(**settings):
        house = House(tmp_path / f"house-{len(made)}", **settings)
        made.append(house)
        return house

    yield make
    for house in made:
        house.close()
        assert not house.errors


@pytest.fixture
def identity():
    """An identity nobody else uses."""
    return f"CS-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def source():
    """A client address of the test's own, so that its wrong passwords slow nobody else."""
    number = next(_numbers)
    return f"127.{1 + os.getpid() % 200}.{number // 250}.{1 + number % 250}"


@pytest.fixture(scope="session")
def session_crew(tmp_path_factory):
    crew = Crew(tmp_path_factory.mktemp("flash"))
    yield crew
    crew.close()


@pytest.fixture
def crew(tmp_path):
    crew = Crew(tmp_path / "flash")
    yield crew
    crew.close()


@dataclass(frozen=True)
class OnThree:
    """A station that was taken to profile 3, and is away now: its certificate is free to be shown."""

    identity: str
    serial: str
    password: str
    chain: Path
    key: Path


@pytest.fixture(scope="session", params=["ec", "rsa"])
def on_three(request, up, session_crew):
    """Once with an ECDSA and once with an RSA certificate."""
    return raised(up, session_crew, request.param)


@pytest.fixture(scope="session")
def station_on_three(up, session_crew):
    return raised(up, session_crew, "ec")


def raised(up, crew, family):
    """Take a new foreign station from 2 to 3."""
    identity = f"ON3-{family}-{os.getpid()}-{next(_numbers)}"
    password = up.add(identity, serial_number=f"SN-{next(_numbers)}")
    serial = up.station(identity)["serial_number"]
    station = crew.power_on(identity, url=up.door(1), password=password, serial=serial, key_family=family)
    eventually(lambda: crew.booted(identity, 1), within=15)
    done = up.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "40")
    assert done.code == 0, done
    crew.power_off(identity)
    eventually(lambda: up.station(identity)["connection"] is None)
    return OnThree(identity, serial, password, station.flash.chain_file, station.flash.key_file)


@pytest.fixture(scope="session")
def openssl():
    """The openssl command; its version says what it can still speak."""
    path = shutil.which("openssl")
    if path is None:
        pytest.skip("the openssl command is not installed")
    subprocess.run([path, "version"], check=True, capture_output=True)
    return path
