"""The CA in a directory: created, completed, kept, or refused in words."""

import os
import re
import shlex
import ssl
import subprocess
from datetime import timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.files import load_or_create
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, save_key
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.certificates.safekeeping import TooOpen, make_private_directory, write_file

CA_FILES = ["root.key", "root.pem", "servers.key", "servers.pem", "stations.key", "stations.pem"]
TLS_FILES = ["server-ec.pem", "server-rsa.pem"]


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def load(state, now):
    def load(**changed):
        known = {"organization": "Example CSO", "hostname": "csms.example", "now": now}
        if "passphrase" in changed:
            changed["custody"] = Custody(passphrase=changed.pop("passphrase"))
        return load_or_create(state, **(known | changed))

    return load


class Killed(BaseException):
    """kill -9, as far as the files can tell."""


@pytest.fixture
def killed_before_rename(monkeypatch):
    """Ends the process when file number *count* is written and about to get its name."""

    def arrange(count):
        renames = iter(range(1, 100))
        rename = Path.replace

        def replace(self, target):
            if next(renames) == count:
                raise Killed
            return rename(self, target)

        monkeypatch.setattr(Path, "replace", replace)

    return arrange


def content(state: Path) -> dict[str, bytes]:
    return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}


def test_a_first_start_creates_everything_privately(load, state):
    """Directories 0700, keys 0600, and the notes say what was made."""
    files = load()
    assert sorted(path.name for path in (state / "ca").iterdir()) == CA_FILES
    assert sorted(path.name for path in (state / "tls").iterdir()) == TLS_FILES
    for directory in (state, state / "ca", state / "tls"):
        assert directory.stat().st_mode & 0o777 == 0o700
    for path in state.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert path.stat().st_mode & 0o777 == 0o600
    assert len(files.notes) == 5


def test_a_umask_makes_nothing_more_open_nor_unusable(load, state):
    """Whatever the shell says, modes are ours."""
    old = os.umask(0)
    try:
        load()
    finally:
        os.umask(old)
    assert (state / "ca" / "root.key").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_second_start_changes_nothing(load, state):
    """Not one byte, and nothing to note."""
    first = load()
    before = content(state)
    second = load(organization="Example CSO")
    assert content(state) == before
    assert second.notes == ()
    assert second.root_sha256 == first.root_sha256


@pytest.mark.parametrize("count", range(1, 9))
def test_a_start_killed_between_any_two_files_is_completed(
    load, state, killed_before_rename, monkeypatch, count
):
    """What was written is kept, what is missing is made, nothing is left over."""
    killed_before_rename(count)
    with pytest.raises(Killed):
        load()
    monkeypatch.undo()
    before = {name: data for name, data in content(state).items() if not name.endswith(".new")}
    assert len(before) == count - 1
    files = load()
    after = content(state)
    assert sorted(after) == sorted(
        [f"ca/{name}" for name in CA_FILES] + [f"tls/{name}" for name in TLS_FILES]
    )
    assert before.items() <= after.items()
    assert load().root_sha256 == files.root_sha256


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        pytest.param("root.pem", "root.pem is missing", id="root"),
        pytest.param("root.key", "root.key is missing", id="root key"),
        pytest.param("stations.key", "stations.key is missing", id="station CA's key"),
        pytest.param("servers.key", "servers.key is missing", id="server CA's key"),
    ],
)
def test_what_was_lost_is_never_replaced_quietly(load, state, lost, words):
    """A new root or CA would be trusted by no station: the operator is told, nothing is touched."""
    load()
    (state / "ca" / lost).unlink()
    before = content(state)
    with pytest.raises(AuthorityDamaged, match=words) as failed:
        load()
    assert "restore" in str(failed.value)
    assert content(state) == before


def test_a_lost_ca_certificate_is_made_again_for_the_same_key(load, state):
    """What that CA issued is still verified: its name and its key are the same."""
    first = load()
    (state / "ca" / "stations.pem").unlink()
    second = load()
    old, new = first.hierarchy.stations.certificate, second.hierarchy.stations.certificate
    assert (old.subject, old.public_key()) == (new.subject, new.public_key())


