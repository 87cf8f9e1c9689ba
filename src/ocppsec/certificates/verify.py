"""The station's judgement of what it is sent: its own new certificate, and a new root.

Path validation as RFC 5280 section 6 has it for the chains of OCPP: leaf first, each certificate issued by the
next, the last by an installed root; no branching, because CertificateSigned brings a chain and not a heap.
Constraints that we do not understand refuse the certificate when they are critical.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ocppsec.certificates.facts import CLIENT_AUTH, extended_key_usage, is_ca, names
from ocppsec.certificates.key_rules import too_weak
from ocppsec.certificates.keys import PublicKey
from ocppsec.certificates.pem import CERTIFICATE_LIMIT, CHAIN_LIMIT, BadPem, read_certificates

LONGEST_CHAIN = 5
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_ANY_PURPOSE = "2.5.29.37.0"
_UNDERSTOOD: tuple[type[x509.ExtensionType], ...] = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
)


class Failure(StrEnum):
    UNREADABLE = "unreadable"
    TOO_LONG = "too-long"
    WRONG_KEY = "wrong-key"
    WRONG_COMMON_NAME = "wrong-common-name"
    WRONG_ORGANIZATION = "wrong-organization"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    WEAK = "weak"
    WRONG_PURPOSE = "wrong-purpose"
    IS_CA = "is-ca"
    NOT_CA = "not-ca"
    PATH_TOO_LONG = "path-too-long"
    UNKNOWN_CRITICAL_EXTENSION = "unknown-critical-extension"
    NO_TRUSTED_ROOT = "no-trusted-root"
    WRONG_SIGNATURE = "wrong-signature"
    NOT_SELF_SIGNED = "not-self-signed"


class VerificationFailed(Exception):  # noqa: N818  what happened
    """The certificate is not to be used; `text` says why in words."""

    def __init__(self, reason: Failure, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedChain:
    """A chain that passed; `chain` is what to present in TLS."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    """Leaf first, without the root even where it was sent along."""
    root: x509.Certificate


def verify_chain(
    chain_pem: str | bytes,
    *,
    roots: Sequence[x509.Certificate],
    public_key: PublicKey,
    now: datetime,
    common_name: str,
    organization: str | None = None,
) -> VerifiedChain:
    """Judge the chain of a CertificateSigned (A02.FR.06); raises `VerificationFailed`.

    *roots* are the installed CSMSRootCertificates, *public_key* that of the pending request, *common_name* the
    station's serial number; *organization* None accepts any.
    """
    chain = _read(chain_pem, CHAIN_LIMIT)
    leaf = chain[0]
    if leaf.public_key() != public_key:
        _fail(Failure.WRONG_KEY, "it certifies another key than the one that was requested")
    _judge_leaf(leaf, common_name=common_name, organization=organization)
    if len(chain) > 1 and chain[-1] in roots:
        chain = chain[:-1]
    root = _trusted(chain[-1], roots)
    path = (*chain, root)
    for depth, certificate in enumerate(path):
        _judge_any(certificate, now)
        if depth > 0:
            _judge_authority(certificate, below=depth - 1)
            _judge_purpose(certificate)
            _judge_signature(path[depth - 1], certificate)
    return VerifiedChain(leaf=leaf, chain=chain, root=root)


def verify_root(pem: str | bytes, now: datetime) -> x509.Certificate:
    """Judge the certificate of an InstallCertificate (M05.FR.07); raises `VerificationFailed`.

    One self-signed CA certificate that is valid now: a leaf or an intermediate is no root.
    """
    certificates = _read(pem, CERTIFICATE_LIMIT)
    if len(certificates) != 1:
        _fail(Failure.UNREADABLE, f"{len(certificates)} certificates where one is expected")
    root = certificates[0]
    if root.issuer != root.subject:
        _fail(Failure.NOT_SELF_SIGNED, f"it was issued by {root.issuer.rfc4514_string()}")
    _judge_any(root, now)
    _judge_authority(root, below=0)
    _judge_signature(root, root)
    return root


def _fail(reason: Failure, text: str) -> None:
    raise VerificationFailed(reason, text)


def _read(pem: str | bytes, limit: int) -> tuple[x509.Certificate, ...]:
    try:
        chain = read_certificates(pem, limit=limit)
        for certificate in chain:
            _ = certificate.extensions, certificate.subject, certificate.issuer, certificate.public_key()
    except BadPem as error:
        raise VerificationFailed(Failure.UNREADABLE, error.reason) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise VerificationFailed(Failure.UNREADABLE, f"a certificate cannot be read: {error}") from error
    if len(chain) > LONGEST_CHAIN:
        _fail(Failure.TOO_LONG, f"{len(chain)} certificates, at most {LONGEST_CHAIN} are looked at")
    return chain


def _judge_leaf(leaf: x509.Certificate, *, common_name: str, organization: str | None) -> None:
    found = names(leaf.subject, NameOID.COMMON_NAME)
    if found != (common_name,):
        _fail(Failure.WRONG_COMMON_NAME, f"common names {found!a}, not {common_name!a}")
    owners = names(leaf.subject, NameOID.ORGANIZATION_NAME)
    if organization is not None and organization not in owners:
        _fail(Failure.WRONG_ORGANIZATION, f"organizations {owners!a}, not {organization!a}")
    if is_ca(leaf.extensions):
        _fail(Failure.IS_CA, "it is the certificate of a CA")
    _judge_purpose(leaf)
    usage = _key_usage(leaf)
    if usage is not None and not usage.digital_signature:
        _fail(Failure.WRONG_PURPOSE, "its key usage is not digitalSignature")


def _judge_purpose(certificate: x509.Certificate) -> None:
    # A00.FR.514: no extended key usage at all is what the standard likes best.
    purposes = extended_key_usage(certificate.extensions)
    if purposes is not None and not purposes & {CLIENT_AUTH, _ANY_PURPOSE}:
        name = certificate.subject.rfc4514_string()
        _fail(Failure.WRONG_PURPOSE, f"the extended key usage of {name} is not clientAuth")


def _judge_any(certificate: x509.Certificate, now: datetime) -> None:
    name = certificate.subject.rfc4514_string()
    if now < certificate.not_valid_before_utc:
        _fail(
            Failure.NOT_YET_VALID,
            f"{name} begins {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}Z, the clock here says"
            f" {now:%Y-%m-%d %H:%M}Z",
        )
    if now > certificate.not_valid_after_utc:
        _fail(
            Failure.EXPIRED,
            f"{name} ended {certificate.not_valid_after_utc:%Y-%m-%d %H:%M}Z, the clock here says"
            f" {now:%Y-%m-%d %H:%M}Z",
        )
    weak = too_weak(certificate.public_key()) or _weak_hash(certificate)
    if weak is not None:
        _fail(Failure.WEAK, f"{name}: {weak}")
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            _fail(Failure.UNKNOWN_CRITICAL_EXTENSION, f"{name}: {extension.oid.dotted_string}")


def _weak_hash(certificate: x509.Certificate) -> str | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "signed over an unknown hash"
    name = "no hash" if algorithm is None else algorithm.name
    return None if name in _HASHES else f"signed over {name}"


def _judge_authority(certificate: x509.Certificate, *, below: int) -> None:
    """*below* counts the CAs between this one and the leaf."""
    name = certificate.subject.rfc4514_string()
    usage = _key_usage(certificate)
    if not is_ca(certificate.extensions) or (usage is not None and not usage.key_cert_sign):
        _fail(Failure.NOT_CA, f"{name} may not issue certificates")
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    if constraints.path_length is not None and constraints.path_length < below:
        _fail(Failure.PATH_TOO_LONG, f"{name} allows {constraints.path_length} CAs below it, not {below}")


def _key_usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _trusted(top: x509.Certificate, roots: Sequence[x509.Certificate]) -> x509.Certificate:
    """The installed root that issued *top*; several may bear the same name."""
    named = [root for root in roots if root.subject == top.issuer]
    for root in named:
        if _is_signed(top, root):
            return root
    raise VerificationFailed(
        Failure.NO_TRUSTED_ROOT,
        f"{top.subject.rfc4514_string()} was issued by {top.issuer.rfc4514_string()}, which is not installed"
        + (" with this key" if named else ""),
    )


def _judge_signature(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    if not _is_signed(certificate, issuer):
        _fail(
            Failure.WRONG_SIGNATURE,
            f"{certificate.subject.rfc4514_string()} was not issued by {issuer.subject.rfc4514_string()}",
        )


def _is_signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
