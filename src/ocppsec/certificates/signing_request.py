"""Requests for a certificate: a station's (A02.FR.02, 03, 05), and a CA's that a root elsewhere is to certify."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ocppsec.certificates.content import PURPOSES
from ocppsec.certificates.keys import PrivateKey
from ocppsec.certificates.lint import Kind, key_usage


def make_request(key: PrivateKey, *, common_name: str, organization: str) -> str:
    """A PKCS #10 request in PEM, as SignCertificate carries it.

    *common_name* is the station's serial number (A00.FR.511), *organization* what
    SecurityCtrlr.OrganizationName says.
    """
    request = _builder(common_name, organization).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode("ascii")


def make_authority_request(key: PrivateKey, kind: Kind, *, common_name: str, organization: str) -> str:
    """The request of an issuing CA of *kind*, with all that its certificate has to say.

    Whoever signs it with another program can copy the extensions as they are.
    """
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    request = (
        _builder(common_name, organization)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(kind, rsa_key=is_rsa), critical=True)
        .add_extension(x509.ExtendedKeyUsage([PURPOSES[kind]]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return request.public_bytes(Encoding.PEM).decode("ascii")


def _builder(common_name: str, organization: str) -> x509.CertificateSigningRequestBuilder:
    return x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
    )
