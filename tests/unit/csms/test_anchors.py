"""Which anchor has signed a certificate."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ocppsec.certificates.foreign_status import StatusPolicy, StatusRule
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.csms.anchors import Anchors, Manufacturer
from ocppsec.station.testing import TestAuthority

RULE = StatusRule(policy=StatusPolicy.OFF)


def issuing(authority):
    return authority._hierarchy.stations.certificate


def maker(name, *authorities):
    return Manufacturer(name=name, certificates=tuple(map(issuing, authorities)), rule=RULE)


def leaf(authority):
    return read_certificates(authority.station_certificate("SN1").chain_pem)[0].public_bytes(Encoding.DER)


OURS, ONE, OTHER = (TestAuthority.create(name) for name in ("Ours", "One", "Other"))


def twin(authority):
    """A self-signed CA that bears the other's name, and a certificate of its own making."""
    name, key, now = issuing(authority).subject, new_key(KeyFamily.EC_P256), datetime.now(UTC)

    def signed(subject):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
            .sign(key, hashes.SHA256())
        )

    station = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SN1")])
    return signed(name), signed(station).public_bytes(Encoding.DER)


def test_ours_and_those_of_manufacturers_are_told_apart():
    """Each certificate has the one that signed it, and nobody else's has any."""
    anchors = Anchors(write_chain([issuing(OURS)]), [maker("one", ONE), maker("other", OTHER)])

    assert anchors.issuer_of(leaf(OURS)).manufacturer is None
    assert anchors.issuer_of(leaf(OURS)).certificate == issuing(OURS)
    assert anchors.issuer_of(leaf(ONE)).manufacturer.name == "one"
    assert anchors.issuer_of(leaf(OTHER)).manufacturer.name == "other"
    assert anchors.issuer_of(leaf(TestAuthority.create("Stranger"))) is None


def test_a_name_is_no_proof():
    """Of two CAs of one name, the one whose key has signed; of another with that name none."""
    ours = write_chain([issuing(OURS)])
    ca, its_leaf = twin(ONE)
    other = Manufacturer(name="twin", certificates=(ca,), rule=RULE)
    both = Anchors(ours, [maker("one", ONE), other])
    alone = Anchors(ours, [maker("one", ONE)])

    assert both.issuer_of(leaf(ONE)).manufacturer.name == "one"
    assert both.issuer_of(its_leaf).manufacturer.name == "twin"
    assert alone.issuer_of(its_leaf) is None


def test_one_that_is_ours_is_never_a_manufacturers():
    """Named in the settings as well, it stays ours; and it is an anchor once."""
    anchors = Anchors(write_chain([issuing(OURS), issuing(ONE)]), [maker("thief", OURS)])

    assert anchors.issuer_of(leaf(OURS)).manufacturer is None
    assert len(read_certificates(anchors.pem)) == 2


def test_what_is_no_certificate_has_no_issuer():
    """Malformed bytes are signed by nobody."""
    assert Anchors(write_chain([issuing(OURS)]), []).issuer_of(b"0\x82") is None
