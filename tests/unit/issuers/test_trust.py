"""Which CA certificates an operator may configure, and what of them becomes an anchor."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from foreign_ca import ca, key_pem, pem, sign

from ocppsec.certificates.pem import read_certificates
from ocppsec.issuers.trust import BadTrust, read_trust, trust_in

NOW = datetime.now(UTC)
ROOT = ca("Root")
POLICY = ca("Policy CA", ROOT, path_length=1)
ISSUING = ca("Station CA", POLICY, path_length=0)
PLAIN = ca("Plain CA", ROOT)


def certificates(*cas):
    return tuple(each.certificate for each in cas)


def test_the_anchor_is_the_ca_that_issues_and_never_the_root():
    """What else lives under the root is nobody's station."""
    trust = trust_in(certificates(ROOT, POLICY, ISSUING), now=NOW)
    assert read_certificates(trust.anchors_pem) == (ISSUING.certificate,)
    assert trust.issuing[0].above == (POLICY.certificate,)
    assert trust.roots == (ROOT.certificate,)


def test_several_cas_may_issue():
    """An old one and its successor."""
    trust = trust_in(certificates(ISSUING, PLAIN, POLICY, ROOT), now=NOW)
    assert {each.certificate for each in trust.issuing} == {ISSUING.certificate, PLAIN.certificate}
    assert trust.roots == (ROOT.certificate,)


@pytest.mark.parametrize(
    ("cas", "words"),
    [
        ((ROOT,), "only a root"),
        ((PLAIN,), "no root"),
        ((ROOT, ISSUING), "leads to no root"),
        ((ca("Another root"), PLAIN), "leads to no root"),
        ((ROOT, ca("No CA", ROOT, is_ca=False)), "not the certificate of a CA"),
        ((ROOT, ca("May not sign", ROOT, signs=False)), "may not sign"),
        ((ca("Ended", days=(-9, -1)),), "ended"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_trust_is_refused(cas, words):
    with pytest.raises(BadTrust, match=words):
        trust_in(certificates(*cas), now=NOW)


def test_a_path_longer_than_its_root_allows_is_refused():
    narrow = ca("Narrow root", path_length=0)
    middle = ca("Middle", narrow, path_length=0)
    with pytest.raises(BadTrust, match="allows 0 CAs below it"):
        trust_in(certificates(narrow, middle, ca("Bottom", middle)), now=NOW)


def test_a_ca_that_has_ended_is_left_out():
    """It can stay in the file beside its successor."""
    ended = ca("Old station CA", ROOT, days=(-9, -1))
    trust = trust_in(certificates(ROOT, ended, PLAIN), now=NOW)
    assert [each.certificate for each in trust.issuing] == [PLAIN.certificate]


def test_a_name_alone_is_no_issuer():
    """Another CA of the same name has another key."""
    trust = trust_in(certificates(ROOT, PLAIN), now=NOW)
    impostor = ca("Plain CA", ROOT)
    key = ca("any").key.public_key()
    assert trust.issuer_of(sign(PLAIN, key)) is not None
    assert trust.issuer_of(sign(impostor, key)) is None


def test_the_file_says_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "ca.pem"
    with pytest.raises(BadTrust, match=r"ca.pem cannot be read: No such file"):
        read_trust(path, now=NOW)
    path.write_bytes(key_pem(ROOT.key))
    with pytest.raises(BadTrust, match=r"ca.pem cannot be read as certificates"):
        read_trust(path, now=NOW)
    path.write_bytes(pem(ROOT.certificate, PLAIN.certificate))
    assert isinstance(read_trust(path, now=NOW).issuing[0].root, x509.Certificate)