def test_files_of_two_cas_are_not_mixed(load, state, tmp_path, now):
    """A key or certificate of another CA is noticed at the start."""
    load()
    other = load_or_create(tmp_path / "other", organization="Example CSO", hostname="csms.example", now=now)
    mine = (state / "ca" / "stations.key").read_bytes()
    save_key(state / "ca" / "stations.key", other.hierarchy.stations.key)
    with pytest.raises(AuthorityDamaged, match="do not belong together"):
        load()
    (state / "ca" / "stations.pem").write_text(write_chain((other.hierarchy.stations.certificate,)))
    with pytest.raises(AuthorityDamaged, match="was not issued by"):
        load()
    (state / "ca" / "stations.key").write_bytes(mine)
    (state / "ca" / "stations.pem").write_text("rubbish")
    with pytest.raises(AuthorityDamaged, match="cannot be read"):
        load()


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        pytest.param("ca", 0o750, id="directory of the CA"),
        pytest.param("tls", 0o701, id="directory of the server's keys"),
        pytest.param("ca/root.key", 0o640, id="root key"),
        pytest.param("ca/stations.key", 0o604, id="station CA's key"),
        pytest.param("tls/server-rsa.pem", 0o644, id="server's key"),
        pytest.param(".", 0o770, id="state directory others can write"),
    ],
)
def test_what_others_could_read_is_refused_with_the_command_that_repairs_it(load, state, path, mode):
    """The command in the message is run as it stands, and the next start works."""
    load()
    (state / path).chmod(mode)
    with pytest.raises(TooOpen) as refused:
        load()
    assert refused.value.repair in str(refused.value)
    subprocess.run(shlex.split(refused.value.repair), check=True)
    assert load().notes == ()


def test_a_readable_state_directory_of_the_operator_is_fine(load, state):
    """``mkdir state`` gives 0755; what is secret lies one directory deeper."""
    state.mkdir(mode=0o755)
    load()
    assert (state / "ca").stat().st_mode & 0o777 == 0o700


def test_somebody_elses_key_is_refused(load, monkeypatch, state):
    """A file that belongs to another user may be changed by them at any time."""
    load()
    monkeypatch.setattr(os, "geteuid", lambda: state.stat().st_uid + 1)
    with pytest.raises(TooOpen, match="belongs to user"):
        load()


def test_a_passphrase_encrypts_every_key(load, state):
    """No key in clear on the disk, none without the passphrase, and no passphrase in any message."""
    files = load(passphrase=b"correct horse")
    keys = [data for data in content(state).values() if b"PRIVATE KEY" in data]
    assert len(keys) == 5
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in data for data in keys)
    assert load(passphrase=b"correct horse").root_sha256 == files.root_sha256
    assert b"correct horse" not in repr(files).encode()
    for wrong in (None, b"battery staple"):
        with pytest.raises(KeyUnusable) as refused:
            load(passphrase=wrong)
        assert "battery" not in str(refused.value)


def test_a_passphrase_for_keys_in_clear_is_refused(load):
    """Silently leaving them in clear would be a promise not kept."""
    load()
    with pytest.raises(KeyUnusable, match="is not encrypted though a passphrase"):
        load(passphrase=b"correct horse")


def test_a_ca_key_is_of_ec_unless_somebody_says_otherwise(load):
    """A00.FR.505: CA signatures by ECDSA."""
    found = load().hierarchy
    for authority in (found.root, found.stations, found.servers):
        assert authority.certificate.signature_hash_algorithm.name == "sha256"
        assert isinstance(authority.key, ec.EllipticCurvePrivateKey)


def test_a_family_is_for_new_keys(load):
    """Another setting leaves the CA there is as it was: its key is what stations trust."""
    first = load(custody=Custody(family=KeyFamily.EC_P384))
    second = load(custody=Custody(family=KeyFamily.RSA_2048))
    assert isinstance(first.hierarchy.root.key.curve, ec.SECP384R1)
    assert second.root_sha256 == first.root_sha256
    assert second.notes == ()


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_tls_takes_both_server_certificates(load, passphrase):
    """The files are what ``load_cert_chain`` wants, and both chains end at the one root."""
    files = load(passphrase=passphrase)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for server in (files.server_ec, files.server_rsa):
        context.load_cert_chain(server.chain, server.key, server.passphrase)
    context.load_verify_locations(cadata=files.station_issuers_pem)
    assert context.cert_store_stats()["x509_ca"] == 1


def test_the_anchors_of_stations_are_not_the_root(load):
    """Nothing else under the root can ever be taken for a station."""
    files = load()
    assert read_certificates(files.station_issuers_pem) == (files.hierarchy.stations.certificate,)
    assert read_certificates(files.root_pem) == (files.hierarchy.root.certificate,)
    assert files.root_certificate_path.read_text() == files.root_pem
    assert re.fullmatch("[0-9a-f]{64}", files.root_sha256)
    assert files.root_hash_data("SHA384").hash_algorithm == "SHA384"


@pytest.mark.parametrize(
    ("change", "note"),
    [
        pytest.param({"hostname": "new.example"}, "host name is new.example", id="other host name"),
        pytest.param({"organization": "New CSO"}, "organization is New CSO", id="other organization"),
        pytest.param({"after": timedelta(days=61)}, "two thirds", id="two thirds over"),
        pytest.param({"after": timedelta(hours=-2)}, "two thirds", id="clock went back before it began"),
    ],
)
def test_server_certificates_are_renewed_when_they_no_longer_do(load, state, now, change, note):
    """New keys and certificates for the server; the hierarchy stays as it was."""
    first = load()
    before = content(state / "ca")
    second = load(now=now + change.pop("after", timedelta(0)), **change)
    assert content(state / "ca") == before
    assert len(second.notes) == 2
    assert all(note in text for text in second.notes)
    assert second.server_ec.fingerprint != first.server_ec.fingerprint
    assert second.server_rsa.fingerprint != first.server_rsa.fingerprint


