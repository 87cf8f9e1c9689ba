"""A CSR is a request, not an order (LESSONS 5 to 8, PKI notes on requests)."""

import base64
import dataclasses
import json
import random
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppsec.certificates.key_rules import weakness
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.reasons import ALARMING, POLICY, ReasonCode
from ocppsec.certificates.request import (
    ApprovedRequest,
    Expected,
    RefusedRequest,
    check_request,
    requested_key,
)
from ocppsec.certificates.signing_request import make_request

EXPECTED = Expected(serial_number="CP-0001", organization="Example CSO")


def codes(judgement) -> set[str]:
    assert isinstance(judgement, RefusedRequest), judgement
    return {str(reason.code) for reason in judgement.reasons}


def csr(key, common_name="CP-0001", organization="Example CSO") -> str:
    return make_request(key, common_name=common_name, organization=organization)


@pytest.mark.parametrize("family", list(KeyFamily))
def test_a_request_with_any_key_we_certify_is_approved(key_of, family):
    """P-256, P-384 and RSA of 2048, 3072 and 4096 bits are approved; the key is what the request holds."""
    key = key_of(family)
    approved = check_request(csr(key), EXPECTED)
    assert isinstance(approved, ApprovedRequest), approved
    assert approved.public_key == key.public_key()
    assert (approved.serial_number, approved.organization) == ("CP-0001", "Example CSO")


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param("csr-like-everest.pem", id="C, DC, key agreement, SAN"),
        pytest.param("csr-compressed-point.pem", id="compressed point"),
        pytest.param("csr-rsa-pss-signature.pem", id="RSA-PSS signature"),
        pytest.param("csr-wants-server.pem", id="serverAuth, keyCertSign, challengePassword: ignored"),
    ],
)
def test_what_a_request_asks_for_beside_its_key_is_no_reason_to_refuse(vectors, vector):
    """Extensions, challenge passwords and other parts of the subject are ignored, not refused."""
    assert isinstance(check_request((vectors / vector).read_text(), EXPECTED), ApprovedRequest)


@pytest.mark.parametrize(
    ("vector", "code"),
    [
        pytest.param("csr-secp256k1.pem", "unsuitable-key", id="secp256k1"),
        pytest.param("csr-p192.pem", "unsuitable-key", id="P-192"),
        pytest.param("csr-brainpool.pem", "unsuitable-key", id="brainpool"),
        pytest.param("csr-explicit-curve.pem", "unsuitable-key", id="curve described, not named"),
        pytest.param("csr-ed25519.pem", "unsuitable-key", id="Ed25519"),
        pytest.param("csr-dsa.pem", "unsuitable-key", id="DSA"),
        pytest.param("csr-rsa-pss-key.pem", "unsuitable-key", id="RSA-PSS key"),
        pytest.param("csr-rsa-1024.pem", "unsuitable-key", id="RSA-1024"),
        pytest.param("csr-rsa-2560.pem", "unsuitable-key", id="RSA-2560"),
        pytest.param("csr-rsa-e3.pem", "unsuitable-key", id="exponent 3"),
        pytest.param("csr-sha1.pem", "unsuitable-signature-algorithm", id="SHA-1"),
        pytest.param("csr-md5.pem", "unsuitable-signature-algorithm", id="MD5"),
        pytest.param("csr-wants-ca.pem", "wants-to-be-ca", id="CA:TRUE"),
    ],
)
def test_a_vector_is_refused_for_exactly_what_is_wrong_with_it(vectors, vector, code):
    """Each vector breaks one rule, and that rule alone is named."""
    assert codes(check_request((vectors / vector).read_text(), EXPECTED)) == {code}


@pytest.mark.parametrize(
    "kind", ["explicit-curve", "ed25519", "dsa", "rsa-pss-key", "secp256k1", "p192", "brainpool"]
)
def test_a_kind_of_key_that_we_do_not_certify_never_reaches_a_library(vectors, monkeypatch, kind):
    """The kind is judged from the DER: nothing that is not on the list is ever loaded."""
    monkeypatch.setattr(x509, "load_der_x509_csr", lambda _: pytest.fail("loaded"))
    assert codes(check_request((vectors / f"csr-{kind}.pem").read_text(), EXPECTED)) == {"unsuitable-key"}


@pytest.mark.parametrize("version", [1, 2, 255])
def test_a_wrong_version_gets_a_diagnosis(forge, station_key, version):
    """LESSONS 8: the reason names the version found and the only one allowed."""
    refused = check_request(forge(station_key, version=version), EXPECTED)
    assert codes(refused) == {"wrong-version"}
    shown = {255: -1}.get(version, version)
    assert f"version {shown}, RFC 2986 allows only 0" in str(refused)


