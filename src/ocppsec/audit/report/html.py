"""One page that needs nothing but itself: own style, light and dark, no script, no request to anywhere."""

from html import escape
from typing import Final

from ocppsec.audit.finding import Finding, Report, Verdict, in_areas

_SLUGS: Final = {verdict: verdict.value.replace(" ", "-") for verdict in Verdict}
_ORDER: Final = (
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_TESTED,
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
)
AREAS: Final = {
    "first": "First page: the weaknesses of 2026",
    "tls": "TLS",
    "auth": "Passwords",
    "mtls": "Client certificates",
    "profiles": "Profiles, upgrade, downgrade",
    "connection": "WebSocket and sessions",
    "boot": "Boot states",
    "certificates": "Certificate requests",
    "frames": "Bad messages",
    "server": "Which servers it believes",
    "password": "Password",
    "certificate": "Own certificate",
    "slots": "Network profiles",
    "roots": "Root certificates",
    "messages": "Messages",
}

_STYLE: Final = """
:root { color-scheme: light dark; --bg: #f7f7f5; --card: #fff; --ink: #1d2126; --dim: #5c6670; --line: #dcdfe3;
  --pass: #1a7f4b; --fail: #c02a2a; --inconclusive: #b06a00; --not-tested: #5c6670; --not-applicable: #8a929b; }
@media (prefers-color-scheme: dark) { :root { --bg: #14171a; --card: #1d2125; --ink: #e6e8ea; --dim: #9aa4ae;
  --line: #343a40; --pass: #4cc38a; --fail: #ff6b6b; --inconclusive: #f0a53a; --not-tested: #9aa4ae;
  --not-applicable: #717b85; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .6rem; }
.dim { color: var(--dim); }
.sum { display: flex; gap: .6rem; flex-wrap: wrap; margin: 1.25rem 0; padding: 0; list-style: none; }
.sum li { flex: 1 1 7rem; background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--v);
  border-radius: 6px; padding: .5rem .8rem; color: var(--dim); }
.sum b { display: block; font-size: 1.7rem; line-height: 1.2; color: var(--v); }
.bar { display: flex; height: 10px; border-radius: 5px; overflow: hidden; background: var(--line); }
.bar i { background: var(--v); }
.first { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .75rem; }
.first article { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--v);
  border-radius: 6px; padding: .75rem .9rem; }
.first h3 { font-size: 1rem; margin: 0 0 .3rem; }
.first p { margin: .3rem 0 0; font-size: .9rem; overflow-wrap: anywhere; }
details { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--v); border-radius: 6px;
  margin: .35rem 0; }
summary { cursor: pointer; padding: .45rem .8rem; display: flex; gap: .75rem; align-items: baseline; }
summary .t { flex: 1; }
summary code { color: var(--dim); font-size: .78rem; }
.in { padding: .1rem 1rem .8rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.in dl { display: grid; grid-template-columns: 6.5rem 1fr; gap: .3rem .8rem; margin: .7rem 0 0; }
dt { color: var(--dim); } dd { margin: 0; }
.badge { font-weight: 600; font-size: .8rem; color: var(--v); min-width: 6.6rem; }
.sev { font-size: .75rem; border: 1px solid var(--line); border-radius: 4px; padding: 0 .35rem; color: var(--dim); }
table { border-collapse: collapse; width: 100%; margin-top: .7rem; font: .8rem/1.45 ui-monospace, monospace; }
td { border-top: 1px solid var(--line); padding: .25rem .5rem .25rem 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { width: 50%; }
.pass { --v: var(--pass); } .fail { --v: var(--fail); } .inconclusive { --v: var(--inconclusive); }
.not-tested { --v: var(--not-tested); } .not-applicable { --v: var(--not-applicable); }
@media (max-width: 40rem) { summary { flex-wrap: wrap; } summary .t { flex-basis: 100%; order: 3; }
  .in dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
@media print { details { break-inside: avoid; } }
"""


