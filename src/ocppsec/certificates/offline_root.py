"""A root whose key is on another machine: what goes there and what comes back, by file.

A request is judged where the root's key is, and the answer is judged where it will be used, by the rules that all
certificates of ours obey.  Neither side has to trust what carried the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.key_rules import weakness
from ocppsec.certificates.keys import PublicKey
from ocppsec.certificates.lint import Kind, lint
from ocppsec.certificates.pem import BadPem, read_blocks, read_certificates, write_chain
from ocppsec.certificates.verify import VerificationFailed, verify_root

_LIMIT = 20_000
_PURPOSES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: Kind.STATION_ISSUER,
    ExtendedKeyUsageOID.SERVER_AUTH: Kind.SERVER_ISSUER,
}


class FileRefused(Exception):  # noqa: N818  what it is, not what went wrong in us
    """A request or an answer that is not to be used; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerRequest:
    """The request of an issuing CA, judged: from it come the key and the kind alone."""

    kind: Kind
    key: PublicKey


def read_issuer_request(pem: bytes) -> IssuerRequest:
    """Raises `FileRefused`."""
    try:
        (der,) = read_blocks(pem, labels=("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"), limit=_LIMIT)
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        extensions = request.extensions
        signed = request.is_signature_valid
    except (BadPem, ValueError, UnsupportedAlgorithm) as error:
        raise FileRefused(f"it is no request of one CA: {error}") from error
    if not signed:
        raise FileRefused("its signature is wrong: whoever sent it does not have the key, or it was changed")
    weak = weakness(key)
    if weak is not None:
        raise FileRefused(weak)
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
    return IssuerRequest(kind=_wanted(extensions), key=key)


def _wanted(extensions: x509.Extensions) -> Kind:
    try:
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        purposes = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound as error:
        raise FileRefused(
            "it does not say which CA it is for (basicConstraints, extendedKeyUsage): make it with ocppsec ca request"
        ) from error
    kind = _PURPOSES.get(purposes[0]) if len(purposes) == 1 else None
    if not constraints.ca or kind is None:
        raise FileRefused(
            "it is not for a CA of stations (clientAuth alone) or of servers (serverAuth alone)"
        )
    return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, judged."""

    root: x509.Certificate
    issuers: Mapping[str, x509.Certificate]
    """By the names of ``authority_directory.ISSUERS``; those that came."""


def read_answer(
    files: Sequence[bytes],
    *,
    root: x509.Certificate | None,
    keys: Mapping[str, tuple[PublicKey, Kind]],
    now: datetime,
) -> Answer:
    """Judge the certificates in *files*; raises `FileRefused`.

    *root* is the one we have, which nothing here replaces; *keys* are those of our issuing CAs.
    """
    try:
        certificates = [one for text in files for one in read_certificates(text, limit=_LIMIT)]
    except BadPem as error:
        raise FileRefused(f"it holds no certificates: {error.reason}") from error
    root = _root([one for one in certificates if one.issuer == one.subject], root, now)
    issuers: dict[str, x509.Certificate] = {}
    for certificate in certificates:
        if certificate.issuer == certificate.subject:
            continue
        name = _whose(certificate, keys)
        if name in issuers and issuers[name] != certificate:
            raise FileRefused(f"two certificates for the CA {name!r}: which one is meant cannot be known")
        _judge(certificate, keys[name][1], root, now)
        issuers[name] = certificate
    return Answer(root=root, issuers=issuers)


def _root(
    brought: list[x509.Certificate], present: x509.Certificate | None, now: datetime
) -> x509.Certificate:
    different = {fingerprint(one): one for one in (*brought, *([present] if present else []))}
    if not different:
        raise FileRefused("the certificate of the root is not here yet: bring it too")
    if len(different) > 1:
        raise FileRefused(
            "another root than the one that is here: stations trust that one.  To change it, roll the root over"
        )
    (root,) = different.values()
    try:
        verify_root(write_chain((root,)), now)
    except (VerificationFailed, BadPem) as error:
        raise FileRefused(f"the root: {error}") from error
    weak = weakness(root.public_key())
    if weak is not None:
        raise FileRefused(f"the root: {weak}")
    length = root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    if length is not None and length < 1:
        raise FileRefused(f"the root allows {length} CAs below it (path length), and ours is one")
    return root


def _whose(certificate: x509.Certificate, keys: Mapping[str, tuple[PublicKey, Kind]]) -> str:
    key = certificate.public_key()
    for name, (ours, _) in keys.items():
        if key == ours:
            return name
    raise FileRefused(
        f"{certificate.subject.rfc4514_string()} is for a key that is none of our CAs': was the request made here?"
    )


def _judge(certificate: x509.Certificate, kind: Kind, root: x509.Certificate, now: datetime) -> None:
    name = certificate.subject.rfc4514_string()
    findings = lint(certificate, kind)
    if findings:
        raise FileRefused(f"{name}: {'; '.join(map(str, findings))}")
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise FileRefused(f"{name} was not issued by the root {root.subject.rfc4514_string()}") from error
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise FileRefused(
            f"{name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} to"
            f" {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and the clock here says {now:%Y-%m-%d %H:%M}"
        )
    if certificate.not_valid_after_utc > root.not_valid_after_utc:
        raise FileRefused(f"{name} would outlive its root, which ends {root.not_valid_after_utc:%Y-%m-%d}")
