"""JUnit XML, as CI servers read it.

A fail is a `failure`, inconclusive is an `error`, not tested and not applicable are `skipped`: a job that counts
anything but the absence of failures and errors as green still sees that something was skipped.
"""

import re
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from ocppsec.audit.finding import Finding, Report, Verdict, in_areas

_TAGS: Final = {
    Verdict.FAIL: "failure",
    Verdict.INCONCLUSIVE: "error",
    Verdict.NOT_TESTED: "skipped",
    Verdict.NOT_APPLICABLE: "skipped",
}
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(report: Report) -> str:
    """A document with one suite for each area."""
    root = Element("testsuites", name=f"audit of {_clean(report.subject)}", time=f"{report.seconds:.3f}")
    _count(root, report.findings)
    for area, findings in in_areas(report.findings).items():
        suite = SubElement(root, "testsuite", name=area, timestamp=report.started.rstrip("Z"))
        _count(suite, findings)
        suite.set("time", f"{sum(finding.seconds for finding in findings):.3f}")
        for finding in findings:
            _case(suite, finding)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _count(element: Element, findings: tuple[Finding, ...] | list[Finding]) -> None:
    tags = [_TAGS.get(finding.verdict) for finding in findings]
    element.set("tests", str(len(tags)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(tags.count(tag)))


def _case(suite: Element, finding: Finding) -> None:
    about = finding.about
    case = SubElement(
        suite, "testcase", classname=f"audit.{about.area}", name=about.id, time=f"{finding.seconds:.3f}"
    )
    tag = _TAGS.get(finding.verdict)
    if tag is not None:
        detail = SubElement(case, tag, message=_clean(f"{finding.verdict}: {finding.why}"))
        if tag != "skipped":
            detail.set("type", str(about.severity))
            detail.text = _clean("\n".join(_lines(finding)))
    SubElement(case, "system-out").text = _clean("\n".join(_evidence(finding)))


def _lines(finding: Finding) -> list[str]:
    ids = ", ".join((*finding.about.tests, *finding.about.requirements))
    lines = [finding.about.title, finding.why, ids, *_evidence(finding)]
    return [*lines, finding.remedy] if finding.remedy else lines


def _evidence(finding: Finding) -> list[str]:
    return [f"{one.sent}\n  -> {one.received}" for one in finding.evidence]


def _clean(text: str) -> str:
    """The other side chose some of these words: no character that XML forbids."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
