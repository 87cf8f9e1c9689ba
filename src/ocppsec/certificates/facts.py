"""What a certificate says, as plain values that a decision can be made on.

Nothing here is verified: TLS did that, or `ocppsec.certificates.verify`.  Serial numbers are upper-case hex
without leading zeros, hashes lower-case hex, times aware and UTC.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string


class BadCertificate(ValueError):  # noqa: N818  what it is, not what went wrong in us
    """The bytes are no certificate that can be judged; `reason` is fit for a log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """The facts of a certificate that a station presented in a handshake."""

    fingerprint: str
    """SHA-256 over the DER."""
    serial_number: str
    common_names: tuple[str, ...]
    organizations: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    is_ca: bool
    extended_key_usage: frozenset[str] | None
    """Dotted OIDs; None when the certificate has no such extension, which is good for any purpose."""


def key_identifier(certificate: x509.Certificate) -> str:
    """Of its key, lower-case hex; what it issues names it by that."""
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()


def issuer_key_identifier(chain_pem: str) -> str:
    """Whose key signed the leaf of *chain_pem*, as `key_identifier` tells it; empty when the leaf does not say."""
    leaf = x509.load_pem_x509_certificate(chain_pem.encode("ascii"))
    try:
        named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    return "" if named is None else named.hex()


def read_client_certificate(der: bytes) -> ClientCertificate:
    """The facts of the DER that ``getpeercert(True)`` gave; raises `BadCertificate`."""
    try:
        return _facts(x509.load_der_x509_certificate(der), hashlib.sha256(der).hexdigest())
    except ValueError as error:
        raise BadCertificate(f"the certificate cannot be read: {error}") from error


def facts_of(certificate: x509.Certificate) -> ClientCertificate:
    """Raises ValueError when an extension or a name in it is malformed."""
    return _facts(certificate, fingerprint(certificate))


def _facts(certificate: x509.Certificate, fingerprint_: str) -> ClientCertificate:
    """In the way of every connection on profile 3: only what a decision reads."""
    extensions, subject = certificate.extensions, certificate.subject
    return ClientCertificate(
        fingerprint=fingerprint_,
        serial_number=serial_number(certificate),
        common_names=names(subject, NameOID.COMMON_NAME),
        organizations=names(subject, NameOID.ORGANIZATION_NAME),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        is_ca=is_ca(extensions),
        extended_key_usage=extended_key_usage(extensions),
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """Lower-case hex SHA-256 over the DER."""
    return certificate.fingerprint(SHA256()).hex()


def serial_number(certificate: x509.Certificate) -> str:
    """Upper-case hex without leading zeros: 4095 is ``FFF``."""
    return f"{certificate.serial_number:X}"


def public_key_sha256(key: CertificatePublicKeyTypes) -> str:
    """Lower-case hex over the DER SubjectPublicKeyInfo, the same for certificate, request and key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def names(subject: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    """Every value the subject has for *oid*: the standard allows one, an attacker sends two."""
    values = (attribute.value for attribute in subject.get_attributes_for_oid(oid))
    return tuple(value if isinstance(value, str) else value.hex() for value in values)


def is_ca(extensions: x509.Extensions) -> bool:
    try:
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def extended_key_usage(extensions: x509.Extensions) -> frozenset[str] | None:
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return frozenset(usage.dotted_string for usage in usages)
