"""TLS where OpenSSL cannot write to the socket itself: a Python whose `ssl` is linked statically.

Stock asyncio closes the transport on a failed handshake with the alert still in memory and tells the server
nothing (python/cpython#98078).  This subclass flushes first and reports through the waiter; its receive buffer
is one TLS record instead of 256 KiB.  It leans on private parts of `asyncio.sslproto`, the same in 3.11 to
3.13; `tests/pair/test_tls_endpoint.py` fails when they move.
"""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from typing import Any


class AlertingSSLProtocol(sslproto.SSLProtocol):
    """`SSLProtocol` that lets a fatal alert out before it closes."""

    max_size = 16 * 1024

    def _fatal_error(self, error: BaseException, message: str = "fatal error") -> None:  # noqa: ARG002
        transport: Any = self._transport
        if transport is None:
            return
        left = self._outgoing.read()  # type: ignore[attr-defined]
        if left:
            transport.write(left)
            transport.close()
        else:
            transport._force_close(error)  # noqa: SLF001
        self._wakeup_waiter(error)


async def connect_with_alerts(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    context: ssl.SSLContext,
    protocol: Callable[[], asyncio.Protocol],
    *,
    timeout: float,
) -> asyncio.Transport:
    """Like ``loop.connect_accepted_socket(ssl=context)``, but the peer gets its alert and we the reason."""
    waiter: asyncio.Future[None] = loop.create_future()

    def tls() -> AlertingSSLProtocol:
        return AlertingSSLProtocol(
            loop,
            protocol(),
            context,
            waiter,
            server_side=True,
            ssl_handshake_timeout=timeout,  # type: ignore[arg-type]  # seconds; typeshed says int
            ssl_shutdown_timeout=2.0,
        )

    _, tls_protocol = await loop.connect_accepted_socket(tls, sock)
    await waiter
    return tls_protocol._app_transport  # noqa: SLF001
