"""Wrong passwords are slowed in bounded memory, and the right station still gets in (LESSONS 26)."""

import asyncio
import contextlib
import time
from collections import Counter

import pytest
from rig.server import Up, port_of
from rig.wire import Raw, ask, basic, request, target

GUESSES = 10_000
AT_ONCE = 50
ATTACKER = "127.66.6.6"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Up(tmp_path_factory.mktemp("guessing") / "state").start()
    yield server
    server.stop()


async def guess(port, source, data):
    """The status of one attempt."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(data)
        line = await reader.readline()
        return int(line.split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def guess_on(port, source, requests):
    """How often each status came, of all *requests*, some at once."""
    statuses = Counter()
    pending = iter(requests)

    async def work():
        for data in pending:
            status = await guess(port, source, data)
            statuses[status] += 1

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return statuses


def test_ten_thousand_guesses_are_slowed_and_the_station_gets_in(server):
    """Few guesses are looked at, the rest is told to wait; memory stays; the station is let in meanwhile."""
    password = server.add("VICTIM")
    data = [
        request(target("VICTIM"), authorization=basic("VICTIM", f"guess-number-{number:08}"))
        for number in range(GUESSES)
    ]
    asyncio.run(guess_on(port_of(server.door(1)), ATTACKER, data[:500]))  # warm: buffers, pools, the diary
    before, started = server.memory(), time.monotonic()
    statuses = asyncio.run(guess_on(port_of(server.door(1)), ATTACKER, data[500:]))
    seconds = time.monotonic() - started
    assert set(statuses) <= {401, 429}
    assert statuses[401] <= 5 + seconds, "a guess a second at most once the free ones are used up"
    assert server.memory() - before < 20 * 1024, "KiB"
    right = request(target("VICTIM"), authorization=basic("VICTIM", password))
    assert ask(server.door(1), right, source="127.0.0.1").status == 101
    waiting = ask(server.door(1), data[0], source=ATTACKER)
    assert waiting.status == 429
    assert int(waiting.headers["retry-after"]) >= 1
    assert server.events("logins-slowed")
    assert len(server.why("VICTIM")["attempts"]) <= 50


def test_a_right_password_does_not_jump_the_queue(server, source):
    """While an address is slowed, a right guess looks like a wrong one; after the wait it is let in."""
    password = server.add("QUEUE")
    wrong = request(target("QUEUE"), authorization=basic("QUEUE", "wrong-" * 4))
    right = request(target("QUEUE"), authorization=basic("QUEUE", password))
    statuses = [ask(server.door(1), wrong, source=source).status for _ in range(8)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    refused = ask(server.door(1), right, source=source)
    assert refused.status == 429
    time.sleep(int(refused.headers["retry-after"]))
    assert ask(server.door(1), right, source=source).status == 101


def test_a_station_that_was_there_before_is_not_shut_out_by_its_neighbour(server, source):
    """Behind the same NAT as the attacker, a station that was let in from there waits two seconds at most."""
    password = server.add("NEIGHBOUR")
    right = request(target("NEIGHBOUR"), authorization=basic("NEIGHBOUR", password))
    assert ask(server.door(1), right, source=source).status == 101
    others = [
        request(target("STRANGER"), authorization=basic(f"S{number}", "wrong-" * 4)) for number in range(300)
    ]
    asyncio.run(guess_on(port_of(server.door(1)), source, others))
    assert ask(server.door(1), right, source=source).status == 101


def test_wrong_passwords_do_not_touch_who_is_connected(server, source):
    """An open connection does not notice the guesses on its identity."""
    with Raw(server.door(1), "CALM", password=server.add("CALM")) as station:
        station.boot("CALM")
        wrong = request(target("CALM"), authorization=basic("CALM", "wrong-" * 4))
        asyncio.run(guess_on(port_of(server.door(1)), source, [wrong] * 200))
        assert "currentTime" in station.call("Heartbeat", {})[2]


def test_a_million_names_cost_no_memory(server):
    """Many identities that nobody has are 404 and leave nothing behind (a sample of them, on the wire)."""
    data = [
        request(target(f"NAME-{number}"), authorization=basic(f"NAME-{number}", "x" * 20))
        for number in range(2_000)
    ]
    asyncio.run(guess_on(port_of(server.door(1)), "127.66.6.7", data[:500]))
    before = server.memory()
    statuses = asyncio.run(guess_on(port_of(server.door(1)), "127.66.6.7", data[500:]))
    assert set(statuses) <= {404, 429}
    assert server.memory() - before < 10 * 1024
