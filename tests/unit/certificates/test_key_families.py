"""Keys of two families, CA and leaf mixed freely; OpenSSL is the judge."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.certificates import crl, ocsp
from ocppsec.certificates.content import Pointers
from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import (
    issue_responder_certificate,
    issue_server_certificate,
    issue_station_certificate,
    sign_crl,
)
from ocppsec.certificates.keys import KeyFamily, family_of
from ocppsec.certificates.lint import Kind, lint
from ocppsec.certificates.pem import CERTIFICATE_LIMIT, CHAIN_LIMIT, write_chain
from ocppsec.certificates.verify import verify_chain

AUTHORITIES = [KeyFamily.EC_P256, KeyFamily.EC_P384, KeyFamily.RSA_2048, KeyFamily.RSA_3072]
AT = "1795348800"


@pytest.fixture(scope="module", params=AUTHORITIES)
def authorities(request, key_of, now):
    """A hierarchy all of whose keys are of one family; one key for all three, as large ones take long."""
    key = key_of(request.param)
    return create_hierarchy(organization="Example CSO", now=now, keys=lambda: key)


def openssl(tmp_path, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def files(tmp_path, authorities, now):
    """Root, station CA and a list of revoked certificates, as files."""

    def write(*revoked):
        (tmp_path / "root.pem").write_text(write_chain((authorities.root.certificate,)))
        (tmp_path / "stations.pem").write_text(write_chain((authorities.stations.certificate,)))
        entries = [crl.Entry(serial_number=one, revoked_at=now, reason="keyCompromise") for one in revoked]
        builder = crl.crl_builder(authorities.stations.certificate, entries, crl.next_issue(None, now))
        (tmp_path / "list.der").write_bytes(sign_crl(builder, authorities.stations))
        openssl(tmp_path, "crl", "-inform", "DER", "-in", "list.der", "-out", "list.pem")
        return tmp_path

    return write


@pytest.mark.parametrize("family", list(KeyFamily))
def test_openssl_accepts_every_mixture_until_it_is_revoked(authorities, files, key_of, approve, now, family):
    """`openssl verify -crl_check`, strictly; the same certificate on the list is refused."""
    issued = issue_station_certificate(
        approve(key_of(family)), authorities.stations, now=now, serial=(1 << 150) + 1
    )
    here = files()
    (here / "leaf.pem").write_text(write_chain((issued.certificate,)))
    verify = ["verify", "-x509_strict", "-crl_check", "-attime", AT, "-purpose", "sslclient"]
    verify += ["-CAfile", "root.pem", "-untrusted", "stations.pem", "-CRLfile", "list.pem", "leaf.pem"]
    assert openssl(here, *verify) == "leaf.pem: OK\n"
    files((1 << 150) + 1)
    assert "certificate revoked" in openssl(here, *verify)
    assert family_of(issued.certificate.public_key()) is family


def test_the_station_accepts_every_ca(authorities, key_of, approve, now):
    """Our own station verifies its new chain as it would install it."""
    key = key_of(KeyFamily.RSA_2048)
    issued = issue_station_certificate(approve(key), authorities.stations, now=now, serial=1 << 150)
    found = verify_chain(
        issued.chain_pem,
        roots=(authorities.root.certificate,),
        now=now,
        common_name="CP-0001",
        organization="Example CSO",
        public_key=key.public_key(),
    )
    assert found.leaf == issued.certificate


def test_every_certificate_keeps_the_rules(authorities, key_of, now):
    """The lint asks the same of all families; the hash follows the key."""
    for authority, kind in (
        (authorities.root, Kind.ROOT),
        (authorities.stations, Kind.STATION_ISSUER),
        (authorities.servers, Kind.SERVER_ISSUER),
    ):
        assert lint(authority.certificate, kind) == ()
    of_p384 = family_of(authorities.root.certificate.public_key()) is KeyFamily.EC_P384
    assert authorities.stations.certificate.signature_hash_algorithm.name == (
        "sha384" if of_p384 else "sha256"
    )
    server = issue_server_certificate(
        key_of(KeyFamily.RSA_2048).public_key(),
        authorities.servers,
        hostname="csms.example",
        organization="Example CSO",
        now=now,
        serial=1 << 150,
    )
    assert lint(server.certificate, Kind.SERVER) == ()


@pytest.mark.skipif(shutil.which("certtool") is None, reason="needs GnuTLS's certtool (apt: gnutls-bin)")
def test_gnutls_accepts_every_ca(authorities, files, key_of, approve):
    """Another judge, with the list of revoked certificates."""
    now = datetime.now(UTC)
    issued = issue_station_certificate(
        approve(key_of(KeyFamily.RSA_2048)), authorities.stations, now=now, serial=(1 << 150) + 1
    )
    here = files()
    (here / "chain.pem").write_text(issued.chain_pem)
    done = subprocess.run(
        ["certtool", "--verify", "--load-ca-certificate", "root.pem", "--load-crl", "list.pem", "--infile", "chain.pem"],
        cwd=here, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "Checked against CRL" in done.stdout
    assert "Chain verification output: Verified. The certificate is trusted." in done.stdout


def test_the_largest_chain_fits_into_its_message(key_of, approve, now):
    """RSA 4096 everywhere, with pointers: CertificateSigned takes 10,000 characters, InstallCertificate 5,500."""
    key = key_of(KeyFamily.RSA_4096)
    authorities = create_hierarchy(organization="Example CSO", now=now, keys=lambda: key)
    issued = issue_station_certificate(
        approve(key),
        authorities.stations,
        now=now,
        serial=1 << 150,
        pointers=Pointers.under(f"http://{'pki.' * 40}example.com"),
    )
    assert len(issued.chain_pem) <= CHAIN_LIMIT
    assert len(write_chain((authorities.root.certificate,))) <= CERTIFICATE_LIMIT


@pytest.mark.parametrize("family", [KeyFamily.EC_P256, KeyFamily.RSA_2048])
def test_openssl_accepts_the_answer_of_a_responder(authorities, files, key_of, approve, family):
    """OCSP: the responder's certificate comes from that CA, and its own key may be of another family."""
    now = datetime.now(UTC)
    leaf = issue_station_certificate(
        approve(key_of(KeyFamily.EC_P256)), authorities.stations, now=now, serial=(1 << 150) + 5
    )
    here = files()
    (here / "leaf.pem").write_text(write_chain((leaf.certificate,)))
    asked = ["ocsp", "-no_nonce", "-issuer", "stations.pem", "-cert", "leaf.pem"]
    openssl(here, *asked, "-reqout", "question.der")
    key = key_of(family)
    certificate = issue_responder_certificate(
        key.public_key(), authorities.stations, now=now, lifetime=timedelta(days=30), serial=1 << 151
    )
    responder = ocsp.Responder(issuer=authorities.stations.certificate, certificate=certificate, key=key)
    question = ocsp.read_question((here / "question.der").read_bytes())
    assert ocsp.is_about(question, responder)
    (here / "answer.der").write_bytes(ocsp.answer(question, ocsp.Good(), responder, now=now))
    said = openssl(here, *asked, "-CAfile", "root.pem", "-respin", "answer.der")
    assert "Response verify OK" in said
    assert "leaf.pem: good" in said
