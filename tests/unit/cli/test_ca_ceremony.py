"""What is done with the CA's keys by hand: real files, no server."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.files import load_or_create
from ocppsec.cli import ca, ca_offline, ca_place
from ocppsec.cli import ca_ceremony as ceremony
from ocppsec.cli.ca_ceremony import Root
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.state import held

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """Of the machine's user."""
    for name in [name for name in os.environ if name.startswith("OCPPSEC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def here(tmp_path):
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path):
    """The machine with the root's key."""
    return tmp_path / "there"


def init(state, root=Root.HERE, *, family=None, config=None):
    ceremony.init(
        root=root, key_family=family, organization="Example CSO", config=config, as_json=True, state=state
    )


def shown(state, capsys):
    capsys.readouterr()
    ca.show(pem=False, as_json=True, state=state)
    return {one["role"]: one for one in json.loads(capsys.readouterr().out)["certificates"]}


def sign(there, request, out):
    ca_offline.sign_request(request, out=out, config=None, as_json=False, state=there)
    return out


def take(here, *files):
    ca_offline.import_files(list(files), config=None, as_json=False, state=here)


@pytest.fixture
def online(here, there, tmp_path):
    """`here` under the root of `there`."""
    init(there, Root.ONLY, family="ec-p384")
    init(here, Root.ELSEWHERE, family="rsa-2048")
    ca.export("root", out=tmp_path / "root.pem", as_json=False, state=there)
    signed = [
        sign(there, here / "ca" / f"{name}.csr", tmp_path / f"{name}.pem") for name in ("stations", "servers")
    ]
    take(here, tmp_path / "root.pem", *signed)
    return here


def test_a_ca_is_made_ahead_of_the_server(here, capsys):
    """All three, with keys of the family that was named; repeating it changes nothing."""
    init(here, family="ec-p384")
    first = shown(here, capsys)
    init(here, family="ec-p384")
    assert shown(here, capsys) == first
    assert {one["key"] for one in first.values()} == {
        f"{here}/ca/{role}.key, in clear" for role in ("root", "stations", "servers")
    }
    text = subprocess.run(
        ["openssl", "x509", "-in", here / "ca" / "stations.pem", "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "ecdsa-with-SHA384" in text
    assert "O = Example CSO" in text


def test_nothing_is_made_under_a_running_server(here):
    """It holds the directory."""
    init(here)
    with held(here), pytest.raises(Failure, match="another ocppsec runs"):
        init(here)


def test_a_root_on_another_machine(online, there, capsys):
    """There the root alone, here the others; OpenSSL verifies the one by the other."""
    here, root = shown(online, capsys), shown(there, capsys)["root"]
    assert here["root"]["pem"] == root["pem"]
    assert here["root"]["key"] == "on another machine"
    assert "ca/root.key, in clear" in root["key"]
    assert not (there / "ca" / "stations.key").exists()
    said = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "stations.pem", "servers.pem"],
        cwd=online / "ca",
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "stations.pem: OK\nservers.pem: OK\n"


def test_an_issuing_ca_is_renewed_by_a_root_elsewhere(online, there, tmp_path, capsys):
    """The request is for the same key; what comes back replaces the certificate."""
    before = shown(online, capsys)
    with pytest.raises(Failure) as refused:
        ceremony.renew("stations", config=None, as_json=False, state=online)
    assert "ocppsec ca request" in refused.value.why
    ca_offline.request(
        "stations", out=tmp_path / "again.csr", config=None, organization=None, as_json=False, state=online
    )
    take(online, sign(there, tmp_path / "again.csr", tmp_path / "again.pem"))
    after = shown(online, capsys)
    assert after["stations"]["sha256"] != before["stations"]["sha256"]
    assert after["stations"]["subject"] == before["stations"]["subject"]
    assert after["root"] == before["root"]


def test_what_is_refused_changes_nothing(online, there, tmp_path, capsys):
    """A certificate of another root, a station's request, a file that is not there: one error each, with a reason."""
    before = {path: path.read_bytes() for path in (online / "ca").iterdir()}
    other = tmp_path / "other"
    init(other, Root.ONLY)
    wrong = sign(other, online / "ca" / "stations.csr", tmp_path / "wrong.pem")
    with pytest.raises(Failure, match="is refused") as refused:
        take(online, wrong)
    assert "not issued by the root" in refused.value.why
    with pytest.raises(Failure, match="is refused"):
        sign(there, tmp_path / "root.pem", tmp_path / "nothing.pem")
    with pytest.raises(Failure, match="No such file"):
        take(online, tmp_path / "away.pem")
    with pytest.raises(Failure, match="there is no issuing CA"):
        ceremony.renew("root", config=None, as_json=False, state=online)
    assert not (tmp_path / "nothing.pem").exists()
    assert {path: path.read_bytes() for path in (online / "ca").iterdir()} == before


def test_what_lies_there_is_not_made_into_something_else(here, online, there):
    """An authority with its root here has nothing to import, and none becomes the other by `init`."""
    with pytest.raises(Failure, match="nothing has to be imported"):
        take(there, here / "ca" / "root.pem")
    with pytest.raises(Failure, match="root's key is here"):
        init(there, Root.ELSEWHERE)
    with pytest.raises(Failure, match="root's key is elsewhere"):
        init(online, Root.HERE)


def test_without_an_authority_nothing_is_made(here, tmp_path):
    """Only `init` makes one: a typo in --state must not."""
    (tmp_path / "new").write_text("a new one")
    for work in (
        lambda: change(here, tmp_path / "new"),
        lambda: ca.show(pem=False, as_json=False, state=here),
        lambda: ceremony.renew("stations", config=None, as_json=False, state=here),
        lambda: take(here, tmp_path / "x"),
        lambda: ca_offline.request(
            "stations", out=None, config=None, organization=None, as_json=False, state=here
        ),
    ):
        with pytest.raises(Failure) as refused:
            work()
        assert refused.value.code == ExitCode.NOT_FOUND
    assert not here.exists()


def test_a_renewal_with_the_root_here(here, monkeypatch, capsys):
    """A later end, the same key."""
    init(here)
    before = shown(here, capsys)
    monkeypatch.setattr(ca_place, "datetime", Later)
    ceremony.renew("servers", config=None, as_json=False, state=here)
    after = shown(here, capsys)
    assert after["servers"]["not_after"] > before["servers"]["not_after"]
    assert after["servers"]["subject"] == before["servers"]["subject"]
    assert after["stations"] == before["stations"]


class Later:
    @staticmethod
    def now(zone):
        from datetime import datetime, timedelta

        return datetime.now(zone) + timedelta(days=400)


def change(state, new, config=None):
    ceremony.passphrase(new_file=new, to_clear=new is None, config=config, as_json=False, state=state)


def test_the_passphrase_changes(here, tmp_path, monkeypatch, capsys):
    """From clear to one, to another, and not by who has the wrong one or while a server runs."""
    init(here)
    for name in ("first", "second"):
        (tmp_path / name).write_text(f"{name} correct horse\n")
    change(here, tmp_path / "first")
    assert shown(here, capsys)["root"]["key"].endswith("encrypted")
    with pytest.raises(Failure, match="cannot be used"):
        change(here, tmp_path / "second")
    monkeypatch.setenv("OCPPSEC_CA__PASSPHRASE_FILE", str(tmp_path / "first"))
    with held(here), pytest.raises(Failure, match="another ocppsec runs"):
        change(here, tmp_path / "second")
    change(here, tmp_path / "second")
    with pytest.raises(Failure, match="cannot be used"):
        ceremony.renew("stations", config=None, as_json=False, state=here)
    monkeypatch.setenv("OCPPSEC_CA__PASSPHRASE_FILE", str(tmp_path / "second"))
    change(here, None)
    assert shown(here, capsys)["root"]["key"].endswith("in clear")


def test_an_empty_passphrase_is_none(here, tmp_path):
    """`--clear` is for that; a file that came out empty is a mistake."""
    init(here)
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(Failure, match="is empty"):
        change(here, tmp_path / "empty")
    for new_file, to_clear in ((None, False), (tmp_path / "empty", True)):
        with pytest.raises(Failure, match="either"):
            ceremony.passphrase(new_file=new_file, to_clear=to_clear, config=None, as_json=False, state=here)


@pytest.mark.parametrize("new", ["x", "correct-hor", "ü" * 11])
def test_a_short_passphrase_is_refused(here, tmp_path, new, capsys, monkeypatch):
    """Nothing is written under it: not by the change, and not where keys are made."""
    init(here)
    (tmp_path / "short").write_text(f"{new}\n")
    with pytest.raises(Failure, match="at least 12 characters") as refused:
        change(here, tmp_path / "short")
    assert refused.value.code == ExitCode.USAGE
    assert new not in refused.value.tell() or new == "x"
    assert shown(here, capsys)["root"]["key"].endswith("in clear")
    monkeypatch.setenv("OCPPSEC_CA__PASSPHRASE_FILE", str(tmp_path / "short"))
    with pytest.raises(Failure, match="cannot be used") as refused:
        init(tmp_path / "other")
    assert "at least 12 characters" in refused.value.why
    assert not list((tmp_path / "other" / "ca").glob("*.key"))
    monkeypatch.delenv("OCPPSEC_CA__PASSPHRASE_FILE")
    (tmp_path / "short").write_text("ü" * 12)
    change(here, tmp_path / "short")


def test_an_authority_keeps_its_name(here, capsys):
    """Another one is refused and not passed over; the same one, or none, changes nothing."""
    init(here)
    before = shown(here, capsys)
    with pytest.raises(Failure, match="of Example CSO, not of Other") as refused:
        ceremony.init(
            root=Root.HERE, key_family=None, organization="Other", config=None, as_json=True, state=here
        )
    assert refused.value.code == ExitCode.NOT_ALLOWED
    assert "--state DIR" in refused.value.next
    for same in ("Example CSO", None):
        ceremony.init(
            root=Root.HERE, key_family=None, organization=same, config=None, as_json=True, state=here
        )
    assert shown(here, capsys) == before


def test_a_wrong_pin_is_told(here, tmp_path):
    """By the command itself, as a process: one error with what to correct, no traceback, no PIN."""
    pytest.importorskip("pkcs11", reason="needs python-pkcs11")
    if not MODULE.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("needs SoftHSM2 (apt: softhsm2)")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(tmp_path / "conf")}
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "ca", "--so-pin", "5678", "--pin", "1234"],
        env=environment,
        check=True,
        capture_output=True,
    )
    known = {"MODULE": str(MODULE), "TOKEN": "ca", "PIN": "999999"}
    done = subprocess.run(
        [Path(sys.executable).with_name("ocppsec"), "ca", "init", "--state", here],
        env={**environment, **{f"OCPPSEC_CA__PKCS11_{name}": value for name, value in known.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "refuses the PIN: correct ca.pkcs11_pin" in done.stderr
    assert "Traceback" not in done.stderr
    assert "999999" not in done.stderr


def test_no_csms_starts_where_the_offline_root_is(there):
    """It would make CAs under that root, on the one machine that is to have none."""
    init(there, Root.ONLY)
    with pytest.raises(AuthorityDamaged, match="offline root"):
        load_or_create(there, organization="Example CSO", hostname="localhost", now=datetime.now(UTC))
    assert not (there / "ca" / "stations.pem").exists()
