"""The certificates of a station through the installed command: ledger, files, revocation, and what others are told."""

import subprocess
import urllib.request

import pytest
from rig.fixtures import raised
from rig.server import OCPPSEC, Done, eventually


@pytest.fixture
def on_three(up, crew):
    return raised(up, crew, "ec")


def the_certificate(up, identity):
    (one,) = up.command("cert", "list", "--station", identity, "--json").json["certificates"]
    return one


def of_file(verb, path):
    """A command about a file, which needs no server."""
    done = subprocess.run([OCPPSEC, "cert", verb, path], capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_file_that_is_not_there():
    """Exit code 2, as `step` has it, and an error that says so."""
    for verb in ("inspect", "lint", "needs-renewal"):
        done = of_file(verb, "/nothing")
        assert done.code == 2
        assert "No such file" in done.err


def test_a_certificate_from_the_ledger_to_the_list_of_revoked_ones(up, on_three, openssl, tmp_path):
    """Listed, shown, looked at as a file, revoked, refused, and on the CRL that `openssl verify` reads."""
    one = the_certificate(up, on_three.identity)
    assert (one["standing"], one["renewal"]) == ("active", None)
    leaf, root, issuer, crl = (tmp_path / name for name in ("leaf.pem", "root.pem", "issuer.pem", "crl.pem"))
    leaf.write_text(up.command("cert", "show", one["serial_number"], "--pem").out)
    assert of_file("lint", leaf).code == 0
    assert of_file("needs-renewal", leaf).code == 1
    assert of_file("inspect", leaf).out.count("SHA-256") == 2
    assert up.command("ca", "export", "root", "--out", str(root)).code == 0
    assert up.command("ca", "export", "stations", "--out", str(issuer)).code == 0

    revoked = up.command("cert", "revoke", one["fingerprint"], "--reason", "keyCompromise", "--json")

    assert revoked.json["certificate"]["standing"] == "revoked"
    assert one["serial_number"] in up.command("ca", "crl", "--out", str(crl), "--json").json["revoked"]
    done = subprocess.run(
        [openssl, "verify", "-crl_check", "-CAfile", root, "-untrusted", issuer, "-CRLfile", crl, leaf],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "certificate revoked" in done.stderr + done.stdout


def test_a_revoked_station_stays_out(up, on_three, crew):
    """The station that comes back with a revoked certificate is refused, and `why` says that it was revoked."""
    one = the_certificate(up, on_three.identity)
    assert up.command("cert", "revoke", one["serial_number"], "--reason", "superseded").code == 0
    crew.power_on(on_three.identity, url=up.door(1), password=on_three.password, serial=on_three.serial)
    eventually(
        lambda: "certificate-revoked" in up.command("station", "why", on_three.identity).out, within=20
    )
    assert up.station(on_three.identity)["connection"] is None
    again = up.command("cert", "revoke", one["serial_number"], "--reason", "keyCompromise")
    assert "revoked already" in again.out
    assert "superseded" in again.out
    renewed = up.command("cert", "renew", on_three.identity)
    assert renewed.code == 2
    assert f"ocppsec station remove {on_three.identity}" in renewed.err, (
        "an upgrade would be refused: it is on 3"
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["cert", "show", "ff"], 5, id="unknown"),
        pytest.param(["cert", "show", "../stations"], 2, id="no name"),
        pytest.param(["cert", "revoke", "ff", "--reason", "stolen"], 2, id="no reason"),
        pytest.param(["cert", "renew", "nobody"], 5, id="nobody's"),
        pytest.param(["ca", "export", "clients"], 2, id="no such CA"),
        pytest.param(["station", "certs", "nobody"], 5, id="nobody's roots"),
    ],
)
def test_exit_codes(up, arguments, code):
    """What cannot be done is told by the exit code and one error, without a traceback."""
    done = up.command(*arguments)
    assert done.code == code, done
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


def test_what_is_for_everybody_wants_no_token(up):
    """Root, CRL and OCSP are given over plain HTTP to who has no token."""
    url = up.ready["api"]
    with urllib.request.urlopen(f"{url}/pki/root.pem", timeout=10) as response:
        assert b"BEGIN CERTIFICATE" in response.read()
    with urllib.request.urlopen(f"{url}/pki/stations.crl", timeout=10) as response:
        assert response.headers["content-type"] == "application/pkix-crl"
