"""The algebra of verdicts: what counts, what fails a run, what is worst."""

import pytest

from ocppsec.audit.finding import About, Exchange, Finding, Report, Severity, Verdict


def finding(verdict, severity=Severity.MEDIUM, name="area.check", **more):
    about = About(id=name, title="It is so", severity=severity, remedy="Mend it.")
    return Finding(about=about, verdict=verdict, why="because", **more)


def report(*findings):
    return Report(
        subject="wss://x/ocpp", kind="csms", findings=findings, started="2026-11-22T12:00:00Z", seconds=1.0
    )


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.PASS])
def test_only_pass_counts_as_a_pass(verdict):
    """Each other verdict leaves the count of passes at zero."""
    assert report(finding(verdict)).counts()[Verdict.PASS] == 0
    assert sum(report(finding(verdict)).counts().values()) == 1


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.FAIL])
def test_only_a_fail_ends_a_run_badly(verdict):
    """Inconclusive, not tested and not applicable are no failures, however severe the check."""
    assert not report(finding(verdict, Severity.CRITICAL)).failed_at(Severity.INFO)


@pytest.mark.parametrize(
    ("least", "ends_badly"),
    [
        pytest.param(Severity.LOW, True, id="below"),
        pytest.param(Severity.MEDIUM, True, id="equal"),
        pytest.param(Severity.HIGH, False, id="above"),
    ],
)
def test_fail_on_is_a_threshold(least, ends_badly):
    """A medium fail ends a run for medium and everything milder."""
    assert report(finding(Verdict.FAIL, Severity.MEDIUM)).failed_at(least) is ends_badly


def test_the_worst_failure_comes_first():
    """Failures are sorted by severity; the order of the findings stays."""
    mild, bad = (finding(Verdict.FAIL, severity, severity) for severity in (Severity.LOW, Severity.CRITICAL))
    both = report(mild, finding(Verdict.PASS), bad)
    assert both.failures == (bad, mild)
    assert both.findings[0] is mild


def test_a_remedy_is_told_only_where_something_failed():
    """What passed needs none."""
    assert finding(Verdict.FAIL).remedy == "Mend it."
    assert not finding(Verdict.PASS).remedy


def test_the_last_exchange_decided():
    """`sent` and `received` are those of the exchange the verdict rests on."""
    one, two = Exchange(sent="a", received="b"), Exchange(sent="c", received="d")
    judged = finding(Verdict.FAIL, evidence=(one, two))
    assert (judged.sent, judged.received) == ("c", "d")
    assert (finding(Verdict.FAIL).sent, finding(Verdict.FAIL).received) == ("", "")


def test_severities_are_ordered():
    """From info to critical."""
    assert sorted(Severity, key=lambda one: one.rank) == list(Severity)
    assert Severity.CRITICAL.at_least(Severity.HIGH)
    assert not Severity.INFO.at_least(Severity.LOW)
