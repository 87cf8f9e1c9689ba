"""What is said on an open connection: frames, limits, boot, certificates, answers by id."""

import asyncio
import base64
import json
import random
import ssl
import threading
import zlib

import pytest
import websockets
from rig import certs
from rig.server import eventually
from rig.wire import Raw, basic, client_context

LIMIT = 512 * 1024
DEFLATE = "permessage-deflate"


@pytest.fixture
def station(up, identity):
    """A booted station on profile 1."""
    with Raw(up.door(1), identity, password=up.add(identity)) as station:
        assert station.boot(identity)[2]["status"] == "Accepted"
        yield station


def alive(station):
    return "currentTime" in station.call("Heartbeat", {})[2]


def data_transfer(number, size, fill="x"):
    return json.dumps([2, f"d{number}", "DataTransfer", {"vendorId": "Rig", "data": fill * size}]).encode()


# -- frames -------------------------------------------------------------------------------------------------
def test_a_fragmented_message_is_one_message(station):
    """Three fragments, a ping in between."""
    message = b'[2,"f1","Heartbeat",{}]'
    station.send(message[:5], fin=False)
    station.send(message[5:9], opcode=0, fin=False)
    station.send(b"are you there", opcode=9)
    station.send(message[9:], opcode=0)
    assert station.read() == (10, b"are you there")
    assert station.text()[:2] == [3, "f1"]


def test_a_message_in_a_thousand_fragments_is_one_message(station):
    """However small the pieces."""
    message = data_transfer(1, 1000)
    for at in range(0, len(message), 1):
        last = at == len(message) - 1
        station.send(message[at : at + 1], opcode=1 if at == 0 else 0, fin=last)
    assert station.text()[:2] == [3, "d1"]


def test_a_binary_message_does_no_harm(station):
    """OCPP-J is text; what a binary frame says is read like text or dropped, and the session goes on."""
    station.send(b'[2,"b1","Heartbeat",{}]', opcode=2)
    station.send(bytes(range(256)), opcode=2)
    assert alive(station)


def test_a_ping_is_answered_with_its_payload(station):
    """RFC 6455 5.5.3."""
    station.send(b"0123456789" * 12, opcode=9)
    assert station.read() == (10, b"0123456789" * 12)


def test_a_close_is_answered(station):
    """With the same code, and then the socket goes."""
    station.send(b"\x03\xe8bye", opcode=8)
    assert station.closing()[0] == 1000
    with pytest.raises(ConnectionError):
        station.read()


@pytest.mark.parametrize(
    ("send", "code"),
    [
        pytest.param(lambda s: s.send(b"\xff\xfe"), {1007}, id="not-utf-8"),
        pytest.param(lambda s: s.send(b"x", rsv1=True), {1002}, id="compressed-without-agreement"),
        pytest.param(lambda s: s.send(b"x", opcode=3), {1002}, id="reserved-opcode"),
        pytest.param(lambda s: s.send(b"x", opcode=0), {1002}, id="continuation-of-nothing"),
        pytest.param(lambda s: s.send(b"x" * 126, opcode=9), {1002}, id="long-ping"),
        pytest.param(lambda s: s.send(b"x", opcode=9, fin=False), {1002}, id="fragmented-ping"),
        pytest.param(lambda s: s.sock.sendall(b"\x81\x01x"), {1002}, id="unmasked"),
        pytest.param(lambda s: s.send(b"x" * (LIMIT + 1)), {1009}, id="too-big"),
        pytest.param(lambda s: s.sock.sendall(b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"mask"), {1002, 1009}, id="eight-exabytes"),
    ],
)  # fmt: skip
def test_a_broken_frame_ends_the_connection_with_its_code(station, send, code):
    """Each with the close code that RFC 6455 gives it."""
    send(station)
    assert station.closing()[0] in code


def test_a_new_message_inside_of_a_fragmented_one_is_an_error(station):
    """RFC 6455 5.4."""
    station.send(b"[2,", fin=False)
    station.send(b'[2,"1","Heartbeat",{}]')
    assert station.closing()[0] == 1002


def test_a_message_too_big_in_fragments_is_refused(station):
    """1009 as soon as the pieces are too much together."""
    station.send(b"[", fin=False)
    for _ in range(6):
        station.send(b" " * 100_000, opcode=0, fin=False)
    assert station.closing()[0] == 1009


