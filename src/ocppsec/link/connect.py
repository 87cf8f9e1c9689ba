"""The client's half: dial, shake hands, and say in plain words at which stage it failed."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiofastnet
from picows import WSError, WSHandshakeError, WSInvalidURL, WSUpgradeRequest, WSUpgradeResponse
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # not in its stub
from picows.url import WSParsedURL, parse_url

from ocppsec.link.deflate import Malformed, accept_answer, offer
from ocppsec.link.errors import ConnectFailed, ConnectRefused
from ocppsec.link.link import Handler, Limits, Link
from ocppsec.link.protocol import make_protocol
from ocppsec.link.sockets import deliver_alerts


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
    source: str | None = None,
) -> Link:
    """A link to *url* (``ws://`` or ``wss://``, with the identity in it), from the address *source* if given.

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
    if source is not None:
        options["local_addr"] = (source, 0)
    try:
        parsed = parse_url(url)
    except WSInvalidURL as error:  # a CSMS may have set it (SetNetworkProfile)
        raise ConnectFailed("tcp", str(error)) from error
    protocol = make_protocol(listener, limits, url=parsed, headers=sent, timeout=timeout)
    try:
        async with asyncio.timeout(timeout):
            link = await _shake_hands(parsed, protocol, ssl_context, options)
    except ConnectFailed:
        raise
    except WSHandshakeError as error:
        raise _refused(error) from error
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed("tls", f"the server's certificate: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise ConnectFailed("tls", tls_reason(error)) from error
    except TimeoutError as error:
        raise ConnectFailed(
            "http" if ssl_context is None else "tls", f"no answer within {timeout:g} s"
        ) from error
    except OSError as error:
        raise ConnectFailed("tcp", error.strerror or type(error).__name__) from error
    except WSError as error:
        raise ConnectFailed("http", str(error)) from error
    if link is None:
        # picows says nothing of a connection that ends before the HTTP answer.  Over TLS 1.3 that is all a client
        # sees whose certificate is refused: the alert comes after its own handshake is done.
        raise ConnectFailed("http", "the server hung up without an answer")
    return link


async def _shake_hands(
    url: WSParsedURL, protocol: WSProtocol, ssl_context: ssl.SSLContext | None, options: dict[str, Any]
) -> Link | None:
    """TCP, TLS and HTTP; what was opened is closed again when it does not come to a link."""
    loop = asyncio.get_running_loop()
    tls = ssl_context if url.is_secure else None
    await aiofastnet.create_connection(loop, lambda: protocol, url.host, url.port, ssl=tls, **options)
    try:
        await protocol.wait_until_handshake_complete()
    except BaseException:
        # ws_connect leaves the socket to the garbage collector when it is cancelled or runs out of time.
        protocol.transport.disconnect(False)
        raise
    link = protocol.listener
    assert link is None or isinstance(link, Link)
    return link


def _refused(error: WSHandshakeError) -> ConnectFailed:
    if error.response is None:
        return ConnectFailed("http", "the server hung up without an answer")
    body = (error.raw_body or b"").decode(errors="replace")
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    return ConnectRefused(int(error.response.status), headers, body.strip())


def tls_reason(error: ssl.SSLError) -> str:
    """OpenSSL's word for it; a peer that is gone in the middle of a handshake leaves none, not even an attribute."""
    return getattr(error, "reason", None) or str(error)
