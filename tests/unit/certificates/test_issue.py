"""What our CA signs, and what it does not."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import ocppsec.certificates
from ocppsec.certificates import signing
from ocppsec.certificates.content import builder_for
from ocppsec.certificates.facts import facts_of, names, public_key_sha256
from ocppsec.certificates.issue import (
    Authority,
    IssueFailed,
    LintFailed,
    issue_server_certificate,
    issue_station_certificate,
)
from ocppsec.certificates.keys import KeyFamily
from ocppsec.certificates.lint import Finding, Kind, lint
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.certificates.request import Expected, check_request

SERIAL = (1 << 150) + 1


class CountsSignatures:
    """Stands in for a CA key, for as long as nobody signs with it."""

    def __init__(self, key):
        self.key = key
        self.curve = key.curve
        self.signed = 0

    def public_key(self):
        return self.key.public_key()

    def sign(self, *args):
        self.signed += 1
        return self.key.sign(*args)


ec.EllipticCurvePrivateKey.register(CountsSignatures)


@pytest.fixture
def station(hierarchy, approve, now):
    def station(key, authority=None, **changed):
        return issue_station_certificate(
            approve(key), authority or hierarchy.stations, **({"now": now, "serial": SERIAL} | changed)
        )

    return station


@pytest.fixture
def server(hierarchy, now):
    def server(key, hostname="csms.example", authority=None):
        return issue_server_certificate(
            key.public_key(),
            authority or hierarchy.servers,
            hostname=hostname,
            organization="Example CSO",
            now=now,
            serial=SERIAL,
        )

    return server


def openssl_verify(tmp_path: Path, root: x509.Certificate, chain: str, *options: str) -> str:
    (tmp_path / "root.pem").write_text(write_chain((root,)))
    (tmp_path / "chain.pem").write_text(chain)
    files = ("-CAfile", "root.pem", "-untrusted", "chain.pem", "chain.pem")
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", *options, "-attime", "1795348800", *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("family", list(KeyFamily))
def test_openssl_accepts_what_we_issue_to_stations(key_of, station, hierarchy, tmp_path, family):
    """LESSONS 7: RSA and EC requests under our ECDSA CA, judged by somebody else."""
    issued = station(key_of(family))
    said = openssl_verify(tmp_path, hierarchy.root.certificate, issued.chain_pem, "-purpose", "sslclient")
    assert said == "chain.pem: OK\n"
    said = openssl_verify(tmp_path, hierarchy.root.certificate, issued.chain_pem, "-purpose", "sslserver")
    assert "unsuitable certificate purpose" in said  # a station can never play the CSMS


@pytest.mark.parametrize("family", [KeyFamily.EC_P256, KeyFamily.RSA_2048])
def test_openssl_accepts_what_we_issue_to_the_server(key_of, server, hierarchy, tmp_path, family):
    """Both kinds of key under the one root, for the name that stations dial."""
    issued = server(key_of(family))
    root = hierarchy.root.certificate
    options = ("-purpose", "sslserver", "-verify_hostname")
    assert openssl_verify(tmp_path, root, issued.chain_pem, *options, "csms.example") == "chain.pem: OK\n"
    assert "hostname mismatch" in openssl_verify(tmp_path, root, issued.chain_pem, *options, "other.example")


@pytest.mark.parametrize(
    ("hostname", "alternatives"),
    [
        pytest.param("csms.example", ["csms.example"], id="name"),
        pytest.param("10.1.2.3", ["10.1.2.3"], id="IPv4"),
        pytest.param("::1", ["::1"], id="IPv6"),
        pytest.param("localhost", ["localhost", "127.0.0.1", "::1"], id="laboratory"),
    ],
)
def test_a_server_is_named_twice(server, station_key, hostname, alternatives):
    """A00.FR.510: CN = FQDN; the same name again where TLS libraries look."""
    certificate = server(station_key, hostname).certificate
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in found] == alternatives
    assert names(certificate.subject, NameOID.COMMON_NAME) == (hostname,)


@pytest.mark.parametrize("hostname", ["h" * 65 + ".example", "bücher.example", ""])
def test_a_host_name_that_no_certificate_can_carry_is_refused(server, station_key, hostname):
    """In words, not with an exception of a library."""
    with pytest.raises(IssueFailed):
        server(station_key, hostname)


@pytest.mark.parametrize("vector", ["csr-like-everest.pem", "csr-wants-server.pem"])
def test_nothing_is_copied_from_a_request_but_the_key(hierarchy, now, vectors, vector):
    """LESSONS 6: subject, extensions, serial number and validity are ours."""
    text = (vectors / vector).read_text()
    approved = check_request(text, Expected(serial_number="CP-0001", organization="Example CSO"))
    issued = issue_station_certificate(approved, hierarchy.stations, now=now, serial=SERIAL)
    certificate = issued.certificate
    assert issued.subject == "CN=CP-0001,O=Example CSO"
    assert certificate.public_key() == x509.load_pem_x509_csr(text.encode()).public_key()
    assert certificate.serial_number == SERIAL
    assert {type(extension.value) for extension in certificate.extensions} == {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
        x509.ExtendedKeyUsage,
    }
    assert lint(certificate, Kind.STATION) == ()


def test_what_is_issued_is_described_truly(station, station_key, hierarchy):
    """The values for the records are those in the certificate; the chain is leaf, CA, and no root."""
    issued = station(station_key)
    assert read_certificates(issued.chain_pem) == (issued.certificate, hierarchy.stations.certificate)
    assert "\r" not in issued.chain_pem
    assert len(issued.chain_pem) < 10_000
    facts = facts_of(issued.certificate)
    assert (issued.fingerprint, issued.serial_number) == (facts.fingerprint, facts.serial_number)
    assert issued.public_key_sha256 == public_key_sha256(issued.certificate.public_key())
    assert (issued.not_before, issued.not_after) == (facts.not_before, facts.not_after)
    assert issued.serial_number == f"{SERIAL:X}"


def test_a_leaf_begins_an_hour_ago_and_lasts_ninety_days(station, station_key, now):
    """LESSONS, stations in the field 10: the clocks of stations are late."""
    issued = station(station_key)
    assert issued.not_before == now.replace(microsecond=0) - timedelta(hours=1)
    assert issued.not_after == now.replace(microsecond=0) + timedelta(days=90)


def test_a_leaf_never_outlives_its_issuer(station, station_key, hierarchy):
    """Ten days before the CA ends, ten days is all there is; afterwards there is nothing."""
    end = hierarchy.stations.certificate.not_valid_after_utc
    assert station(station_key, now=end - timedelta(days=10)).not_after == end
    with pytest.raises(IssueFailed, match="expired"):
        station(station_key, now=end)


def test_a_leaf_never_begins_before_its_issuer(station, station_key, hierarchy):
    """A chain whose leaf is older than its issuer confuses verifiers."""
    begin = hierarchy.stations.certificate.not_valid_before_utc
    assert station(station_key, now=begin + timedelta(minutes=5)).not_before == begin


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=-1)])
def test_a_lifetime_has_to_be_one(station, station_key, lifetime):
    """Nothing is signed that is never valid."""
    with pytest.raises(IssueFailed, match="lifetime"):
        station(station_key, lifetime=lifetime)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        pytest.param({"serial": 4095}, "serial-number", id="serial number one can guess"),
        pytest.param({"lifetime": timedelta(days=500)}, "lifetime", id="too long"),
    ],
)
def test_what_the_lint_finds_is_never_signed_by_the_real_key(station, station_key, hierarchy, changed, rule):
    """The rehearsal fails; the CA's key was not touched."""
    key = CountsSignatures(hierarchy.stations.key)
    with pytest.raises(LintFailed) as failed:
        station(station_key, replace(hierarchy.stations, key=key), **changed)
    assert [finding.rule for finding in failed.value.findings] == [rule]
    assert key.signed == 0


