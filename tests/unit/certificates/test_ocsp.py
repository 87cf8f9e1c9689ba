"""Questions and answers of OCSP."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library

from ocppsec.certificates import ocsp
from ocppsec.certificates.hierarchy import new_authority_key
from ocppsec.certificates.issue import issue_responder_certificate, issue_station_certificate
from ocppsec.certificates.lint import Kind, lint

NOW = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
SERIAL = (1 << 150) + 7


@pytest.fixture(scope="session")
def responder(hierarchy):
    key = new_authority_key()
    certificate = issue_responder_certificate(
        key.public_key(), hierarchy.stations, now=NOW, lifetime=ocsp.RESPONDER_LIFETIME, serial=SERIAL
    )
    return ocsp.Responder(issuer=hierarchy.stations.certificate, certificate=certificate, key=key)


@pytest.fixture(scope="session")
def leaf(hierarchy, approve, station_key):
    return issue_station_certificate(
        approve(station_key), hierarchy.stations, now=NOW, serial=SERIAL + 1
    ).certificate


@pytest.fixture
def ask(leaf, hierarchy):
    def ask(algorithm=None, *, nonce=None, issuer=None):
        builder = library.OCSPRequestBuilder().add_certificate(
            leaf, issuer or hierarchy.stations.certificate, algorithm or hashes.SHA1()
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.build().public_bytes(Encoding.DER)

    return ask


def test_the_responder_is_what_the_rules_say(responder):
    """Its certificate is for OCSP alone and need not be checked itself."""
    assert lint(responder.certificate, Kind.OCSP_RESPONDER) == ()


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        pytest.param(ocsp.Good(), library.OCSPCertStatus.GOOD, None, id="good"),
        pytest.param(ocsp.Unknown(), library.OCSPCertStatus.UNKNOWN, None, id="unknown"),
        pytest.param(
            ocsp.Revoked(NOW, "keyCompromise"),
            library.OCSPCertStatus.REVOKED,
            x509.ReasonFlags.key_compromise,
            id="revoked",
        ),
        pytest.param(
            ocsp.Revoked(NOW, "unspecified"), library.OCSPCertStatus.REVOKED, None, id="for no reason"
        ),
    ],
)
@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384()], ids=lambda a: a.name)
def test_answer(ask, responder, leaf, status, expected, reason, algorithm):
    """Status, dates and the very CertID that was asked about, signed by the responder."""
    question = ocsp.read_question(ask(algorithm))
    assert ocsp.is_about(question, responder)

    said = library.load_der_ocsp_response(ocsp.answer(question, status, responder, now=NOW))

    assert said.response_status is library.OCSPResponseStatus.SUCCESSFUL
    assert (said.certificate_status, said.revocation_reason) == (expected, reason)
    assert (said.serial_number, said.hash_algorithm.name) == (leaf.serial_number, algorithm.name)
    assert said.this_update_utc == NOW.replace(microsecond=0)
    assert said.next_update_utc - said.this_update_utc == ocsp.ANSWER_LIFETIME
    assert said.certificates == [responder.certificate]
    responder.certificate.public_key().verify(
        said.signature, said.tbs_response_bytes, ec.ECDSA(hashes.SHA256())
    )


@pytest.mark.parametrize("nonce", [None, b"n", b"n" * 32, b"n" * 128])
def test_the_nonce_comes_back(ask, responder, nonce):
    """A nonce is echoed, and none is made up."""
    question = ocsp.read_question(ask(nonce=nonce))
    said = library.load_der_ocsp_response(ocsp.answer(question, ocsp.Good(), responder, now=NOW))
    echoed = [one.value.nonce for one in said.extensions if isinstance(one.value, x509.OCSPNonce)]
    assert echoed == ([] if nonce is None else [nonce])


def test_another_ca(ask, responder, leaf, hierarchy, make_certificate):
    """A question about another CA's certificates is none for us, even under our CA's name."""
    namesake = make_certificate(
        Kind.STATION_ISSUER,
        key=new_authority_key().public_key(),
        issuer=hierarchy.root,
        subject=tuple((part.oid, part.value) for part in hierarchy.stations.certificate.subject),
    )
    assert not ocsp.is_about(ocsp.read_question(ask(issuer=namesake)), responder)


def test_it_is_renewed_in_time(responder):
    """The responder's certificate is made anew after two thirds of its life."""
    begin, end = responder.certificate.not_valid_before_utc, responder.certificate.not_valid_after_utc
    assert begin + (end - begin) * 0.6 < responder.renew_at() < end - timedelta(days=9)


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"junk", id="junk"),
        pytest.param(b"\x30\x82\xff\xff", id="truncated"),
        pytest.param(b"\x30" * 5000, id="too large"),
    ],
)
def test_a_bad_question(der):
    """What is no request is told, never raised otherwise."""
    with pytest.raises(ocsp.BadQuestion):
        ocsp.read_question(der)


def test_a_nonce_too_long(ask):
    """Nobody makes us sign what he likes."""
    with pytest.raises(ocsp.BadQuestion):
        ocsp.read_question(ask(nonce=b"n" * 129))


def test_several_questions(ask):
    """A request with two questions is not half answered."""
    one = library.load_der_ocsp_request(ask()).public_bytes(Encoding.DER)
    # SEQUENCE { SEQUENCE { SEQUENCE OF { request } } }: the request twice.
    inner = one[one.index(b"\x30", 4) :]
    request = inner[inner.index(b"\x30") :]
    body = request[request.index(b"\x30", 1) :]
    doubled = b"\x30" + bytes([len(body) * 2]) + body * 2
    whole = b"\x30" + bytes([len(doubled)]) + doubled
    with pytest.raises(ocsp.BadQuestion):
        ocsp.read_question(b"\x30" + bytes([len(whole)]) + whole)


@pytest.mark.parametrize(
    ("der", "status"),
    [
        pytest.param(ocsp.MALFORMED, library.OCSPResponseStatus.MALFORMED_REQUEST, id="malformed"),
        pytest.param(ocsp.UNAUTHORIZED, library.OCSPResponseStatus.UNAUTHORIZED, id="unauthorized"),
        pytest.param(ocsp.TRY_LATER, library.OCSPResponseStatus.TRY_LATER, id="try later"),
    ],
)
def test_answers_that_say_no(der, status):
    """Each no is the one that RFC 6960 has for it."""
    assert library.load_der_ocsp_response(der).response_status is status
