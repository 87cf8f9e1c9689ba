"""What follows from the status of a foreign certificate, and which lists are read at all."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates.foreign_list import BadList, read_list
from ocppsec.certificates.foreign_status import (
    Cause,
    Good,
    Revoked,
    StatusPolicy,
    Unclear,
    refusal,
    together,
)
from ocppsec.certificates.hierarchy import create_hierarchy

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GOOD = Good(source="CRL")
REVOKED = Revoked(since=NOW, reason="keyCompromise")
REQUIRED, WHEN_REACHABLE, OFF = StatusPolicy


def unclear(cause):
    return Unclear(cause=cause, reason="because")


@pytest.mark.parametrize("policy", [REQUIRED, WHEN_REACHABLE])
def test_known_ones(policy):
    """Good comes in, revoked does not and is told since when, whichever policy asks."""
    assert refusal(GOOD, policy) is None
    assert refusal(REVOKED, policy) == "its CA revoked it at 2026-11-22 12:00 UTC (keyCompromise)"


@pytest.mark.parametrize("cause", Cause)
def test_unclear_ones(cause):
    """Required refuses all; when-reachable lets in on silence alone; off does not ask."""
    assert "because" in refusal(unclear(cause), REQUIRED)
    assert (refusal(unclear(cause), WHEN_REACHABLE) is None) == (cause is Cause.UNREACHABLE)
    assert refusal(unclear(cause), OFF) is None


def test_off_asks_nobody():
    """Who turns the question off lets in what a list would refuse."""
    assert refusal(REVOKED, OFF) is None


@pytest.mark.parametrize(
    ("heard", "then"),
    [
        pytest.param([GOOD, REVOKED], REVOKED, id="revoked wins"),
        pytest.param([unclear(Cause.NONSENSE), GOOD], GOOD, id="good is known"),
        pytest.param([unclear(Cause.UNREACHABLE), unclear(Cause.NONSENSE)], unclear(Cause.NONSENSE), id="nonsense"),
        pytest.param([unclear(Cause.UNREACHABLE), unclear(Cause.STALE)], unclear(Cause.STALE), id="stale"),
        pytest.param([unclear(Cause.UNREACHABLE)], unclear(Cause.UNREACHABLE), id="silence alone"),
    ],
)  # fmt: skip
def test_several_sources(heard, then):
    """The worst that is known counts, and noise of one source is never taken for silence."""
    assert together(heard) == then


def test_no_source():
    """Nobody asked is no answer."""
    assert together([]).cause is Cause.NO_SOURCE


@pytest.fixture(scope="module")
def issuer():
    return create_hierarchy(organization="Maker", now=NOW).stations


def crl(issuer, *extensions, entries=(), next_update=NOW + timedelta(days=1), last_update=NOW):
    builder = x509.CertificateRevocationListBuilder(
        issuer.certificate.subject,
        last_update,
        next_update,
        [x509.Extension(extension.oid, critical, extension) for extension, critical in extensions],
        list(entries),
    )
    return builder.sign(issuer.key, SHA256()).public_bytes(Encoding.DER)


def point(**said):
    names = {"full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False, "only_some_reasons": None, "indirect_crl": False, "only_contains_attribute_certs": False}  # fmt: skip
    return x509.IssuingDistributionPoint(**(names | said))


def named(url):
    return [x509.UniformResourceIdentifier(url)]


ENTRY_OF_ANOTHER_CA = (
    x509.RevokedCertificateBuilder()
    .serial_number(1)
    .revocation_date(NOW)
    .add_extension(
        x509.CertificateIssuer(
            [x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]))]
        ),
        critical=True,
    )
    .build()
)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param({"extensions": [(x509.DeltaCRLIndicator(1), True)]}, "delta", id="delta"),
        pytest.param({"extensions": [(point(only_contains_ca_certs=True), True)]}, "not about", id="CAs only"),
        pytest.param({"extensions": [(point(only_contains_attribute_certs=True), True)]}, "not about", id="attributes"),
        pytest.param({"extensions": [(point(indirect_crl=True), True)]}, "indirect", id="indirect"),
        pytest.param(
            {"extensions": [(point(only_some_reasons=frozenset({x509.ReasonFlags.superseded})), True)]},
            "some reasons",
            id="some reasons",
        ),
        pytest.param(
            {"extensions": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
            "critical extension 1.2.3.4",
            id="not understood",
        ),
        pytest.param({"entries": [ENTRY_OF_ANOTHER_CA]}, "other CAs", id="speaks for others"),
        pytest.param(
            {"last_update": NOW + timedelta(hours=1), "next_update": NOW + timedelta(hours=2)},
            "not come yet",
            id="of the future",
        ),
    ],
)  # fmt: skip
def test_lists_that_are_not_used(issuer, said, why):
    """A list that says less than all, or is not to be believed, is refused as a whole."""
    said = dict(said)
    extensions = said.pop("extensions", ())
    with pytest.raises(BadList, match=why):
        read_list(crl(issuer, *extensions, **said), issuer.certificate, now=NOW)


def test_a_list_in_another_name(issuer):
    """The CA's key under the name of another CA: its list, not this CA's."""
    other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Another CA")])
    builder = x509.CertificateRevocationListBuilder(other, NOW, NOW + timedelta(days=1), [], [])
    der = builder.sign(issuer.key, SHA256()).public_bytes(Encoding.DER)
    with pytest.raises(BadList, match="one of CN=Another CA"):
        read_list(der, issuer.certificate, now=NOW)


def test_a_list_cut_off_anywhere(issuer):
    """No part of a list is one."""
    der = crl(issuer)
    for end in range(0, len(der), 5):
        with pytest.raises(BadList):
            read_list(der[:end], issuer.certificate, now=NOW)


def test_a_part_of_a_list(issuer):
    """A list cut into parts says nothing of certificates that belong to another part."""
    part = read_list(
        crl(issuer, (point(full_name=named("http://x/1.crl"), only_contains_user_certs=True), True)),
        issuer.certificate,
        now=NOW,
    )
    ours = certificate(issuer, "http://x/1.crl")
    others = certificate(issuer, "http://x/2.crl")
    assert isinstance(part.verdict(ours, now=NOW, grace=timedelta()), Good)
    assert part.verdict(others, now=NOW, grace=timedelta()).cause is Cause.NONSENSE


def certificate(issuer, url):
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SN1")]))
        .issuer_name(issuer.certificate.subject)
        .public_key(issuer.key.public_key())
        .serial_number(77)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(
            x509.CRLDistributionPoints([x509.DistributionPoint(named(url), None, None, None)]), critical=False
        )
        .sign(issuer.key, SHA256())
    )


@pytest.mark.parametrize(
    ("number", "minutes", "newer"),
    [
        (2, 0, True),
        (2, 1, True),
        (1, 1, True),
        (1, 0, False),
        (0, 1, False),
        (None, 1, True),
        (None, 0, False),
    ],
)
def test_the_newest_list_stays(issuer, number, minutes, newer):
    """By its number, then by its date; by its date where there is no number."""

    def read(number, minutes):
        at = NOW - timedelta(hours=1) + timedelta(minutes=minutes)
        extensions = [] if number is None else [(x509.CRLNumber(number), False)]
        return read_list(crl(issuer, *extensions, last_update=at), issuer.certificate, now=NOW)

    assert read(number, minutes).replaces(read(1, 0)) == newer
