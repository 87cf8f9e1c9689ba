"""Certificates and requests as an attacker, a clumsy operator or a bad firmware would make them.

Made by `cryptography` directly: our own `certificates` room refuses, rightly, to make most of these.
"""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ocppsec.audit.target import Papers

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


def subject(common_name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization or "unknown"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forger:
    """A CA that will sign anything."""

    certificate: x509.Certificate
    key: Key = field(repr=False)
    issuer: x509.Certificate | None = None
    """Who signed it; None for a self-signed one."""

    @property
    def pem(self) -> str:
        return pem(self.certificate)

    def certify(
        self,
        key: Key,
        name: x509.Name,
        *,
        days: tuple[float, float] = (-1, 30),
        ca: bool = False,
        host_names: tuple[str, ...] = (),
        serial: int | None = None,
    ) -> x509.Certificate:
        """*days* are its validity around now."""
        builder = _builder(key.public_key(), name, self.certificate.subject, days=days, ca=ca, serial=serial)
        if host_names:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in host_names])
            builder = builder.add_extension(names, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(issuer, critical=False).sign(self.key, hashes.SHA256())

    def certify_public(
        self, key: PublicKey, name: x509.Name, *, days: tuple[float, float] = (-1, 30)
    ) -> x509.Certificate:
        """For a key whose private half is somebody else's."""
        builder = _builder(key, name, self.certificate.subject, days=days, ca=False, serial=None)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(issuer, critical=False).sign(self.key, hashes.SHA256())

    def papers(self, name: x509.Name, **how: object) -> Papers:
        key = ec_key()
        certificate = self.certify(key, name, **how)  # type: ignore[arg-type]
        return Papers(chain_pem=pem(certificate), key_pem=key_pem(key))


def forger(name: x509.Name, *, days: tuple[float, float] = (-1, 365), key: Key | None = None) -> Forger:
    """A self-signed root with that name, whoever else may bear it."""
    own = key or ec_key()
    builder = _builder(own.public_key(), name, name, days=days, ca=True, serial=None)
    return Forger(certificate=builder.sign(own, hashes.SHA256()), key=own)


def _builder(
    key: PublicKey,
    name: x509.Name,
    issuer: x509.Name,
    *,
    days: tuple[float, float],
    ca: bool,
    serial: int | None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def key_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def foreign_twin(papers: Papers) -> Papers:
    """What looks like *papers* in every word, signed by somebody else who calls himself their issuer."""
    real = x509.load_pem_x509_certificate(papers.chain_pem.encode())
    impostor = forger(real.issuer)
    return impostor.papers(real.subject, serial=real.serial_number)


def request(key: Key, name: x509.Name, *, ca: bool = False) -> str:
    """A certificate request in PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")


def with_broken_signature(csr_pem: str) -> str:
    """The same request with one bit of its signature turned."""
    der = bytearray(x509.load_pem_x509_csr(csr_pem.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
