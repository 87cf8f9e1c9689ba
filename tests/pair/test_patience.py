"""The API's server on a real socket, and clients that take their time."""

import asyncio
import contextlib

import pytest

from ocppsec.web import patience
from ocppsec.web.server import ApiServer

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
PATIENCE = 0.2


async def reads_and_answers(scope, receive, send):
    """Answers when the body is there, slowly."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(3 * PATIENCE)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(patience, "ARRIVAL_SECONDS", PATIENCE)
    monkeypatch.setattr(patience, "MOST_CONNECTIONS", 3)
    server = ApiServer("127.0.0.1", 0)
    url = server.listen()
    await server.start(reads_and_answers)
    yield int(url.rpartition(":")[2])
    await server.stop()


async def drip(writer, data):
    with contextlib.suppress(ConnectionError):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(PATIENCE / 4)


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        pytest.param(b"", b"", id="silent"),
        pytest.param(b"", REQUEST, id="slow-head"),
        pytest.param(REQUEST, b"", id="no-body"),
        pytest.param(REQUEST.replace(b"4", b"99"), b"x" * 99, id="slow-body"),
    ],
)
async def test_a_request_that_does_not_arrive_is_hung_up_on(port, at_once, slowly):
    """Nobody holds a connection by sending nothing, or a byte now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(at_once)
    dripping = asyncio.create_task(drip(writer, slowly))
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert b"200" not in await reader.read()
    dripping.cancel()
    writer.close()


async def test_an_answer_may_take_its_time(port):
    """Only what has not arrived is hurried: a station may be asked for minutes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):  # the second on the same connection
        writer.write(REQUEST + b"body")
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_connections_are_bounded(port):
    """One more than there may be is dropped; when another has gone there is room again."""
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    await asyncio.sleep(0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 2) == b""
    for _, one in [*held, (reader, writer)]:
        one.close()
    await asyncio.sleep(0.05)
    await test_an_answer_may_take_its_time(port)
