"""Campaigns over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ocppsec.certificates.hash_data import CertificateHashData
from ocppsec.csms.campaigner import Campaigner
from ocppsec.registry.records import CampaignChange
from ocppsec.web.evidence_page import page

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLAN = {"to": 2, "select": "site=de", "name": "north", "phases": [{"percent": 100, "soak": "10m"}]}


@pytest.fixture
async def fleet(world):
    """Two stations in Germany, one of them on profile 2 already, one in France."""
    csms = world.csms
    csms.organization = "CSO"
    csms.authority.root_hash_data = lambda algorithm: CertificateHashData(
        hash_algorithm=algorithm, issuer_name_hash="ab", issuer_key_hash="cd", serial_number="1"
    )
    csms.url_for = lambda profile: f"wss://h:{profile}/ocpp"
    csms.present = dict
    csms.charging = lambda _: None
    csms.upgrading = frozenset()
    csms.campaigner = Campaigner(csms, emit=lambda _: None, now=lambda: NOW)
    for identity, profile, site in (("CP1", 1, "de"), ("CP2", 2, "de"), ("CP3", 1, "fr")):
        added = await world.add(identity, profile=profile, labels={"site": site})
        assert added.status_code == 201
    return world


# -- labels -------------------------------------------------------------------------------------------------
async def test_labels(fleet):
    """Labels given with the station are shown, and replaced as a whole."""
    assert (await fleet.ask("GET", "/api/v1/stations/CP1")).json()["labels"] == {"site": "de"}
    changed = await fleet.ask("PUT", "/api/v1/stations/CP1/labels", json={"labels": {"line": "7"}})

    assert (changed.status_code, changed.json()["labels"]) == (200, {"line": "7"})


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({"floor": "3"}, id="a fact"),
        pytest.param({"and": "x"}, id="a word of the grammar"),
        pytest.param({"Site": "x"}, id="capital letter"),
        pytest.param({"a b": "x"}, id="space"),
        pytest.param({"a": ""}, id="empty"),
        pytest.param({"a": "x" * 81}, id="long"),
        pytest.param({"a": 'x"y'}, id="quote"),
        pytest.param({"a": "x\ny"}, id="line end"),
        pytest.param({"timezone": "Mars/Olympus"}, id="time zone"),
        pytest.param({f"l{n}": "x" for n in range(33)}, id="many"),
    ],
)
async def test_labels_that_cannot_be(fleet, problem, labels):
    """A label that no selection could ask for is refused."""
    refused = await fleet.ask("PUT", "/api/v1/stations/CP1/labels", json={"labels": labels})
    assert problem(refused)["type"] == "urn:ocppsec:problem:bad-input"


async def test_labels_of_nobody(fleet):
    """Who is not registered has no labels."""
    assert (await fleet.ask("PUT", "/api/v1/stations/X/labels", json={"labels": {}})).status_code == 404


# -- campaigns ----------------------------------------------------------------------------------------------
async def test_dry_run(fleet):
    """The dry run tells who can and who cannot, and keeps nothing."""
    planned = (await fleet.ask("POST", "/api/v1/campaigns/plan", json=PLAN)).json()

    assert [(one["identity"], one["can"], one["reason"]) for one in planned["stations"]] == [
        ("CP1", True, ""),
        ("CP2", False, "is on profile 2 already"),
    ]
    assert planned["plan"]["phases"][0]["soak"] == 600
    assert (await fleet.ask("GET", "/api/v1/campaigns")).json() == {"campaigns": []}


async def test_begin_and_show(fleet):
    """A campaign that has begun is found at its location, with counts, plan, history and stations."""
    begun = await fleet.ask("POST", "/api/v1/campaigns", json=PLAN)
    assert begun.status_code == 201
    shown = (await fleet.ask("GET", begun.headers["location"])).json()

    assert (shown["status"], shown["phase"], shown["phases"], shown["name"]) == ("running", 1, 1, "north")
    assert {name: number for name, number in shown["stations"].items() if number} == {
        "pending": 1,
        "skipped": 1,
    }
    assert shown["history"][0]["detail"] == "2 stations: site=de"
    stations = f"{begun.headers['location']}/stations"
    first = (await fleet.ask("GET", stations, params={"limit": 1})).json()
    second = (await fleet.ask("GET", stations, params={"limit": 1, "cursor": first["next"]})).json()
    assert [page["stations"][0]["identity"] for page in (first, second)] == ["CP1", "CP2"]
    assert second["next"] is None
    skipped = (await fleet.ask("GET", stations, params={"status": "skipped"})).json()
    assert [one["identity"] for one in skipped["stations"]] == ["CP2"]


async def test_the_same_key_begins_once(fleet):
    """A request that is repeated with its Idempotency-Key begins nothing more."""
    headers = {"Idempotency-Key": "k1"}
    answers = [await fleet.ask("POST", "/api/v1/campaigns", json=PLAN, headers=headers) for _ in range(2)]

    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert len((await fleet.ask("GET", "/api/v1/campaigns")).json()["campaigns"]) == 1


async def test_commands(fleet, problem):
    """Pause and resume answer with where it stands then; what has no meaning is refused."""
    campaign = (await fleet.ask("POST", "/api/v1/campaigns", json=PLAN)).json()["id"]
    paused = await fleet.ask("POST", f"/api/v1/campaigns/{campaign}/pause")
    assert paused.json()["status"] == "paused"
    assert problem(await fleet.ask("POST", f"/api/v1/campaigns/{campaign}/pause"))["status"] == 400
    assert (await fleet.ask("POST", f"/api/v1/campaigns/{campaign}/resume")).json()["status"] == "running"
    assert (await fleet.ask("POST", f"/api/v1/campaigns/{campaign}/explode")).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "x"), ("GET", "x/stations"), ("POST", "x/pause"), ("POST", "x/retry")],
)
async def test_unknown(fleet, problem, method, path):
    """A campaign nobody began is not found."""
    assert problem(await fleet.ask(method, f"/api/v1/campaigns/{path}"))["type"].endswith("unknown-campaign")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"select": "site"}, id="selection"),
        pytest.param({"stopp": {}}, id="unknown key"),
        pytest.param({"to": 1}, id="profile"),
        pytest.param({"select": "site=nowhere"}, id="nobody"),
    ],
)
async def test_what_cannot_begin(fleet, problem, change):
    """What cannot be a campaign begins nothing and says why."""
    refused = problem(await fleet.ask("POST", "/api/v1/campaigns", json=PLAN | change))
    assert refused["type"] == "urn:ocppsec:problem:bad-input"
    assert (await fleet.ask("GET", "/api/v1/campaigns")).json() == {"campaigns": []}


# -- other kinds ----------------------------------------------------------------------------------------------
async def test_a_kind_that_raises_nobody(fleet):
    """It is told by its kind and its goal; its errands are no upgrades."""
    body = {"kind": "passwords", "select": "all", "phases": [{"percent": 100}]}
    planned = (await fleet.ask("POST", "/api/v1/campaigns/plan", json=body)).json()
    assert planned["goal"] == "given a new password"
    begun = await fleet.ask("POST", "/api/v1/campaigns", json=body)
    shown = (await fleet.ask("GET", begun.headers["location"])).json()

    assert (shown["kind"], shown["to"], shown["goal"]) == ("passwords", None, "given a new password")
    assert shown["late_comers"] is False
    stations = (await fleet.ask("GET", f"{begun.headers['location']}/stations")).json()["stations"]
    assert {one["upgrade"] for one in stations} == {one["errand"] for one in stations} == {None}


async def test_a_continuous_campaign(fleet, problem):
    """It may begin with nobody, takes late comers until it is finished, and then is over."""
    body = PLAN | {"select": "site=nowhere", "continuous": True, "until": "2027-01-31T06:00:00+01:00"}
    begun = await fleet.ask("POST", "/api/v1/campaigns", json=body)
    assert (begun.status_code, begun.json()["late_comers"]) == (201, True)
    assert begun.json()["until"] == "2027-01-31T06:00:00+01:00"
    finished = await fleet.ask("POST", f"{begun.headers['location']}/finish")
    assert finished.json()["late_comers"] is False
    assert problem(await fleet.ask("POST", f"{begun.headers['location']}/finish"))["status"] == 400


async def test_a_campaign_of_another_version(fleet):
    """It is listed and shown as far as it can be read, with why it was given up."""
    campaign = (await fleet.ask("POST", "/api/v1/campaigns", json=PLAN)).json()["id"]
    store = fleet.csms.store
    row = replace(await store.campaign(campaign), state="{}", status="aborted", reason="another version")
    members = [replace(one, state="{}") for one in await store.campaign_members(campaign)]
    await store.save_campaign(CampaignChange(campaign=row, members=tuple(members)))
    (listed,) = (await fleet.ask("GET", "/api/v1/campaigns")).json()["campaigns"]
    stations = (await fleet.ask("GET", f"/api/v1/campaigns/{campaign}/stations")).json()["stations"]
    evidence = (await fleet.ask("GET", f"/api/v1/campaigns/{campaign}/evidence")).json()

    assert (listed["status"], listed["reason"]) == ("aborted", "another version")
    assert [one["status"] for one in stations] == ["pending", "skipped"]
    assert (evidence["campaign"]["kind"], len(evidence["stations"])) == (None, 2)
    assert "another version" in page(evidence)
