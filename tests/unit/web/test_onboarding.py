"""New stations and allowances through the API, over the real offices and a store in memory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.csms.allowances import Allowances
from ocppsec.csms.onboarding import OnboardingOffice
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.stations import Registrar
from ocppsec.profiles.password import PEPPER_BYTES, Hasher
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState, Stage

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


async def nobody(identity, to):
    raise AssertionError


@pytest.fixture
def house(world):
    csms = world.csms
    csms.onboarding = OnboardingOffice(
        csms.store,
        Registrar(csms.store, Hasher(b"p" * PEPPER_BYTES), now=lambda: NOW),
        Sessions(),
        None,
        manufacturers=frozenset({"maker"}),
        begin_upgrade=nobody,
        emit=csms.events.append,
        now=lambda: NOW,
    )
    csms.allowances = Allowances(
        csms.store, Sessions(), on_change=lambda _: None, emit=csms.events.append, now=lambda: NOW
    )
    return world


async def expect(house, identity="CP1", **more):
    body = {"identity": identity, "by": "password", **more}
    return await house.ask("POST", "/api/v1/onboarding", json=body)


async def test_expect(house):
    """The entry, the password once, and where the station connects to; what was not asked for is as documented."""
    answer = await expect(house, labels={"site": "a"})

    told = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert len(told["password"]) >= 16
    assert (told["way"], told["stage"], told["target"], told["most_connections"]) == (
        "password",
        "open",
        3,
        20,
    )
    assert told["until"] == "2026-11-29T12:00:00Z"
    assert told["urls"]["1"] == "ws://h:1/ocpp/CP1"
    assert (await house.csms.store.station("CP1")).labels == {"site": "a"}
    assert told["password"] not in repr(house.csms.events)


async def test_a_password_that_was_given_is_not_told(house):
    """It is known to who gave it."""
    assert (await expect(house, password="given-for-this-once")).json()["password"] is None
    record = await house.csms.store.admission_record("CP1")
    assert record.password_hashes == (record.onboarding.password_hash,)


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"by": "guess"}, 422, "validation"),
        ({"seconds": 0}, 422, "validation"),
        ({"seconds": 5}, 400, "bad-input"),
        ({"connections": 0}, 422, "validation"),
        ({"by": "listed"}, 400, "bad-input"),
        ({"by": "certificate", "manufacturer": "other"}, 400, "bad-input"),
        ({"target": 1, "profile": 2}, 400, "bad-input"),
        ({"typo": 1}, 422, "validation"),
    ],
)
async def test_what_cannot_be_expected(house, more, status, kind):
    """A problem with its kind, and nothing is kept."""
    answer = await expect(house, **more)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, kind), answer.text
    assert await house.csms.store.stations() == []


async def test_twice(house):
    """A name that is taken is a conflict."""
    await expect(house)
    assert (await expect(house)).status_code == 409


async def test_list_and_show(house):
    """A page at a time, by stage, and one of them; no hash is shown."""
    for name in ("A", "B", "C"):
        await expect(house, name)
    entry = await house.csms.store.onboarding("B")
    await house.csms.store.save_onboarding(replace(entry, stage=Stage.DONE))

    first = (await house.ask("GET", "/api/v1/onboarding?limit=2")).json()
    second = (await house.ask("GET", f"/api/v1/onboarding?limit=2&cursor={first['next']}")).json()
    done = (await house.ask("GET", "/api/v1/onboarding?stage=done")).json()
    one = await house.ask("GET", "/api/v1/onboarding/A")

    assert [each["identity"] for each in (*first["stations"], *second["stations"])] == ["A", "B", "C"]
    assert second["next"] is None
    assert [each["identity"] for each in done["stations"]] == ["B"]
    assert one.json()["stage"] == "open"
    assert "hash" not in one.text


async def test_remove(house):
    """While it is new; later it is refused, and nobody is unknown."""
    await expect(house)
    assert (await house.ask("DELETE", "/api/v1/onboarding/CP1")).status_code == 204
    assert await house.csms.store.station("CP1") is None
    assert house.csms.events[-1].step == "removed"
    assert (await house.ask("DELETE", "/api/v1/onboarding/CP1")).status_code == 404
    await expect(house)
    entry = await house.csms.store.onboarding("CP1")
    await house.csms.store.save_onboarding(replace(entry, stage=Stage.RAISING))
    refused = await house.ask("DELETE", "/api/v1/onboarding/CP1")
    assert refused.status_code == 400
    assert "station remove" in refused.json()["advice"]


async def test_a_station_that_was_never_new(house):
    """It is registered and did not come in this way."""
    await house.add("CP9")
    assert (await house.ask("GET", "/api/v1/onboarding/CP9")).status_code == 400
    assert (await house.ask("GET", "/api/v1/onboarding/CP8")).status_code == 404


# -- allowances ---------------------------------------------------------------------------------------------
WHERE = "/api/v1/stations/CP1/expired-certificate-allowances"


@pytest.fixture
async def with_certificate(house):
    await house.add("CP1")
    await house.csms.store.add_certificate(
        CertificateRecord(
            fingerprint="f",
            identity="CP1",
            serial_number="1",
            subject="CN=CP1",
            public_key_sha256="k",
            not_before=NOW - timedelta(days=9),
            not_after=NOW - timedelta(days=1),
            state=CertificateState.ACTIVE,
            issued_at=NOW - timedelta(days=9),
            chain="",
        )
    )
    return house


async def test_allow(with_certificate):
    """Given, told, and taken back."""
    given = await with_certificate.ask("POST", WHERE, json={"seconds": 7200})
    shown = (await with_certificate.ask("GET", WHERE)).json()["allowances"]
    everywhere = (await with_certificate.ask("GET", "/api/v1/expired-certificate-allowances")).json()
    assert everywhere == {"allowances": shown}
    ended = await with_certificate.ask("DELETE", WHERE)
    again = await with_certificate.ask("DELETE", WHERE)

    assert (given.status_code, given.json()["until"]) == (201, "2026-11-22T14:00:00Z")
    assert shown == [given.json()]
    assert (ended.status_code, ended.json()["how"]) == (200, "withdrawn")
    assert again.status_code == 400
    assert [event.what for event in with_certificate.csms.events] == ["given", "ended"]


async def test_what_cannot_be_allowed(house):
    """A station that is not there, one without a certificate, a time that is too long."""
    unknown = await house.ask("POST", WHERE, json={"seconds": 60})
    await house.add("CP1")
    without = await house.ask("POST", WHERE, json={"seconds": 60})
    long = await house.ask("POST", WHERE, json={"seconds": 8 * 86_400})
    none = await house.ask("POST", WHERE, json={})

    assert [one.status_code for one in (unknown, without, long, none)] == [404, 400, 400, 422]
    assert "no certificate" in without.json()["detail"]
    assert (await house.csms.store.station("CP1")).floor is SecurityProfile.BASIC
