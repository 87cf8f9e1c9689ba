"""Two hierarchies side by side on the disk: what a kill may leave behind, and what is served of which."""

import contextlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates import generations
from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.custody import keep_elsewhere
from ocppsec.certificates.files import load_or_create, prepare, set_aside
from ocppsec.certificates.generations import Turn, begin_promotion
from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.lint import Kind, lint
from ocppsec.certificates.pem import read_certificates, write_chain

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(days=90)


@pytest.fixture
def state(tmp_path):
    load(tmp_path / "state")
    prepare(tmp_path / "state", organization="CSO", now=NOW)
    return tmp_path / "state"


def load(state, turn=None, now=NOW):
    return load_or_create(state, organization="CSO", hostname="csms.example", now=now, turn=turn)


def sent(files):
    """Each chain that is served, leaf first."""
    return [
        read_certificates(path.read_bytes()[path.read_bytes().index(b"-----BEGIN CERT") :])
        for path in (files.server_ec.chain, files.server_rsa.chain)
    ]


def verified(openssl, tmp_path, chain, root):
    """openssl's verdict, trusting *root* alone; the rest of the chain is only offered."""
    names = {"leaf": chain[:1], "more": chain[1:], "root": (root,)}
    for name, certificates in names.items():
        (tmp_path / f"{name}.pem").write_text(write_chain(certificates))
    done = subprocess.run(
        [openssl, "verify", "-attime", str(int(NOW.timestamp())), "-no-CAfile", "-no-CApath",
         "-trusted", tmp_path / "root.pem", "-untrusted", tmp_path / "more.pem",
         "-purpose", "sslserver", tmp_path / "leaf.pem"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


@pytest.fixture
def openssl():
    path = shutil.which("openssl")
    if path is None:
        pytest.skip("the openssl command is not installed")
    return path


@pytest.mark.parametrize(
    ("turn", "accepted_by"),
    [
        pytest.param(Turn(), {"old"}, id="old"),
        pytest.param(Turn(crossed=True), {"old", "new"}, id="old, signed by the new"),
        pytest.param(Turn(serve_coming=True, crossed=True), {"old", "new"}, id="new, signed by the old"),
        pytest.param(Turn(serve_coming=True), {"new"}, id="new alone"),
    ],
)
def test_who_accepts_what_is_served(state, openssl, tmp_path, turn, accepted_by):
    """By openssl: with the cross certificate either root is enough, without it one is."""
    files = load(state, turn)
    roots = {"old": files.present.root, "new": files.coming.root}
    for chain in sent(files):
        found = {name for name, root in roots.items() if verified(openssl, tmp_path, chain, root)}
        assert found == accepted_by


def test_what_is_used_of_which(state):
    """Server certificates, the CA of the stations, anchors: each as its turn says."""
    old, new = load(state, Turn()), load(state, Turn(serve_coming=True, issue_coming=True))
    assert old.hierarchy == old.present.hierarchy
    assert new.hierarchy.root == new.coming.hierarchy.root
    assert new.hierarchy.stations == new.coming.hierarchy.stations
    assert (new.root_pem, new.root_certificate_path) == (new.coming.root_pem, state / "ca/next/root.pem")
    both = write_chain(
        (old.present.hierarchy.stations.certificate, new.coming.hierarchy.stations.certificate)
    )
    assert old.station_issuers_pem == new.station_issuers_pem == both
    alone = load(state, Turn(serve_coming=True, issue_coming=True, trust_present=False))
    assert alone.station_issuers_pem == write_chain((new.coming.hierarchy.stations.certificate,))
    assert load(state).coming is None


def test_the_same_turn_again_changes_nothing(state):
    """A restart serves the same certificates, and another turn new ones."""
    first = load(state, Turn(serve_coming=True, crossed=True))
    assert load(state, Turn(serve_coming=True, crossed=True)).server_ec == first.server_ec
    assert load(state, Turn(serve_coming=True)).server_ec.fingerprint != first.server_ec.fingerprint


def test_each_root_is_signed_by_the_other_once(state):
    """Repeating it, as after a kill, makes no second form; both are what our rules want of a cross certificate."""
    before = load(state, Turn())
    prepare(state, organization="CSO", now=NOW)
    after = load(state, Turn())
    assert (after.present.forms, after.coming.forms) == (before.present.forms, before.coming.forms)
    (old,), (new,) = after.present.forms, after.coming.forms
    assert (old.issuer, new.issuer) == (after.coming.root, after.present.root)
    assert [lint(form.certificate, Kind.CROSS) for form in (old, new)] == [(), ()]
    assert len(after.present.names_of_root("SHA256")) == 2


@pytest.mark.parametrize("name", ["root.pem", "forms.pem"])
def test_a_lost_coming_root_is_told(state, name):
    """Stations may trust it: a new one in its place would help nobody."""
    (state / "ca" / "next" / name).unlink()
    with pytest.raises(AuthorityDamaged, match="restore"):
        load(state, Turn())


class KilledError(Exception):
    pass


def files_of(state):
    return {
        path.relative_to(state / "ca").as_posix()
        for path in (state / "ca").rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_the_coming_hierarchy_takes_its_place(state):
    """The files move, the old station CA stays for its lists, the old root's key goes."""
    before = load(state, Turn(serve_coming=True, issue_coming=True, trust_present=False))
    begin_promotion(state / "ca", until=UNTIL, keep_keys=False)
    after = load(state)
    assert (after.present.root, after.root_sha256) == (before.coming.root, before.root_sha256)
    assert after.server_ec.fingerprint == before.server_ec.fingerprint
    assert after.coming is None
    assert not (state / "ca" / "next").exists()
    names = {path.rsplit("/", 1)[-1] for path in files_of(state) if path.startswith("past/")}
    assert {"stations.key", "stations.pem", "root.pem", "until"} <= names
    assert not names & {"root.key", "servers.key"}
    new, old = after.station_cas
    assert (new.authority, old.authority.certificate) == (
        after.hierarchy.stations,
        before.present.hierarchy.stations.certificate,
    )
    assert old.authority.key is not None
    assert (old.name, new.name) == ("stations", before.coming.name)


def test_the_old_keys_are_kept_on_request(state):
    """All of them, in a directory for us alone."""
    begin_promotion(state / "ca", until=UNTIL, keep_keys=True)
    load(state)
    (past,) = (state / "ca" / "past").iterdir()
    assert {path.name for path in past.glob("*.key")} == {"root.key", "stations.key", "servers.key"}
    assert {path.stat().st_mode & 0o777 for path in past.glob("*.key")} == {0o600}


@pytest.mark.parametrize("renames", range(12))
def test_a_kill_while_it_takes_its_place(state, monkeypatch, renames):
    """After any number of renames the next start finishes what was begun."""
    wanted = load(state, Turn(serve_coming=True, issue_coming=True, trust_present=False))
    begin_promotion(state / "ca", until=UNTIL, keep_keys=False)
    left = iter(range(renames))
    real = generations.Path.replace

    def replace_or_die(path, target):
        if next(left, None) is None:
            raise KilledError
        return real(path, target)

    with monkeypatch.context() as patched, contextlib.suppress(KilledError):
        patched.setattr(generations.Path, "replace", replace_or_die)
        load(state)
    after = load(state)
    assert after.root_sha256 == wanted.root_sha256
    assert after.server_ec.fingerprint == wanted.server_ec.fingerprint
    assert len(after.station_cas) == 2


def test_the_old_station_ca_ends_with_its_last_certificate(state):
    """Then its key is deleted, and nobody is told anything of it any more."""
    begin_promotion(state / "ca", until=UNTIL, keep_keys=False)
    assert len(load(state, now=UNTIL - timedelta(seconds=1)).station_cas) == 2
    after = load(state, now=UNTIL + timedelta(seconds=1))
    assert len(after.station_cas) == 1
    assert any("last certificate" in note for note in after.notes)
    assert not list((state / "ca" / "past").rglob("stations.key"))


@pytest.mark.parametrize("keep", [True, False])
def test_a_coming_hierarchy_is_set_aside(state, keep):
    """Given up: the one in force serves as before, and what stations may hold of it is still known."""
    before = load(state, Turn(crossed=True))
    set_aside(state, keep=keep)
    after = load(state)
    assert (after.present.root, after.present.forms) == (before.present.root, before.present.forms)
    assert [len(chain) for chain in sent(after)] == [2, 2]
    assert bool(list((state / "ca").rglob("unused-*"))) is keep
    assert not (state / "ca" / "next").exists()


def test_a_second_rollover_knows_both_forms_of_its_root(state):
    """A station that looks closer has the root as its predecessor signed it: that is its name there."""
    first = load(state, Turn())
    begin_promotion(state / "ca", until=UNTIL, keep_keys=False)
    load(state)
    prepare(state, organization="CSO", now=NOW)
    second = load(state, Turn())
    assert second.present.forms[0] == first.coming.forms[0]
    assert second.present.form_signed_by(second.coming.root).issuer == second.coming.root
    assert second.coming.form_signed_by(second.present.root).issuer == second.present.root


def test_the_list_of_the_ca_before_is_not_taken_over(state):
    """A CRL that another CA has signed would start the new one's numbers, and be given out as its."""
    files = load(state, Turn())
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(files.present.hierarchy.stations.certificate.subject)
        .last_update(NOW)
        .next_update(UNTIL)
        .sign(files.present.hierarchy.stations.key, SHA256())
    )
    (state / "ca" / "stations.crl").write_bytes(crl.public_bytes(Encoding.DER))
    begin_promotion(state / "ca", until=UNTIL, keep_keys=False)
    load(state)
    assert not (state / "ca" / "stations.crl").exists()
    assert list((state / "ca" / "past").rglob("stations.crl"))


def test_the_keys_of_the_roots_are_needed_at_the_beginning_alone(state):
    """Then both may be taken off this machine: what is served and issued needs the issuing CAs."""
    for path in (state / "ca" / "root.key", state / "ca" / "next" / "root.key"):
        path.unlink()
        keep_elsewhere(path)
    files = load(state, Turn(serve_coming=True, issue_coming=True, crossed=True))
    assert [len(chain) for chain in sent(files)] == [3, 3]
    begin_promotion(state / "ca", until=UNTIL, keep_keys=False)
    assert load(state).root_sha256 == files.root_sha256
    with pytest.raises(IssueFailed, match="bring it here"):
        prepare(state, organization="CSO", now=NOW)
