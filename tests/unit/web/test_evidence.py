"""What can be shown for an upgrade and a campaign, as JSON and as a page."""

import dataclasses
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from cryptography.hazmat.primitives.hashes import SHA256

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.errands.notes import Notes, encode
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import (
    Attempt,
    AttemptOutcome,
    Campaign,
    CampaignChange,
    CampaignLine,
    CampaignMember,
    Errand,
    ErrandStatus,
    Upgrade,
    UpgradeChange,
    UpgradeStatus,
    UpgradeStep,
)
from ocppsec.upgrades.campaign.begin import begin
from ocppsec.upgrades.campaign.plan import read_plan
from ocppsec.upgrades.campaign.states import Member, MemberStatus, encode_member, encode_run
from ocppsec.web.evidence_page import digest, page

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FINGERPRINT = "ab" * 32
HOSTILE = "<script>alert(1)</script>"


async def fill(world):
    """One campaign: CP1 is done on profile 3, CP2 was never begun."""
    store = world.csms.store
    await world.add("CP1")
    upgrade = Upgrade(
        id="c1-0-1",
        identity="CP1",
        target=SecurityProfile.TLS_CLIENT,
        status=UpgradeStatus.OPEN,
        step="done: profile 3",
        reason="",
        state="{}",
        version=0,
        deadline=None,
        started_at=NOW,
        ended_at=NOW + timedelta(minutes=1),
    )
    await store.begin_upgrade(upgrade, [UpgradeStep(at=NOW, step="install the CSMS root", detail=HOSTILE)])
    await store.add_certificate(
        CertificateRecord(
            fingerprint=FINGERPRINT,
            identity="CP1",
            serial_number="1F",
            subject="CN=CP1,O=CSO",
            public_key_sha256="cd" * 32,
            not_before=NOW,
            not_after=NOW + timedelta(days=90),
            state=CertificateState.ACTIVE,
            issued_at=NOW + timedelta(seconds=5),
            chain="-----BEGIN CERTIFICATE-----\n",
        )
    )
    for minutes in (-10, 0.5, 10):
        await store.record_attempt(
            Attempt(
                at=NOW + timedelta(minutes=minutes),
                outcome=AttemptOutcome.ADMITTED,
                door="mtls",
                address="192.0.2.1",
                identity="CP1",
                profile=SecurityProfile.TLS_CLIENT,
                reason="",
                presented=f"TLSv1.3 TLS_AES_128_GCM_SHA256, certificate {FINGERPRINT} at {minutes}",
            )
        )
    members = [
        Member(identity="CP1", position=0, status=MemberStatus.DONE, tries=1, kind=HOSTILE),
        Member(identity="CP2", position=1, status=MemberStatus.SKIPPED, reason="is on profile 3 already"),
    ]
    rows = [
        CampaignMember(
            identity=one.identity,
            position=one.position,
            status=one.status,
            reason=one.reason,
            state=encode_member(one),
        )
        for one in members
    ]
    campaign = Campaign(
        id="c1",
        name="north",
        target=SecurityProfile.TLS_CLIENT,
        status="done",
        reason="",
        state=encode_run(begin(read_plan({"to": 3, "select": "all"}))),
        version=0,
        started_at=NOW,
    )
    await store.begin_campaign(campaign, rows, [CampaignLine(at=NOW, what="begun")])


async def test_of_an_upgrade(world, problem):
    """Steps, certificates and connections of the time of the upgrade, and none of another time."""
    await fill(world)
    found = (await world.ask("GET", "/api/v1/upgrades/c1-0-1/evidence")).json()

    assert [step["step"] for step in found["steps"]] == ["install the CSMS root"]
    assert [one["sha256"] for one in found["certificates"]] == [FINGERPRINT]
    assert [one["presented"].rpartition(" at ")[2] for one in found["connections"]] == ["0.5"]
    assert found["station"]["serial_number"] == "CP1"
    assert problem(await world.ask("GET", "/api/v1/upgrades/x/evidence"))["status"] == 404


async def test_of_a_campaign(world, problem):
    """Every station is told, the ones that were never begun with the reason; secrets are not."""
    await fill(world)
    answer = await world.ask("GET", "/api/v1/campaigns/c1/evidence")
    found = answer.json()

    assert [(one["identity"], one["status"]) for one in found["stations"]] == [
        ("CP1", "done"),
        ("CP2", "skipped"),
    ]
    assert found["stations"][0]["evidence"]["upgrade"]["id"] == "c1-0-1"
    assert found["stations"][1]["evidence"] is None
    assert "hash" not in answer.text.replace("hashes", "")
    assert problem(await world.ask("GET", "/api/v1/campaigns/x/evidence"))["status"] == 404


