"""What we issue is linted by somebody else: pkilint, in an environment of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates import ocsp
from ocppsec.certificates.content import Pointers
from ocppsec.certificates.crl import Entry, crl_builder, next_issue
from ocppsec.certificates.hierarchy import Hierarchy, create_hierarchy, new_authority_key
from ocppsec.certificates.issue import (
    Authority,
    issue_responder_certificate,
    issue_server_certificate,
    issue_station_certificate,
    sign_crl,
)
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.pem import write_chain
from ocppsec.certificates.request import ApprovedRequest, Expected, check_request
from ocppsec.certificates.signing_request import make_request

PKILINT = "pkilint==0.13.3"
CACHE = Path(__file__).parents[2] / ".cache" / "pkilint"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SERIOUS = frozenset({"ERROR", "FATAL"})

EXPLAINED = {
    ("server localhost", "pkix.invalid_domain_name_syntax"): (
        "A00.FR.510 wants the name that stations dial; in a laboratory that is localhost, which is no FQDN"
    ),
}
"""Serious findings that we live with: (certificate, code) -> the requirement behind it."""


@pytest.fixture(scope="session")
def linter() -> Path:
    """The directory of pkilint's commands, installed once; skipped where it cannot be."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        ready = CACHE / "ready"
        if not ready.exists() or ready.read_text() != PKILINT:
            install(ready)
    return CACHE / "venv" / "bin"