def test_a_message_of_the_allowed_size_is_read(station):
    """The limit does not hit what stations send."""
    station.send(data_transfer(1, LIMIT - 1000))
    assert station.text()[:2] == [3, "d1"]


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "null", "{}", "[]", "[2]", '[2,"1"]', "[" * 100_000, '[2,"1","Heartbeat"]', '[2,1,"Heartbeat",{}]',
        '[2,"1","NoSuchAction",{}]', '[2,"' + "x" * 37 + '","Heartbeat",{}]', '[9,"1","Heartbeat",{}]', '[3,"nobody-asked",{}]',
        '[4,"nobody-asked","GenericError","",{}]', '[2,"1","Heartbeat",{"a":' + "9" * 5000 + "}]", '["2","1","Heartbeat",{}]',
        '[2,"1","BootNotification",{"reason":"PowerUp"}]', '[2,"\\ud800","Heartbeat",{}]', '[2,"1","Heartbeat",{"a":1,"a":2}]',
        "[1e999]", '[2,"1","Heartbeat",{},{}]', "[-0,NaN]",
    ],
    ids=range(23),
)  # fmt: skip
def test_hostile_text_does_no_harm(station, text):
    """Answered with CALLERROR or dropped; the session goes on."""
    station.send(text.encode())
    assert alive(station)


# -- permessage-deflate -------------------------------------------------------------------------------------
async def test_permessage_deflate_works_with_websockets(up, identity):
    """Agreed on with the `websockets` library, small messages and large, both ways."""
    headers = {"Authorization": basic(identity, up.add(identity))}
    url = f"{up.door(1)}/{identity}"
    async with websockets.connect(
        url, subprotocols=["ocpp2.0.1"], additional_headers=headers, compression="deflate"
    ) as ws:
        assert DEFLATE in ws.response.headers["Sec-WebSocket-Extensions"]
        about = {"model": "Rig", "vendorName": "Rig"}
        await ws.send(
            json.dumps([2, "1", "BootNotification", {"reason": "PowerUp", "chargingStation": about}])
        )
        assert json.loads(await ws.recv())[2]["status"] == "Accepted"
        for size in (1, 500, 5_000, 200_000):
            await ws.send(data_transfer(size, size).decode())
            assert json.loads(await ws.recv())[:2] == [3, f"d{size}"]


async def test_without_deflate_it_works_as_well(up, identity):
    """A station need not offer it."""
    headers = {"Authorization": basic(identity, up.add(identity))}
    url = f"{up.door(1)}/{identity}"
    async with websockets.connect(
        url, subprotocols=["ocpp2.0.1"], additional_headers=headers, compression=None
    ) as ws:
        assert "Sec-WebSocket-Extensions" not in ws.response.headers


