"""The report as data, complete; the other formats are selections of it."""

from typing import Any

from ocppsec.audit.finding import Finding, Report


def as_json(report: Report) -> dict[str, Any]:
    return {
        "format": 1,
        "kind": report.kind,
        "subject": report.subject,
        "started": report.started,
        "seconds": report.seconds,
        "version": report.version,
        "counts": {str(verdict): count for verdict, count in report.counts().items()},
        "findings": [_finding(finding) for finding in report.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    about = finding.about
    return {
        "check": about.id,
        "title": about.title,
        "verdict": str(finding.verdict),
        "severity": str(about.severity),
        "why": finding.why,
        "sent": finding.sent,
        "received": finding.received,
        "remedy": finding.remedy,
        "tests": list(about.tests),
        "requirements": list(about.requirements),
        "first_page": about.first_page,
        "evidence": [{"sent": one.sent, "received": one.received} for one in finding.evidence],
        "seconds": finding.seconds,
    }
