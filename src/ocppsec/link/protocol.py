"""picows's protocol object, made by hand: its public functions open the connection too, and ours is open already
(a door) or has to say precisely how opening it failed (a client).
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # not in its stub
from picows.url import WSParsedURL

from ocppsec.link.link import Limits

_READ_BUFFER_BYTES = 2048
"""Where a connection starts; grows with the message and shrinks again."""


def _quiet_logger() -> logging.LoggerAdapter[logging.Logger]:
    """picows logs whole frames when asked to; ours is never asked.  An adapter also saves a logger a connection."""
    logger = logging.getLogger("ocppsec.link.picows")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    return logging.LoggerAdapter(logger)


_QUIET = _quiet_logger()


def make_protocol(
    listener: Callable[..., Any],
    limits: Limits,
    *,
    url: WSParsedURL | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> WSProtocol:
    """A client's protocol for *url*, or a server's without one.  *listener* gives the `Link`."""
    return WSProtocol(
        url.netloc if url is not None else None,
        url.resource_name if url is not None else None,
        url is not None,
        listener,
        _QUIET,
        True,  # disconnect when a listener raises
        timeout,
        False,  # pings are the link's business
        0,
        0,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        True,  # pongs are answered
        limits.message_bytes,
        headers,
        _READ_BUFFER_BYTES,
    )