def test_openssl_accepts_the_wrong_version_that_we_diagnose(vectors):
    """Why the diagnosis matters: the firmware's maker tested with OpenSSL, which says OK."""
    vector = vectors / "csr-version-2.pem"
    done = subprocess.run(
        ["openssl", "req", "-in", str(vector), "-verify", "-noout"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert codes(check_request(vector.read_text(), EXPECTED)) == {"wrong-version"}


def test_the_forge_makes_requests_that_are_right_when_nothing_is_changed(forge, station_key, rsa_key):
    """So that a refusal of a forged request is due to what was forged."""
    assert isinstance(check_request(forge(station_key), EXPECTED), ApprovedRequest)
    assert isinstance(check_request(forge(rsa_key), EXPECTED), ApprovedRequest)


SUBJECTS = [
    pytest.param([("O", b"Example CSO")], {"no-common-name"}, id="no CN"),
    pytest.param(
        [("O", b"Example CSO"), ("CN", b"CP-0001"), ("CN", b"CP-0001")],
        {"several-common-names"},
        id="two CN, both right",
    ),
    pytest.param(
        [("O", b"Example CSO"), ("CN", b"CP-0001"), ("CN", b"CP-0002")],
        {"several-common-names", "wrong-common-name"},
        id="two CN",
    ),
    pytest.param([("O", b"Example CSO"), ("CN", b"CP-0002")], {"wrong-common-name"}, id="CN of another"),
    pytest.param([("O", b"Example CSO"), ("CN", b"cp-0001")], {"wrong-common-name"}, id="CN in lower case"),
    pytest.param(
        [("O", b"Example CSO"), ("CN", b"CP-00011")], {"wrong-common-name"}, id="CN contains the serial"
    ),
    pytest.param([("CN", b"CP-0001")], {"no-organization"}, id="no O"),
    pytest.param([("O", b"Evil"), ("CN", b"CP-0001")], {"wrong-organization"}, id="O of another"),
    pytest.param(
        [("O", b"Example CSO"), ("O", b"Example CSO"), ("CN", b"CP-0001")],
        {"several-organizations"},
        id="two O",
    ),
    pytest.param(
        [("O", b"Example CSO"), ("CN", b"CP-0001\0.evil")],
        {"wrong-common-name", "odd-characters"},
        id="NUL in CN",
    ),
    pytest.param(
        [("O", b"Example CSO"), ("CN", "CP-0001\u202e".encode())],
        {"wrong-common-name", "odd-characters"},
        id="right-to-left override",
    ),
    pytest.param(
        [("O", b"Example CSO"), ("CN", b"\xff\xfe")], {"wrong-common-name", "odd-characters"}, id="not UTF-8"
    ),
]


@pytest.mark.parametrize(("subject", "wanted"), SUBJECTS)
def test_a_subject_is_held_against_what_the_operator_registered(
    forge, name_in_der, station_key, subject, wanted
):
    """Exactly one common name, one organization, both as registered, readable by people."""
    names = tuple(name_in_der(which, value) for which, value in subject)
    assert codes(check_request(forge(station_key, names=names), EXPECTED)) == wanted


@pytest.mark.parametrize(
    ("tag", "fine"), [(0x0C, True), (0x13, True), (0x14, False), (0x16, False), (0x1E, False), (0x1C, False)]
)
def test_only_utf8_and_printable_strings_name_a_station(forge, name_in_der, station_key, tag, fine):
    """T61, IA5, BMP and Universal strings are read differently by different libraries."""
    encoded = "CP-0001".encode({0x1E: "utf-16-be", 0x1C: "utf-32-be"}.get(tag, "utf-8"))
    names = (name_in_der("O", b"Example CSO"), name_in_der("CN", encoded, tag))
    judgement = check_request(forge(station_key, names=names), EXPECTED)
    assert isinstance(judgement, ApprovedRequest) if fine else "odd-string-type" in codes(judgement)


@pytest.mark.parametrize(
    ("serial", "code"),
    [
        pytest.param("S" * 26, "common-name-too-long", id="26 characters"),
        pytest.param("10.0.0.7", "common-name-like-address", id="IPv4"),
        pytest.param("2001:db8::7", "common-name-like-address", id="IPv6"),
        pytest.param("ws://cp.example/1", "common-name-like-address", id="URL"),
    ],
)
def test_a_common_name_that_can_never_work_is_refused_even_when_registered(station_key, serial, code):
    """A00.FR.511 and the 25 characters of BootNotification's serialNumber."""
    expected = Expected(serial_number=serial, organization="Example CSO")
    assert codes(check_request(csr(station_key, serial), expected)) == {code}


def test_25_characters_are_not_too_long(station_key):
    """The longest serialNumber that BootNotification can carry is fine."""
    expected = Expected(serial_number="S" * 25, organization="Example CSO")
    assert isinstance(check_request(csr(station_key, "S" * 25), expected), ApprovedRequest)


@pytest.mark.parametrize(
    ("field", "code", "alarming"),
    [
        ("known_keys", "key-used-before", False),
        ("keys_of_others", "key-of-another-station", True),
        ("revoked_keys", "key-revoked", True),
    ],
)
def test_a_key_is_certified_once(station_key, field, code, alarming):
    """A02.FR.02 wants a new pair; a key of another station, or a revoked one, is worth an alarm."""
    text = csr(station_key)
    refused = check_request(text, dataclasses.replace(EXPECTED, **{field: frozenset({requested_key(text)})}))
    assert codes(refused) == {code}
    assert refused.alarming is alarming


def test_a_key_is_recognised_in_another_encoding(vectors):
    """A compressed point is the same key: its hash is that of the certificate we would issue."""
    text = (vectors / "csr-compressed-point.pem").read_text()
    key = x509.load_pem_x509_csr(text.encode()).public_key()
    plain = dataclasses.replace(EXPECTED, known_keys=frozenset({requested_key(text)}))
    assert codes(check_request(text, plain)) == {"key-used-before"}
    approved = check_request(text, EXPECTED)
    assert approved.public_key == key
    assert approved.public_key_sha256 == requested_key(text)


def test_a_request_over_an_unsecured_connection_is_refused_where_that_is_not_allowed(station_key):
    """The operator decides; then the reason says why."""
    refused = check_request(csr(station_key), dataclasses.replace(EXPECTED, unsafe_connection=True))
    assert codes(refused) == {"unsafe-connection"}


def test_a_request_without_possession_of_the_key_is_refused(station_key, rsa_key, as_pem):
    """One flipped bit in the signature, EC and RSA."""
    for key in (station_key, rsa_key):
        der = bytearray(base64.b64decode("".join(csr(key).splitlines()[1:-1])))
        der[-1] ^= 1
        assert codes(check_request(as_pem(bytes(der)), EXPECTED)) == {"wrong-signature"}


@pytest.mark.parametrize(
    ("change", "fine"),
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), True, id="CRLF"),
        pytest.param(lambda text: text.replace("\n", "\\n"), True, id="escaped line ends"),
        pytest.param(lambda text: text + "\0", True, id="trailing NUL"),
        pytest.param(
            lambda text: text.replace("CERTIFICATE REQ", "NEW CERTIFICATE REQ"), True, id="old label"
        ),
        pytest.param(lambda text: text + text, False, id="two blocks"),
        pytest.param(lambda text: "hello\n" + text, False, id="text before"),
        pytest.param(lambda text: text + "hello", False, id="text behind"),
        pytest.param(lambda text: text + "\n" * 5500, False, id="over 5,500 characters"),
        pytest.param(
            lambda text: text.replace("CERTIFICATE REQUEST", "CERTIFICATE"), False, id="wrong label"
        ),
        pytest.param(lambda text: text.replace("M", "*", 1), False, id="not base64"),
        pytest.param(lambda _: "", False, id="nothing"),
        pytest.param(lambda _: "\ud800", False, id="lone surrogate"),
    ],
)
def test_pem_is_read_tolerantly_but_unambiguously(station_key, change, fine):
    """LESSONS, stations in the field 9; and no text that two readers could read differently."""
    judgement = check_request(change(csr(station_key)), EXPECTED)
    assert isinstance(judgement, ApprovedRequest) if fine else codes(judgement) == {"not-pem"}