def deflated(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.fixture
def squeezing(up, identity):
    """A booted station with permessage-deflate."""
    with Raw(up.door(1), identity, password=up.add(identity), extensions=DEFLATE) as station:
        assert f"sec-websocket-extensions: {DEFLATE}" in station.head
        station.boot(identity)
        yield station


def test_a_zip_bomb_is_refused_in_bounded_memory(up, squeezing):
    """A hundred megabytes in a hundred kilobytes: 1009, and nobody inflated them."""
    bomb = deflated(b" " * 100_000_000)
    assert len(bomb) < LIMIT
    before = up.memory()
    squeezing.send(bomb, rsv1=True)
    assert squeezing.closing()[0] == 1009
    assert up.memory() - before < 16 * 1024


def test_a_zip_bomb_in_fragments_is_refused(squeezing):
    """In pieces just as well."""
    bomb = deflated(b" " * 10_000_000)
    squeezing.send(bomb[:100], rsv1=True, fin=False)
    squeezing.send(bomb[100:], opcode=0)
    assert squeezing.closing()[0] == 1009


def test_noise_that_is_no_deflate_is_refused(squeezing):
    """1007, as data that is not what it says."""
    squeezing.send(random.Random(1).randbytes(1000), rsv1=True)
    assert squeezing.closing()[0] in {1002, 1007}


def test_a_compressed_message_is_read(squeezing):
    """And plain ones in between."""
    squeezing.send(deflated(data_transfer(1, 50_000)), rsv1=True)
    assert squeezing.text()[:2] == [3, "d1"]
    assert alive(squeezing)


# -- boot ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("reported", ["SN-of-another", None, ""])
def test_another_serial_number_on_profile_3_closes_the_connection(up, station_on_three, reported):
    """B01.FR.11/12: the serial number is the certificate's CN, or the connection ends and the operator knows."""
    context = client_context(up.root, chain=station_on_three.chain, key=station_on_three.key)
    about = {"model": "M", "vendorName": "V"} | ({} if reported is None else {"serialNumber": reported})
    call = [2, "1", "BootNotification", {"reason": "PowerUp", "chargingStation": about}]
    before = len(up.events("serial-number-mismatch"))
    with Raw(up.door(3), station_on_three.identity, context=context) as station:
        station.send(json.dumps(call).encode())
        assert station.closing()[0] == 1008
    eventually(lambda: len(up.events("serial-number-mismatch")) == before + 1)
    event = up.events("serial-number-mismatch")[-1]
    assert (event["reported"], event["certificate"]) == (reported, station_on_three.serial)


def test_the_right_serial_number_on_profile_3_is_accepted(up, station_on_three):
    """The same connection with the right one."""
    context = client_context(up.root, chain=station_on_three.chain, key=station_on_three.key)
    with Raw(up.door(3), station_on_three.identity, context=context) as station:
        assert station.boot(station_on_three.serial)[2]["status"] == "Accepted"


def test_before_its_boot_a_station_says_nothing_else(up, identity):
    """B01.FR.10: SecurityError."""
    with Raw(up.door(1), identity, password=up.add(identity)) as station:
        assert station.call("Heartbeat", {})[:3:2] == [4, "SecurityError"]
        assert station.boot(identity)[2]["status"] == "Accepted"
        assert alive(station)


# -- certificates -------------------------------------------------------------------------------------------
@pytest.fixture
def on_two(up, identity):
    """A booted station on profile 2 whose serial number is not its identity."""
    password = up.add(identity, profile=2, serial_number=f"SN{identity}")
    with Raw(up.door(2), identity, password=password, context=client_context(up.root)) as station:
        station.boot("SOMETHING-ELSE")
        yield station, f"SN{identity}"


def asked(station, csr, **more):
    """The answer to SignCertificate."""
    return station.call("SignCertificate", {"csr": csr, **more})[2]


@pytest.mark.parametrize("family", ["ec", "rsa"])
@pytest.mark.parametrize(
    "kind", [{}, {"certificateType": "ChargingStationCertificate"}], ids=["no-type", "typed"]
)
def test_a_request_is_answered_first_and_signed_then(up, on_two, openssl, tmp_path, family, kind):
    """Accepted, then CertificateSigned with a chain that `openssl verify` likes; without a type too (LESSONS 7, 9, 10)."""
    station, serial = on_two
    key = certs.new_key(family)
    station.send(
        json.dumps([2, "s1", "SignCertificate", {"csr": certs.request_pem(key, serial), **kind}]).encode()
    )
    assert station.text() == [3, "s1", {"status": "Accepted"}]
    call = station.text()
    assert (call[0], call[2]) == (2, "CertificateSigned")
    chain = tmp_path / "chain.pem"
    chain.write_text(call[3]["certificateChain"])
    verify(openssl, up.root, chain)
    station.send(json.dumps([3, call[1], {"status": "Accepted"}]).encode())
    assert alive(station)


def verify(openssl, root, chain):
    import subprocess

    command = [
        openssl,
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-CAfile",
        root,
        "-untrusted",
        chain,
        chain,
    ]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("subject", "organization"),
    [
        pytest.param("SOMETHING-ELSE", "ACME", id="the-serial-number-it-said-at-boot"),
        pytest.param("IDENTITY", "ACME", id="its-identity"),
        pytest.param("SERIAL", "Evil Inc", id="another-organization"),
        pytest.param("", "ACME", id="no-name"),
        pytest.param("*", "ACME", id="wildcard"),
    ],
)
def test_only_what_the_operator_registered_is_certified(on_two, identity, subject, organization):
    """Serial number and organization never come from the station (LESSONS 5)."""
    station, serial = on_two
    name = {"IDENTITY": identity, "SERIAL": serial}.get(subject, subject) or " "
    answer = asked(station, certs.request_pem(certs.new_key(), name, organization))
    assert answer["status"] == "Rejected", answer
    assert answer["statusInfo"]["reasonCode"]
    assert alive(station)


