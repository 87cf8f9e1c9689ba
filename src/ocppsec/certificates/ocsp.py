"""OCSP (RFC 6960): what somebody asks of one certificate, and the answer, signed by a delegated responder.

Clients name the issuer by SHA-1 mostly, newer ones by SHA-256; both are a way to look a CA up, no signature depends
on them.  The answer is signed with a key of its own, so that the CA's key is not used for every question.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ocppsec.certificates.crl import reason_flag
from ocppsec.certificates.keys import PrivateKey

REQUEST_LIMIT: Final = 4096
"""Bytes.  Ours are 70 to 120."""
NONCE_LIMIT: Final = 128
"""RFC 9654."""
ANSWER_LIFETIME = timedelta(hours=12)
RESPONDER_LIFETIME = timedelta(days=30)


class BadQuestion(ValueError):  # noqa: N818  what it is, not what went wrong in us
    """Not an OCSP request that can be answered; the client gets *malformed*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int
    algorithm: hashes.HashAlgorithm
    nonce: bytes | None


@dataclass(frozen=True, slots=True)
class Good:
    pass


@dataclass(frozen=True, slots=True)
class Revoked:
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody here has issued such a certificate."""


Status = Good | Revoked | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Who signs the answers for one CA."""

    issuer: x509.Certificate
    certificate: x509.Certificate
    key: PrivateKey = field(repr=False)

    def renew_at(self) -> datetime:
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return begin + (end - begin) * 2 / 3


def read_question(der: bytes) -> Question:
    """Raises `BadQuestion`."""
    if len(der) > REQUEST_LIMIT:
        raise BadQuestion(f"{len(der)} bytes, at most {REQUEST_LIMIT} are read")
    try:
        request = ocsp.load_der_ocsp_request(der)
        return Question(
            issuer_name_hash=request.issuer_name_hash,
            issuer_key_hash=request.issuer_key_hash,
            serial_number=request.serial_number,
            algorithm=request.hash_algorithm,
            nonce=_nonce(request),
        )
    except (ValueError, NotImplementedError, UnsupportedAlgorithm) as error:
        raise BadQuestion(str(error)) from error  # several questions in one request are not answered either


def _nonce(request: ocsp.OCSPRequest) -> bytes | None:
    try:
        nonce = request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
    if len(nonce) > NONCE_LIMIT:
        raise BadQuestion(f"a nonce of {len(nonce)} bytes")
    return nonce


def is_about(question: Question, responder: Responder) -> bool:
    """True when the certificate that is asked about has the responder's CA as its issuer."""
    try:
        ours = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(responder.certificate, responder.issuer, question.algorithm)
            .build()
        )
    except (ValueError, UnsupportedAlgorithm):
        return False
    return (ours.issuer_name_hash, ours.issuer_key_hash) == (
        question.issuer_name_hash,
        question.issuer_key_hash,
    )


def answer(question: Question, status: Status, responder: Responder, *, now: datetime) -> bytes:
    """DER of a successful response."""
    at = now.replace(microsecond=0)
    words, when, why = _words(status)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=question.issuer_name_hash,
            issuer_key_hash=question.issuer_key_hash,
            serial_number=question.serial_number,
            algorithm=question.algorithm,
            cert_status=words,
            this_update=at,
            next_update=at + ANSWER_LIFETIME,
            revocation_time=when,
            revocation_reason=why,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if question.nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(question.nonce), critical=False)
    return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _words(status: Status) -> tuple[ocsp.OCSPCertStatus, datetime | None, x509.ReasonFlags | None]:
    match status:
        case Good():
            return ocsp.OCSPCertStatus.GOOD, None, None
        case Unknown():
            return ocsp.OCSPCertStatus.UNKNOWN, None, None
        case Revoked(at=at, reason=reason):
            flag = reason_flag(reason)
            named = None if flag is x509.ReasonFlags.unspecified else flag
            return ocsp.OCSPCertStatus.REVOKED, at.replace(microsecond=0), named


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


MALFORMED: Final = _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
UNAUTHORIZED: Final = _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
"""Not about our CA."""
TRY_LATER: Final = _unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
