"""Each rule of the lint, broken once."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA224
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ocppsec.certificates.lint import RULES, Kind, key_usage, lint

O, CN = NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME  # noqa: E741  as X.509 abbreviates it
DAY = timedelta(days=1)
ODD_KEY = ec.generate_private_key(ec.SECP256K1())
BY_NAME = x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(x509.Name([]))], 1)

HTTPS = x509.UniformResourceIdentifier("https://pki.example/x")
CRL_AT_HTTPS = x509.CRLDistributionPoints([x509.DistributionPoint([HTTPS], None, None, None)])
OCSP_AT_HTTPS = x509.AuthorityInformationAccess(
    [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, HTTPS)]
)

BROKEN = [
    pytest.param(Kind.STATION, {"serial": 1}, {"serial-number"}, id="serial of one bit"),
    pytest.param(Kind.STATION, {"not_after": 500 * DAY}, {"lifetime"}, id="500 days"),
    pytest.param(Kind.SERVER, {"not_after": 500 * DAY}, {"lifetime"}, id="server for 500 days"),
    pytest.param(Kind.STATION_ISSUER, {"not_after": 4000 * DAY}, {"lifetime"}, id="CA for 11 years"),
    pytest.param(Kind.ROOT, {"not_after": 11000 * DAY}, {"lifetime"}, id="root for 30 years"),
    pytest.param(Kind.STATION, {"key": ODD_KEY.public_key()}, {"key"}, id="secp256k1"),
    pytest.param(Kind.STATION, {"hash_algorithm": SHA224()}, {"hash"}, id="SHA-224"),
    pytest.param(Kind.STATION, {"subject": ((CN, "CP-0001"),)}, {"organization"}, id="no O"),
    pytest.param(Kind.STATION, {"subject": ((O, "A"), (O, "B"), (CN, "CP-0001"))}, {"organization"}, id="two O"),
    pytest.param(Kind.STATION, {"subject": ((O, " "), (CN, "CP-0001"))}, {"organization"}, id="empty O"),
    pytest.param(Kind.STATION, {"subject": ((O, "A"),)}, {"common-name"}, id="no CN"),
    pytest.param(Kind.STATION, {"subject": ((O, "A"), (CN, "a"), (CN, "b"))}, {"common-name"}, id="two CN"),
    pytest.param(Kind.STATION, {"subject": ((O, "A"), (CN, "S" * 26))}, {"station-name"}, id="CN of 26"),
    pytest.param(Kind.STATION, {"subject": ((O, "A"), (CN, "10.0.0.7"))}, {"station-name"}, id="CN is an address"),
    pytest.param(Kind.SERVER, {"subject": ((O, "A"), (CN, "other.example"))}, {"server-names"}, id="CN not in SAN"),
    pytest.param(Kind.SERVER, {"alternatives": None}, {"server-names"}, id="no SAN"),
    pytest.param(Kind.STATION, {"constraints": None}, {"basic-constraints"}, id="no constraints"),
    pytest.param(Kind.STATION, {"constraints": (x509.BasicConstraints(False, None), False)}, {"basic-constraints"}, id="constraints not critical"),
    pytest.param(Kind.STATION, {"constraints": (x509.BasicConstraints(True, None), True)}, {"basic-constraints"}, id="leaf is a CA"),
    pytest.param(Kind.STATION_ISSUER, {"constraints": (x509.BasicConstraints(False, None), True)}, {"basic-constraints", "path-length"}, id="CA is none"),
    pytest.param(Kind.STATION_ISSUER, {"constraints": (x509.BasicConstraints(True, 1), True)}, {"path-length"}, id="CA may make CAs"),
    pytest.param(Kind.ROOT, {"constraints": (x509.BasicConstraints(True, 1), True)}, {"path-length"}, id="no room for a cross-signed root"),
    pytest.param(Kind.STATION, {"usage": None}, {"key-usage"}, id="no key usage"),
    pytest.param(Kind.STATION, {"usage": (key_usage(Kind.STATION, rsa_key=False), False)}, {"key-usage"}, id="usage not critical"),
    pytest.param(Kind.STATION, {"usage": (key_usage(Kind.STATION, rsa_key=True), True)}, {"key-usage"}, id="EC key transports keys"),
    pytest.param(Kind.STATION, {"purpose": None}, {"purpose"}, id="good for any purpose"),
    pytest.param(Kind.STATION, {"purpose": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), False)}, {"purpose"}, id="client and server"),
    pytest.param(Kind.ROOT, {"purpose": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)}, {"purpose"}, id="root with a purpose"),
    pytest.param(Kind.STATION, {"subject_key": None}, {"subject-key-identifier"}, id="no SKI"),
    pytest.param(Kind.STATION, {"subject_key": (x509.SubjectKeyIdentifier(b"other"), False)}, {"subject-key-identifier"}, id="SKI of another key"),
    pytest.param(Kind.STATION, {"not_after": -DAY / 24}, {"lifetime"}, id="ends when it begins"),
    pytest.param(Kind.STATION, {"authority_key": (BY_NAME, False)}, {"authority-key-identifier"}, id="AKI by name only"),
    pytest.param(Kind.STATION, {"authority_key": None}, {"authority-key-identifier"}, id="no AKI"),
    pytest.param(Kind.STATION, {"odd": (x509.SubjectAlternativeName([x509.DNSName("CP-0001")]), False)}, {"extensions"}, id="station with SAN"),
    pytest.param(Kind.SERVER, {"odd": (x509.OCSPNoCheck(), False)}, {"extensions"}, id="an extension of no plan"),
    pytest.param(Kind.OCSP_RESPONDER, {"no_check": None}, {"no-check"}, id="responder to be checked itself"),
    pytest.param(Kind.OCSP_RESPONDER, {"not_after": 90 * DAY}, {"lifetime"}, id="responder for 90 days"),
    pytest.param(Kind.STATION, {"odd": (x509.OCSPNoCheck(), False)}, {"extensions"}, id="station that is not to be checked"),
    pytest.param(Kind.SERVER, {"odd": (CRL_AT_HTTPS, False)}, {"extensions"}, id="server with a CRL"),
    pytest.param(Kind.STATION, {"odd": (CRL_AT_HTTPS, False)}, {"pointers"}, id="CRL over TLS"),
    pytest.param(Kind.STATION, {"odd": (OCSP_AT_HTTPS, False)}, {"pointers"}, id="OCSP over TLS"),
    pytest.param(Kind.STATION, {"issuer": None}, {"self-issued"}, id="signed by itself"),
]  # fmt: skip


@pytest.fixture
def make(make_certificate, hierarchy, station_key, now):
    def make(kind, changed):
        issuer = {Kind.SERVER: hierarchy.servers, Kind.STATION: hierarchy.stations}.get(kind, hierarchy.root)
        known = {"key": station_key.public_key(), "issuer": None if kind is Kind.ROOT else issuer}
        changed = {name: now + x if isinstance(x, timedelta) else x for name, x in changed.items()}
        signer = station_key if (known | changed)["issuer"] is None else None
        return make_certificate(kind, signer=signer, **(known | changed))

    return make


@pytest.mark.parametrize("kind", list(Kind))
def test_a_certificate_as_designed_has_no_finding(make, kind):
    """So that a finding in the table below is due to what was changed."""
    assert lint(make(kind, {}), kind) == ()


@pytest.mark.parametrize(("kind", "changed", "rules"), BROKEN)
def test_a_rule_is_broken_and_named(make, kind, changed, rules):
    """Exactly the rule that was broken is found, with its requirement and in words."""
    findings = lint(make(kind, changed), kind)
    assert {finding.rule for finding in findings} == rules
    assert all(finding.requirement and finding.text for finding in findings)


def test_every_rule_is_in_the_table():
    """A rule without a certificate that breaks it may be dead.  No library makes version 1 any more."""
    broken = set().union(*(row.values[2] for row in BROKEN))
    assert {rule.name for rule in RULES} - broken == {"version"}


def test_version_1_is_found():
    """A certificate of the last century, as far as the rule looks at it."""

    class OfVersion1:
        version = x509.Version.v1

    (rule,) = (rule for rule in RULES if rule.name == "version")
    assert rule.check(OfVersion1(), Kind.STATION) == "version v1"
