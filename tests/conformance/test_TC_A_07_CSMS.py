"""TC_A_07_CSMS, TLS with client certificate, valid: CN = serial number; let in without a password, boot accepted."""

from rig.wire import Raw, client_context


def test_a_valid_client_certificate_is_let_in(up, on_three):
    """ECDSA and RSA; the connection is on profile 3."""
    context = client_context(up.root, chain=on_three.chain, key=on_three.key)
    with Raw(up.door(3), on_three.identity, context=context) as station:
        assert station.status == 101
        assert station.boot(on_three.serial)[2]["status"] == "Accepted"
        shown = up.station(on_three.identity)["connection"]
        assert (shown["profile"], shown["accepted"]) == (3, True)
