"""SARIF 2.1.0, as code scanning reads it: one rule for each check, one result for each that did not pass.

`kind` keeps the verdicts apart: fail, review (inconclusive), open (not tested), notApplicable, and pass.
"""

from typing import Any, Final

from ocppsec.audit.finding import Finding, Report, Severity, Verdict

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_KINDS: Final = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.INCONCLUSIVE: "review",
    Verdict.NOT_TESTED: "open",
    Verdict.NOT_APPLICABLE: "notApplicable",
}
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORES: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}
"""`security-severity`, which GitHub turns into words."""


def as_sarif(report: Report) -> dict[str, Any]:
    rules = [_rule(finding) for finding in report.findings]
    results = [_result(finding, index, report) for index, finding in enumerate(report.findings)]
    driver = {
        "name": "ocppsec audit",
        "version": report.version,
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "startTimeUtc": report.started}],
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(finding: Finding) -> dict[str, Any]:
    about = finding.about
    return {
        "id": about.id,
        "name": "".join(word.capitalize() for word in about.id.replace(".", "-").split("-")),
        "shortDescription": {"text": about.title},
        "help": {"text": about.remedy},
        "defaultConfiguration": {"level": _LEVELS[about.severity]},
        "properties": {
            "tags": ["security", "ocpp", *about.tests, *about.requirements],
            "security-severity": _SCORES[about.severity],
        },
    }


def _result(finding: Finding, index: int, report: Report) -> dict[str, Any]:
    failed = finding.verdict is Verdict.FAIL
    return {
        "ruleId": finding.about.id,
        "ruleIndex": index,
        "kind": _KINDS[finding.verdict],
        # 3.27.10: a level other than none goes with the kind fail alone.
        "level": _LEVELS[finding.about.severity] if failed else "none",
        "message": {"text": f"{finding.why}. {finding.remedy}".strip() if failed else finding.why},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": report.subject, "kind": "resource"}]}],
        "partialFingerprints": {"check/v1": f"{report.subject} {finding.about.id}"},
        "properties": {
            "verdict": str(finding.verdict),
            "evidence": [{"sent": one.sent, "received": one.received} for one in finding.evidence],
        },
    }
