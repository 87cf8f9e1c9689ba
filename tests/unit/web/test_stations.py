"""Stations, upgrades and calls through the API."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.csms.errors import CsmsNotReady
from ocppsec.csms.service import ConnectionInfo
from ocppsec.link.errors import CallRefused, CallTimedOut, LinkClosed
from ocppsec.registry.records import (
    Attempt,
    AttemptOutcome,
    SecurityEventRecord,
    UpgradeChange,
    UpgradeStep,
)
from ocppsec.registry.store import StoreUnavailable

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "correct:horse-battery_staple"


async def test_a_generated_password_is_told_once(world):
    """The answer to the registration has the password and the URLs; nothing afterwards has the password."""
    response = await world.add("CS001")
    body = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/stations/CS001"
    assert len(body["password"]) >= 40
    assert body["urls"]["1"] == "ws://h:1/ocpp/CS001"
    assert body["urls"]["3"] == "wss://h:3/ocpp/CS001"
    shown = await world.ask("GET", response.headers["location"])
    assert body["password"] not in shown.text
    assert "password" not in shown.json()


async def test_a_given_password_is_not_told_back(world):
    """Whoever gave the password knows it."""
    response = await world.add("CS001", password=PASSWORD)
    assert response.json()["password"] is None
    assert PASSWORD not in response.text


@pytest.mark.parametrize("profile", [0, 1, 2, 3])
async def test_profiles_are_the_numbers_of_the_standard(world, profile):
    """Profiles 0 to 3 go in and come out as they are (LESSONS 4)."""
    await world.add("CS001", profile=profile)
    shown = (await world.ask("GET", "/api/v1/stations/CS001")).json()
    assert (shown["floor"], shown["target"], shown["observed"]) == (profile, profile, None)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"identity": "A", "password": ["hunter2-hunter2-hunter2"]}, id="password-of-wrong-type"),
        pytest.param({"identity": "A", "password": "hunter2", "profile": 9}, id="unknown-profile"),
        pytest.param({"identity": "A", "profile": True}, id="a-yes-is-no-profile"),
        pytest.param({"identity": "A", "pasword": "hunter2-hunter2-hunter2"}, id="misspelt-member"),
        pytest.param({"password": "hunter2-hunter2-hunter2"}, id="identity-missing"),
        pytest.param({"identity": "A", "password": "hunter2"}, id="too-short"),
        pytest.param("hunter2-hunter2-hunter2", id="no-object"),
    ],
)
async def test_an_error_never_repeats_what_was_sent(world, problem, body):
    """Whatever is wrong with a registration, the password in it is not in the answer."""
    response = await world.ask("POST", "/api/v1/stations", json=body)
    assert response.status_code in {400, 422}
    assert "hunter2" not in response.text
    problem(response)


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b"[" * 100_000, b'{"identity": "A", "identity": }', b""], ids=range(5)
)
async def test_a_body_that_is_not_json_is_the_clients_mistake(world, problem, content):
    """Broken JSON is a 4xx with problem details, never a 500."""
    response = await world.ask(
        "POST", "/api/v1/stations", content=content, headers={"Content-Type": "application/json"}
    )
    assert 400 <= response.status_code < 500
    problem(response)
    assert not world.bugs


async def test_registering_twice_is_a_conflict(world, problem):
    """The second registration of an identity is 409."""
    await world.add("CS001")
    response = await world.add("CS001")
    assert response.status_code == 409
    assert problem(response)["type"].endswith("already-registered")


async def test_pages_cover_everything_once(world):
    """Following `next` gives every station once, in order."""
    names = [f"CS{number:03}" for number in range(7)]
    for name in reversed(names):
        await world.add(name)
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await world.ask("GET", "/api/v1/stations", params=query)).json()
        assert len(page["stations"]) <= 3
        seen += [one["identity"] for one in page["stations"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == names


async def test_a_full_last_page_has_no_next(world):
    """A page that ends with the last station says so."""
    for name in ("A", "B"):
        await world.add(name)
    page = (await world.ask("GET", "/api/v1/stations", params={"limit": 2})).json()
    assert page["next"] is None


@pytest.mark.parametrize("cursor", ["*", "A", "_w", "ä"])
async def test_a_cursor_of_somebody_else_is_refused(world, problem, cursor):
    """A cursor that is not ours is 422, not a page from somewhere."""
    response = await world.ask("GET", "/api/v1/stations", params={"cursor": cursor})
    assert response.status_code == 422
    problem(response)


@pytest.mark.parametrize("identity", ["CS|1", "a@b=c+d", "*-_.", "100%41"])
async def test_identities_travel_percent_encoded(world, identity):
    """Every character an identity may have survives the path."""
    location = (await world.add(identity)).headers["location"]
    assert (await world.ask("GET", location)).json()["identity"] == identity
    assert (await world.ask("DELETE", location)).status_code == 204
    assert (await world.ask("GET", location)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/stations/nobody", None),
        ("DELETE", "/api/v1/stations/nobody", None),
        ("GET", "/api/v1/stations/nobody/upgrades", None),
        ("POST", "/api/v1/stations/nobody/upgrades", {"to": 2}),
        ("POST", "/api/v1/stations/nobody/calls", {"action": "Reset"}),
        ("GET", "/api/v1/upgrades/nothing", None),
        ("GET", "/api/v1/nothing", None),
    ],
)
async def test_what_is_not_there_is_404(world, problem, method, path, body):
    """Unknown stations, upgrades and routes are 404 with problem details."""
    response = await world.ask(method, path, json=body)
    assert response.status_code == 404
    problem(response)


async def test_a_wrong_method_is_405(world, problem):
    """A route that exists names the methods it has."""
    response = await world.ask("PATCH", "/api/v1/stations")
    assert response.status_code == 405
    assert response.headers["allow"]
    problem(response)


async def test_an_open_connection_is_shown(world):
    """A connected station shows how."""
    await world.add("CS001")
    world.csms.connections["CS001"] = ConnectionInfo(
        identity="CS001", profile=3, door="mtls", address="10.0.0.7", since=NOW, accepted=True,
        pending=None, tls_version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256",
    )  # fmt: skip
    shown = (await world.ask("GET", "/api/v1/stations/CS001")).json()["connection"]
    assert (shown["profile"], shown["tls_version"]) == (3, "TLSv1.3")


async def test_an_upgrade_is_accepted_and_can_be_followed(world):
    """202 with the place to look; there its steps and its end can be read, and nothing of its inner state."""
    await world.add("CS001")
    response = await world.ask("POST", "/api/v1/stations/CS001/upgrades", json={"to": 3})
    assert response.status_code == 202
    upgrade = await world.csms.store.upgrade(response.json()["id"])
    step = UpgradeStep(at=NOW + timedelta(seconds=1), step="installing the root", detail="Accepted")
    await world.csms.store.save_upgrade(
        UpgradeChange(upgrade=replace(upgrade, step="resetting"), steps=(step,))
    )
    followed = (await world.ask("GET", response.headers["location"])).json()
    assert [one["step"] for one in followed["steps"]] == ["begun", "installing the root"]
    assert (followed["target"], followed["status"], followed["step"]) == (3, "open", "resetting")
    assert "state" not in followed
    listed = (await world.ask("GET", "/api/v1/stations/CS001/upgrades")).json()["upgrades"]
    assert [one["id"] for one in listed] == [followed["id"]]


async def test_a_second_upgrade_is_a_conflict(world, problem):
    """There is never more than one open upgrade of a station."""
    await world.add("CS001")
    await world.ask("POST", "/api/v1/stations/CS001/upgrades", json={"to": 2})
    response = await world.ask("POST", "/api/v1/stations/CS001/upgrades", json={"to": 2})
    assert response.status_code == 409
    assert problem(response)["type"].endswith("upgrade-in-progress")


async def test_the_same_key_begins_one_upgrade(world, problem):
    """A repeated Idempotency-Key gives the first answer again; with another request it is refused."""
    await world.add("CS001")
    path, key = "/api/v1/stations/CS001/upgrades", {"Idempotency-Key": "k1"}
    first = await world.ask("POST", path, json={"to": 3}, headers=key)
    again = await world.ask("POST", path, json={"to": 3}, headers=key)
    assert (again.status_code, again.json(), again.headers["location"]) == (
        202, first.json(), first.headers["location"],
    )  # fmt: skip
    assert world.csms.begun == 1
    other = await world.ask("POST", path, json={"to": 2}, headers=key)
    assert other.status_code == 422
    assert problem(other)["type"].endswith("idempotency-key-reused")


async def test_a_refused_request_is_not_remembered(world):
    """After a 404 the same key works once the station is there."""
    path, key = "/api/v1/stations/CS001/upgrades", {"Idempotency-Key": "k1"}
    assert (await world.ask("POST", path, json={"to": 3}, headers=key)).status_code == 404
    await world.add("CS001")
    assert (await world.ask("POST", path, json={"to": 3}, headers=key)).status_code == 202


async def test_a_call_gives_the_stations_answer(world):
    """Action, payload and timeout arrive as they were sent."""
    await world.add("CS001")
    world.csms.answers["CS001"] = {"status": "Accepted"}
    response = await world.ask(
        "POST",
        "/api/v1/stations/CS001/calls",
        json={"action": "Reset", "payload": {"type": "OnIdle"}, "timeout": 3},
    )
    assert response.json() == {"action": "Reset", "payload": {"status": "Accepted"}}
    assert world.csms.calls == [("CS001", "Reset", {"type": "OnIdle"}, 3.0)]


@pytest.mark.parametrize(
    ("failure", "status", "kind"),
    [
        pytest.param(CallRefused("NotSupported", "no", {"a": 1}), 502, "call-refused", id="callerror"),
        pytest.param(CallTimedOut("Reset", 3.0), 504, "call-timed-out", id="no-answer"),
        pytest.param(LinkClosed("gone"), 502, "connection-lost", id="link-closed"),
        pytest.param(None, 409, "not-connected", id="not-connected"),
    ],
)
async def test_a_call_that_fails_says_how(world, problem, failure, status, kind):
    """Each way a call can fail has its own problem."""
    await world.add("CS001")
    world.csms.answers["CS001"] = failure
    response = await world.ask("POST", "/api/v1/stations/CS001/calls", json={"action": "Reset"})
    body = problem(response)
    assert (response.status_code, body["type"]) == (status, f"urn:ocppsec:problem:{kind}")
    if kind == "call-refused":
        assert (body["code"], body["description"], body["details"]) == ("NotSupported", "no", {"a": 1})


@pytest.mark.parametrize("timeout", [0, -1, 601, "NaN", "Infinity"])
async def test_a_call_has_a_bounded_timeout(world, timeout):
    """Nobody waits for ever, or for no time at all."""
    await world.add("CS001")
    response = await world.ask(
        "POST", "/api/v1/stations/CS001/calls", json={"action": "Reset", "timeout": timeout}
    )
    assert response.status_code == 422


async def test_why_shows_the_attempts(world):
    """What was presented, what was expected and what to do come out as they were kept."""
    await world.add("CS001")
    await world.csms.store.record_attempt(
        Attempt(
            at=NOW,
            outcome=AttemptOutcome.REFUSED,
            door="ws",
            address="10.0.0.7",
            identity="CS001",
            profile=None,
            reason="wrong-password",
            presented="a password",
            expected="the right one",
            advice="set it anew",
        )
    )
    told = (await world.ask("GET", "/api/v1/stations/CS001/why")).json()
    assert told["registered"]
    assert (told["attempts"][0]["reason"], told["attempts"][0]["expected"]) == (
        "wrong-password",
        "the right one",
    )
    assert told["advice"] == ["set it anew"]


async def test_why_explains_strangers_too(world):
    """That nobody is registered is an explanation, not an error."""
    response = await world.ask("GET", "/api/v1/stations/nobody/why")
    assert response.status_code == 200
    assert not response.json()["registered"]


@pytest.mark.parametrize("kept", ["certificates", "interventions", "renewals"])
async def test_nothing_kept_and_nobody_registered(world, kept):
    """404 for a name that nobody has and nothing is kept of; an empty list for a station with nothing."""
    await world.add("CS001")
    assert (await world.ask("GET", f"/api/v1/stations/CS001/{kept}")).status_code == 200
    nobody = await world.ask("GET", f"/api/v1/stations/nobody/{kept}")
    assert (nobody.status_code, nobody.json()["type"]) == (404, "urn:ocppsec:problem:not-registered")


async def test_security_events_can_be_asked_for_one_station(world):
    """Newest first, of all stations or of one."""
    for identity in ("A", "B"):
        await world.add(identity)
        await world.csms.store.add_security_event(
            SecurityEventRecord(
                identity=identity, type="InvalidTLSVersion", timestamp=NOW, tech_info=None, received_at=NOW
            )
        )
    every = (await world.ask("GET", "/api/v1/security-events")).json()["security_events"]
    one = (await world.ask("GET", "/api/v1/security-events", params={"identity": "A"})).json()[
        "security_events"
    ]
    assert (len(every), [event["identity"] for event in one]) == (2, ["A"])


async def test_root_and_doors(world):
    """What stations have to trust, where they connect, and how many are there."""
    root = (await world.ask("GET", "/api/v1/ca")).json()
    assert root["root_certificate"] == "/s/root.pem"
    doors = (await world.ask("GET", "/api/v1/doors")).json()
    assert [door["profiles"] for door in doors["doors"]] == [[0, 1], [2], [3]]
    assert doors["connections"] == {"1": 1, "3": 2}


@pytest.mark.parametrize("reason", [StoreUnavailable("locked"), CsmsNotReady("the doors are not open")])
async def test_readiness_fails_with_the_store(world, problem, reason):
    """`/readyz` is 503 with Retry-After while the store or the doors are away; `/healthz` stays 200."""
    world.csms.unready = reason
    response = await world.ask("GET", "/readyz")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    problem(response)
    assert (await world.ask("GET", "/healthz")).status_code == 200


async def test_a_store_that_is_away_is_503_never_404(world):
    """An outage is not an absence (LESSONS 3)."""

    async def away(*_args, **_kwargs):
        raise StoreUnavailable("locked")

    world.csms.store.station = away
    assert (await world.ask("GET", "/api/v1/stations/CS001")).status_code == 503


async def test_the_description_is_whole_and_loads_nothing_from_elsewhere(world):
    """OpenAPI 3.1 describes every route; there are no pages with scripts of a CDN."""
    described = (await world.ask("GET", "/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert "/api/v1/stations/{identity}/upgrades" in described["paths"]
    assert "security" in described["paths"]["/api/v1/doors"]["get"]
    for path in ("/docs", "/redoc"):
        assert (await world.ask("GET", path)).status_code == 404
