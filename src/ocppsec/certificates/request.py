"""A certificate signing request is a request, not an order.

`check_request` judges what a station sent (A02, A03: SignCertificate) against what the operator registered and
answers with an `ApprovedRequest`, the only thing `ocppsec.certificates.issue` signs, or with every reason
why not.  From an approved request nothing but the public key goes into a certificate: names are the
operator's, extensions, validity and serial number are ours (LESSONS 5 and 6).

Cheap checks come first, and a key is judged before a signature is verified with it.  When the text is no
request at all there is one reason; otherwise all that can be found are given at once, so that nobody repairs
a firmware one refusal at a time.
"""

from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import SignatureAlgorithmOID

from ocppsec.certificates import request_der
from ocppsec.certificates.der import BadDer
from ocppsec.certificates.facts import public_key_sha256
from ocppsec.certificates.key_rules import weakness
from ocppsec.certificates.keys import PublicKey
from ocppsec.certificates.pem import CERTIFICATE_LIMIT, BadPem, read_blocks
from ocppsec.certificates.reasons import ALARMING, Reason, ReasonCode
from ocppsec.certificates.request_der import Claims
from ocppsec.certificates.request_names import judge_names

_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_HASHES = ("sha256", "sha384", "sha512")
_SIGNATURES = frozenset(
    oid.dotted_string
    for oid in (
        SignatureAlgorithmOID.ECDSA_WITH_SHA256,
        SignatureAlgorithmOID.ECDSA_WITH_SHA384,
        SignatureAlgorithmOID.ECDSA_WITH_SHA512,
        SignatureAlgorithmOID.RSA_WITH_SHA256,
        SignatureAlgorithmOID.RSA_WITH_SHA384,
        SignatureAlgorithmOID.RSA_WITH_SHA512,
        SignatureAlgorithmOID.RSASSA_PSS,
    )
)
_APPROVAL: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the operator registered, and what our records say of keys (hashes as `requested_key` gives)."""

    serial_number: str
    organization: str
    known_keys: frozenset[str] = frozenset()
    """Certified for this station before: A02.FR.02 wants a new pair each time."""
    keys_of_others: frozenset[str] = frozenset()
    revoked_keys: frozenset[str] = frozenset()
    unsafe_connection: bool = False
    """True when the request came without TLS and the operator did not allow that for this station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedRequest:
    """A request that passed every check.  Only `check_request` can make one."""

    serial_number: str
    """As registered; becomes the common name."""
    organization: str
    public_key: PublicKey = field(repr=False)
    public_key_sha256: str
    approval: InitVar[object]

    def __post_init__(self, approval: object) -> None:
        if approval is not _APPROVAL:
            raise TypeError("an ApprovedRequest comes from check_request and from nowhere else")


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    reasons: tuple[Reason, ...]
    """Never empty."""

    @property
    def alarming(self) -> bool:
        return any(reason.code in ALARMING for reason in self.reasons)

    def __str__(self) -> str:
        return "; ".join(map(str, self.reasons))


class _Refusal(Exception):  # noqa: N818  carries the one reason for which nothing else can be checked
    def __init__(self, code: ReasonCode, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code, text)


def check_request(csr_pem: str | bytes, expected: Expected) -> ApprovedRequest | RefusedRequest:
    """Judge the request of the station that *expected* describes.  Never raises on what a station sent."""
    try:
        claims = _read(csr_pem)
    except _Refusal as refusal:
        return RefusedRequest((refusal.reason,))
    other = (
        *_judge_connection(expected),
        *judge_names(claims, serial_number=expected.serial_number, organization=expected.organization),
        *_judge_extensions(claims),
    )
    try:
        request, key = _load(claims)
    except _Refusal as refusal:
        return RefusedRequest((refusal.reason, *other))
    key_sha256 = public_key_sha256(key)
    reasons = (*_judge_signature(request), *_judge_history(key_sha256, expected), *other)
    if reasons:
        return RefusedRequest(reasons)
    return ApprovedRequest(
        serial_number=expected.serial_number,
        organization=expected.organization,
        public_key=key,
        public_key_sha256=key_sha256,
        approval=_APPROVAL,
    )


