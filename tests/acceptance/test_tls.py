"""`openssl s_client` at the doors: suites, versions, alerts, and what must not be there."""

import socket
import ssl

import pytest
from rig import certs
from rig.s_client import s_client
from rig.server import Up, eventually, port_of
from rig.wire import ask, basic, client_context, dial, read_answer, request, target

SUITES = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
]
OLD = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
CLOSE = b"\x88\x80\x00\x00\x00\x00"
"""A close frame, so that an admitted s_client ends."""


@pytest.fixture
def on_two(up, identity):
    """The request of a station registered on profile 2."""
    password = up.add(identity, profile=2)
    return request(target(identity), authorization=basic(identity, password)) + CLOSE


@pytest.fixture
def on_three_request(on_three):
    return request(target(on_three.identity)) + CLOSE


@pytest.mark.parametrize("suite", SUITES)
def test_a_mandatory_suite_gets_through_on_profile_2(up, openssl, on_two, suite):
    """Each of the four suites of A00.FR.318 carries a right request to 101 over TLS 1.2."""
    seen = s_client(openssl, up.door(2), "-tls1_2", "-cipher", suite, root=up.root, data=on_two)
    assert (seen.cipher, seen.status, seen.verified) == (("TLSv1.2", suite), 101, True), seen.text


@pytest.mark.parametrize("suite", SUITES)
def test_a_mandatory_suite_gets_through_on_profile_3(up, openssl, on_three, on_three_request, suite):
    """Each suite carries a client certificate too, ECDSA or RSA, whatever key the server's suite needs."""
    own = ["-cert", on_three.chain, "-cert_chain", on_three.chain, "-key", on_three.key]
    seen = s_client(
        openssl, up.door(3), "-tls1_2", "-cipher", suite, *own, root=up.root, data=on_three_request
    )
    assert (seen.cipher, seen.status, seen.verified) == (("TLSv1.2", suite), 101, True), seen.text


@pytest.mark.parametrize("profile", [2, 3])
def test_tls_1_3_gets_through(up, openssl, on_two, on_three, on_three_request, profile):
    """TLS 1.3 is spoken with who can."""
    own = ["-cert", on_three.chain, "-key", on_three.key] if profile == 3 else []
    data = on_three_request if profile == 3 else on_two
    seen = s_client(openssl, up.door(profile), "-tls1_3", *own, root=up.root, data=data)
    assert seen.cipher is not None, seen.text
    assert (seen.cipher[0], seen.status, seen.verified) == ("TLSv1.3", 101, True), seen.text


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
@pytest.mark.parametrize("profile", [2, 3])
def test_tls_below_1_2_is_told_off(up, openssl, profile, version):
    """TLS 1.0 and 1.1 end with the alert protocol_version (70), and as an event (A00.FR.313)."""
    before = len(up.events("handshake-failed"))
    seen = s_client(openssl, up.door(profile), version, "-cipher", "ALL:@SECLEVEL=0", root=up.root)
    if seen.alert is None and "no protocols available" in seen.text:
        pytest.skip(f"this openssl cannot speak {version}")
    assert (seen.alert, seen.status) == (70, None), seen.text
    eventually(lambda: len(up.events("handshake-failed")) > before)
    assert up.events("handshake-failed")[-1]["reason"] == "UNSUPPORTED_PROTOCOL"


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-AES128-SHA",
        "AES128-SHA",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "AES128-CCM",
        "NULL-SHA256",
        "ADH-AES128-GCM-SHA256",
    ],
)
def test_other_suites_are_refused(up, openssl, suite):
    """A suite nobody asked for ends with handshake_failure (40)."""
    seen = s_client(openssl, up.door(2), "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0", root=up.root)
    assert (seen.alert, seen.status) == (40, None), seen.text


def test_nothing_is_compressed(up, openssl, on_two):
    """A00.FR.321: TLS compression stays off though the client asks for it."""
    seen = s_client(openssl, up.door(2), "-tls1_2", "-comp", root=up.root, data=on_two)
    assert seen.status == 101, seen.text
    assert "Compression: NONE" in seen.text


def test_nothing_is_renegotiated(up, openssl):
    """A client's wish to renegotiate gets no new handshake."""
    seen = s_client(openssl, up.door(2), "-tls1_2", root=up.root, data=b"R\n", commands=True)
    assert "RENEGOTIATING" in seen.text
    assert "no renegotiation" in seen.text, seen.text


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_ticket_is_given(up, openssl, on_two, version):
    """Without tickets nothing outlives a revocation on the client's side."""
    seen = s_client(openssl, up.door(2), version, root=up.root, data=on_two)
    assert seen.status == 101, seen.text
    assert "TLS session ticket:" not in seen.text
    assert "Post-Handshake New Session Ticket" not in seen.text


