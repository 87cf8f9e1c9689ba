"""A root whose key is on another machine: what is believed of the files that go and come."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ocppsec.certificates import hierarchy as build
from ocppsec.certificates.authority_directory import (
    ISSUERS,
    AuthorityDamaged,
    AuthorityDirectory,
    NotCertifiedYet,
)
from ocppsec.certificates.custody import Custody, keep_elsewhere
from ocppsec.certificates.issue import IssueFailed, KeyElsewhere, issue_authority, issue_root, sign_crl
from ocppsec.certificates.keys import KeyFamily
from ocppsec.certificates.lint import Kind, lint
from ocppsec.certificates.offline_root import FileRefused, read_answer, read_issuer_request
from ocppsec.certificates.pem import write_chain
from ocppsec.certificates.signing_request import make_authority_request, make_request

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def online(tmp_path, now):
    """The machine without the root's key."""
    ca = tmp_path / "online"
    ca.mkdir(mode=0o700)
    keep_elsewhere(ca / "root.key")
    return AuthorityDirectory(ca, custody=Custody(), now=now, serials=x509.random_serial_number)


@pytest.fixture
def root(now):
    """On the machine with it."""
    key = build.new_authority_key()
    return build.create_root(key, organization="Example CSO", now=now, serial=1 << 150)


@pytest.fixture
def key():
    return build.new_authority_key()


@pytest.fixture
def judged(root, key, now):
    """Judge what came back for the CA of stations."""

    def judged(*certificates, present=None):
        keys = {"stations": (key.public_key(), Kind.STATION_ISSUER)}
        return read_answer([write_chain(certificates).encode()], root=present, keys=keys, now=now)

    return judged


@pytest.fixture
def certified(root, key, now):
    def certified(kind=Kind.STATION_ISSUER, by=root, of=key, at=now, lifetime=build.ISSUER_LIFETIME):
        return issue_authority(
            by,
            of.public_key(),
            kind,
            common_name="Charging Station CA",
            organization="Example CSO",
            now=at,
            lifetime=lifetime,
            serial=(1 << 150) + 1,
        )

    return certified


def request(key, kind, **changed):
    known = {"common_name": "CA", "organization": "Example CSO"}
    return make_authority_request(key, kind, **(known | changed)).encode()


@pytest.mark.parametrize("family", [KeyFamily.EC_P256, KeyFamily.RSA_2048])
@pytest.mark.parametrize("name", list(ISSUERS))
def test_a_request_is_read_as_it_was_made(key_of, name, family):
    """Kind and key, and nothing else that it says."""
    found = read_issuer_request(request(key_of(family), ISSUERS[name]))
    assert found.kind is ISSUERS[name]
    assert found.key == key_of(family).public_key()


def changed_request(key, *extensions, signer=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer or key, SHA256()).public_bytes(Encoding.PEM)


CA = x509.BasicConstraints(ca=True, path_length=0)
CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
BOTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda key: b"rubbish", "no request", id="rubbish"),
        pytest.param(lambda key: request(key, Kind.STATION_ISSUER) * 2, "no request", id="two"),
        pytest.param(lambda key: make_request(key, common_name="CP-1", organization="O").encode(), "which CA", id="a station's"),
        pytest.param(lambda key: changed_request(key, CA), "which CA", id="no purpose"),
        pytest.param(lambda key: changed_request(key, CLIENT), "which CA", id="no CA"),
        pytest.param(lambda key: changed_request(key, CA, BOTH), "not for a CA", id="two purposes"),
        pytest.param(lambda key: changed_request(key, x509.BasicConstraints(ca=False, path_length=None), CLIENT), "not for a CA", id="not a CA"),
    ],
)  # fmt: skip
def test_a_request_is_refused(key, make, words):
    """It has to be that of one of our two issuing CAs."""
    with pytest.raises(FileRefused, match=words):
        read_issuer_request(make(key))


def test_a_request_that_was_changed_on_its_way_is_refused(key):
    """Its signature shows who has the key."""
    der = bytearray(x509.load_pem_x509_csr(request(key, Kind.STATION_ISSUER)).public_bytes(Encoding.DER))
    der[-1] ^= 1
    with pytest.raises(FileRefused, match="signature"):
        read_issuer_request(x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM))


def test_a_weak_key_is_refused(tmp_path):
    """A00.FR.502, before anything is signed."""
    config = "[req]\ndistinguished_name=d\nprompt=no\n[d]\nCN=x\n[e]\nbasicConstraints=CA:TRUE\nextendedKeyUsage=clientAuth\n"
    (tmp_path / "c").write_text(config)
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", "k", "-config", "c", "-reqexts", "e", "-out", "r"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(FileRefused, match="1024 bits"):
        read_issuer_request((tmp_path / "r").read_bytes())