def requested_key(csr_pem: str | bytes) -> str | None:
    """SHA-256 of the key a request asks for, to look it up in the records; None when it is not certifiable.

    Over the key as we would certify it, however the request encodes it.
    """
    try:
        return public_key_sha256(_load(_read(csr_pem))[1])
    except _Refusal:
        return None


def _read(csr_pem: str | bytes) -> Claims:
    try:
        blocks = read_blocks(csr_pem, labels=_LABELS, limit=CERTIFICATE_LIMIT)
    except BadPem as error:
        raise _Refusal(ReasonCode.NOT_PEM, error.reason) from error
    if len(blocks) != 1:
        # OpenSSL and `cryptography` silently take the first.
        raise _Refusal(ReasonCode.NOT_PEM, f"{len(blocks)} PEM blocks where one is expected")
    try:
        claims = request_der.read_claims(blocks[0])
    except BadDer as error:
        raise _Refusal(ReasonCode.UNREADABLE, f"not a PKCS #10 request: {error}") from error
    if claims.version != 0:
        # LESSONS 8: stations send 2 (open-ocpp#269); OpenSSL accepts it, so their makers never noticed.
        raise _Refusal(
            ReasonCode.WRONG_VERSION, f"the request says version {claims.version}, RFC 2986 allows only 0"
        )
    return claims


def _load(claims: Claims) -> tuple[x509.CertificateSigningRequest, PublicKey]:
    """The request and its key, when the key is one that we certify."""
    if claims.key_refusal is not None:
        raise _Refusal(ReasonCode.UNSUITABLE_KEY, claims.key_refusal)
    try:
        request = x509.load_der_x509_csr(claims.der)
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _Refusal(ReasonCode.UNREADABLE, f"not a PKCS #10 request: {error}") from error
    weak = weakness(key)
    if weak is not None:
        raise _Refusal(ReasonCode.UNSUITABLE_KEY, weak)
    assert isinstance(key, PublicKey)
    return request, key


def _judge_connection(expected: Expected) -> Iterator[Reason]:
    if expected.unsafe_connection:
        yield Reason(
            ReasonCode.UNSAFE_CONNECTION,
            "the request came over an unsecured connection: anyone on the way could have put in a key of theirs",
        )


def _judge_signature(request: x509.CertificateSigningRequest) -> Iterator[Reason]:
    if request.signature_algorithm_oid.dotted_string not in _SIGNATURES or _hash(request) not in _HASHES:
        yield Reason(
            ReasonCode.UNSUITABLE_SIGNATURE_ALGORITHM,
            f"signed with {request.signature_algorithm_oid.dotted_string} ({_hash(request)}),"
            " not with ECDSA or RSA over SHA-256, SHA-384 or SHA-512",
        )
    elif not _is_signed(request):
        yield Reason(ReasonCode.WRONG_SIGNATURE, "the signature does not prove possession of the private key")


def _is_signed(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except (UnsupportedAlgorithm, ValueError):  # parameters that nothing can verify prove nothing
        return False


def _hash(request: x509.CertificateSigningRequest) -> str:
    try:
        algorithm = request.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "an unknown hash"
    return "no hash" if algorithm is None else algorithm.name


def _judge_history(key: str, expected: Expected) -> Iterator[Reason]:
    if key in expected.revoked_keys:
        yield Reason(ReasonCode.KEY_REVOKED, "a certificate for this key was revoked")
    elif key in expected.keys_of_others:
        yield Reason(ReasonCode.KEY_OF_ANOTHER_STATION, "this key belongs to another station")
    elif key in expected.known_keys:
        yield Reason(
            ReasonCode.KEY_USED_BEFORE,
            "this key was certified before; a new certificate needs a new key pair (A02.FR.02)",
        )


def _judge_extensions(claims: Claims) -> Iterator[Reason]:
    # Read only for this.  Whatever else a station asks for is neither copied nor a reason to refuse.
    if claims.wants_to_be_ca:
        yield Reason(ReasonCode.WANTS_TO_BE_CA, "the request asks for a CA certificate")