def install(ready: Path) -> None:
    shutil.rmtree(CACHE / "venv", ignore_errors=True)
    pip = [
        CACHE / "venv" / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    try:
        for command in ([sys.executable, "-m", "venv", CACHE / "venv"], [*pip, PKILINT]):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{PKILINT} cannot be installed: {error.stderr.strip()[-300:]}")
    except subprocess.TimeoutExpired as error:
        pytest.skip(f"{PKILINT} cannot be installed: {error}")
    ready.write_text(PKILINT)


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return create_hierarchy(organization="Example CSO", now=NOW)


def station(hierarchy: Hierarchy, family: KeyFamily, *, pointers: Pointers | None = None) -> x509.Certificate:
    csr = make_request(new_key(family), common_name="CP-0001", organization="Example CSO")
    approved = check_request(csr, Expected(serial_number="CP-0001", organization="Example CSO"))
    assert isinstance(approved, ApprovedRequest)
    serial = x509.random_serial_number()
    return issue_station_certificate(
        approved, hierarchy.stations, now=NOW, serial=serial, pointers=pointers
    ).certificate


def responder(hierarchy: Hierarchy) -> ocsp.Responder:
    key = new_authority_key()
    certificate = issue_responder_certificate(
        key.public_key(),
        hierarchy.stations,
        now=NOW,
        lifetime=ocsp.RESPONDER_LIFETIME,
        serial=x509.random_serial_number(),
    )
    return ocsp.Responder(issuer=hierarchy.stations.certificate, certificate=certificate, key=key)


def server(hierarchy: Hierarchy, family: KeyFamily, hostname: str) -> x509.Certificate:
    return issue_server_certificate(
        new_key(family).public_key(),
        hierarchy.servers,
        hostname=hostname,
        organization="Example CSO",
        now=NOW,
        serial=x509.random_serial_number(),
    ).certificate


Make = Callable[[Hierarchy], tuple[x509.Certificate, Authority]]
CERTIFICATES: dict[str, Make] = {
    "root": lambda h: (h.root.certificate, h.root),
    "station-issuing CA": lambda h: (h.stations.certificate, h.root),
    "server-issuing CA": lambda h: (h.servers.certificate, h.root),
    "station EC": lambda h: (station(h, KeyFamily.EC_P256), h.stations),
    "station EC P-384": lambda h: (station(h, KeyFamily.EC_P384), h.stations),
    "station RSA": lambda h: (station(h, KeyFamily.RSA_2048), h.stations),
    "station with pointers": lambda h: (
        station(h, KeyFamily.EC_P256, pointers=Pointers.under("http://pki.example.com")),
        h.stations,
    ),
    "OCSP responder": lambda h: (responder(h).certificate, h.stations),
    "server EC": lambda h: (server(h, KeyFamily.EC_P256, "csms.example.com"), h.servers),
    "server RSA": lambda h: (server(h, KeyFamily.RSA_2048, "csms.example.com"), h.servers),
    "server localhost": lambda h: (server(h, KeyFamily.EC_P256, "localhost"), h.servers),
    "server at an address": lambda h: (server(h, KeyFamily.EC_P256, "10.1.2.3"), h.servers),
}


def findings(linter: Path, tool: str, *certificates: str | Path) -> set[str]:
    """Codes of the serious findings."""
    done = subprocess.run(
        [linter / tool, "lint", "-s", "INFO", "-f", "JSON", *certificates],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip(), done.stderr
    results = json.loads(done.stdout)["results"]
    return {
        str(finding["code"])
        for result in results
        for finding in result["finding_descriptions"]
        if finding["severity"] in SERIOUS
    }


def saved(directory: Path, name: str, certificate: x509.Certificate) -> Path:
    path = directory / name
    path.write_text(write_chain((certificate,)))
    return path


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_foreign_linter_finds_nothing_serious_that_is_not_explained(linter, hierarchy, tmp_path, name):
    """Alone and together with its issuer (RFC 5280): no ERROR, no FATAL but those in the table, and all of those."""
    certificate, issuer = CERTIFICATES[name](hierarchy)
    subject = saved(tmp_path, "subject.pem", certificate)
    above = saved(tmp_path, "issuer.pem", issuer.certificate)
    found = findings(linter, "lint_pkix_cert", subject)
    found |= findings(linter, "lint_pkix_signer_signee_cert_chain", above, subject)
    assert found == {code for which, code in EXPLAINED if which == name}


@pytest.mark.parametrize("count", [0, 3])
def test_a_crl(linter, hierarchy, tmp_path, count):
    """Empty and with entries of every kind of reason: nothing serious by RFC 5280."""
    entries = [
        Entry(serial_number=2**150 + n, revoked_at=NOW, reason=reason)
        for n, reason in enumerate(("keyCompromise", "unspecified", "superseded")[:count])
    ]
    issue = next_issue(None, NOW)
    der = sign_crl(crl_builder(hierarchy.stations.certificate, entries, issue), hierarchy.stations)
    path = tmp_path / "stations.crl"
    path.write_bytes(der)
    assert findings(linter, "lint_crl", "-t", "CRL", "-p", "PKIX", path) == set()


@pytest.mark.parametrize(
    "status",
    [ocsp.Good(), ocsp.Unknown(), ocsp.Revoked(NOW, "keyCompromise")],
    ids=["good", "unknown", "revoked"],
)
def test_an_ocsp_response(linter, hierarchy, tmp_path, status):
    """Whatever it says: nothing serious by RFC 6960."""
    builder = x509.ocsp.OCSPRequestBuilder().add_certificate(
        station(hierarchy, KeyFamily.EC_P256), hierarchy.stations.certificate, SHA256()
    )
    question = ocsp.read_question(builder.build().public_bytes(Encoding.DER))
    path = tmp_path / "response.der"
    path.write_bytes(ocsp.answer(question, status, responder(hierarchy), now=NOW))
    assert findings(linter, "lint_ocsp_response", path) == set()


def test_the_foreign_linter_is_not_deaf(linter, hierarchy, tmp_path):
    """A leaf without key identifiers and with an empty subject is found."""
    name = x509.Name([])
    bad = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(hierarchy.stations.certificate.subject)
        .public_key(new_key(KeyFamily.EC_P256).public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW.replace(year=2027))
        .sign(hierarchy.stations.key, SHA256())
    )
    assert findings(linter, "lint_pkix_cert", saved(tmp_path, "bad.pem", bad))
