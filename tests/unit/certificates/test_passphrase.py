"""Another passphrase for every key file, and a kill at any moment."""

import subprocess
from pathlib import Path

import pytest

from ocppsec.certificates.custody import Custody
from ocppsec.certificates.files import load_or_create
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.certificates.passphrase import Passphrases, change_passphrase, key_files

OLD, NEW = b"correct horse", b"battery staple"


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def load(state, now):
    def load(passphrase):
        custody = Custody(passphrase=passphrase)
        return load_or_create(
            state, organization="Example CSO", hostname="csms.example", now=now, custody=custody
        )

    return load


CHANGES = [
    pytest.param(OLD, NEW, id="another"),
    pytest.param(None, NEW, id="from clear"),
    pytest.param(OLD, None, id="to clear"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_every_key_follows(load, state, old, new):
    """Of the CAs and of the server; certificates and keys stay, and nothing is made anew."""
    before = load(old)
    assert len(change_passphrase(state, Passphrases(old=old, new=new))) == 5
    after = load(new)
    assert after.notes == ()
    assert after.root_sha256 == before.root_sha256
    assert after.server_ec.fingerprint == before.server_ec.fingerprint
    with pytest.raises(KeyUnusable):
        load(old)
    assert change_passphrase(state, Passphrases(old=old, new=new)) == ()


@pytest.mark.parametrize(("old", "new"), CHANGES)
@pytest.mark.parametrize("count", range(1, 6))
def test_a_kill_loses_nothing(load, state, monkeypatch, old, new, count):
    """Each file has one passphrase or the other; the same command again finishes."""

    class Killed(BaseException):
        pass

    before = load(old)
    renames = iter(range(1, 100))
    rename = Path.replace

    def replace(self, target):
        if next(renames) == count:
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(Killed):
        change_passphrase(state, Passphrases(old=old, new=new))
    monkeypatch.undo()
    assert len(change_passphrase(state, Passphrases(old=old, new=new))) == 6 - count
    after = load(new)
    assert (after.notes, after.root_sha256) == ((), before.root_sha256)


def test_openssl_reads_what_was_encrypted(load, state):
    """PKCS #8; the old passphrase no longer opens it."""
    load(OLD)
    change_passphrase(state, Passphrases(old=OLD, new=NEW))
    key = state / "ca" / "root.key"
    for passphrase, code in ((NEW, 0), (OLD, 1)):
        done = subprocess.run(
            ["openssl", "pkey", "-in", key, "-noout", "-passin", f"pass:{passphrase.decode()}"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == code
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in key_files(state))


def test_with_a_wrong_passphrase_nothing_is_written(load, state):
    """Also when some of the files could be read."""
    load(OLD)
    (state / "ca" / "servers.key").write_bytes((state / "ca" / "servers.key").read_bytes()[:80])
    before = {path: path.read_bytes() for path in key_files(state)}
    with pytest.raises(KeyUnusable, match=r"servers\.key cannot be read") as refused:
        change_passphrase(state, Passphrases(old=OLD, new=NEW))
    assert {path: path.read_bytes() for path in key_files(state)} == before
    assert "horse" not in str(refused.value) + repr(Passphrases(old=OLD, new=NEW))


def test_files_that_only_name_a_key_stay_as_they_are(load, state):
    """A key in a token has a PIN, and one elsewhere is none of ours."""
    load(OLD)
    names = {
        "root.key": "elsewhere: this key is not on this machine\n",
        "servers.key": "pkcs11:token=a;object=b",
    }
    for name, text in names.items():
        (state / "ca" / name).write_text(text)
    assert len(change_passphrase(state, Passphrases(old=OLD, new=NEW))) == 3
    assert {name: (state / "ca" / name).read_text() for name in names} == names