def as_html(report: Report) -> str:
    """What failed first, opened; everything else folded away below."""
    subject = escape(report.subject)
    first = [finding for finding in report.findings if finding.about.first_page]
    rest = [finding for finding in report.findings if not finding.about.first_page]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Audit of {subject}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{_verdict_of(report)}</h1>",
        _what(report),
        _summary(report),
    ]
    if first:
        parts += [f"<h2>{AREAS['first']}</h2>", '<div class="first">', *map(_card, first), "</div>"]
    if report.failures:
        parts += [
            "<h2>What failed, worst first</h2>",
            *(_details(one, unfolded=True) for one in report.failures),
        ]
    for area, findings in in_areas(rest).items():
        parts.append(f"<h2>{escape(AREAS.get(area, area))} <span class=dim>{_tally(findings)}</span></h2>")
        parts += [_details(one) for one in sorted(findings, key=lambda one: _ORDER.index(one.verdict))]
    return "".join([*parts, "</main></body></html>\n"])


def _what(report: Report) -> str:
    kind = "CSMS" if report.kind == "csms" else "charging station"
    return (
        f'<div class="dim">Audit of the {kind} <b>{escape(report.subject)}</b>, {escape(report.started)},'
        f" {report.seconds:.0f} s, ocppsec {escape(report.version)}. Only <i>pass</i> counts as a pass.</div>"
    )


def _verdict_of(report: Report) -> str:
    counts = report.counts()
    if report.failures:
        bad = report.failures[0].about.severity
        return f"{counts[Verdict.FAIL]} of {len(report.findings)} checks failed, the worst is {bad}"
    if not counts[Verdict.PASS]:
        return "Nothing failed, but nothing passed either"
    return f"Nothing failed; {counts[Verdict.PASS]} of {len(report.findings)} checks passed"


def _summary(report: Report) -> str:
    counts = report.counts()
    cells = "".join(f'<li class="{_SLUGS[one]}"><b>{counts[one]}</b>{one}</li>' for one in _ORDER)
    parts = "".join(
        f'<i class="{_SLUGS[one]}" style="flex:{counts[one]}"></i>' for one in _ORDER if counts[one]
    )
    return f'<ul class="sum">{cells}</ul><div class="bar">{parts}</div>'


def _tally(findings: list[Finding]) -> str:
    passed = sum(finding.verdict is Verdict.PASS for finding in findings)
    return f"{passed} of {len(findings)} pass"


def _card(finding: Finding) -> str:
    return (
        f'<article class="{_SLUGS[finding.verdict]}"><span class="badge">{finding.verdict}</span>'
        f" {_severity(finding)}<h3>{escape(finding.about.title)}</h3><p>{escape(finding.why)}</p></article>"
    )


def _severity(finding: Finding) -> str:
    return f'<span class="sev">{finding.about.severity}</span>' if finding.verdict is Verdict.FAIL else ""


def _details(finding: Finding, *, unfolded: bool = False) -> str:
    about = finding.about
    facts = [("why", finding.why), ("remedy", finding.remedy)]
    facts += [("test cases", ", ".join(about.tests)), ("requirements", ", ".join(about.requirements))]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts if text)
    rows = "".join(
        f"<tr><td>{escape(one.sent)}</td><td>{escape(one.received)}</td></tr>" for one in finding.evidence
    )
    table = f"<table><tr class=dim><td>sent</td><td>came back</td></tr>{rows}</table>" if rows else ""
    return (
        f'<details class="{_SLUGS[finding.verdict]}"{" open" if unfolded else ""}><summary>'
        f'<span class="badge">{finding.verdict}</span><span class="t">{escape(about.title)}</span>'
        f"{_severity(finding)}<code>{escape(about.id)}</code></summary>"
        f'<div class="in"><dl>{listed}</dl>{table}</div></details>'
    )
