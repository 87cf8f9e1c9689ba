"""Why no connection came about, in words."""

import asyncio
import ssl

import pytest

from ocppsec.link.connect import connect, tls_reason
from ocppsec.link.errors import ConnectFailed


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(
            ssl.SSLSyscallError(5, "Some I/O error occurred"), "Some I/O error", id="gone in the middle"
        ),
        pytest.param(ssl.SSLError(1, "[SSL] unknown (_ssl.c:1)"), "unknown", id="without a reason"),
    ],
)
def test_a_reason_for_every_failed_handshake(error, says):
    """A server that is killed within a handshake is a failed connection with words, not a crash."""
    assert says in tls_reason(error)


@pytest.mark.parametrize("url", ["nope/X", "http://csms.example/X"])
async def test_a_url_that_is_none_is_a_failed_connection(url):
    """It may be one that a CSMS has put into a slot: the station goes on to its next one."""
    with pytest.raises(ConnectFailed, match="isn't a valid URL"):
        await connect(url, None, new_id=str, timeout=5)


async def test_from_an_address_of_choice():
    """A machine with several addresses connects from the one it is told to."""
    seen = []

    async def hang_up(_reader, writer):
        seen.append(writer.get_extra_info("peername")[0])
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(ConnectFailed):
            await connect(f"ws://127.0.0.1:{port}/x", None, new_id=str, source="127.66.0.9", timeout=5)
    assert seen == ["127.66.0.9"]
