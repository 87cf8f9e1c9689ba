"""OCSP answers of somebody else's CA: which are believed, for what, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as library

from ocppsec.certificates import ocsp
from ocppsec.certificates.foreign_answer import GOOD_WITHOUT_END, question, read_answer
from ocppsec.certificates.foreign_status import Cause, Good, Revoked
from ocppsec.certificates.hierarchy import create_hierarchy, new_authority_key
from ocppsec.certificates.issue import issue_responder_certificate

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NONCE = b"n" * 16
NO_GRACE = timedelta()


class Maker:
    """A CA with a responder; asked about one of the certificates that it has issued."""

    def __init__(self):
        hierarchy = create_hierarchy(organization="Maker", now=NOW)
        self.issuer = hierarchy.root
        self.leaf, self.other = hierarchy.stations.certificate, hierarchy.servers.certificate
        key = new_authority_key()
        certificate = issue_responder_certificate(
            key.public_key(), self.issuer, now=NOW, lifetime=timedelta(days=2), serial=2**150
        )
        self.signs = ocsp.Responder(issuer=self.issuer.certificate, certificate=certificate, key=key)
        self.asked = self.question(self.leaf)

    def question(self, leaf, nonce=NONCE):
        return question(leaf, self.issuer.certificate, nonce)

    def read(self, body, *, now=NOW, grace=NO_GRACE):
        return read_answer(body, self.asked, self.issuer.certificate, now=now, grace=grace)

    def answer(self, asked=None, status=None, now=NOW):
        said = ocsp.read_question(asked or self.asked)
        return ocsp.answer(said, status or ocsp.Good(), self.signs, now=now)

    def plain(self, *, next_update=None, algorithm=None):
        """An answer by hand, without a nonce, and without an end."""
        builder = (
            library.OCSPResponseBuilder()
            .add_response(
                cert=self.leaf,
                issuer=self.issuer.certificate,
                algorithm=library.load_der_ocsp_request(self.asked).hash_algorithm,
                cert_status=library.OCSPCertStatus.GOOD,
                this_update=NOW,
                next_update=next_update,
                revocation_time=None,
                revocation_reason=None,
            )
            .responder_id(library.OCSPResponderEncoding.HASH, self.issuer.certificate)
        )
        return builder.sign(self.issuer.key, algorithm or SHA256()).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def maker():
    return Maker()


def test_good_until_it_ends(maker):
    """Good by a delegated responder, for as long as the answer says."""
    found = maker.read(maker.answer())
    assert isinstance(found.verdict, Good)
    assert found.until == NOW + ocsp.ANSWER_LIFETIME


def test_revoked(maker):
    """Since when and why."""
    since = NOW - timedelta(days=3)
    found = maker.read(maker.answer(status=ocsp.Revoked(since, "keyCompromise")))
    assert found.verdict == Revoked(since=since, reason="keyCompromise")


def test_without_an_end(maker):
    """By the CA itself, without nextUpdate: for a few minutes."""
    assert maker.read(maker.plain(algorithm=SHA384())).until == NOW + GOOD_WITHOUT_END


def test_about_another_certificate(maker):
    """A good answer about another certificate of the same CA is none."""
    found = maker.read(maker.answer(asked=maker.question(maker.other)))
    assert found.verdict.cause is Cause.NONSENSE
    assert "another certificate" in found.verdict.reason
    assert found.until == NOW


def test_of_another_question(maker):
    """An answer with the nonce of another question was recorded before."""
    found = maker.read(maker.answer(asked=maker.question(maker.leaf, b"o" * 16)))
    assert "nonce" in found.verdict.reason


def test_made_ahead(maker):
    """An answer without a nonce was made ahead, and its dates decide."""
    assert isinstance(maker.read(maker.plain(next_update=NOW + timedelta(hours=1))).verdict, Good)


def test_a_responder_that_has_ended(maker):
    """Its certificate has to be in force, whatever the answer's own dates."""
    later = NOW + timedelta(days=3)
    found = maker.read(maker.answer(now=later), now=later)
    assert found.verdict.cause is Cause.NONSENSE
    assert "signature" in found.verdict.reason


def test_a_changed_answer(maker):
    """One bit of the signature is enough."""
    body = bytearray(maker.plain())
    body[-3] ^= 1
    assert maker.read(bytes(body)).verdict.cause is Cause.NONSENSE


@pytest.mark.parametrize(("hours", "grace", "good"), [(11, 0, True), (13, 0, False), (13, 2, True)])
def test_the_grace(maker, hours, grace, good):
    """Behind its end an answer is good for as long as the operator said."""
    found = maker.read(maker.answer(), now=NOW + timedelta(hours=hours), grace=timedelta(hours=grace))
    assert isinstance(found.verdict, Good) == good


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        pytest.param(b"", Cause.NONSENSE, id="nothing"),
        pytest.param(b"<html>", Cause.NONSENSE, id="a page"),
        pytest.param(ocsp.UNAUTHORIZED, Cause.NONSENSE, id="not its CA"),
        pytest.param(ocsp.MALFORMED, Cause.NONSENSE, id="not understood"),
        pytest.param(ocsp.TRY_LATER, Cause.UNREACHABLE, id="busy"),
    ],
)
def test_no_answer(maker, body, cause):
    """Each has its cause, and is asked again next time."""
    found = maker.read(body)
    assert (found.verdict.cause, found.until) == (cause, NOW)


def test_cut_off_anywhere(maker):
    """No part of an answer is one."""
    body = maker.answer()
    for end in range(0, len(body), 7):
        assert maker.read(body[:end]).verdict.cause is Cause.NONSENSE
