"""TC_A_04_CSMS, TLS with server certificate: TLS ≥ 1.2, all four suites, a proper server certificate for each key family."""

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rig.s_client import s_client
from rig.wire import basic, client_context, dial, request, target

FAMILY = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": ec.EllipticCurvePublicKey,
    "ECDHE-ECDSA-AES256-GCM-SHA384": ec.EllipticCurvePublicKey,
    "AES128-GCM-SHA256": rsa.RSAPublicKey,
    "AES256-GCM-SHA384": rsa.RSAPublicKey,
}


def server_certificate(up, suite):
    import ssl

    context = client_context(up.root, version=ssl.TLSVersion.TLSv1_2, ciphers=suite)
    with dial(up.door(2), context=context) as sock:
        return x509.load_der_x509_certificate(sock.getpeercert(True))


@pytest.mark.parametrize("suite", FAMILY)
def test_the_server_certificate_is_proper(up, suite):
    """RSA ≥ 2048 or EC ≥ 224 bits, a serial number, CN = FQDN and the same name as SAN, for servers, valid now."""
    certificate = server_certificate(up, suite)
    key = certificate.public_key()
    assert isinstance(key, FAMILY[suite])
    assert key.key_size >= (2048 if isinstance(key, rsa.RSAPublicKey) else 224)
    assert certificate.serial_number > 0
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "localhost"
    (organization,) = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    assert organization.value == "ACME"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("suite", FAMILY)
def test_each_suite_is_served(up, identity, openssl, suite):
    """The whole way to 101."""
    data = request(target(identity), authorization=basic(identity, up.add(identity, profile=2)))
    seen = s_client(
        openssl, up.door(2), "-tls1_2", "-cipher", suite, root=up.root, data=data + b"\x88\x80\0\0\0\0"
    )
    assert (seen.cipher, seen.status, seen.verified) == (("TLSv1.2", suite), 101, True), seen.text


def test_the_chain_leads_to_the_root_that_is_shown(up, openssl):
    """`ocppsec ca show --pem` is what a station has to install."""
    shown = up.command("ca", "show", "--pem")
    assert shown.code == 0
    assert shown.out.strip() == up.root.read_text().strip()
    done = subprocess.run(
        [openssl, "x509", "-noout", "-fingerprint", "-sha256"],
        input=shown.out,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.partition("=")[2].strip().replace(":", "").lower() == up.ready["root_sha256"]
