"""Writes docs/reference/audit-checks.md: ``python tests/audit/table.py``.  A test keeps the page true."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from zoo import csms, station

from ocppsec.audit.checks import ALL
from ocppsec.audit.report.html import AREAS
from ocppsec.audit.stations.run import ALL as ALL_OF_STATIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "audit-checks.md"


def page():
    lines = [
        "# Checks of the audit",
        "",
        "<!-- Written by `python tests/audit/table.py`; a test keeps it true. -->",
        "",
        "What `ocppsec audit csms` and `ocppsec audit station` look at, and how the judge itself is judged. Five",
        "verdicts are kept apart: *pass*, *fail*, *inconclusive* (asked, and the answer allows no judgement), *not",
        "tested* (never asked; the report says what is missing) and *not applicable*. Only pass counts as a pass. A",
        "refusal passes only where the same door lets a proper station in.",
        "",
        "`--only` and `--skip` take the name of a check, or of an area (its first word).",
        "",
        "Test cases are those of OCPP 2.0.1 Part 6 that ask the same or a part of it; passing a check here is no",
        "certification.",
        "",
        *_checks("Of a CSMS", ALL),
        *_checks("Of a charging station", ALL_OF_STATIONS),
        *_zoo("Broken CSMSs", csms.DEFECTS, "tests/audit/test_csms_zoo.py"),
        "A CSMS on npm `ocpp-rpc` shows the two things that are so there (`tests/audit/test_ocpp_rpc.py`). What the audit",
        "holds against our own is listed in `tests/audit/test_own_csms.py`, and nothing else is.",
        "",
        *_zoo("Broken stations", station.DEFECTS, "tests/audit/test_station_zoo.py"),
    ]
    return "\n".join(lines) + "\n"


def _checks(title, checks):
    yield from (f"## {title}", "")
    area = None
    for check in checks:
        about = check.about
        if about.area != area:
            area = about.area
            yield from (
                "",
                f"### {AREAS[area]}",
                "",
                "| check | passes when | if not | test cases | it takes |",
            )
            yield "|---|---|---|---|---|"
        needs = ", ".join(need.name.lower().replace("_", " ") for need in about.needs)
        tests = ", ".join(about.tests)
        yield f"| `{about.id}` | {about.title} | {about.severity} | {tests} | {needs} |"
    yield ""


def _zoo(title, defects, test):
    yield from (f"## {title}", "")
    yield f"Each has one defect, on the stack of `ocpp` and `websockets`; `{test}` audits every one of them"
    yield "and fails unless the check in its row does. A sound one on the same stack shows no finding."
    yield from ("", "| defect | what is wrong | found by |", "|---|---|---|")
    yield from (f"| {name} | {says} | `{check}` |" for name, (check, says) in defects.items())
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page().rstrip() + "\n", encoding="utf-8")