def test_server_certificates_are_kept_as_long_as_they_do(load, now):
    """One moment before two thirds of the life are over nothing happens; `renew_at` says when."""
    first = load()
    assert load(now=first.server_ec.renew_at - timedelta(seconds=1)).notes == ()
    assert len(load(now=first.server_ec.renew_at).notes) == 2
    assert first.server_ec.renew_at < now + timedelta(days=61)


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        pytest.param(lambda ec, _: b"rubbish", "cannot be read", id="rubbish"),
        pytest.param(lambda ec, _: ec[: ec.index(b"-----BEGIN CERT")], "unreadable: empty", id="no chain"),
        pytest.param(lambda ec, _: ec[ec.index(b"-----BEGIN CERT") :], "cannot be read", id="no key"),
        pytest.param(lambda ec, rsa: rsa[: rsa.index(b"-----BEGIN CERT")] + ec[ec.index(b"-----BEGIN CERT") :], "belong together", id="another key"),
        pytest.param(lambda ec, _: ec.replace(b" PRIVATE", b" ENCRYPTED PRIVATE"), "no passphrase", id="encrypted"),
    ],
)  # fmt: skip
def test_a_broken_server_file_is_made_anew(load, state, damage, note):
    """It holds nothing that cannot be made again; a key that TLS could not load is never handed out."""
    load()
    ec, rsa = (state / "tls" / name for name in TLS_FILES)
    ec.write_bytes(damage(ec.read_bytes(), rsa.read_bytes()))
    (found,) = load().notes
    assert note in found
    assert load().notes == ()


def test_server_certificates_of_another_ca_are_made_anew(load, state, tmp_path, now):
    """After a restore of ``ca/`` from a backup, the server's certificates follow."""
    load()
    other = tmp_path / "other"
    load_or_create(other, organization="Example CSO", hostname="csms.example", now=now)
    for name in TLS_FILES:
        (state / "tls" / name).write_bytes((other / "tls" / name).read_bytes())
    assert all("another CA" in note for note in load().notes)


def test_a_damaged_key_is_named_but_never_quoted(load, state):
    """The message says which file; what is in it stays there."""
    load()
    path = state / "ca" / "root.key"
    path.write_bytes(path.read_bytes()[:60] + b"\n-----END PRIVATE KEY-----\n")
    with pytest.raises(KeyUnusable, match=r"root\.key cannot be read: the file is damaged") as refused:
        load()
    assert "BEGIN" not in str(refused.value)


def test_a_key_survives_the_disk(key_of, tmp_path):
    """Every family, with and without passphrase."""
    from ocppsec.certificates.keys import load_key

    for family in (KeyFamily.EC_P256, KeyFamily.EC_P384, KeyFamily.RSA_2048):
        for passphrase in (None, b"secret"):
            key = key_of(family)
            save_key(tmp_path / "key", key, passphrase)
            assert load_key(tmp_path / "key", passphrase).public_key() == key.public_key()


def test_a_key_of_another_kind_is_refused(tmp_path):
    """Ed25519 is in no suite of OCPP."""
    from ocppsec.certificates.keys import load_key

    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key"], check=True)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(KeyUnusable, match="neither EC nor RSA"):
        load_key(tmp_path / "key")


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """After a power cut there is the old file or the new one: content first, then the name, then the directory."""
    steps = []
    rename, flush = Path.replace, os.fsync
    monkeypatch.setattr(Path, "replace", lambda *args: steps.append("rename") or rename(*args))

    def fsync(descriptor):
        steps.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_file(tmp_path / "file", b"content", mode=0o600)
    assert steps == ["file", "rename", "directory"]


@pytest.mark.parametrize("umask", [0o000, 0o177, 0o777])
def test_a_file_has_the_mode_it_was_given(tmp_path, umask):
    """Neither more, nor less than we can read again."""
    old = os.umask(umask)
    try:
        write_file(tmp_path / "file", b"content", mode=0o640)
        make_private_directory(tmp_path / "directory")
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "directory").stat().st_mode & 0o777 == 0o700


def test_two_first_starts_at_one_moment_make_one_authority(load, state, monkeypatch):
    """While one process writes, the other has to wait."""
    held = []
    rename = Path.replace

    def replace(self, target):
        descriptor = os.open(state / "ca", os.O_RDONLY)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            held.append(self)
        finally:
            os.close(descriptor)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    load()
    assert len(held) == 8
    monkeypatch.undo()
    assert load().notes == ()  # and lets go of it afterwards
