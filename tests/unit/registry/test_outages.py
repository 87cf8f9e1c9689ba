"""When the database is away, the answer is StoreUnavailable, soon and with a reason; nothing is guessed."""

import asyncio
import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.open import open_store
from ocppsec.registry.records import Attempt, AttemptOutcome, NewStation
from ocppsec.registry.store import AlreadyRegistered, StoreUnavailable

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ROOT = os.geteuid() == 0


def new_station(identity="CP1", password_hash="hash"):
    return NewStation(
        identity=identity,
        serial_number=f"SN-{identity}",
        profile=SecurityProfile.BASIC,
        password_hash=password_hash,
        added_at=NOW,
    )


def attempt(number=0):
    return Attempt(
        at=NOW,
        outcome=AttemptOutcome.REFUSED,
        door="ws",
        address=f"192.0.2.{number % 250}",
        identity="CP1",
        profile=None,
        reason=f"r{number}",
    )


@pytest.fixture
def state(tmp_path):
    directory = tmp_path / "state"
    directory.mkdir()
    return directory


@pytest.fixture
async def store(state):
    opened = await open_store(state / "registry.db")
    await opened.add_station(new_station())
    yield opened
    await opened.close()


@pytest.fixture
def another_process(state):
    """Holds the write lock of the database until the test is over, or until it is told to go."""
    code = (
        "import sqlite3, sys\n"
        f"c = sqlite3.connect({str(state / 'registry.db')!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    children = []

    def lock():
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout.readline() == b"locked\n"
        return child

    def unlock(child):
        child.communicate()

    yield lock, unlock
    for child in children:
        if child.returncode is None:
            child.communicate()


async def test_locked_by_another_process(store, another_process):
    """Many changes that meet a lock are all refused after one wait; reading goes on; later all is well."""
    lock, unlock = another_process
    child = lock()
    began = time.monotonic()

    changing = [asyncio.create_task(store.set_password_hash("CP1", f"h{number}")) for number in range(20)]
    record = await store.admission_record("CP1")
    outcomes = await asyncio.gather(*changing, return_exceptions=True)

    assert record.password_hashes == ("hash",)
    assert {type(each) for each in outcomes} == {StoreUnavailable}
    assert str(outcomes[0]) == "the database is locked by another process"
    assert time.monotonic() - began < 6
    unlock(child)
    await store.ping()
    assert (await store.admission_record("CP1")).password_hashes == ("hash",)


async def test_attempts_wait_out_a_lock(store, another_process):
    """Attempts told while the database is locked are written when it is free, in their order."""
    lock, unlock = another_process
    child = lock()
    for number in range(3):
        await store.record_attempt(attempt(number))
    await store.record_connected("CP1", SecurityProfile.TLS_BASIC, NOW)
    with pytest.raises(StoreUnavailable):
        await store.attempts("CP1")
    await store.record_attempt(attempt(3))
    assert (await store.station("CP1")).observed is SecurityProfile.TLS_BASIC
    unlock(child)

    assert [each.reason for each in await store.attempts("CP1")] == ["r3", "r2", "r1", "r0"]


async def test_opening_a_locked_database(state, another_process):
    """A database that is locked for long cannot be opened, and says so."""
    await (await open_store(state / "registry.db")).close()
    lock, _ = another_process
    lock()

    with pytest.raises(StoreUnavailable, match="locked by another process"):
        await open_store(state / "registry.db")


@pytest.mark.parametrize("what", ["deleted", "replaced", "directory"])
async def test_file_gone(store, state, what):
    """SQLite would go on with a file that is no longer there; the store does not."""
    path = state / "registry.db"
    if what == "directory":
        shutil.rmtree(state)
    else:
        path.rename(state / "elsewhere.db")
    if what == "replaced":
        path.touch()

    for asking in (
        store.admission_record("CP1"),
        store.station("CP1"),
        store.set_password_hash("CP1", "x"),
        store.add_station(new_station("CP2")),
        store.ping(),
    ):
        with pytest.raises(StoreUnavailable, match=r"registry\.db"):
            await asking


async def test_no_directory(tmp_path):
    """A directory that does not exist is named."""
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        await open_store(tmp_path / "nowhere" / "registry.db")


async def test_not_a_database(tmp_path):
    """A file of another kind is not opened and not overwritten."""
    path = tmp_path / "registry.db"
    path.write_bytes(b"this is a text file, not a database\n" * 100)

    with pytest.raises(StoreUnavailable, match="not a database"):
        await open_store(path)
    assert path.read_bytes().startswith(b"this is a text")


async def test_corrupt_pages(state):
    """A damaged file is an outage, never an unknown station."""
    path = state / "registry.db"
    store = await open_store(path)
    for number in range(50):
        await store.add_station(new_station(f"CP{number}"))
    await store.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)

    async def ask():
        damaged = await open_store(path)
        try:
            return await damaged.admission_record("CP1")
        finally:
            await damaged.close()

    with pytest.raises(StoreUnavailable):
        await ask()


