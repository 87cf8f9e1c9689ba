"""The page about the checks says what the checks say."""

import pytest
from table import PAGE, page
from zoo import csms, station

from ocppsec.audit.checks import ALL
from ocppsec.audit.stations.run import ALL as ALL_OF_STATIONS


def test_the_page_is_true():
    """docs/reference/audit-checks.md is what the code gives.  When this fails: ``python tests/audit/table.py``."""
    assert PAGE.read_text(encoding="utf-8") == page().rstrip() + "\n"


@pytest.mark.parametrize(
    ("checks", "defects"), [(ALL, csms.DEFECTS), (ALL_OF_STATIONS, station.DEFECTS)], ids=["csms", "station"]
)
def test_ids_are_unique_and_every_defect_names_one(checks, defects):
    """A check is found by its id, in reports, in --only and in the table."""
    ids = [check.about.id for check in checks]
    assert len(ids) == len(set(ids))
    assert {check for check, _ in defects.values()} <= set(ids)


@pytest.mark.parametrize("check", [*ALL, *ALL_OF_STATIONS], ids=lambda check: check.about.id)
def test_a_check_says_what_it_is(check):
    """Title, severity and, unless it is never run, a remedy."""
    about = check.about
    assert about.title[0].isupper()
    assert not about.title.endswith(".")
    assert about.remedy or about.id in {
        "slots.fallback", "slots.new-root", "slots.recovery", "connection.back-off", "certificate.asks-again",
        "roots.signed-by-old",
    }  # fmt: skip
