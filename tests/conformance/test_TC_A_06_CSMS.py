"""TC_A_06_CSMS, TLS version too low: the CSMS terminates the connection."""

import pytest
from rig.s_client import s_client


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
@pytest.mark.parametrize("profile", [2, 3])
def test_tls_below_1_2_is_terminated(up, openssl, profile, version):
    """With the alert protocol_version, and nothing after it."""
    seen = s_client(openssl, up.door(profile), version, "-cipher", "ALL:@SECLEVEL=0", root=up.root)
    if seen.alert is None and "no protocols available" in seen.text:
        pytest.skip(f"this openssl cannot speak {version}")
    assert (seen.alert, seen.status) == (70, None), seen.text
