"""TC_A_01_CSMS, Basic authentication, valid: user name = identity of the URL, right password; let in, boot accepted."""

import pytest
from rig.wire import Raw


@pytest.mark.parametrize("password", ["sixteen-letters.", "x" * 40, None], ids=["16", "40", "generated"])
def test_valid_credentials_are_let_in(up, identity, password):
    """101 with the subprotocol, then BootNotification Accepted and a Heartbeat answered."""
    generated = up.add(identity, **({"password": password} if password else {}))
    with Raw(up.door(1), identity, password=password or generated) as station:
        assert station.status == 101
        assert "sec-websocket-protocol: ocpp2.0.1" in station.head
        boot = station.boot(identity)[2]
        assert boot["status"] == "Accepted"
        assert boot["interval"] > 0
        assert "currentTime" in station.call("Heartbeat", {})[2]


@pytest.mark.parametrize("password", ["fifteen-letters", "x" * 41], ids=["15", "41"])
def test_passwords_of_other_lengths_are_not_registered(up, identity, password):
    """A00.FR.205: 16 to 40 characters."""
    status, _ = up.api("POST", "/stations", {"identity": identity, "password": password})
    assert status == 400