def test_the_lint_is_asked_each_time(station, station_key, hierarchy, monkeypatch):
    """Whatever it finds stops the real signature; without findings there is exactly one."""
    key = CountsSignatures(hierarchy.stations.key)
    authority = replace(hierarchy.stations, key=key)
    station(station_key, authority)
    assert key.signed == 1
    monkeypatch.setattr(signing, "lint", lambda *_: (Finding("any", "none", "found"),))
    with pytest.raises(LintFailed, match="any \\(none\\): found"):
        station(station_key, authority)
    assert key.signed == 1


def test_each_ca_issues_for_its_own_purpose_only(station, server, station_key, hierarchy):
    """The profile 3 door trusts whatever the station-issuing CA ever signed."""
    for wrong in (hierarchy.servers, hierarchy.root):
        with pytest.raises(IssueFailed, match="issues no station certificates"):
            station(station_key, wrong)
    with pytest.raises(IssueFailed, match="issues no server certificates"):
        server(station_key, authority=hierarchy.stations)


def test_a_ca_whose_key_is_not_its_own_issues_nothing(station, station_key, hierarchy):
    """Files mixed up on the disk are noticed before a station gets a certificate nobody verifies."""
    with pytest.raises(IssueFailed, match="does not belong"):
        station(station_key, replace(hierarchy.stations, key=hierarchy.servers.key))