def test_der_behind_the_request_is_refused(station_key, as_pem):
    """Bytes behind the outer SEQUENCE are not ours to guess about."""
    der = base64.b64decode("".join(csr(station_key).splitlines()[1:-1]))
    assert codes(check_request(as_pem(der + b"\x05\x00"), EXPECTED)) == {"unreadable"}


@pytest.mark.parametrize(
    "der",
    [
        pytest.param("3000", id="empty"),
        pytest.param("0500", id="no sequence"),
        pytest.param("3006050005000500", id="info is no sequence"),
        pytest.param("3006300005000500", id="empty info"),
        pytest.param("300d30070201003000300005000500", id="key without algorithm"),
        pytest.param("3012300c020100300731053003060103300005000500", id="name without value"),
    ],
)
def test_a_request_that_lacks_parts_is_refused(as_pem, der):
    """PEM and DER are right, a part of RFC 2986 is not there."""
    assert codes(check_request(as_pem(bytes.fromhex(der)), EXPECTED)) == {"unreadable"}


def test_all_that_is_wrong_is_said_at_once(vectors):
    """Nobody repairs a firmware one refusal at a time."""
    other = Expected(serial_number="CP-9", organization="Other", unsafe_connection=True)
    found = codes(check_request((vectors / "csr-rsa-1024.pem").read_text(), other))
    assert found == {"unsafe-connection", "unsuitable-key", "wrong-common-name", "wrong-organization"}


