"""What the doctor looks at."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ocppsec.certificates.authority_directory import AuthorityDirectory
from ocppsec.certificates.custody import Custody
from ocppsec.cli.doctor import (
    about_authority,
    about_directory,
    about_expiry,
    about_hostname,
    about_security_log,
    examine,
)
from ocppsec.observability import SecurityLog


def resolves(_name, _port):
    return []


def knows_nobody(_name, _port):
    raise OSError(-2, "Name or service not known")


@pytest.mark.parametrize(
    ("hostname", "resolve", "verdict"),
    [
        ("csms.example", resolves, "right"),
        ("csms.example", knows_nobody, "wrong"),
        ("localhost", resolves, "wrong"),
    ],
)
def test_the_hostname(hostname, resolve, verdict):
    """A name stations cannot use is wrong, and each finding that is wrong says what to do."""
    found = about_hostname(hostname, resolve)
    assert found.verdict == verdict
    assert bool(found.next) == (verdict == "wrong")


@pytest.mark.parametrize(
    ("first", "late", "waiting", "verdict", "said"),
    [
        (None, 0, 0, "right", "none in force"),
        ("2026-12-24T12:00:00Z", 0, 0, "right", "the first to end ends 2026-12-24 12:00"),
        ("2026-12-24T12:00:00Z", 2, 0, "wrong", "2 stations near the end"),
        (None, 0, 3, "right", "3 requests wait for a person"),
    ],
)
def test_station_certificates(first, late, waiting, verdict, said):
    """Stations that near the end of their certificate without a new one are wrong; who waits for a person is told."""
    seen = {"first": {"station": first} if first else {}, "late": late, "requests_waiting": waiting}
    found = about_expiry(seen)
    assert (found.verdict, bool(found.next)) == (verdict, verdict == "wrong")
    assert said in found.said


def test_the_state_directory(tmp_path):
    """Missing and open to others are wrong."""
    assert about_directory(tmp_path / "nothing").verdict == "wrong"
    tmp_path.chmod(0o750)
    assert about_directory(tmp_path).next == f"chmod 700 {tmp_path}"
    tmp_path.chmod(0o700)
    assert about_directory(tmp_path).verdict == "right"


def test_the_security_log(tmp_path):
    """Unbroken is right, changed is wrong, absent is not looked at: nothing unseen counts as right."""
    assert about_security_log(tmp_path).verdict == "not looked at"
    path = tmp_path / "security-log.jsonl"
    log = SecurityLog(path)
    log.append({"event": "a"})
    log.append({"event": "b"})
    log.close()
    assert about_security_log(tmp_path).verdict == "right"
    path.write_text(path.read_text().replace('"a"', '"c"'))
    assert about_security_log(tmp_path).verdict == "wrong"


def test_the_certificate_authority(tmp_path):
    """Right, near its end, damaged: each with what to do; where there is none, nothing was looked at."""
    now, ca = datetime(2026, 11, 22, tzinfo=UTC), tmp_path / "ca"
    assert [one.verdict for one in about_authority(ca, now)] == ["not looked at"]
    ca.mkdir(mode=0o700)
    assert [one.verdict for one in about_authority(ca, now)] == ["not looked at"]
    made = AuthorityDirectory(ca, custody=Custody(), now=now, serials=x509.random_serial_number)
    made.load_or_create("Example CSO")
    assert [one.verdict for one in about_authority(ca, now)] == ["right"]
    found = about_authority(ca, now + timedelta(days=5.5 * 365))
    assert [one.next for one in found] == ["ocppsec ca renew stations", "ocppsec ca renew servers"]
    found = about_authority(ca, now + timedelta(days=21 * 365))
    assert "ended 2046-11-" in found[0].said
    (ca / "root.pem").write_text("rubbish")
    assert [(one.verdict, one.next) for one in about_authority(ca, now)] == [("wrong", "ocppsec ca show")]


def test_without_a_server_that_is_the_finding(tmp_path):
    """No server is wrong; what only it knows was not looked at."""
    verdicts = {one.about: one.verdict for one in examine(tmp_path)}
    assert (verdicts["server"], verdicts["hostname"]) == ("wrong", "not looked at")
