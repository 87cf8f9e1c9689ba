"""Why no connection came about, in words."""

import ssl

import pytest

from ocppsec.link.connect import tls_reason


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
