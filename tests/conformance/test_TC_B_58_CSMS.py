"""TC_B_58_CSMS, WebSocket subprotocol: ocpp2.0.1 is agreed on; a client that offers only others gets no upgrade.

Part 4 (3.2) would complete the handshake without the header and close; the official test wants no upgrade, and so
does the CSMS here (spec 8.2).
"""

import pytest
from rig.wire import Raw, ask, basic, request, target


@pytest.mark.parametrize("offer", ["ocpp2.0.1", "ocpp2.1, ocpp2.0.1, ocpp1.6", "ocpp1.6,ocpp2.0.1"])
def test_our_version_is_chosen_among_those_on_offer(up, identity, offer):
    """Exactly one, and ours."""
    data = request(target(identity), authorization=basic(identity, up.add(identity)), subprotocol=offer)
    answer = ask(up.door(1), data)
    assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, "ocpp2.0.1")


@pytest.mark.parametrize("offer", ["ocpp0.1", "ocpp1.6", "ocpp2.1", "OCPP2.0.1", "ocpp2.0.1x", "", None])
def test_other_versions_are_refused(up, identity, offer):
    """400, complete, with the version it speaks."""
    data = request(target(identity), authorization=basic(identity, up.add(identity)), subprotocol=offer)
    answer = ask(up.door(1), data)
    assert (answer.status, answer.complete) == (400, True)
    assert "ocpp2.0.1" in answer.body


def test_whoever_is_not_admitted_learns_nothing_of_versions(up, identity, source):
    """Credentials are judged first."""
    up.add(identity)
    data = request(target(identity), authorization=basic(identity, "x" * 20), subprotocol="ocpp0.1")
    assert ask(up.door(1), data, source=source).status == 401


def test_the_agreed_version_is_spoken(up, identity):
    """After 101 the conversation is 2.0.1."""
    with Raw(up.door(1), identity, password=up.add(identity)) as station:
        assert station.boot(identity)[2]["status"] == "Accepted"
