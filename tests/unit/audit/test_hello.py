"""ClientHellos by hand: what the record says, and what an answer says."""

import struct

import pytest

from ocppsec.audit.hello import TLS11, TLS12, Alert, client_hello, read_answer


def server_hello(version=0x0303, suite=0xC02B, compression=0, extensions=b"\xff\x01\x00\x01\x00"):
    body = struct.pack("!H", version) + bytes(32) + b"\x02ab" + struct.pack("!HB", suite, compression)
    body += struct.pack("!H", len(extensions)) + extensions
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", 22, 0x0303, len(message)) + message


def test_a_server_hello_is_read():
    """Version, suite, compression and the kinds of the extensions."""
    answer = read_answer(server_hello(version=TLS11, suite=0x0005, compression=1))
    assert (answer.version, answer.suite, answer.compression) == (TLS11, 5, 1)
    assert answer.extensions == {0xFF01}


def test_an_alert_is_read():
    """Its number is what the server says."""
    assert read_answer(b"\x15\x03\x03\x00\x02\x02\x46") == Alert(number=70)


@pytest.mark.parametrize("size", [0, 4, 10, 40])
def test_half_an_answer_is_no_answer_yet(size):
    """More bytes have to come first."""
    assert read_answer(server_hello()[:size]) is None


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request\r\n", b"\x16\x03\x03\x00\x04\x0b\x00\x00\x00"])
def test_what_is_no_tls_is_said(data):
    """Neither an alert nor a ServerHello."""
    with pytest.raises(ValueError, match=r"no|not"):
        read_answer(data)


def test_the_offer_is_what_was_asked_for():
    """The version, the suites and the compression methods are on the wire; signatures only from TLS 1.2 on."""
    hello = client_hello(version=TLS11, suites=(0x0005,), compression=(1, 0), host="csms.example.com")
    assert hello[9:11] == b"\x03\x02"
    assert b"\x00\x02\x00\x05\x02\x01\x00" in hello
    assert b"csms.example.com" in hello
    assert b"\x00\x0d\x00" not in hello
    assert b"\x00\x0d\x00" in client_hello(version=TLS12)
