"""The evidence of a campaign or an upgrade as one page of HTML: no script, nothing loaded, fit for a file or a printer."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from ocppsec.upgrades.counted import counted

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem; margin: .5rem 0 1rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #ddd;
  overflow-wrap: anywhere }
details { border: 1px solid #ddd; border-radius: 4px; padding: .4rem .8rem; margin: .4rem 0 }
summary { cursor: pointer } .done { color: #186a3b } .failed, .lost { color: #a11 } .hash { font-family: monospace }
@media print { details { break-inside: avoid } }
"""


def digest(evidence: dict[str, Any]) -> str:
    """SHA-256 over the evidence as canonical JSON; it stands on the page, so that page and JSON can be matched."""
    text = json.dumps(evidence, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def page(evidence: dict[str, Any]) -> str:
    campaign = evidence.get("campaign")
    if campaign is None:
        title = f"Upgrade of {evidence['upgrade']['identity']} to profile {evidence['upgrade']['to']}"
        body = [_one(evidence)]
    else:
        goal = f": stations {campaign['goal']}" if campaign["goal"] else ""
        title = f"Campaign {campaign['name'] or campaign['id']}{goal}"
        body = [_campaign(evidence)]
    foot = f'<p>SHA-256 of the evidence as JSON: <span class="hash">{digest(evidence)}</span></p>'
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *body,
            foot,
            "</body></html>\n",
        ]
    )


def _campaign(evidence: dict[str, Any]) -> str:
    campaign, stations = evidence["campaign"], evidence["stations"]
    counts = Counter(str(one["status"]) for one in stations)
    total = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"
    parts = [
        _facts(campaign),
        f"<p>{counted(len(stations), 'station')}: {escape(total)}.</p>",
        "<h2>History</h2>",
        _table(("at", "what", "detail"), evidence["history"]),
        "<h2>Stations</h2>",
    ]
    for one in stations:
        reason = f": {one['reason']}" if one["reason"] else ""
        head = f"{one['identity']} {one['kind']}".strip()
        inner = _one(one["evidence"]) if one["evidence"] else "<p>Nothing was begun.</p>"
        for number, before in enumerate(one["earlier"], 1):
            inner += f"<details><summary>try {number}, before</summary>{_one(before)}</details>"
        status = escape(str(one["status"]))
        parts.append(
            f'<details><summary>{escape(head)} <b class="{status}">{status}</b>{escape(reason)}</summary>{inner}</details>'
        )
    return "\n".join(parts)


def _one(evidence: dict[str, Any]) -> str:
    parts = [_facts(evidence["upgrade"] if "upgrade" in evidence else evidence["errand"])]
    if evidence["station"]:
        parts += ["<h3>The station, now</h3>", _facts(evidence["station"])]
    for title, key, columns in (
        ("Steps", "steps", ("at", "step", "detail", "messages")),
        (
            "What the doors saw",
            "connections",
            ("at", "outcome", "door", "profile", "address", "presented", "reason"),
        ),
        (
            "Certificates",
            "certificates",
            ("sha256", "serial_number", "subject", "not_after", "state", "seen_in_a_handshake_at"),
        ),
    ):
        if evidence[key]:
            parts += [f"<h3>{title}</h3>", _table(columns, evidence[key])]
    return "\n".join(parts)


def _facts(facts: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{_cell(value)}</td></tr>"
        for name, value in facts.items()
        if value not in (None, "")
    )
    return f"<table>{rows}</table>"


def _table(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    head = "".join(f"<th>{escape(column.replace('_', ' '))}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row[column])}</td>" for column in columns) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    """Stations choose some of these words."""
    if isinstance(value, list):
        return (
            "<br>".join(f"<code>{escape(json.dumps(one, ensure_ascii=False))}</code>" for one in value) or "–"
        )
    return "–" if value is None or value == "" else escape(str(value))
