"""What an audit says: verdicts, severities, findings, and what is known of a check before it runs.

The verdicts are never mixed.  A refusal is a pass only where the same door let somebody in who may enter; an
answer that did not come, a control that failed, a credential nobody gave: none of these is a pass.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105  a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """Asked, and what came back allows no judgement; `why` says what would."""
    NOT_TESTED = "not tested"
    """Never asked: something is missing, or nobody allowed it; `why` says what."""
    NOT_APPLICABLE = "not applicable"
    """There is nothing here that the check is about."""


class Severity(StrEnum):
    """How bad a fail is, best first."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)

    def at_least(self, other: "Severity") -> bool:
        return self.rank >= other.rank


class Need(StrEnum):
    """What a check cannot do without; the value says how to give it."""

    PLAIN = "a ws:// URL"
    SECURE = "a wss:// URL"
    MUTUAL = "the URL of the door for profile 3 (--mtls)"
    IDENTITY = "an identity the CSMS knows (--identity)"
    PASSWORD = "its password (--password-file)"  # noqa: S105  a sentence
    OTHER_IDENTITY = "the identity of another station it knows (--other-identity)"
    ROOT = "the root certificate (--root)"
    CERTIFICATE = "a client certificate and its key (--certificate, --key)"
    EXPIRED = "an expired client certificate and its key (--expired-certificate, --expired-key)"
    OPERATOR = "somebody at the other side who does what is asked (--operator)"
    DESTRUCTIVE = "leave to change what the other side keeps (--destructive)"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of a check before it runs."""

    id: str
    """Stable; the first word is the area."""
    title: str
    """As a sentence that is true when the check passes."""
    severity: Severity
    """Of a fail."""
    remedy: str
    tests: tuple[str, ...] = ()
    """Official test cases (OCA, Part 6) that ask the same, or part of it."""
    requirements: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    first_page: bool = False

    @property
    def area(self) -> str:
        return self.id.split(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One thing that was sent and what came back, in words, without secrets."""

    sent: str
    received: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a check found."""

    verdict: Verdict
    why: str


def passed(why: str) -> Outcome:
    return Outcome(verdict=Verdict.PASS, why=why)


def failed(why: str) -> Outcome:
    return Outcome(verdict=Verdict.FAIL, why=why)


def inconclusive(why: str) -> Outcome:
    return Outcome(verdict=Verdict.INCONCLUSIVE, why=why)


def not_tested(why: str) -> Outcome:
    return Outcome(verdict=Verdict.NOT_TESTED, why=why)


def not_applicable(why: str) -> Outcome:
    return Outcome(verdict=Verdict.NOT_APPLICABLE, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict of one check, with what it rests on."""

    about: About
    verdict: Verdict
    why: str
    evidence: tuple[Exchange, ...] = ()
    seconds: float = 0.0

    @property
    def sent(self) -> str:
        """Of the exchange that decided."""
        return self.evidence[-1].sent if self.evidence else ""

    @property
    def received(self) -> str:
        return self.evidence[-1].received if self.evidence else ""

    @property
    def remedy(self) -> str:
        return self.about.remedy if self.verdict is Verdict.FAIL else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings of one audit, in the order in which they are to be read."""

    subject: str
    """What was audited: a URL, or a station's identity."""
    kind: str
    """``csms`` or ``station``."""
    findings: tuple[Finding, ...]
    started: str
    """RFC 3339."""
    seconds: float
    version: str = field(default="")

    def counts(self) -> dict[Verdict, int]:
        counted = Counter(finding.verdict for finding in self.findings)
        return {verdict: counted[verdict] for verdict in Verdict}

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Worst first."""
        found = [finding for finding in self.findings if finding.verdict is Verdict.FAIL]
        return tuple(sorted(found, key=lambda finding: -finding.about.severity.rank))

    def failed_at(self, severity: Severity) -> bool:
        """True when something failed that is at least as severe."""
        return any(finding.about.severity.at_least(severity) for finding in self.failures)

    def of(self, check: str) -> Finding:
        """The finding of the check with that id; raises KeyError."""
        for finding in self.findings:
            if finding.about.id == check:
                return finding
        raise KeyError(check)


def in_areas(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by area, areas in the order of their first finding."""
    areas: dict[str, list[Finding]] = {}
    for finding in findings:
        areas.setdefault(finding.about.area, []).append(finding)
    return areas
