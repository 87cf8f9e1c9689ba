"""Requests as stations send them, and as no library would write them."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ocppsec.certificates.content import PURPOSES
from ocppsec.certificates.hierarchy import Hierarchy, create_hierarchy
from ocppsec.certificates.issue import Authority
from ocppsec.certificates.keys import KeyFamily, PrivateKey, PublicKey, new_key
from ocppsec.certificates.lint import Kind, key_usage
from ocppsec.certificates.request import ApprovedRequest, Expected, check_request
from ocppsec.certificates.signing_request import make_request

VECTORS = Path(__file__).parents[2] / "vectors" / "certificates"
NOW = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
COMMON_NAME, ORGANIZATION = "550403", "55040a"
UTF8 = 0x0C
Extension = tuple[x509.ExtensionType, bool]


def tlv(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def rdn(oid: str, value: bytes, tag: int = UTF8) -> bytes:
    return tlv(0x31, tlv(0x30, tlv(0x06, bytes.fromhex(oid)), tlv(tag, value)))


def pem(der: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n"


def forge_request(
    key: PrivateKey,
    *,
    version: int = 0,
    names: tuple[bytes, ...] = (rdn(ORGANIZATION, b"Example CSO"), rdn(COMMON_NAME, b"CP-0001")),
    attributes: bytes = b"",
) -> str:
    """A request of our own DER with a true signature: what it says is wrong, not how it was made."""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = tlv(0x30, tlv(0x02, bytes((version,))), tlv(0x30, *names), spki, tlv(0xA0, attributes))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, signature = "06082a8648ce3d040302", key.sign(info, ec.ECDSA(SHA256()))
    else:
        algorithm, signature = "06092a864886f70d01010b0500", key.sign(info, PKCS1v15(), SHA256())
    return pem(tlv(0x30, info, tlv(0x30, bytes.fromhex(algorithm)), tlv(0x03, b"\0", signature)))


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def vectors() -> Path:
    return VECTORS


@pytest.fixture(scope="session")
def key_of() -> Callable[[KeyFamily], PrivateKey]:
    """One key a family, made once: large RSA keys take seconds."""
    return cache(new_key)


@pytest.fixture(scope="session")
def station_key() -> PrivateKey:
    return new_key(KeyFamily.EC_P256)


@pytest.fixture(scope="session")
def rsa_key(key_of: Callable[[KeyFamily], PrivateKey]) -> rsa.RSAPrivateKey:
    key = key_of(KeyFamily.RSA_2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.fixture(scope="session")
def hierarchy() -> Hierarchy:
    return create_hierarchy(organization="Example CSO", now=NOW)


@pytest.fixture(scope="session")
def expected() -> Expected:
    return Expected(serial_number="CP-0001", organization="Example CSO")


@pytest.fixture(scope="session")
def approve() -> Callable[[PrivateKey], ApprovedRequest]:
    def approve(key: PrivateKey, serial_number: str = "CP-0001") -> ApprovedRequest:
        csr = make_request(key, common_name=serial_number, organization="Example CSO")
        approved = check_request(csr, Expected(serial_number=serial_number, organization="Example CSO"))
        assert isinstance(approved, ApprovedRequest), str(approved)
        return approved

    return approve


@pytest.fixture(scope="session")
def forge() -> Callable[..., str]:
    return forge_request


@pytest.fixture(scope="session")
def name_in_der() -> Callable[..., bytes]:
    """One part of a subject: which ("CN" or "O"), the bytes, and the tag of the string type."""

    def name(which: str, value: bytes, tag: int = UTF8) -> bytes:
        return rdn({"CN": COMMON_NAME, "O": ORGANIZATION}[which], value, tag)

    return name


@pytest.fixture(scope="session")
def as_pem() -> Callable[..., str]:
    return pem


def default_extensions(kind: Kind, key: PublicKey, issuer_key: PublicKey) -> dict[str, Extension]:
    usage = key_usage(kind, rsa_key=isinstance(key, rsa.RSAPublicKey))
    authority = kind not in {Kind.STATION, Kind.SERVER, Kind.OCSP_RESPONDER}
    constraints = x509.BasicConstraints(
        ca=authority, path_length=0 if authority and kind not in {Kind.ROOT, Kind.CROSS} else None
    )
    extensions: dict[str, Extension] = {
        "constraints": (constraints, True),
        "usage": (usage, True),
        "subject_key": (x509.SubjectKeyIdentifier.from_public_key(key), False),
        "authority_key": (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False),
    }
    if kind in PURPOSES:
        extensions["purpose"] = (x509.ExtendedKeyUsage([PURPOSES[kind]]), False)
    if kind is Kind.SERVER:
        extensions["alternatives"] = (x509.SubjectAlternativeName([x509.DNSName("csms.example")]), False)
    if kind is Kind.OCSP_RESPONDER:
        extensions["no_check"] = (x509.OCSPNoCheck(), False)
    return extensions


def make_any_certificate(
    kind: Kind,
    *,
    key: PublicKey,
    issuer: Authority | None,
    signer: PrivateKey | None = None,
    subject: tuple[tuple[x509.ObjectIdentifier, str], ...] | None = None,
    not_before: datetime = NOW - timedelta(hours=1),
    not_after: datetime | None = None,
    serial: int = 1 << 150,
    hash_algorithm: hashes.HashAlgorithm | None = None,
    **changed: Extension | None,
) -> x509.Certificate:
    """A certificate of *kind* as it should be, but for what is named; an extension of None is left out."""
    common_name = {Kind.STATION: "CP-0001", Kind.SERVER: "csms.example"}.get(kind, str(kind))
    parts = subject or ((NameOID.ORGANIZATION_NAME, "Example CSO"), (NameOID.COMMON_NAME, common_name))
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
    signing = signer or (issuer.key if issuer else None)
    assert signing is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after or NOW + timedelta(days=30 if kind is Kind.OCSP_RESPONDER else 90))
    )
    for extension in (default_extensions(kind, key, signing.public_key()) | changed).values():
        if extension is not None:
            builder = builder.add_extension(extension[0], critical=extension[1])
    return builder.sign(signing, hash_algorithm or SHA256())


@pytest.fixture(scope="session")
def make_certificate() -> Callable[..., x509.Certificate]:
    return make_any_certificate