@pytest.mark.parametrize(
    "csr", ["", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
def test_a_request_that_is_none_is_rejected(on_two, csr):
    """With a reason, and the session goes on."""
    station, _ = on_two
    answer = station.call("SignCertificate", {"csr": csr})
    assert answer[0] == 4 or answer[2]["status"] == "Rejected"
    assert alive(station)


def test_a_broken_signature_is_rejected(on_two):
    """A request proves that its sender holds the key, or it is none (LESSONS 6)."""
    station, serial = on_two
    pem = certs.request_pem(certs.new_key(), serial)
    der = bytearray(base64.b64decode("".join(pem.splitlines()[1:-1])))
    der[-3] ^= 1
    body = base64.b64encode(bytes(der)).decode()
    broken = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"
    assert asked(station, broken)["status"] == "Rejected"


def test_a_v2g_certificate_is_not_issued(on_two):
    """Another kind than ours is rejected, not guessed."""
    station, serial = on_two
    answer = asked(station, certs.request_pem(certs.new_key(), serial), certificateType="V2GCertificate")
    assert answer["status"] == "Rejected"


def test_without_tls_nothing_is_certified(up, identity):
    """Nobody gets a certificate over profile 1."""
    with Raw(up.door(1), identity, password=up.add(identity)) as station:
        station.boot(identity)
        assert asked(station, certs.request_pem(certs.new_key(), identity))["status"] == "Rejected"


# -- answers ------------------------------------------------------------------------------------------------
def test_answers_find_their_question_by_id(up, identity, station):
    """A foreign, an early, a doubled and a late answer change nothing (LESSONS 12)."""
    results = []

    command = ["station", "call", identity, "GetInstalledCertificateIds", "--json"]

    def ask_twice():
        results.extend([up.command(*command, "--timeout", "1"), up.command(*command, "--timeout", "10")])

    asking = threading.Thread(target=ask_twice)
    asking.start()
    first = station.text()
    station.send(b'[3,"never-asked",{"status":"Accepted"}]')
    second = station.text()  # the first has timed out meanwhile
    station.send(json.dumps([3, first[1], {"status": "Accepted", "certificateHashDataChain": []}]).encode())
    station.send(json.dumps([3, first[1], {"status": "NotFound"}]).encode())
    station.send(
        json.dumps([3, second[1], {"status": "NotFound", "statusInfo": {"reasonCode": "right"}}]).encode()
    )
    station.send(json.dumps([3, second[1], {"status": "Accepted"}]).encode())
    asking.join(timeout=30)
    late, right = results
    assert late.code == 6, late
    assert (right.code, right.json["statusInfo"]["reasonCode"]) == (0, "right")
    assert alive(station)


def test_a_callerror_is_exit_code_1(up, identity, station):
    """What a station refuses reaches whoever asked."""
    results = []
    asking = threading.Thread(
        target=lambda: results.append(
            up.command("station", "call", identity, "Reset", '{"type":"OnIdle"}', "--json")
        )
    )
    asking.start()
    call = station.text()
    station.send(json.dumps([4, call[1], "NotSupported", "no reset here", {}]).encode())
    asking.join(timeout=30)
    (done,) = results
    assert (done.code, done.json["code"], done.json["description"]) == (1, "NotSupported", "no reset here")


async def test_many_stations_at_once_over_mutual_tls(up, station_on_three):
    """The same certificate in quick succession: every connection gets in, the last one stays."""
    context = client_context(up.root, chain=station_on_three.chain, key=station_on_three.key)
    url = f"{up.door(3)}/{station_on_three.identity}"

    async def once():
        async with websockets.connect(url, subprotocols=["ocpp2.0.1"], ssl=context):
            return True

    assert all(await asyncio.gather(*(once() for _ in range(20))))
    assert context.verify_mode is ssl.CERT_REQUIRED