class SignsOtherThings:
    """A builder that does not sign what it was built for."""

    def __init__(self, *builders):
        self.builders = iter(builders)

    def sign(self, *args):
        return next(self.builders).sign(*args)


def test_what_is_signed_is_what_was_rehearsed(station, station_key, hierarchy, now, monkeypatch):
    """Between rehearsal and signature nothing may change, not even into something that is as good."""
    monkeypatch.setattr(
        signing,
        "builder_for",
        lambda content, ca: SignsOtherThings(
            builder_for(content, ca), builder_for(replace(content, serial=SERIAL + 1), ca)
        ),
    )
    with pytest.raises(IssueFailed, match="not what was rehearsed"):
        station(station_key)


def test_what_is_signed_holds_the_key_that_was_asked_for(station, station_key, rsa_key, monkeypatch):
    """Whatever mixed them up, the station of one key never gets the certificate of another."""
    other = rsa_key.public_key()
    monkeypatch.setattr(
        signing, "builder_for", lambda content, ca: builder_for(replace(content, key=other), ca)
    )
    with pytest.raises(IssueFailed, match="another key"):
        station(station_key)


def test_keys_are_not_in_representations(hierarchy):
    """A log of the whole hierarchy shows no key."""
    assert "key=" not in repr(hierarchy)
    assert isinstance(hierarchy.root, Authority)


def test_only_signing_signs_certificates():
    """House rule: the CA's key is used in one module, a station's own and an OCSP responder's in one each.

    `tokens` and `token_keys` are how a token signs, not who asks it to.
    """
    room = Path(ocppsec.certificates.__file__).parent
    assert {path.name for path in room.glob("*.py") if ".sign(" in path.read_text()} == {
        "ocsp.py",
        "signing.py",
        "signing_request.py",
        "token_keys.py",
        "tokens.py",
    }


def test_the_hierarchy_is_as_designed(hierarchy, now):
    """One root of 20 years without a path length, two CAs of 6 years with path length 0; all linted."""
    root, years = hierarchy.root.certificate, timedelta(days=365.25)
    assert lint(root, Kind.ROOT) == ()
    assert lint(hierarchy.stations.certificate, Kind.STATION_ISSUER) == ()
    assert lint(hierarchy.servers.certificate, Kind.SERVER_ISSUER) == ()
    assert abs(root.not_valid_after_utc - now - 20 * years) < timedelta(days=2)
    for authority in (hierarchy.stations, hierarchy.servers):
        assert abs(authority.certificate.not_valid_after_utc - now - 6 * years) < timedelta(days=2)
        authority.certificate.verify_directly_issued_by(root)
    assert len({a.certificate.subject for a in (hierarchy.root, hierarchy.stations, hierarchy.servers)}) == 3
