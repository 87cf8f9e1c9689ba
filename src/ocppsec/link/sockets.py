"""Where TLS records leave: straight on the socket, so that an alert reaches the peer before the socket closes.

aiofastnet encrypts into memory by default and drops what is left there when a handshake fails, the alert
included.  With OpenSSL writing to the socket itself, the alert is on the wire before the error is raised, and an
idle connection costs 29 KiB instead of 45.  The switch is aiofastnet's own, though not documented; it needs a
Python whose `ssl` module links OpenSSL dynamically.  `tests/unit/link/test_sockets.py` fails when a newer
release stops honouring it.  See docs/decisions/0002-tls-endpoint.md.
"""

import ssl

from aiofastnet.openssl_compat import OPENSSL_DYN_LIBS


def deliver_alerts(context: ssl.SSLContext) -> bool:
    """Make connections of *context* write to their socket; False where this Python cannot."""
    if OPENSSL_DYN_LIBS is None:
        return False
    context._aiofastnet_force_socket_bio = True  # type: ignore[attr-defined]  # noqa: SLF001
    return True
