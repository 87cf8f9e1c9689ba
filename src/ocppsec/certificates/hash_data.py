"""CertificateHashData: how OCPP names an installed certificate (RFC 6960 CertID; Part 2, 2.6).

The bytes that are hashed are those in the certificates, never a re-encoding of what was parsed out of them:
two encodings of one name have two hashes.  `cryptography` builds exactly these as the CertID of an OCSP
request, so we let it.
"""

from dataclasses import dataclass
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

HashAlgorithm = Literal["SHA256", "SHA384", "SHA512"]

_ALGORITHMS: Final[dict[HashAlgorithm, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateHashData:
    """Hashes in lower-case hex, the serial number in upper-case hex without leading zeros."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: HashAlgorithm = "SHA256"
) -> CertificateHashData:
    """The name of *certificate*; for a root, *issuer* is the root itself.

    Raises ValueError when *issuer* bears another name than the one that issued *certificate*.
    """
    if certificate.issuer != issuer.subject:
        raise ValueError(
            f"{issuer.subject.rfc4514_string()} did not issue {certificate.subject.rfc4514_string()}"
        )
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _ALGORITHMS[algorithm]).build()
    return CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=request.issuer_name_hash.hex(),
        issuer_key_hash=request.issuer_key_hash.hex(),
        serial_number=f"{request.serial_number:X}",
    )


def same(one: CertificateHashData, other: CertificateHashData) -> bool:
    """True when both name one certificate, by the same algorithm.

    The case of hex digits is not fixed by the standard, and stations send serial numbers with leading zeros.
    """
    return _comparable(one) == _comparable(other)


def _comparable(data: CertificateHashData) -> tuple[str, str, str, str]:
    return (
        data.hash_algorithm,
        data.issuer_name_hash.lower(),
        data.issuer_key_hash.lower(),
        data.serial_number.lower().lstrip("0"),
    )