@pytest.mark.skipif(not ROOT, reason="needs root to become somebody else")
async def test_read_only(tmp_path_factory):
    """A database this user may not write is an outage at the start."""
    directory = tmp_path_factory.mktemp("readonly")
    path = directory / "registry.db"
    await (await open_store(path)).close()
    path.chmod(0o444)
    for each in (directory, *directory.parents[:2]):
        each.chmod(0o755)

    os.seteuid(65534)
    try:
        with pytest.raises(StoreUnavailable, match=r"Permission denied|not permitted"):
            await open_store(path)
    finally:
        os.seteuid(0)


@pytest.fixture
def tiny_disk(tmp_path):
    directory = tmp_path / "tiny"
    directory.mkdir()
    if shutil.which("mount") is None or not ROOT:
        pytest.skip("needs root to mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", directory], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount a small disk here")
    yield directory
    subprocess.run(["umount", directory], check=True)


async def test_disk_full(tiny_disk):
    """On a full disk changes are refused, what was there stays readable, and space mends it."""
    store = await open_store(tiny_disk / "registry.db")
    await store.add_station(new_station())
    ballast = tiny_disk / "ballast"

    def fill():
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    async def add_many():
        for number in range(200):
            await store.add_station(new_station(f"X{number}", "h" * 4000))

    with pytest.raises(OSError, match="No space left"):
        fill()
    with pytest.raises(StoreUnavailable, match=r"full|disk I/O"):
        await add_many()
    assert (await store.admission_record("CP1")).password_hashes == ("hash",)

    ballast.unlink()
    await store.set_password_hash("CP1", "new")
    assert (await store.admission_record("CP1")).password_hashes == ("new",)
    await store.close()


async def test_one_bad_change_among_many(store):
    """A change the database cannot take fails alone; its neighbours in the transaction are kept."""
    naive = NewStation(
        identity="CP-naive",
        serial_number="SN-naive",
        profile=SecurityProfile.BASIC,
        password_hash=None,
        added_at=NOW.replace(tzinfo=None),
    )

    outcomes = await asyncio.gather(
        store.add_station(new_station("A")),
        store.add_station(naive),
        store.add_station(new_station("CP1")),
        store.add_station(new_station("B")),
        return_exceptions=True,
    )

    assert isinstance(outcomes[1], Exception)
    assert not isinstance(outcomes[1], StoreUnavailable)
    assert "SN-naive" not in str(outcomes[1])
    assert isinstance(outcomes[2], AlreadyRegistered)
    assert [each.identity for each in await store.stations()] == ["A", "B", "CP1"]


async def test_another_process_registers_the_same(store, state, monkeypatch):
    """A constraint that only the database can check is answered in the contract's words."""
    from ocppsec.registry.sql import stations

    async def without_looking(connection, station):
        await connection.execute(
            stations.insert(stations.table),
            {"identity": "CP1", "serial_number": "other", "floor": 1, "target": 1, "added_at": NOW},
        )

    monkeypatch.setattr(stations, "add", without_looking)

    with pytest.raises(AlreadyRegistered):
        await store.add_station(new_station("CP1"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("UPDATE stations SET observed = 7", id="profile 7"),
        pytest.param("UPDATE stations SET added_at = 'yesterday'", id="no time"),
    ],
)
async def test_a_value_without_meaning(store, state, damage):
    """What cannot be understood is an outage, not an exception nobody expects."""
    connection = sqlite3.connect(state / "registry.db")
    connection.execute(damage)
    connection.commit()
    connection.close()

    with pytest.raises(StoreUnavailable, match="does not understand"):
        await store.station("CP1")


async def test_no_profile_without_meaning(state, store):
    """Floor and target are guarded by the database itself."""
    connection = sqlite3.connect(state / "registry.db")
    for damage in ("floor = 4", "floor = -1", "target = 0", "target = 4"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"UPDATE stations SET {damage}")
    connection.close()