def test_what_was_signed_elsewhere_is_taken_up(judged, root, certified):
    """With the root the first time, without it later."""
    issuer = certified()
    assert judged(root.certificate, issuer).issuers == {"stations": issuer}
    assert judged(issuer, present=root.certificate).root == root.certificate
    assert judged(issuer, root.certificate, issuer, present=root.certificate).issuers == {"stations": issuer}
    assert judged(root.certificate).issuers == {}


def test_nothing_without_the_root(judged, certified):
    with pytest.raises(FileRefused, match="bring it too"):
        judged(certified())


def test_another_root_is_refused(judged, root, certified, now):
    """Stations trust the one that is here."""
    other = build.create_root(build.new_authority_key(), organization="Example CSO", now=now, serial=1 << 150)
    with pytest.raises(FileRefused, match="another root"):
        judged(other.certificate, certified(by=other), present=root.certificate)
    with pytest.raises(FileRefused, match="not issued by the root"):
        judged(certified(by=other), present=root.certificate)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"of": build.new_authority_key()}, "none of our CAs", id="another key"),
        pytest.param({"kind": Kind.SERVER_ISSUER}, "purpose", id="the other purpose"),
        pytest.param({"at": timedelta(days=2)}, "the clock here says", id="not yet"),
        pytest.param({"at": timedelta(days=-9), "lifetime": timedelta(days=8)}, "the clock here says", id="ended"),
    ],
)  # fmt: skip
def test_an_answer_is_refused(judged, root, certified, now, change, words):
    """It would not do what it is for."""
    known = dict(change)
    by = root
    if "at" in known:
        known["at"] = now + known["at"]
        by = build.create_root(
            root.key, organization="Example CSO", now=now - timedelta(days=30), serial=1 << 151
        )
    with pytest.raises(FileRefused, match=words):
        judged(by.certificate, certified(by=by, **known))


@pytest.mark.parametrize(
    ("extension", "words"),
    [
        pytest.param({"constraints": (x509.BasicConstraints(ca=False, path_length=None), True)}, "basic-constraints", id="no CA"),
        pytest.param({"constraints": (x509.BasicConstraints(ca=True, path_length=None), True)}, "path-length", id="any path length"),
        pytest.param({"constraints": (x509.BasicConstraints(ca=True, path_length=0), False)}, "basic-constraints", id="not critical"),
        pytest.param({"purpose": None}, "purpose", id="any purpose"),
        pytest.param({"purpose": (BOTH, False)}, "purpose", id="both purposes"),
        pytest.param({"usage": None}, "key-usage", id="no key usage"),
        pytest.param({"subject_key": None}, "subject-key", id="no key identifier"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_a_rule_is_refused(judged, root, key, make_certificate, extension, words):
    """The lint of everything we issue ourselves, with the rule named."""
    certificate = make_certificate(Kind.STATION_ISSUER, key=key.public_key(), issuer=root, **extension)
    with pytest.raises(FileRefused, match=words):
        judged(root.certificate, certificate)


def test_an_answer_that_outlives_its_root_is_refused(judged, root, key, make_certificate, now):
    """Stations would go on trusting what hangs on nothing."""
    short = issue_root(
        root.key,
        common_name="Root",
        organization="Example CSO",
        now=now,
        lifetime=timedelta(days=30),
        serial=1 << 150,
    )
    certificate = make_certificate(Kind.STATION_ISSUER, key=key.public_key(), issuer=short)
    with pytest.raises(FileRefused, match="outlive its root"):
        judged(short.certificate, certificate)


def test_a_root_that_allows_no_ca_is_refused(judged, key, make_certificate, now):
    """Path length 0: our issuing CA would be one too many."""
    constraints = (x509.BasicConstraints(ca=True, path_length=0), True)
    signer = build.new_authority_key()
    root = make_certificate(
        Kind.ROOT, key=signer.public_key(), issuer=None, signer=signer, constraints=constraints
    )
    with pytest.raises(FileRefused, match="path length"):
        judged(root)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda make, key: make(key, not_after=NOW - timedelta(hours=1), not_before=NOW - timedelta(days=9)), "ended", id="ended"),
        pytest.param(lambda make, key: make(key, constraints=(x509.BasicConstraints(ca=False, path_length=None), True)), "may not issue", id="no CA"),
        pytest.param(lambda make, key: make(key, signer=build.new_authority_key()), "was not issued by", id="not self-signed"),
        pytest.param(lambda make, key: make(ec.generate_private_key(ec.SECP521R1())), "secp521r1", id="a curve that stations do not know"),
    ],
)  # fmt: skip
def test_a_root_that_stations_would_refuse_is_refused(judged, make_certificate, make, words):
    """What a station asks of a root in InstallCertificate, and our own key rules."""

    def root(key, signer=None, **more):
        return make_certificate(Kind.ROOT, key=key.public_key(), issuer=None, signer=signer or key, **more)

    with pytest.raises(FileRefused, match=f"the root: .*{words}"):
        judged(make(root, build.new_authority_key()))


