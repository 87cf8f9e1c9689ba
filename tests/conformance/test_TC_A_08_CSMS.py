"""TC_A_08_CSMS, TLS with client certificate, invalid: foreign CA, expired, or CN ≠ serial number; terminated."""

import ssl

import pytest
from rig import certs
from rig.wire import ask, client_context, request, target


def foreign(_state, own, serial):
    return certs.sign(certs.name(serial), own, *certs.foreign_ca())


def expired(state, own, serial):
    return certs.sign(certs.name(serial), own, *certs.our_station_ca(state), days=(-30, -1))


@pytest.mark.parametrize("make", [foreign, expired])
def test_a_certificate_that_does_not_verify_ends_in_the_handshake(up, station_on_three, tmp_path, make):
    """TLS fails; HTTP is never reached."""
    own = certs.new_key()
    chain, key = certs.save(tmp_path, "bad", make(up.state, own, station_on_three.serial), own)
    context = client_context(up.root, chain=chain, key=key, version=ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
        ask(up.door(3), request(target(station_on_three.identity)), context=context)


def test_a_certificate_with_another_serial_number_is_refused(up, identity, on_three):
    """A good certificate, of another station: refused before 101, though the handshake was fine."""
    up.add(identity, profile=3, serial_number=f"SN{identity}")
    context = client_context(up.root, chain=on_three.chain, key=on_three.key)
    answer = ask(up.door(3), request(target(identity)), context=context)
    assert (answer.status, answer.complete) == (403, True)
    assert answer.body.startswith("certificate-of-another-station")
