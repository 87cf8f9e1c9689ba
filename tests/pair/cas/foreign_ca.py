"""Somebody else's CA, by `cryptography` alone: a root, a CA that issues, and leaves right or wrong in one way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.request import Expected, check_request
from ocppsec.certificates.signing_request import make_request
from ocppsec.issuers.issuer import Order

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
ORGANIZATION, SERIAL = "CSO", "SN-1"
DAYS = timedelta(days=90)


def now():
    return datetime.now(UTC)


def name(common_name, organization="Other People's PKI", **more):
    names = [
        (NameOID.ORGANIZATION_NAME, organization),
        (NameOID.COMMON_NAME, common_name),
        *more.get("also", ()),
    ]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in names if value is not None])


def key_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem(*certificates):
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


@dataclass(frozen=True)
class Ca:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple = ()
    """With the root."""

    def leaf(self, key, **twist):
        return sign(self, key, **twist)


def ca(common_name, issuer=None, *, path_length=None, days=(-10, 3650), usage=True, **more):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name(common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() + timedelta(days=days[0]))
        .not_valid_after(now() + timedelta(days=days[1]))
        .add_extension(
            x509.BasicConstraints(ca=more.get("is_ca", True), path_length=path_length), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer or Ca(None, key)).key.public_key()),
            critical=False,
        )
    )
    if usage:
        builder = builder.add_extension(usage_of(cert_sign=more.get("signs", True)), critical=True)
    certificate = builder.sign(key if issuer is None else issuer.key, hashes.SHA256())
    return Ca(certificate, key, () if issuer is None else (issuer.certificate, *issuer.above))


def usage_of(*, digital_signature=False, cert_sign=False):
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=cert_sign,
        crl_sign=cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def sign(
    issuer,
    key,
    *,
    subject=None,
    days=(-0.04, 89.9),
    purposes=(CLIENT,),
    is_ca=None,
    usage=None,
    serial=None,
    signed_by=None,
    algorithm=None,
    also=(),
):
    """A leaf for *key* as a good CA makes it, but for what is said."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or name(SERIAL, ORGANIZATION))
        .issuer_name(issuer.certificate.subject)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now() + timedelta(days=days[0]))
        .not_valid_after(now() + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=bool(is_ca), path_length=None), critical=True)
    )
    if usage is not False:
        builder = builder.add_extension(usage or usage_of(digital_signature=True), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    for extension, critical in also:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign((signed_by or issuer).key, algorithm or hashes.SHA256())


def new_order(*, lifetime=DAYS, renews=False, key=None, serial=SERIAL, organization=ORGANIZATION):
    """An approved request of station SN-1, ready for a CA."""
    key = key or new_key(KeyFamily.EC_P256)
    csr = make_request(key, common_name=serial, organization=organization)
    approved = check_request(csr, Expected(serial_number=serial, organization=organization))
    return Order(
        request_id="0123456789abcdef",
        approved=approved,
        csr=x509.load_pem_x509_csr(csr.encode()).public_bytes(Encoding.DER),
        lifetime=lifetime,
        renews=renews,
    )
