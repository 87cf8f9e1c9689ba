"""The client's half: dial, shake hands, and say in plain words at which stage it failed."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from picows import WSError, WSHandshakeError, WSUpgradeRequest, WSUpgradeResponse, ws_connect

from ocppsec.link.accept import QUIET
from ocppsec.link.deflate import Malformed, accept_answer, offer
from ocppsec.link.errors import ConnectFailed, ConnectRefused
from ocppsec.link.link import Handler, Limits, Link
from ocppsec.link.sockets import deliver_alerts

_READ_BUFFER_BYTES = 2048


async def connect(
    url: str,
    handler: Handler,
    *,
    new_id: Callable[[], str],
    ssl_context: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocol: str = "ocpp2.0.1",
    timeout: float = 30.0,
    limits: Limits | None = None,
    compress: bool = False,
    server_hostname: str | None = None,
) -> Link:
    """A link to *url* (``ws://`` or ``wss://``, with the identity in it).

    Raises `ConnectRefused` for an HTTP answer other than 101, `ConnectFailed` for everything else.
    """
    limits = limits or Limits()
    sent = dict(headers or {}) | {"Sec-WebSocket-Protocol": subprotocol}
    if compress:
        sent["Sec-WebSocket-Extensions"] = offer()

    def listener(_request: WSUpgradeRequest, response: WSUpgradeResponse) -> Link:
        if response.headers.get("Sec-WebSocket-Protocol") != subprotocol:
            raise ConnectFailed("http", f"the server does not agree to the subprotocol {subprotocol}")
        try:
            deflate = accept_answer(response.headers.get("Sec-WebSocket-Extensions"))
        except Malformed as error:
            raise ConnectFailed("http", str(error)) from error
        if deflate is not None and not compress:
            raise ConnectFailed("http", "the server answered with an extension nobody offered")
        return Link(handler, new_id=new_id, limits=limits, deflate=deflate)

    options: dict[str, Any] = {}
    if ssl_context is not None:
        deliver_alerts(ssl_context)
        options = {"ssl_handshake_timeout": timeout, "ssl_shutdown_timeout": 2.0}
        if server_hostname is not None:
            options["server_hostname"] = server_hostname
    try:
        async with asyncio.timeout(timeout):
            _transport, link = await ws_connect(
                listener,
                url,
                ssl_context=ssl_context,
                websocket_handshake_timeout=timeout,
                logger_name=QUIET,
                max_frame_size=limits.message_bytes,
                extra_headers=sent,
                max_redirects=0,
                read_buffer_init_size=_READ_BUFFER_BYTES,
                **options,
            )
    except ConnectFailed:
        raise
    except WSHandshakeError as error:
        raise _refused(error) from error
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed("tls", f"the server's certificate: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise ConnectFailed("tls", error.reason or str(error)) from error
    except TimeoutError as error:
        raise ConnectFailed(
            "http" if ssl_context is None else "tls", f"no answer within {timeout:g} s"
        ) from error
    except OSError as error:
        raise ConnectFailed("tcp", error.strerror or type(error).__name__) from error
    except WSError as error:
        raise ConnectFailed("http", str(error)) from error
    assert isinstance(link, Link)
    return link


def _refused(error: WSHandshakeError) -> ConnectFailed:
    if error.response is None:
        return ConnectFailed("http", "the server hung up without an answer")
    body = (error.raw_body or b"").decode(errors="replace")
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    return ConnectRefused(int(error.response.status), headers, body.strip())
