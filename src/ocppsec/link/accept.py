"""The server's half of the opening handshake, after somebody decided to let the client in.

picows gets a request head that is made here out of the one fact it needs, the Sec-WebSocket-Key.  So the two
HTTP parsers on the way can never understand a request differently, and no Authorization header stays in the
memory of a connection that may be open for months.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping

from picows import WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its stub

from ocppsec.link.link import Limits, Link
from ocppsec.link.protocol import make_protocol


def websocket_key_is_valid(key: str) -> bool:
    """RFC 6455 4.2.1: sixteen bytes in base64."""
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def accept(
    transport: asyncio.Transport,
    link: Link,
    *,
    key: str,
    headers: Mapping[str, str],
    limits: Limits,
    early: bytes,
) -> None:
    """Answer 101 on *transport* and hand it to *link*.  *early* is what arrived behind the request's head."""

    def listener(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        return WSUpgradeResponseWithListener(
            WSUpgradeResponse.create_101_response(extra_headers=headers), link
        )

    protocol = make_protocol(listener, limits)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    request = (
        "GET / HTTP/1.1\r\nHost: -\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    _feed(protocol, request.encode("ascii"))
    if early:
        _feed(protocol, early)


def _feed(protocol: WSProtocol, data: bytes) -> None:
    view = memoryview(data)
    while view:
        buffer = protocol.get_buffer(len(view))
        size = min(len(buffer), len(view))
        buffer[:size] = view[:size]
        protocol.buffer_updated(size)
        view = view[size:]