def test_two_answers_for_one_ca_are_refused(judged, root, certified):
    with pytest.raises(FileRefused, match="two certificates"):
        judged(root.certificate, certified(), certified(lifetime=timedelta(days=99)))


def test_nothing_works_before_the_answer_and_everything_after(online, root, now, tmp_path):
    """The CSMS starts with certificates alone; the root's key is never asked for."""
    with pytest.raises(NotCertifiedYet, match=r"root\.pem is missing"):
        online.load_or_create("Example CSO")
    keys = {name: online.issuer_key(name) for name in ISSUERS}
    (tmp_path / "online" / "root.pem").write_text(write_chain((root.certificate,)))
    with pytest.raises(NotCertifiedYet, match="ocppsec ca request"):
        online.load_or_create("Example CSO")
    for name, key in keys.items():
        found = read_issuer_request(request(key, ISSUERS[name]))
        signed = build.certify_issuer(root, found.key, found.kind, now=now, serial=1 << 150)
        assert lint(signed, ISSUERS[name]) == ()
        (tmp_path / "online" / f"{name}.pem").write_text(write_chain((signed,)))
    hierarchy = online.load_or_create("Example CSO")
    assert hierarchy.root.key is None
    with pytest.raises(KeyElsewhere, match="not on this machine"):
        build.certify_issuer(
            hierarchy.root, keys["stations"].public_key(), Kind.STATION_ISSUER, now=now, serial=1 << 150
        )
    with pytest.raises(KeyElsewhere):
        sign_crl(x509.CertificateRevocationListBuilder(), hierarchy.root)
    with pytest.raises(NotCertifiedYet, match="request for stations"):
        online.renew_issuer("stations", hierarchy.root)


def test_only_the_roots_key_can_be_elsewhere(online, root, certified, tmp_path):
    """An issuing CA signs here every day."""
    (tmp_path / "online" / "root.pem").write_text(write_chain((root.certificate,)))
    keep_elsewhere(tmp_path / "online" / "stations.key")
    with pytest.raises(AuthorityDamaged, match="only the root's can be"):
        online.issuer_key("stations")
    (tmp_path / "online" / "stations.pem").write_text(write_chain((certified(by=root),)))
    with pytest.raises(AuthorityDamaged, match="only the root's can be"):
        online.load_or_create("Example CSO")


def test_a_lost_key_is_not_made_again_for_a_request(online, certified, tmp_path):
    """Its CA has certified stations: another key would be another CA."""
    (tmp_path / "online" / "stations.pem").write_text(write_chain((certified(),)))
    with pytest.raises(AuthorityDamaged, match="restore the key"):
        online.issuer_key("stations")


def test_a_ca_gets_a_later_certificate_for_its_key(tmp_path, now):
    """What it issued is verified by both; its name and its key stay; nothing outlives the root."""
    ca = tmp_path / "ca"
    ca.mkdir(mode=0o700)
    made = AuthorityDirectory(ca, custody=Custody(), now=now, serials=x509.random_serial_number)
    before = made.load_or_create("Example CSO")
    later = replace_now(made, now + timedelta(days=5 * 365))
    new = later.renew_issuer("stations", before.root)
    old = before.stations.certificate
    assert (new.subject, new.public_key()) == (old.subject, old.public_key())
    assert new.not_valid_after_utc > old.not_valid_after_utc + timedelta(days=4 * 365)
    assert later.load_or_create("Example CSO").stations.certificate == new
    at_the_end = replace_now(made, before.root.certificate.not_valid_after_utc - timedelta(days=400))
    last = at_the_end.renew_issuer("stations", before.root)
    assert last.not_valid_after_utc == before.root.certificate.not_valid_after_utc
    with pytest.raises(IssueFailed, match="no later than the old one"):
        at_the_end.renew_issuer("stations", before.root)


def replace_now(directory, now):
    return AuthorityDirectory(
        directory._directory, custody=Custody(), now=now, serials=x509.random_serial_number
    )
