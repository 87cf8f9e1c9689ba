"""What OpenSSL has to be told behind Python's back.

TLS records leave straight on the socket, so that an alert reaches the peer before the socket closes.

aiofastnet encrypts into memory by default and drops what is left there when a handshake fails, the alert
included.  With OpenSSL writing to the socket itself, the alert is on the wire before the error is raised, and an
idle connection costs 29 KiB instead of 45.  The switch is aiofastnet's own, though not documented; it needs a
Python whose `ssl` module links OpenSSL dynamically.  `tests/pair/test_tls_endpoint.py` fails when a newer
release stops honouring it.  See docs/decisions/0002-tls-endpoint.md.
"""

import ctypes
import ssl

from aiofastnet.openssl_compat import OPENSSL_DYN_LIBS


def deliver_alerts(context: ssl.SSLContext) -> bool:
    """Make connections of *context* write to their socket; False where this Python cannot."""
    if OPENSSL_DYN_LIBS is None:
        return False
    context._aiofastnet_force_socket_bio = True  # type: ignore[attr-defined]  # noqa: SLF001
    return True


_SET_SESSION_CACHE_MODE = 44
_OFF = 0


def keep_no_sessions(context: ssl.SSLContext) -> bool:
    """Switch the server's session cache off; False where this Python cannot.

    It is on by default, Python has no switch for it, and it is what TLS 1.2 resumes from without tickets: 20,480
    client certificates a context (some 200 MB), each good for coming back past a revocation.  The pointer is
    found as aiofastnet finds it: it is the first field of a context object.
    """
    if OPENSSL_DYN_LIBS is None:
        return False
    library = ctypes.CDLL(OPENSSL_DYN_LIBS.libssl)
    control = library.SSL_CTX_ctrl
    control.restype = ctypes.c_long
    control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    control(pointer, _SET_SESSION_CACHE_MODE, _OFF, None)
    return True