# -- client certificates ------------------------------------------------------------------------------------
def expired(issuer, key, own):
    return certs.sign(certs.name("SN"), own, issuer, key, days=(-30, -1))


def not_yet_valid(issuer, key, own):
    return certs.sign(certs.name("SN"), own, issuer, key, days=(1, 30))


def for_servers(issuer, key, own):
    return certs.sign(certs.name("SN"), own, issuer, key, usage=certs.SERVER)


def foreign(_issuer, _key, own):
    return certs.sign(certs.name("SN"), own, *certs.foreign_ca())


def self_signed(_issuer, _key, own):
    return certs.sign(certs.name("SN"), own, certs.name("SN"), own)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(
    ("make", "alert", "word"),
    [
        pytest.param(expired, 45, "certificate has expired", id="expired"),
        pytest.param(not_yet_valid, 42, "certificate is not yet valid", id="not-yet-valid"),
        pytest.param(for_servers, 43, "unsuitable certificate purpose", id="for-servers"),
        pytest.param(foreign, 48, "unable to get local issuer certificate", id="foreign"),
        pytest.param(self_signed, 48, "self-signed certificate", id="self-signed"),
    ],
)
def test_a_bad_client_certificate_gets_its_alert(up, openssl, tmp_path, make, alert, word, version):
    """The station learns what is wrong with its certificate, and the operator from where it came and why."""
    own = certs.new_key()
    chain, key = certs.save(tmp_path, "bad", make(*certs.our_station_ca(up.state), own), own)
    before = len(up.events("handshake-failed"))
    options = [version, "-cert", chain, "-key", key]
    seen = s_client(openssl, up.door(3), *options, root=up.root, data=request("/ocpp/X"))
    assert (seen.alert, seen.status) == (alert, None), seen.text
    eventually(lambda: len(up.events("handshake-failed")) > before)
    event = up.events("handshake-failed")[-1]
    assert event["reason"] == f"CERTIFICATE_VERIFY_FAILED: {word}"
    assert (event["door"], event["address"]) == ("mtls", "127.0.0.1")
    assert event["advice"]


@pytest.mark.parametrize(("version", "alert"), [("-tls1_2", 40), ("-tls1_3", 116)])
def test_no_client_certificate_on_profile_3_gets_its_alert(up, openssl, version, alert):
    """handshake_failure in TLS 1.2, certificate_required in TLS 1.3."""
    seen = s_client(openssl, up.door(3), version, root=up.root, data=request("/ocpp/X"))
    assert (seen.alert, seen.status) == (alert, None), seen.text


@pytest.mark.parametrize("issuer", ["servers", "root"])
def test_only_the_station_ca_issues_for_stations(up, openssl, tmp_path, issuer):
    """A client certificate from the server CA or the root itself is foreign: neither is an anchor here."""
    own = certs.new_key()
    made = certs.sign(certs.name("SN"), own, *certs.our_ca(up.state, issuer))
    chain, key = certs.save(tmp_path, "bad", made, own)
    with chain.open("a") as file:
        file.write((up.state / "ca" / f"{issuer}.pem").read_text())
    options = ["-tls1_2", "-cert", chain, "-cert_chain", chain, "-key", key]
    seen = s_client(openssl, up.door(3), *options, root=up.root)
    assert (seen.alert, seen.status) == (48, None), seen.text


def test_the_certificate_of_the_server_is_no_client_certificate(up, openssl):
    """The CSMS's own certificate does not pass for a station."""
    file = up.state / "tls" / "server-ec.pem"
    options = ["-tls1_2", "-cert", file, "-cert_chain", file, "-key", file]
    seen = s_client(openssl, up.door(3), *options, root=up.root)
    assert (seen.alert, seen.status) == (48, None), seen.text


def test_a_certificate_of_ours_that_nobody_recorded_stays_out(up, openssl, tmp_path, station_on_three):
    """Signed with the stolen CA key for a real serial number: refused by the record, in HTTP, with 403."""
    own = certs.new_key()
    made = certs.sign(certs.name(station_on_three.serial), own, *certs.our_station_ca(up.state))
    chain, key = certs.save(tmp_path, "stolen", made, own)
    data = request(target(station_on_three.identity))
    seen = s_client(openssl, up.door(3), "-tls1_3", "-cert", chain, "-key", key, root=up.root, data=data)
    assert seen.status == 403, seen.text
    assert "certificate-unknown" in seen.text


