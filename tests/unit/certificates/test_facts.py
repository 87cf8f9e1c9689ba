"""What a certificate says, as values; and in words."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ocppsec.certificates.describe import describe
from ocppsec.certificates.facts import BadCertificate, public_key_sha256, read_client_certificate
from ocppsec.certificates.issue import issue_station_certificate
from ocppsec.certificates.lint import Kind


@pytest.fixture
def issued(hierarchy, approve, station_key, now):
    return issue_station_certificate(approve(station_key), hierarchy.stations, now=now, serial=0xABC << 140)


def test_the_facts_are_those_of_the_certificate(issued, now):
    """Fingerprint, serial number, names, times and purpose, in the spelling of the records."""
    der = issued.certificate.public_bytes(Encoding.DER)
    facts = read_client_certificate(der)
    assert facts.fingerprint == hashlib.sha256(der).hexdigest()
    assert facts.serial_number == "ABC" + "0" * 35
    assert (facts.common_names, facts.organizations) == (("CP-0001",), ("Example CSO",))
    assert facts.not_before == now.replace(microsecond=0) - timedelta(hours=1)
    assert facts.not_before.utcoffset() == timedelta(0)
    assert facts.is_ca is False
    assert facts.extended_key_usage == {"1.3.6.1.5.5.7.3.2"}


def test_a_key_has_one_hash_wherever_it_stands(issued, station_key):
    """Over the SubjectPublicKeyInfo, the same for key and certificate."""
    spki = station_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    expected = hashlib.sha256(spki).hexdigest()
    assert public_key_sha256(station_key.public_key()) == expected
    assert public_key_sha256(issued.certificate.public_key()) == expected


def test_an_authority_is_seen_as_one(hierarchy):
    """A CA certificate presented as a station's is recognised."""
    facts = read_client_certificate(hierarchy.root.certificate.public_bytes(Encoding.DER))
    assert facts.is_ca is True
    assert facts.extended_key_usage is None


def test_all_names_are_seen(make_certificate, hierarchy, station_key):
    """The second common name is not hidden behind the first."""
    O, CN = NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME  # noqa: E741, N806  as X.509 abbreviates
    subject = ((O, "A"), (CN, "CP-0001"), (CN, "CP-0002"), (O, "B"))
    certificate = make_certificate(
        Kind.STATION,
        key=station_key.public_key(),
        issuer=hierarchy.stations,
        subject=subject,
        constraints=None,
    )
    facts = read_client_certificate(certificate.public_bytes(Encoding.DER))
    assert (facts.common_names, facts.organizations) == (("CP-0001", "CP-0002"), ("A", "B"))
    assert facts.is_ca is False


def test_what_cannot_be_read_has_a_reason(issued, make_certificate, hierarchy, station_key):
    """Garbage, a cut certificate and a malformed extension end in `BadCertificate`."""
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.37"), b"\x30\x03\x02\x01")
    malformed = make_certificate(
        Kind.STATION, key=station_key.public_key(), issuer=hierarchy.stations, purpose=(odd, False)
    )
    whole = issued.certificate.public_bytes(Encoding.DER)
    for der in (b"", b"\x30", whole[:-1], whole + b"\0", malformed.public_bytes(Encoding.DER)):
        with pytest.raises(BadCertificate) as bad:
            read_client_certificate(der)
        assert bad.value.reason


def test_a_certificate_is_described_in_words(issued, hierarchy, rsa_key, make_certificate):
    """Who, by whom, how long, what for."""
    text = describe(issued.certificate)
    for words in (
        "CN=CP-0001,O=Example CSO",
        "CN=Charging Station CA",
        "EC secp256r1",
        "issues none, TLS client",
    ):
        assert words in text
    assert issued.fingerprint in text
    assert issued.serial_number in text
    root = describe(hierarchy.root.certificate)
    assert "issuer      itself" in root
    assert "issues certificates, any purpose" in root
    rsa = make_certificate(Kind.STATION, key=rsa_key.public_key(), issuer=hierarchy.stations)
    assert "RSA 2048 bits" in describe(rsa)
