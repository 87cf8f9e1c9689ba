"""Where a CA's key is used: the only module that does.

Every certificate is signed twice.  First with a throw-away key, and that rehearsal is linted; only when
nothing is found the real key signs the same bytes, which are compared and verified before anyone gets them
(Boulder's issuance cycle).  So no certificate with a finding ever exists under a real key.
"""

from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates.content import PURPOSES, Content, builder_for
from ocppsec.certificates.facts import extended_key_usage
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, PrivateKey, family_of, new_key
from ocppsec.certificates.lint import Finding, Kind, lint

_LEAVES = frozenset({Kind.STATION, Kind.SERVER})


class IssueFailed(Exception):  # noqa: N818  what happened
    """We could not issue; nothing was signed that anyone could use."""


class KeyElsewhere(IssueFailed):
    """The CA's key is not on this machine: it signs where its key is."""


class LintFailed(IssueFailed):
    """The rehearsal broke rules: the real key was never used."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA: its certificate, its key, and the CAs between it and the root."""

    certificate: x509.Certificate
    key: PrivateKey | None = field(repr=False)
    """None for a CA whose key is kept elsewhere: it can be trusted and cannot sign."""
    above: tuple[x509.Certificate, ...] = ()
    """Nearest first, without the root; sent along with what this CA issues."""

    @property
    def sent_with_leaf(self) -> tuple[x509.Certificate, ...]:
        """What follows the leaf in a chain: never the root (A02: stations have it)."""
        is_root = self.certificate.issuer == self.certificate.subject
        return self.above if is_root else (self.certificate, *self.above)


def sign_under(authority: Authority, content: Content) -> x509.Certificate:
    """Raises `IssueFailed`."""
    if content.kind in _LEAVES:
        purposes = extended_key_usage(authority.certificate.extensions)
        if purposes is None or PURPOSES[content.kind].dotted_string not in purposes:
            # One CA a purpose: the profile 3 door trusts whatever the station-issuing CA ever signed.
            raise IssueFailed(
                f"{authority.certificate.subject.rfc4514_string()} issues no {content.kind} certificates"
            )
    return _sign(content, authority.certificate, _key_of(authority))


def sign_root(content: Content, key: PrivateKey) -> x509.Certificate:
    """By itself; raises `IssueFailed`."""
    return _sign(content, None, key)


def _sign(content: Content, issuer: x509.Certificate | None, key: PrivateKey) -> x509.Certificate:
    """Rehearse, lint, sign, compare, verify; *issuer* is None for a root."""
    builder = _builder(content, issuer)
    rehearsal = _rehearse(builder, key)
    findings = lint(rehearsal, content.kind)
    if findings:
        raise LintFailed(findings)
    try:
        certificate = builder.sign(key, _hash_for(key))
    except KeyUnusable as error:  # a token that does not answer
        raise IssueFailed(str(error)) from error
    if certificate.tbs_certificate_bytes != rehearsal.tbs_certificate_bytes:
        raise IssueFailed("what was signed is not what was rehearsed")
    _read_back(certificate, content, issuer)
    return certificate


def _builder(content: Content, issuer: x509.Certificate | None) -> x509.CertificateBuilder:
    try:
        return builder_for(content, issuer)
    except ValueError as error:  # a name too long, an address that is no name
        raise IssueFailed(f"{content.common_name!r} cannot be certified: {error}") from error


def rehearsed(authority: Authority, content: Content) -> x509.Certificate:
    """What `sign_under` would sign, signed by a throw-away key."""
    return _rehearse(_builder(content, authority.certificate), _key_of(authority))


def _rehearse(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    """As *key* would sign it, by a key of the same kind."""
    return builder.sign(_stand_in(family_of(key.public_key())), _hash_for(key))


def _read_back(certificate: x509.Certificate, content: Content, issuer: x509.Certificate | None) -> None:
    """What leaves us is parsed again and held against what was wanted."""
    again = x509.load_der_x509_certificate(certificate.public_bytes(Encoding.DER))
    try:
        again.verify_directly_issued_by(issuer or again)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise IssueFailed("the CA's key does not belong to the CA's certificate") from error
    if again.public_key() != content.key:
        raise IssueFailed("what was signed holds another key than was asked for")


@cache
def _stand_in(family: KeyFamily) -> PrivateKey:
    """A throw-away key like the real one: it signs rehearsals, which nobody keeps."""
    return new_key(KeyFamily.RSA_2048 if family.startswith("rsa") else family)


def sign_crl(builder: x509.CertificateRevocationListBuilder, authority: Authority) -> bytes:
    """DER; raises `IssueFailed` when the key is not that of the CA."""
    key = _key_of(authority)
    try:
        signed = builder.sign(key, _hash_for(key))
    except KeyUnusable as error:
        raise IssueFailed(str(error)) from error
    if not signed.is_signature_valid(authority.certificate.public_key()):  # type: ignore[arg-type]
        raise IssueFailed("the CA's key does not belong to the CA's certificate")
    return signed.public_bytes(Encoding.DER)


def probe(authority: Authority) -> None:
    """Sign something of no use; raises `IssueFailed` when the key does not sign, as in a token that was taken away."""
    try:
        key, data = _key_of(authority), b"ocppsec looks whether the CA can sign"
        if isinstance(key, ec.EllipticCurvePrivateKey):
            key.sign(data, ec.ECDSA(_hash_for(key)))
        else:
            key.sign(data, PKCS1v15(), _hash_for(key))
    except KeyUnusable as error:
        raise IssueFailed(str(error)) from error


def _hash_for(key: PrivateKey) -> SHA256 | SHA384:
    """RSA signs with PKCS#1 v1.5, which every station verifies; A00.FR.505 would rather have RSA-PSS or ECDSA."""
    return SHA384() if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256 else SHA256()


def _key_of(authority: Authority) -> PrivateKey:
    if authority.key is None:
        name = authority.certificate.subject.rfc4514_string()
        raise KeyElsewhere(f"the key of {name} is not on this machine: have it sign where its key is")
    return authority.key