# -- the combined door --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def combined(tmp_path_factory):
    """One door for all profiles, told apart by the first byte and by what is presented."""
    directory = tmp_path_factory.mktemp("combined")
    file = directory / "ocppsec.toml"
    file.write_text('[[doors]]\nname = "combined"\nport = 0\nprofiles = [1, 2, 3]\n')
    server = Up(directory / "state", "--config", str(file), doors=False).start()
    yield server
    server.stop()


def test_the_combined_door_has_one_port(combined):
    """ws and wss are told apart by the first byte, on one port."""
    ports = {url.rsplit(":", 1)[1] for url in combined.ready["doors"].values()}
    assert len(ports) == 1
    assert [url.partition(":")[0] for url in combined.ready["doors"].values()] == ["ws", "wss", "wss"]


@pytest.mark.parametrize("suite", SUITES)
def test_the_combined_door_lets_profile_2_in_without_certificate(combined, openssl, suite):
    """A certificate is asked for and need not be shown."""
    identity = f"C2-{SUITES.index(suite)}"
    data = request(target(identity), authorization=basic(identity, combined.add(identity, profile=2))) + CLOSE
    seen = s_client(openssl, combined.door(2), "-tls1_2", "-cipher", suite, root=combined.root, data=data)
    assert (seen.cipher, seen.status) == (("TLSv1.2", suite), 101), seen.text


@pytest.mark.parametrize(("make", "alert"), [(expired, 45), (foreign, 48)])
def test_the_combined_door_refuses_a_bad_certificate_in_the_handshake(
    combined, openssl, tmp_path, make, alert
):
    """Its price: who shows a stale certificate is refused before HTTP, whatever password it has."""
    own = certs.new_key()
    chain, key = certs.save(tmp_path, "bad", make(*certs.our_station_ca(combined.state), own), own)
    seen = s_client(openssl, combined.door(2), "-tls1_2", "-cert", chain, "-key", key, root=combined.root)
    assert (seen.alert, seen.status) == (alert, None), seen.text


def test_the_combined_door_takes_a_station_from_1_to_3(combined, crew, identity):
    """All three profiles behind one port, and lower ones closed afterwards."""
    password = combined.add(identity)
    crew.power_on(identity, url=combined.door(1), password=password)
    eventually(lambda: crew.booted(identity, 1))
    done = combined.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "30")
    assert done.code == 0, done
    data = request(target(identity), authorization=basic(identity, password))
    for context, url in ((None, combined.door(1)), (client_context(combined.root), combined.door(2))):
        assert ask(url, data, context=context).status == 403


# -- sessions and event loops -------------------------------------------------------------------------------
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("profile", [2, 3])
def test_no_session_is_resumed(up, station_on_three, profile, version):
    """Every connection shakes hands in full, so that nobody resumes past a revocation (PKI.md, fact 4)."""
    own = {"chain": station_on_three.chain, "key": station_on_three.key} if profile == 3 else {}
    context = client_context(up.root, version=version, **own)
    with dial(up.door(profile), context=context) as sock:
        sock.sendall(request("/ocpp/X"))
        read_answer(sock)
        session = sock.session
    port = port_of(up.door(profile))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost", session=session) as sock,
    ):
        sock.sendall(request("/ocpp/X"))
        assert read_answer(sock).status == 404
        assert not sock.session_reused


def test_plain_asyncio_serves_as_well(new_up, crew, openssl, identity, tmp_path):
    """Without uvloop: the same way from 1 to 3, the same refusals, the same alerts."""
    server = new_up("--loop", "asyncio").start()
    password = server.add(identity)
    crew.power_on(identity, url=server.door(1), password=password)
    eventually(lambda: crew.booted(identity, 1))
    done = server.command("station", "upgrade", identity, "--to", "3", "--wait", "--timeout", "40")
    assert done.code == 0, done.err
    data = request(target(identity), authorization=basic(identity, password))
    answers = [ask(server.door(2), data, context=client_context(server.root)) for _ in range(50)]
    assert {(answer.status, answer.complete, answer.closed) for answer in answers} == {(403, True, True)}
    own = certs.new_key()
    chain, key = certs.save(tmp_path, "bad", expired(*certs.our_station_ca(server.state), own), own)
    seen = s_client(openssl, server.door(3), "-tls1_2", "-cert", chain, "-key", key, root=server.root)
    assert seen.alert == 45, seen.text
