"""Manners whose connections never become a WebSocket, against a server that hangs up or does not."""

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest

from ocppsec.station.conduct import Conduct
from ocppsec.station.config import StationConfig
from ocppsec.station.dialling import Dial
from ocppsec.station.manners import with_manners
from ocppsec.station.memory import PassingMemory
from ocppsec.station.remembered import factory_fresh


@contextlib.asynccontextmanager
async def listener(*, patience):
    """Hangs up after *patience* seconds; gives the port and what it was sent."""
    heard = bytearray()

    async def serve(reader, writer):
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(patience):
                while piece := await reader.read(65536):
                    heard.extend(piece)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def dialled(name, port, pace):
    config = StationConfig(
        identity="CS1",
        serial_number="CS1",
        url=f"ws://127.0.0.1:{port}/ocpp",
        password="a-password-of-16",
        pace=pace,
    )
    conduct = with_manners(Conduct(config=config, clock=lambda: datetime.now(UTC)), [name])
    kept = factory_fresh(config)
    attempt = Dial(config=config, kept=kept, connection=kept.slots[1], recovering=False, wildcards=False)
    return await conduct.dialler(attempt, None, memory=PassingMemory(), new_id=str)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        pytest.param("silent-socket", b"", id="silent-socket"),
        pytest.param("silent-after-tls", b"", id="silent-after-tls"),
        pytest.param("slow-headers", b"GET /ocpp/CS1 HTTP/1.1\r\n", id="slow-headers"),
        pytest.param("endless-headers", b"GET /ocpp/CS1 HTTP/1.1\r\n", id="endless-headers"),
    ],
)
async def test_it_tells_how_long_the_csms_waited(name, begins):
    """The report says for each attempt when the CSMS hung up; the request never comes to its end."""
    async with listener(patience=0.3) as (port, heard):
        failure = await dialled(name, port, pace=0.005)
    assert failure.reason.startswith("the CSMS hung up after 0."), failure
    assert bytes(heard[: len(begins)]) == begins
    assert (b"\r\n\r\n" in heard, bool(heard)) == (False, bool(begins))


async def test_a_csms_that_waits_for_ever_is_left():
    """After two minutes of the station's time."""
    async with listener(patience=60) as (port, _):
        failure = await dialled("silent-socket", port, pace=0.001)
    assert failure.reason == "the CSMS still waited after 0.1 s"


async def test_noise_is_noise():
    """512 random bytes and the end of a head."""
    async with listener(patience=0.2) as (port, heard):
        await dialled("no-http", port, pace=0.01)
    assert (len(heard), heard.endswith(b"\r\n\r\n")) == (516, True)


async def test_slow_means_a_byte_a_second():
    """At its own pace: in 20 of its seconds it sends about 20 bytes."""
    async with listener(patience=0.4) as (port, heard):
        await dialled("slow-headers", port, pace=0.02)
    assert 5 < len(heard) < 25


async def test_nobody_there_is_no_mystery():
    """A refused connection is told as one."""
    async with listener(patience=1) as (port, _):
        pass
    failure = await dialled("silent-socket", port, pace=0.01)
    assert (failure.stage, failure.status) == ("tcp", None)