async def test_written_when_closed(state):
    """What waits is written when the store closes."""
    store = await open_store(state / "registry.db")
    await store.record_attempt(attempt())
    await store.close()

    connection = sqlite3.connect(state / "registry.db")
    assert connection.execute("SELECT reason FROM attempts").fetchall() == [("r0",)]
    connection.close()


async def test_written_soon(state):
    """What may be late is on the disk a moment later, without anybody asking."""
    store = await open_store(state / "registry.db")
    await store.record_attempt(attempt())
    connection = sqlite3.connect(state / "registry.db")
    async with asyncio.timeout(5):
        while not connection.execute("SELECT reason FROM attempts").fetchall():
            await asyncio.sleep(0.02)
    connection.close()
    await store.close()


async def test_memory_is_bounded_while_away(store, state):
    """While the database is away, attempts and connections wait in bounded memory; the newest are kept."""
    (state / "registry.db").rename(state / "elsewhere.db")
    for number in range(12_000):
        await store.record_attempt(attempt(number))
        await store.record_connected(f"CP{number}", SecurityProfile.BASIC, NOW)
    with pytest.raises(StoreUnavailable):
        await store.attempts("CP1")
    for number in range(3):
        await store.record_attempt(attempt(12_000 + number))
    assert len(store._late._waiting.attempts) == 5_000
    assert len(store._late._waiting.connected) == 5_000
    (state / "elsewhere.db").rename(state / "registry.db")

    assert [each.reason for each in await store.attempts("CP1", limit=2)] == ["r12002", "r12001"]


async def test_killed_process_keeps_what_was_promised(state):
    """What a change returned from survives kill -9."""
    code = (
        "import asyncio, os, signal\n"
        "from datetime import UTC, datetime\n"
        "from ocppsec.profiles.profile import SecurityProfile\n"
        "from ocppsec.registry.open import open_store\n"
        "from ocppsec.registry.records import NewStation\n"
        "async def main():\n"
        f"    store = await open_store({str(state / 'registry.db')!r})\n"
        "    await store.add_station(NewStation(identity='K', serial_number='S', profile=SecurityProfile(1),\n"
        "        password_hash=None, added_at=datetime.now(UTC)))\n"
        "    await store.raise_floor('K', SecurityProfile(3))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert child.returncode == -9

    store = await open_store(state / "registry.db")
    assert (await store.station("K")).floor is SecurityProfile.TLS_CLIENT
    await store.close()


async def test_a_thousand_questions_few_queries(store):
    """Questions that arrive together are answered by a handful of queries."""
    queries = []
    real = store._admissions._query

    async def counted(identities):
        queries.append(len(identities))
        return await real(identities)

    store._admissions._query = counted
    await asyncio.gather(*(store.admission_record(f"CP{number}") for number in range(1_000)))

    assert sum(queries) == 1_000
    assert len(queries) <= 4


async def test_many_changes_few_flushes(store):
    """Changes that arrive together are committed together."""
    commits = []
    real = store._writer._commit

    async def counted(jobs):
        commits.append(len(jobs))
        return await real(jobs)

    store._writer._commit = counted
    await asyncio.gather(*(store.set_password_hash("CP1", "x") for _ in range(300)))

    assert sum(commits) == 300
    assert len(commits) <= 4


@pytest.mark.parametrize("name", ["who?mode=ro", "half#", "100%25", "with space", "ünï"])
async def test_the_file_that_is_opened_is_the_one_that_was_named(tmp_path, name):
    """Whatever characters its directory has: a path is no URL."""
    directory = tmp_path / name
    directory.mkdir()
    store = await open_store(directory / "ocppsec.db")
    await store.add_station(new_station())
    await store.close()
    assert [path.name for path in directory.iterdir()] == ["ocppsec.db"]
    with sqlite3.connect(directory / "ocppsec.db") as there:
        assert there.execute("SELECT identity FROM stations").fetchall() == [("CP1",)]
    there.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_closing_waits_for_who_still_reads(tmp_path):
    """A read under way ends with its answer, and its connection to the database is closed like the others."""
    for turns in range(12):
        store = await open_store(tmp_path / "registry.db")
        reading = [asyncio.create_task(store.station("CP1")) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        await store.close()
        answers = await asyncio.gather(*reading, return_exceptions=True)
        assert all(answer is None or isinstance(answer, StoreUnavailable) for answer in answers)
    gc.collect()
