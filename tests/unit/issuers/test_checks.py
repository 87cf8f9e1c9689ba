"""What a CA answers: each way in which it can be wrong has its reason, and nothing wrong is taken."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from foreign_ca import (
    CLIENT,
    DAYS,
    ORGANIZATION,
    SERIAL,
    SERVER,
    ca,
    key_pem,
    name,
    new_order,
    pem,
    sign,
    usage_of,
)

from ocppsec.certificates.pem import read_certificates
from ocppsec.issuers.checks import BadAnswer, judge
from ocppsec.issuers.trust import IssuingCa, Trust, trust_in

NOW = datetime.now(UTC)
ROOT = ca("Root")
ISSUING = ca("Station CA", ROOT, path_length=0)
OTHER = ca("Station CA", ROOT, path_length=0)
SHORT = ca("Short CA", ROOT, path_length=0, days=(-10, 30))
TRUST = trust_in((ROOT.certificate, ISSUING.certificate, SHORT.certificate), now=NOW)
ANY = x509.ObjectIdentifier("2.5.29.37.0")
UNHEARD = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
CN = x509.oid.NameOID.COMMON_NAME


@pytest.fixture(scope="module")
def order():
    return new_order()


def test_a_good_answer_becomes_a_certificate(order):
    """Recorded and delivered is the leaf of the answer with the CAs of our own configuration, never the root."""
    leaf = sign(ISSUING, order.approved.public_key)
    issued = judge((leaf,), order, TRUST, now=NOW)
    assert issued.certificate == leaf
    assert read_certificates(issued.chain_pem) == (leaf, ISSUING.certificate)
    assert issued.public_key_sha256 == order.approved.public_key_sha256
    assert (issued.serial_number, issued.not_after) == (f"{leaf.serial_number:X}", leaf.not_valid_after_utc)


def test_the_order_of_an_answer_does_not_matter(order):
    """RFC 7030 4.2.3: a bag has no order, and what else is in it is not looked at."""
    leaf = sign(ISSUING, order.approved.public_key)
    bag = (ROOT.certificate, OTHER.certificate, leaf, ISSUING.certificate)
    assert judge(bag, order, TRUST, now=NOW).certificate == leaf


WRONG = {
    "another common name": ({"subject": name("SN-2", ORGANIZATION)}, "common name 'SN-2', not 'SN-1'"),
    "two common names": (
        {"subject": name(SERIAL, ORGANIZATION, also=[(CN, "SN-2")])},
        "common name 'SN-1', 'SN-2', not 'SN-1'",
    ),
    "no common name": ({"subject": name(None, ORGANIZATION)}, "common name missing"),
    "another organization": ({"subject": name(SERIAL, "Somebody")}, "organization 'Somebody', not 'CSO'"),
    "no organization": ({"subject": name(SERIAL, None)}, "organization missing"),
    "a CA": ({"is_ca": True}, "it is the certificate of a CA"),
    "good for a server too": ({"purposes": (CLIENT, SERVER)}, "clientAuth alone"),
    "good for a server": ({"purposes": (SERVER,)}, "clientAuth alone"),
    "good for anything": ({"purposes": (CLIENT, ANY)}, "clientAuth alone"),
    "no purpose": ({"purposes": ()}, "no extended key usage"),
    "no digitalSignature": ({"usage": usage_of()}, "no digitalSignature"),
    "may sign": ({"usage": usage_of(digital_signature=True, cert_sign=True)}, "lets it sign"),
    "a critical extension": ({"also": [(UNHEARD, True)]}, "critical extension 1.2.3.4.5"),
    "ended": ({"days": (-9, -1)}, "it ended"),
    "not begun": ({"days": (1, 30)}, "it begins"),
    "longer than asked": ({"days": (-1, 91)}, "asked for was"),
    "a weak hash": ({"algorithm": hashes.SHA224()}, "signed over sha224"),
    "of another CA": ({"signed_by": OTHER}, "none of the CAs configured"),
}


@pytest.mark.parametrize("twist", WRONG)
def test_a_wrong_answer_is_refused(twist, order):
    """Each check of the PKI facts has its word; the certificate is named, so that it can be revoked."""
    how, words = WRONG[twist]
    leaf = sign(ISSUING, order.approved.public_key, **how)
    with pytest.raises(BadAnswer) as refused:
        judge((leaf, ISSUING.certificate), order, TRUST, now=NOW)
    assert words in str(refused.value)
    assert refused.value.certificate == leaf


def test_a_serial_number_of_more_than_20_octets_is_refused(order, tmp_path):
    """RFC 5280 4.1.2.2; `cryptography` makes no such certificate, `openssl` does."""
    openssl = shutil.which("openssl") or pytest.skip("the openssl command is not installed")
    files = {
        "ca.pem": pem(ISSUING.certificate),
        "ca.key": key_pem(ISSUING.key),
        "ext": b"extendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:false\nkeyUsage=digitalSignature\n",
        "csr": order.csr,
    }
    for name_, content in files.items():
        (tmp_path / name_).write_bytes(content)
    command = "x509 -req -inform DER -in csr -CA ca.pem -CAkey ca.key -days 30 -extfile ext -set_serial 0x7f"
    made = subprocess.run(
        [openssl, *f"{command}{'00' * 20}".split()], cwd=tmp_path, capture_output=True, check=True
    )
    with pytest.raises(BadAnswer, match="more than 20 octets"):
        judge((x509.load_pem_x509_certificate(made.stdout),), order, TRUST, now=NOW)


def test_all_that_is_wrong_is_said_at_once(order):
    leaf = sign(ISSUING, order.approved.public_key, purposes=(SERVER,), is_ca=True, subject=name("X", "Y"))
    with pytest.raises(BadAnswer) as refused:
        judge((leaf,), order, TRUST, now=NOW)
    assert str(refused.value).count(";") >= 3


def test_another_key_is_refused(order):
    """Whose key it is nobody knows: there is nothing to revoke of ours."""
    leaf = sign(ISSUING, ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(BadAnswer, match="another key than the one that was requested") as refused:
        judge((leaf,), order, TRUST, now=NOW)
    assert refused.value.certificate is None


def test_an_empty_answer_is_refused(order):
    with pytest.raises(BadAnswer, match="no certificate in it"):
        judge((), order, TRUST, now=NOW)


def test_two_certificates_for_one_key_are_refused(order):
    both = tuple(sign(ISSUING, order.approved.public_key) for _ in range(2))
    with pytest.raises(BadAnswer, match="more than one"):
        judge(both, order, TRUST, now=NOW)


def test_no_certificate_outlives_its_ca(order):
    leaf = sign(SHORT, order.approved.public_key, days=(-1, 60))
    with pytest.raises(BadAnswer, match="outlives the CA"):
        judge((leaf,), order, TRUST, now=NOW)


def test_a_ca_that_has_ended_meanwhile_issues_no_more(order):
    later = NOW + timedelta(days=31)
    leaf = sign(SHORT, order.approved.public_key, days=(-1, 60))
    with pytest.raises(BadAnswer, match=r"Short CA.* is not valid today"):
        judge((leaf,), order, TRUST, now=later)


def test_a_chain_that_leads_to_no_root_is_refused(order):
    """A trust that was put together wrongly is no trust."""
    broken = Trust((IssuingCa(ISSUING.certificate, (), ca("Another root").certificate),))
    with pytest.raises(BadAnswer, match="leads to no configured root"):
        judge((sign(ISSUING, order.approved.public_key),), order, broken, now=NOW)


def test_a_chain_no_station_could_take_is_refused(order):
    """CertificateSigned has 10,000 characters."""
    path = [ROOT]
    for number in range(15):
        path.insert(0, ca(f"CA {number} {'of a long name' * 3}", path[0]))
    issuing, *above, root = (each.certificate for each in path)
    trust = Trust((IssuingCa(issuing, tuple(above), root),))
    with pytest.raises(BadAnswer, match="characters, CertificateSigned takes 10000"):
        judge((sign(path[0], order.approved.public_key),), order, trust, now=NOW)


@pytest.mark.parametrize("seconds", [-1, 0, 240])
def test_clocks_may_differ_a_little(seconds, order):
    """Ours and that of the CA are not the same."""
    end = (DAYS.total_seconds() + seconds) / 86400
    judge((sign(ISSUING, order.approved.public_key, days=(-1, end)),), order, TRUST, now=datetime.now(UTC))
