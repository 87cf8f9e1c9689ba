"""Certificate files looked at without a server."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import issue_server_certificate
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.pem import write_chain
from ocppsec.cli import certificate_files as verbs
from ocppsec.cli.failure import ExitCode, Failure

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def hierarchy():
    return create_hierarchy(organization="CSO", now=NOW)


@pytest.fixture
def file(tmp_path, hierarchy):
    """A server certificate of 90 days with its chain."""
    issued = issue_server_certificate(
        new_key(KeyFamily.EC_P256).public_key(),
        hierarchy.servers,
        hostname="csms.example",
        organization="CSO",
        now=NOW,
        serial=2**150 + 7,
    )
    path = tmp_path / "server.pem"
    path.write_text(issued.chain_pem)
    return path


def test_inspect(file, capsys):
    """Every certificate in the file is told; as JSON with the same facts."""
    verbs.inspect(file, as_json=False)
    assert capsys.readouterr().out.count("SHA-256") == 2
    verbs.inspect(file, as_json=True)
    found = json.loads(capsys.readouterr().out)["certificates"]
    assert found[0]["subject"] == "CN=csms.example,O=CSO"
    assert (found[0]["is_ca"], found[1]["is_ca"]) == (False, True)


def test_lint_finds_nothing_in_ours(file, hierarchy, tmp_path, capsys):
    """What we issue keeps our rules, and its kind is read from it."""
    verbs.lint_file(file, kind=None, as_json=False)
    assert "server: keeps every rule" in capsys.readouterr().out
    for name, authority in (("root", hierarchy.root), ("station-issuer", hierarchy.stations)):
        path = tmp_path / f"{name}.pem"
        path.write_text(write_chain((authority.certificate,)))
        verbs.lint_file(path, kind=None, as_json=True)
        assert json.loads(capsys.readouterr().out) == {"kind": name, "findings": []}


def test_lint_cites_the_requirement(file, capsys):
    """Broken rules are listed with their requirement, and the exit code is 1."""
    with pytest.raises(SystemExit) as ended:
        verbs.lint_file(file, kind="station", as_json=True)
    assert ended.value.code == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {"purpose", "extensions"} <= {one["rule"] for one in findings}
    assert all(one["requirement"] for one in findings)


@pytest.mark.parametrize(
    ("days", "expires_in", "needed"),
    [
        pytest.param(59, None, False, id="before two thirds"),
        pytest.param(61, None, True, id="after two thirds"),
        pytest.param(58.9, "31d", False, id="more than 31 days left"),
        pytest.param(59.5, "31d", True, id="less than 31 days left"),
        pytest.param(89.9, "1h", False, id="more than an hour left"),
        pytest.param(60, "75%", False, id="not three quarters"),
        pytest.param(68, "75%", True, id="three quarters"),
        pytest.param(500, None, True, id="long expired"),
    ],
)
def test_needs_renewal(file, capsys, days, expires_in, needed):
    """Exit code 0 when it has to be renewed, 1 when not."""
    at = NOW + timedelta(days=days)
    if needed:
        verbs.needs_renewal(file, expires_in=expires_in, as_json=True, now=at)
    else:
        with pytest.raises(SystemExit) as ended:
            verbs.needs_renewal(file, expires_in=expires_in, as_json=True, now=at)
        assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["needs_renewal"] is needed


@pytest.mark.parametrize("text", ["", "d", "31", "-1d", "31 d", "101%", "1y", "999999d"])
def test_a_time_that_is_none(file, text):
    """A time nobody understands is a usage error, not a default."""
    with pytest.raises(Failure) as failed:
        verbs.needs_renewal(file, expires_in=text, as_json=True, now=NOW)
    assert failed.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff" * 200_000],
)
@pytest.mark.parametrize("verb", ["inspect", "lint", "needs-renewal"])
def test_what_is_no_certificate(tmp_path, content, verb):
    """A file without a certificate is exit code 2 and says why."""
    path = tmp_path / "file.pem"
    path.write_bytes(content)
    act = {
        "inspect": lambda: verbs.inspect(path, as_json=False),
        "lint": lambda: verbs.lint_file(path, kind=None, as_json=False),
        "needs-renewal": lambda: verbs.needs_renewal(path, expires_in=None, as_json=False, now=NOW),
    }[verb]
    with pytest.raises(Failure) as failed:
        act()
    assert failed.value.code == 2
    assert failed.value.why


def test_no_such_file(tmp_path):
    """A file that is not there is exit code 2."""
    with pytest.raises(Failure) as failed:
        verbs.read(tmp_path / "nothing.pem")
    assert failed.value.code == 2


def test_a_kind_that_is_none(file):
    """A misspelt kind is a usage error."""
    with pytest.raises(Failure) as failed:
        verbs.lint_file(file, kind="charger", as_json=False)
    assert failed.value.code == ExitCode.USAGE
