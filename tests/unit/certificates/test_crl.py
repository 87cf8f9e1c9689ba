"""The list of what was revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ocppsec.certificates.crl import BACKDATED, LIFETIME, Entry, Issue, crl_builder, next_issue, read_issue
from ocppsec.certificates.issue import Authority, IssueFailed, sign_crl

NOW = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
WHOLE = NOW.replace(microsecond=0)


def entry(serial=0xABC, reason="keyCompromise"):
    return Entry(serial_number=serial, revoked_at=NOW - timedelta(hours=1), reason=reason)


@pytest.fixture
def listed(hierarchy):
    def make(*entries, number=7):
        issue = Issue(number=number, this_update=WHOLE)
        der = sign_crl(crl_builder(hierarchy.stations.certificate, entries, issue), hierarchy.stations)
        return x509.load_der_x509_crl(der)

    return make


def test_what_is_on_it(listed, hierarchy):
    """Serial numbers with date and reason, the CA's name and key, a number, and until when it is good."""
    found = listed(entry(), entry(0xDEF, "unspecified"), entry(1, "station removed"))
    assert found.issuer == hierarchy.stations.certificate.subject
    assert found.is_signature_valid(hierarchy.stations.certificate.public_key())
    assert (found.last_update_utc, found.next_update_utc) == (WHOLE, WHOLE + LIFETIME)
    assert found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    (reason,) = found.get_revoked_certificate_by_serial_number(0xABC).extensions
    assert reason.value == x509.CRLReason(x509.ReasonFlags.key_compromise)
    for serial in (0xDEF, 1):  # RFC 5280 5.3.1: unspecified is left out
        assert len(found.get_revoked_certificate_by_serial_number(serial).extensions) == 0
    assert found.get_revoked_certificate_by_serial_number(2) is None


def test_an_empty_list_is_a_list(listed):
    """Nothing revoked is something to know, too."""
    assert list(listed()) == []


def test_a_key_that_is_not_the_cas(hierarchy):
    """A list under a wrong key is never given away."""
    mixed = Authority(certificate=hierarchy.stations.certificate, key=hierarchy.servers.key)
    with pytest.raises(IssueFailed):
        sign_crl(crl_builder(mixed.certificate, [], Issue(number=1, this_update=WHOLE)), mixed)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(None, Issue(number=1, this_update=WHOLE - BACKDATED), id="first"),
        pytest.param(
            WHOLE - timedelta(days=1), Issue(number=8, this_update=WHOLE - BACKDATED), id="a day later"
        ),
        pytest.param(WHOLE, Issue(number=8, this_update=WHOLE + timedelta(seconds=1)), id="same second"),
        pytest.param(
            WHOLE + timedelta(days=1),
            Issue(number=8, this_update=WHOLE + timedelta(days=1, seconds=1)),
            id="the clock went back",
        ),
    ],
)
def test_number_and_date_only_rise(before, expected):
    """The next list is later and higher than the one before, whatever the clock says."""
    known = None if before is None else Issue(number=7, this_update=before)
    assert next_issue(known, NOW) == expected


def test_a_list_says_which_it_is(listed):
    """What was written is found again by the next process."""
    from cryptography.hazmat.primitives.serialization import Encoding

    assert read_issue(listed(number=41).public_bytes(Encoding.DER)) == Issue(number=41, this_update=WHOLE)


@pytest.mark.parametrize("der", [b"", b"junk", b"0\x82"])
def test_what_is_no_list(der):
    """Junk is told as junk."""
    with pytest.raises(ValueError):
        read_issue(der)