def test_only_a_check_approves(station_key, approve):
    """`ApprovedRequest` cannot be made, nor changed by a copy, outside `check_request`."""
    with pytest.raises(TypeError):
        ApprovedRequest(
            serial_number="CP-0001",
            organization="Example CSO",
            public_key=station_key.public_key(),
            public_key_sha256="",
            approval=object(),
        )
    with pytest.raises((TypeError, ValueError)):  # Python 3.13 calls it the former
        dataclasses.replace(approve(station_key), serial_number="CP-0002")


def test_reasons_are_fit_for_a_log(forge, name_in_der, station_key):
    """Control and direction characters of a hostile name appear escaped."""
    names = (name_in_der("O", b"Example CSO"), name_in_der("CN", "\x1b[2J\u202eevil\n".encode()))
    text = str(check_request(forge(station_key, names=names), EXPECTED))
    assert text.isascii()
    assert text.isprintable()
    json.dumps(text)


def test_a_challenge_password_is_never_repeated(vectors):
    """It may be somebody's secret: not in what is approved, not in a refusal."""
    text = (vectors / "csr-wants-server.pem").read_text()
    for expected in (EXPECTED, Expected(serial_number="X", organization="X")):
        judgement = check_request(text, expected)
        assert "secret-challenge" not in repr(judgement) + str(judgement)


def without_small_factors(start: int) -> int:
    from math import gcd, prod

    small = prod(range(2, 800))
    while gcd(start, small) != 1:
        start += 1
    return start


def roca_modulus() -> int:
    """The residues of a ROCA modulus, not its factors: only the residues can be seen."""
    primes = [p for p in range(3, 168) if all(p % d for d in range(2, p))]
    product = 1
    for p in primes:
        product *= p
    from math import gcd, prod

    start, small = (1 << 2047) // product, prod(range(2, 800))
    while (
        gcd(modulus := pow(65537, 11, product) + start * product, small) != 1 or modulus.bit_length() != 2048
    ):
        start += 1
    return modulus


def close_factors() -> int:
    p = without_small_factors(random.Random(1).getrandbits(1024) | 3 << 1022)
    return p * without_small_factors(p + 1000)


@pytest.mark.parametrize(
    ("modulus", "words"),
    [
        pytest.param(751 * without_small_factors((1 << 2047) // 751 + 9), "small factor", id="small factor"),
        pytest.param(roca_modulus(), "ROCA", id="ROCA"),
        pytest.param(close_factors(), "too close", id="close factors"),
    ],
)
def test_badly_made_rsa_keys_are_recognised(modulus, words):
    """What Boulder's goodkey looks for, and CVE-2017-15361."""
    assert modulus.bit_length() == 2048
    assert words in (weakness(rsa.RSAPublicNumbers(65537, modulus).public_key()) or "")


def test_a_key_is_judged_as_such(station_key, rsa_key):
    """Without a request around it: the lint asks the same question of certificates."""
    assert weakness(station_key.public_key()) is None
    assert weakness(rsa_key.public_key()) is None
    assert "secp256k1" in (weakness(ec.generate_private_key(ec.SECP256K1()).public_key()) or "")
    assert "neither" in (weakness(None) or "")


def test_every_reason_can_be_given():
    """Each code but the desk's appears in this file as an outcome: a code nobody can get is dead."""
    text = Path(__file__).read_text()
    of_the_desk = {"too-many-requests", "denied", "replaced"}
    dead = [code for code in ReasonCode if code not in text and code not in of_the_desk]
    assert dead == []


def test_the_policy_is_a_table():
    """Every reason stands in it once, with a requirement; those that alarm say so."""
    assert [one.code for one in POLICY] == list(dict.fromkeys(one.code for one in POLICY))
    assert {one.code for one in POLICY} == set(ReasonCode)
    assert {one.code for one in POLICY if "(alarm)" in one.rule} == ALARMING
    assert all(one.requirement for one in POLICY)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_request_makes_the_check_raise(data):
    """Any mutation of a good request is approved or refused, never an exception."""
    der = bytearray(base64.b64decode("".join(_GOOD.splitlines()[1:-1])))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    text = (
        "-----BEGIN CERTIFICATE REQUEST-----\n"
        + base64.b64encode(bytes(der)).decode()
        + "\n-----END CERTIFICATE REQUEST-----"
    )
    judgement = check_request(text, EXPECTED)
    assert isinstance(judgement, ApprovedRequest) or judgement.reasons


@settings(max_examples=200, deadline=None)
@given(st.text() | st.binary())
def test_no_text_makes_the_check_raise(text):
    """Anything at all may stand in the field csr."""
    assert isinstance(check_request(text, EXPECTED), RefusedRequest)


_GOOD = csr(new_key(KeyFamily.EC_P256))