async def test_every_try_is_told(world):
    """What was tried before the last try is told beside it, in both forms; who failed first and came then, too."""
    await fill(world)
    store = world.csms.store
    campaign, first = await store.campaign("c1"), await store.upgrade("c1-0-1")
    await store.save_upgrade(UpgradeChange(upgrade=dataclasses.replace(first, status=UpgradeStatus.FAILED)))
    again = Upgrade(
        id="c1-0-2",
        identity="CP1",
        target=SecurityProfile.TLS_CLIENT,
        status=UpgradeStatus.OPEN,
        step="",
        reason="",
        state="{}",
        version=0,
        deadline=None,
        started_at=NOW + timedelta(minutes=5),
    )
    await store.begin_upgrade(again, [UpgradeStep(at=again.started_at, step="the second time")])
    member = Member(identity="CP1", position=0, status=MemberStatus.RUNNING, tries=3)
    row = CampaignMember(
        identity="CP1", position=0, status=member.status, reason="", state=encode_member(member)
    )
    await store.save_campaign(CampaignChange(campaign=campaign, members=(row,)))
    found = (await world.ask("GET", "/api/v1/campaigns/c1/evidence")).json()
    told = found["stations"][0]

    assert told["evidence"] is None, "the third try has no row yet"
    assert [one["upgrade"]["id"] for one in told["earlier"]] == ["c1-0-1", "c1-0-2"]
    assert told["earlier"][1]["steps"][0]["step"] == "the second time"
    html = page(found)
    assert "install the CSMS root" in html
    assert "the second time" in html
    assert found["stations"][1]["earlier"] == []


async def test_of_another_kind(world):
    """An errand is told with its steps and what the doors saw meanwhile; a root by its hash and use."""
    await fill(world)
    store = world.csms.store
    root = create_hierarchy(organization="Other", now=NOW).root.certificate
    notes = Notes().noted(NOW, "install", HOSTILE).noted(NOW, "done")
    errand = Errand(
        id="c2-0-1",
        identity="CP1",
        kind="install-root",
        status=ErrandStatus.DONE,
        reason="",
        state=encode(notes),
        version=0,
        started_at=NOW,
        ended_at=NOW + timedelta(minutes=1),
    )
    await store.begin_errand(errand)
    plan = read_plan(
        {"kind": "install-root", "select": "all", "root": {"pem": write_chain((root,))}, "name": "the root"}
    )
    member = Member(identity="CP1", position=0, status=MemberStatus.DONE, tries=1)
    row = CampaignMember(
        identity="CP1", position=0, status=member.status, reason="", state=encode_member(member)
    )
    campaign = Campaign(
        id="c2",
        name="the root",
        target=None,
        status="done",
        reason="",
        state=encode_run(begin(plan)),
        version=0,
        started_at=NOW,
    )
    await store.begin_campaign(campaign, [row])
    found = (await world.ask("GET", "/api/v1/campaigns/c2/evidence")).json()

    assert found["campaign"]["root_sha256"] == root.fingerprint(SHA256()).hex()
    assert found["campaign"]["root_use"] == "CSMSRootCertificate"
    evidence = found["stations"][0]["evidence"]
    assert [one["step"] for one in evidence["steps"]] == ["install", "done"]
    assert [one["presented"].rpartition(" at ")[2] for one in evidence["connections"]] == ["0.5"]
    text = page(found)
    assert "<h1>Campaign the root: stations given the root</h1>" in text
    assert HOSTILE not in text


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.loads = set(), []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href")]


async def test_the_page(world):
    """One page that runs and loads nothing, whatever a station calls itself, and carries the digest of its JSON."""
    await fill(world)
    for path in ("campaigns/c1", "upgrades/c1-0-1"):
        evidence = (await world.ask("GET", f"/api/v1/{path}/evidence")).json()
        text = page(evidence)
        tags = Tags()
        tags.feed(text)
        assert "script" not in tags.seen
        assert tags.loads == []
        assert FINGERPRINT in text
        assert digest(evidence) in text


def test_digest():
    """The digest follows the content, not the order it is written in."""
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
