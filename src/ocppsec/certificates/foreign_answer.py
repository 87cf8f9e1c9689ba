"""Asking the OCSP responder of somebody else's CA (RFC 6960) about one certificate, and believing its answer or not.

The question names the CA by SHA-1, which every responder knows; nothing is signed over it.  The answer counts when the
CA itself has signed it, or somebody to whom that very CA has given a certificate for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ocppsec.certificates.facts import extended_key_usage
from ocppsec.certificates.foreign_list import HASHES
from ocppsec.certificates.foreign_status import CLOCKS_DIFFER, Cause, Good, Revoked, Unclear, Verdict

ANSWER_LIMIT: Final = 16 * 1024
"""Bytes; a responder may send a chain of RSA certificates along."""
GOOD_WITHOUT_END: Final = timedelta(minutes=5)
"""An answer that does not say until when it is good is believed so long after it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    verdict: Verdict
    until: datetime
    """Until then it need not be asked again; never for what is unclear."""


class _NoAnswer(Exception):  # noqa: N818  what came of it
    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.unclear = Unclear(cause=cause, reason=reason)


def question(certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes) -> bytes:
    """DER of the request."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(Encoding.DER)


def read_answer(
    body: bytes, asked: bytes, issuer: x509.Certificate, *, now: datetime, grace: timedelta
) -> Answer:
    """What *body* says to the request *asked*.  Never raises on what a responder sent."""
    try:
        return _read(body, ocsp.load_der_ocsp_request(asked), issuer, now, grace)
    except _NoAnswer as nothing:
        return Answer(verdict=nothing.unclear, until=now)
    except (ValueError, UnsupportedAlgorithm, TypeError) as error:
        text = f"the answer is no OCSP response: {error}"
        return Answer(verdict=Unclear(cause=Cause.NONSENSE, reason=text), until=now)


def _read(
    body: bytes, asked: ocsp.OCSPRequest, issuer: x509.Certificate, now: datetime, grace: timedelta
) -> Answer:
    response = ocsp.load_der_ocsp_response(body)
    _check_status(response.response_status)
    _check_signature(response, issuer, now)
    _check_nonce(response, asked)
    one = _about(response, asked)
    if one.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        # However old: it does not become untrue.
        assert one.revocation_time_utc is not None
        flag = one.revocation_reason or x509.ReasonFlags.unspecified
        revoked = Revoked(since=one.revocation_time_utc, reason=flag.value)
        return Answer(verdict=revoked, until=one.next_update_utc or now)
    until = _good_until(one, now, grace)
    if one.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise _NoAnswer(Cause.UNKNOWN, "its CA's responder does not know the certificate")
    source = f"OCSP answer of {one.this_update_utc:%Y-%m-%d %H:%M} UTC"
    return Answer(verdict=Good(source=source), until=until)


def _check_status(status: ocsp.OCSPResponseStatus) -> None:
    """Nobody has signed these: they are worth as much as silence, or less."""
    match status:
        case ocsp.OCSPResponseStatus.SUCCESSFUL:
            return
        case ocsp.OCSPResponseStatus.TRY_LATER | ocsp.OCSPResponseStatus.INTERNAL_ERROR:
            cause = Cause.UNREACHABLE
        case _:
            cause = Cause.NONSENSE
    raise _NoAnswer(cause, f"the responder says {status.name.lower()}")


def _check_signature(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    algorithm = response.signature_hash_algorithm
    if algorithm is None or algorithm.name not in HASHES:
        name = algorithm.name if algorithm else "no hash"
        raise _NoAnswer(Cause.NONSENSE, f"the answer is signed over {name}")
    for signer in (issuer, *_delegates(response, issuer, now)):
        if _has_signed(signer, response, algorithm):
            return
    raise _NoAnswer(Cause.NONSENSE, "the answer's signature is neither the CA's nor its responder's")


def _delegates(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> Iterator[x509.Certificate]:
    """RFC 6960 4.2.2.2: issued by the CA in question, for this purpose, and in force."""
    for certificate in response.certificates:
        purposes = extended_key_usage(certificate.extensions) or frozenset()
        begun = certificate.not_valid_before_utc - CLOCKS_DIFFER <= now
        if (
            ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string in purposes
            and begun
            and now <= certificate.not_valid_after_utc
            and _has_issued(issuer, certificate)
        ):
            yield certificate


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _has_signed(
    signer: x509.Certificate, response: ocsp.OCSPResponse, algorithm: hashes.HashAlgorithm
) -> bool:
    key = signer.public_key()
    signed, signature = response.tbs_response_bytes, response.signature
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, signed, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey():
                key.verify(signature, signed, ec.ECDSA(algorithm))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _check_nonce(response: ocsp.OCSPResponse, asked: ocsp.OCSPRequest) -> None:
    """Responders that make their answers ahead echo none; one that echoes another answers another question."""
    try:
        echoed = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return
    if echoed != asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce:
        raise _NoAnswer(Cause.NONSENSE, "the answer has the nonce of another question")


def _about(response: ocsp.OCSPResponse, asked: ocsp.OCSPRequest) -> ocsp.OCSPSingleResponse:
    wanted = _named(asked)
    for one in response.responses:
        if _named(one) == wanted:
            return one
    raise _NoAnswer(Cause.NONSENSE, "the answer is about another certificate")


def _named(one: ocsp.OCSPSingleResponse | ocsp.OCSPRequest) -> tuple[str, bytes, bytes, int]:
    return (one.hash_algorithm.name, one.issuer_name_hash, one.issuer_key_hash, one.serial_number)


def _good_until(one: ocsp.OCSPSingleResponse, now: datetime, grace: timedelta) -> datetime:
    if one.this_update_utc > now + CLOCKS_DIFFER:
        raise _NoAnswer(Cause.NONSENSE, "the answer is of a time that has not come yet")
    until = one.next_update_utc or one.this_update_utc + GOOD_WITHOUT_END
    if now >= until + grace:
        raise _NoAnswer(Cause.STALE, f"the responder's answer was good until {until:%Y-%m-%d %H:%M} UTC")
    return until


def responder_of(certificate: x509.Certificate) -> str | None:
    """Where the certificate says its CA's responder is."""
    try:
        ways = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    found = (
        str(way.access_location.value)
        for way in ways
        if way.access_method == AuthorityInformationAccessOID.OCSP
    )
    return next(found, None)
