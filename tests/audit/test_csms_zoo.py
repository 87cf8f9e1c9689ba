"""Each defect is found by the check made for it, and a sound CSMS on a foreign stack shows no finding."""

import pytest
from zoo.audits import audit
from zoo.csms import DEFECTS, ZooCsms

from ocppsec.audit.finding import Verdict

NOBODY_UPGRADES = {"profiles.upgrade"}


@pytest.mark.slow
@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_defect_is_found_by_its_check(defect):
    """The check made for the defect fails, with a reason, a remedy and what was on the wire."""
    check, _ = DEFECTS[defect]
    async with ZooCsms(defect) as csms:
        report = await audit(csms, only=(check.partition(".")[0],))
    finding = report.of(check)
    assert finding.verdict is Verdict.FAIL, (finding.verdict, finding.why)
    assert finding.why
    assert finding.remedy
    assert finding.evidence


async def test_a_sound_csms_shows_no_finding():
    """Nothing fails and nothing is left open but the upgrade nobody started."""
    async with ZooCsms() as csms:
        report = await audit(csms)
    left = {
        one.about.id: (one.verdict, one.why) for one in report.findings if one.verdict is not Verdict.PASS
    }
    assert left.keys() == NOBODY_UPGRADES, left


async def test_a_sound_csms_is_judged_by_its_url_alone():
    """Without any credential nothing fails, and no refusal counts as a pass."""
    async with ZooCsms() as csms:
        bare = {"identity": None, "password": None, "papers": None, "expired": None, "other_identity": None}
        report = await audit(csms, only=("first",), **bare, operator=False, destructive=False)
    assert [one.verdict for one in report.findings[:3]] == [
        Verdict.INCONCLUSIVE,
        Verdict.NOT_TESTED,
        Verdict.INCONCLUSIVE,
    ]
    assert "--identity" in report.findings[0].why


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        ("no-authentication", "first.authenticated-socket"),
        ("no-authentication", "first.no-takeover"),
        ("unlimited-questions", "first.identities-not-probed"),
    ],
)
async def test_a_url_alone_finds_the_weakness(defect, check):
    """The weaknesses of the advisories are found with nothing but a URL."""
    async with ZooCsms(defect) as csms:
        bare = {"identity": None, "password": None, "papers": None, "expired": None, "other_identity": None}
        report = await audit(csms, only=("first",), **bare, operator=False, destructive=False)
    assert report.of(check).verdict is Verdict.FAIL


async def test_no_secret_is_in_a_report():
    """Neither the password nor the key nor their base64 is in any finding."""
    import base64
    import json

    from zoo.csms import PASSWORD
    from zoo.papers import papers, pki

    from ocppsec.audit.report.as_json import as_json

    async with ZooCsms() as csms:
        report = await audit(csms, only=("first", "auth", "mtls"))
    text = json.dumps(as_json(report))
    assert PASSWORD not in text
    assert base64.b64encode(f"CS1:{PASSWORD}".encode()).decode()[:20] not in text
    assert papers(pki().mine).key_pem.decode().splitlines()[1] not in text
