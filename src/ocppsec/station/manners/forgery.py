"""Certificates nobody issued, and signing requests nobody should grant.  For manners only."""

import base64
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ocppsec.certificates.keys import PrivateKey, key_pem
from ocppsec.station.config import FactoryCertificate
from ocppsec.station.own_certificates import Subject


def name_of(subject: Subject) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject.organization or "nobody"),
            x509.NameAttribute(NameOID.COMMON_NAME, subject.serial_number),
        ]
    )


def certificate(
    subject: Subject, *, begin: datetime, end: datetime, issuer: x509.Name | None = None
) -> FactoryCertificate:
    """Right in every field, by a CA that came into being for it; *issuer* is whose name that CA bears."""
    key, ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(issuer or name_of(Subject(serial_number="Unknown CA", organization="nobody")))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    return FactoryCertificate(chain_pem=_pem(made.public_bytes(Encoding.PEM)), key_pem=key_pem(key))


def request(
    key: PrivateKey, subject: Subject, *extensions: x509.ExtensionType
) -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(subject))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256())


def pem_of(made: x509.CertificateSigningRequest) -> str:
    return _pem(made.public_bytes(Encoding.PEM))


def _pem(text: bytes) -> str:
    return text.decode("ascii")


# -- DER ----------------------------------------------------------------------------------------------------
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_RSA_SHA256: Final = bytes.fromhex("300d06092a864886f70d01010b0500")
_VERSION_0: Final = bytes.fromhex("020100")


def with_version(key: PrivateKey, made: x509.CertificateSigningRequest, version: int) -> str:
    """*made* with another version number than RFC 2986 has, and a right signature over it."""
    information = made.tbs_certrequest_bytes
    place = information.index(_VERSION_0)
    information = information[:place] + bytes((2, 1, version)) + information[place + 3 :]
    return _assembled(information, _signed(key, information), key)


def with_broken_signature(key: PrivateKey, made: x509.CertificateSigningRequest) -> str:
    """*made* with the signature of other bytes."""
    return _assembled(made.tbs_certrequest_bytes, _signed(key, b"something else"), key)


def _signed(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _assembled(information: bytes, signature: bytes, key: PrivateKey) -> str:
    algorithm = _RSA_SHA256 if isinstance(key, rsa.RSAPrivateKey) else _ECDSA_SHA256
    der = _element(0x30, information + algorithm + _element(0x03, b"\0" + signature))
    return armoured(der)


def armoured(der: bytes) -> str:
    lines = base64.encodebytes(der).decode().replace("\n", "")
    body = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n"


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
