"""The reports: each verdict ends up as what its format means by it, and hostile words stay words."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from ocppsec.audit.finding import About, Exchange, Finding, Report, Severity, Verdict
from ocppsec.audit.report.as_json import as_json
from ocppsec.audit.report.html import as_html
from ocppsec.audit.report.junit import as_junit
from ocppsec.audit.report.sarif import as_sarif

HOSTILE = "<script>alert(1)</script>\x00\x1b[31m]]>"


def finding(verdict, number):
    about = About(
        id=f"tls.check-{number}",
        title=f"Check {number}",
        severity=Severity.HIGH,
        remedy="Mend it.",
        tests=("TC_A_04_CSMS",),
        requirements=("A00.FR.318",),
    )
    evidence = (Exchange(sent=f"sent {HOSTILE}", received=f"received {HOSTILE}"),)
    return Finding(about=about, verdict=verdict, why=f"why {HOSTILE}", evidence=evidence, seconds=0.25)


REPORT = Report(
    subject="wss://csms.example.com/ocpp",
    kind="csms",
    findings=tuple(finding(verdict, number) for number, verdict in enumerate(Verdict)),
    started="2026-11-22T12:00:00Z",
    seconds=2.5,
    version="1.2.3",
)


def test_json_has_everything():
    """Every finding with its verdict, ids and evidence; counts for all five verdicts."""
    data = json.loads(json.dumps(as_json(REPORT)))
    assert [one["verdict"] for one in data["findings"]] == [str(verdict) for verdict in Verdict]
    assert data["counts"] == dict.fromkeys(map(str, Verdict), 1)
    assert data["findings"][1]["remedy"] == "Mend it."
    assert data["findings"][0]["evidence"][0]["sent"].startswith("sent")


@pytest.mark.parametrize(
    ("verdict", "tag"),
    [
        ("pass", None),
        ("fail", "failure"),
        ("inconclusive", "error"),
        ("not tested", "skipped"),
        ("not applicable", "skipped"),
    ],
)
def test_junit_keeps_verdicts_apart(verdict, tag):
    """Only a pass is a test case without a mark."""
    root = ET.fromstring(as_junit(REPORT))
    case = root.findall("testsuite/testcase")[[str(one) for one in Verdict].index(verdict)]
    marks = [child for child in case if child.tag != "system-out"]
    assert [mark.tag for mark in marks] == ([tag] if tag else [])
    assert all(mark.get("message").startswith(f"{verdict}: ") for mark in marks)


def test_junit_counts_are_right():
    """On the whole and on the suite, as the schema of Jenkins and GitLab wants them."""
    root = ET.fromstring(as_junit(REPORT))
    for element in (root, root.find("testsuite")):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "5", "failures": "1", "errors": "1", "skipped": "2"}
    assert root.find("testsuite").get("name") == "tls"


def test_sarif_is_what_the_standard_says():
    """2.1.0: a level goes with the kind fail alone, rules are referred to by index, one result for each check."""
    log = as_sarif(REPORT)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [one["kind"] for one in run["results"]] == ["pass", "fail", "review", "open", "notApplicable"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert (result["level"] != "none") == (result["kind"] == "fail")
        assert result["message"]["text"]
        assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == REPORT.subject
    assert rules[0]["properties"]["security-severity"] == "8.0"
    assert "TC_A_04_CSMS" in rules[0]["properties"]["tags"]


def test_the_page_needs_nothing_but_itself():
    """No script, no request to anywhere, light and dark."""
    page = as_html(REPORT)
    assert "<script" not in page
    assert not re.search(r"(src|href|url)\s*[=(]", page)
    assert "prefers-color-scheme: dark" in page
    assert "default-src 'none'" in page


def test_the_page_says_the_worst_first():
    """Its first heading counts what failed; the failure comes unfolded with its remedy."""
    page = as_html(REPORT)
    assert "<h1>1 of 5 checks failed, the worst is high</h1>" in page
    assert page.count('<details class="fail" open>') == 1
    assert "Mend it." in page


@pytest.mark.parametrize(
    ("verdicts", "heading"),
    [
        ([Verdict.NOT_TESTED], "Nothing failed, but nothing passed either"),
        ([Verdict.PASS, Verdict.NOT_TESTED], "Nothing failed; 1 of 2 checks passed"),
    ],
)
def test_the_page_never_calls_silence_a_success(verdicts, heading):
    """An audit without a fail and without a pass is no good news."""
    findings = tuple(finding(verdict, number) for number, verdict in enumerate(verdicts))
    quiet = Report(subject="x", kind="csms", findings=findings, started="", seconds=0)
    assert f"<h1>{heading}</h1>" in as_html(quiet)
