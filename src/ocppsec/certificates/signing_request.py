"""The station's half: a request for a key that never leaves (A02.FR.02, 03, 05)."""

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ocppsec.certificates.keys import PrivateKey


def make_request(key: PrivateKey, *, common_name: str, organization: str) -> str:
    """A PKCS #10 request in PEM, as SignCertificate carries it.

    *common_name* is the station's serial number (A00.FR.511), *organization* what
    SecurityCtrlr.OrganizationName says.
    """
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode("ascii")
