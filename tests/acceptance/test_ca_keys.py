"""The CA's keys with the installed command: RSA, in a token, and with the root on another machine."""

import os
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from rig.fixtures import raised
from rig.server import OCPPSEC, ORGANIZATION, Done, environment, eventually

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


def ca(state, *arguments, **variables):
    """An `ocppsec ca` command, which needs no server."""
    done = subprocess.run(
        [OCPPSEC, "ca", *arguments, "--state", state],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**variables),
    )
    return Done(done.returncode, done.stdout, done.stderr)


def verified(openssl, server, one, directory):
    """What `openssl verify -crl_check` says of a station's certificate."""
    for name in ("root", "stations"):
        shutil.copy(server.state / "ca" / f"{name}.pem", directory)
    with urllib.request.urlopen(f"{server.ready['api']}/pki/stations.crl", timeout=20) as answer:
        (directory / "list.der").write_bytes(answer.read())
    files = ["-CAfile", "root.pem", "-untrusted", "stations.pem", "-CRLfile", "list.der", one.chain]
    done = subprocess.run(
        [openssl, "verify", "-x509_strict", "-crl_check", *files],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_an_rsa_ca_serves_a_station_with_an_ec_key(new_up, crew, openssl, tmp_path):
    """A foreign one from 1 to 3, over real mutual TLS; its certificate passes `openssl verify -crl_check`."""
    up = new_up(variables={"OCPPSEC_CA__KEY_FAMILY": "rsa-2048"}).start()
    one = raised(up, crew, "ec")
    assert verified(openssl, up, one, tmp_path).endswith(": OK\n")
    assert "sha256WithRSAEncryption" in subprocess.run(
        [openssl, "x509", "-in", one.chain, "-noout", "-text"], capture_output=True, text=True, check=True
    ).stdout  # fmt: skip


@pytest.fixture
def token(tmp_path):
    """SoftHSM with one token, and the variables that lead to it."""
    pytest.importorskip("pkcs11", reason="needs python-pkcs11")
    if not MODULE.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("needs SoftHSM2 (apt: softhsm2)")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    (tmp_path / "pin").write_text("token-pin-4711\n")
    variables = {"SOFTHSM2_CONF": str(tmp_path / "softhsm")}
    subprocess.run(
        [
            "softhsm2-util",
            "--init-token",
            "--free",
            "--label",
            "ca",
            "--so-pin",
            "5678",
            "--pin",
            "token-pin-4711",
        ],
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
    )
    settings = {"MODULE": str(MODULE), "TOKEN": "ca", "PIN_FILE": str(tmp_path / "pin")}
    return variables | {f"OCPPSEC_CA__PKCS11_{name}": value for name, value in settings.items()}


def test_a_ca_in_a_token(new_up, crew, openssl, tmp_path, token):
    """No CA key on the disk; kill -9 and a restart find them in the token; OCSP and CRL are signed there."""
    up = new_up(variables=token).start()
    one = raised(up, crew, "ec")
    for name in ("root", "stations", "servers"):
        text = (up.state / "ca" / f"{name}.key").read_text()
        assert text.startswith("pkcs11:token=ca;object=ocppsec-")
    up.kill()
    up.start()
    crew.power_on(one.identity, url=up.door(1), password=one.password, serial=one.serial)
    eventually(lambda: (up.station(one.identity)["connection"] or {}).get("profile") == 3, within=20)
    assert verified(openssl, up, one, tmp_path).endswith(": OK\n")
    asked = ["ocsp", "-issuer", "stations.pem", "-cert", one.chain, "-CAfile", "root.pem"]
    done = subprocess.run(
        [openssl, *asked, "-url", f"{up.ready['api']}/pki/ocsp"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Response verify OK" in done.stdout + done.stderr
    assert ": good" in done.stdout
    shown = up.command("ca", "show").out
    assert "the key 'ocppsec-root-" in shown
    assert "token-pin-4711" not in shown + "".join(up.lines)


@pytest.fixture
def offline(tmp_path, openssl):
    """The machine without the root's key, its two requests written."""
    state = tmp_path / "online"
    done = ca(state, "init", "--root", "elsewhere", "--organization", ORGANIZATION)
    assert done.code == 0, done
    assert not (state / "ca" / "root.pem").exists()
    assert "PRIVATE KEY" not in (state / "ca" / "root.key").read_text()
    return state


CONFIG = """
[req]
distinguished_name = name
prompt = no
x509_extensions = root
[name]
O = ACME
CN = ACME Root
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def test_the_root_is_one_of_openssl(offline, new_up, crew, openssl, tmp_path):
    """`openssl x509 -req` signs what we ask for; it is taken up, and a wrong one is refused with the rule named."""

    def run(*arguments):
        subprocess.run([openssl, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "config").write_text(CONFIG)
    run("req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-config", "config",
        "-keyout", "root.key", "-out", "root.pem", "-days", "7300")  # fmt: skip
    for name in ("stations", "servers"):
        request = str(offline / "ca" / f"{name}.csr")
        run("x509", "-req", "-in", request, "-CA", "root.pem", "-CAkey", "root.key", "-days", "1800",
            "-copy_extensions", "copyall", "-out", f"{name}.pem")  # fmt: skip
    run("x509", "-req", "-in", str(offline / "ca" / "stations.csr"), "-CA", "root.pem", "-CAkey", "root.key",
        "-days", "1800", "-out", "bare.pem")  # fmt: skip
    refused = ca(offline, "import", tmp_path / "root.pem", tmp_path / "bare.pem")
    assert refused.code == 1
    assert "basic-constraints" in refused.err
    assert not (offline / "ca" / "root.pem").exists()
    files = [tmp_path / f"{name}.pem" for name in ("root", "stations", "servers")]
    taken = ca(offline, "import", *files)
    assert taken.code == 0, taken
    up = new_up()
    up.state = offline
    up.start()
    one = raised(up, crew, "rsa")
    assert verified(openssl, up, one, tmp_path).endswith(": OK\n")


def test_an_issuing_ca_is_renewed_under_a_running_server(new_up, crew, openssl, tmp_path):
    """Same key, later certificate: SIGHUP takes it up, the station's certificate goes on, no connection is dropped."""
    up = new_up().start()
    one = raised(up, crew, "ec")
    crew.power_on(one.identity, url=up.door(1), password=one.password, serial=one.serial)
    eventually(lambda: (up.station(one.identity)["connection"] or {}).get("profile") == 3, within=20)
    since = up.station(one.identity)["connection"]["since"]
    names = ("root", "stations", "servers")
    before = [(up.state / "ca" / f"{name}.pem").read_text() for name in names]
    assert up.command("ca", "renew", "stations").code == 0
    renewed = up.command("ca", "renew", "servers")
    assert f"kill -HUP {up.pid}" in renewed.out
    after = [(up.state / "ca" / f"{name}.pem").read_text() for name in names]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False]
    os.kill(up.pid, signal.SIGHUP)
    eventually(lambda: after[2] in (up.state / "tls" / "server-ec.pem").read_text(), within=15)
    assert up.station(one.identity)["connection"]["since"] == since
    assert verified(openssl, up, one, tmp_path).endswith(": OK\n")
