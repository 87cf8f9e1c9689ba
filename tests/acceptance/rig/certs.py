"""Certificates as an attacker, a clumsy operator or another maker would make them, by `cryptography` alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def new_key(family="ec"):
    if family == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def name(common_name, organization="ACME"):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def sign(subject, key, issuer, issuer_key, *, days=(-1, 30), usage=CLIENT, ca=False, serial=None):
    """*issuer* is a certificate, or a name for a self-signed one; *days* are its validity around now."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer if isinstance(issuer, x509.Name) else issuer.subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def foreign_ca():
    """A CA nobody here knows: (certificate, key)."""
    key = new_key()
    subject = name("Foreign CA")
    return sign(subject, key, subject, key, usage=None, ca=True), key


def our_ca(state, name):
    """One of the server's own CAs, read as a thief of the state directory would: (certificate, key)."""
    directory = Path(state) / "ca"
    certificate = x509.load_pem_x509_certificate((directory / f"{name}.pem").read_bytes())
    key = serialization.load_pem_private_key((directory / f"{name}.key").read_bytes(), None)
    return certificate, key


def our_station_ca(state):
    """The CA that issues to stations: (certificate, key)."""
    return our_ca(state, "stations")


def save(directory, stem, certificate, key):
    """(chain file, key file)."""
    chain_file, key_file = Path(directory) / f"{stem}.pem", Path(directory) / f"{stem}.key"
    chain_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return chain_file, key_file


def request_pem(key, common_name, organization="ACME"):
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name, organization))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
