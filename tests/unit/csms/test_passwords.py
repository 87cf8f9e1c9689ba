"""Passwords change in two phases: kept, sent, sure."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ocppsec.csms.errors import BadInput, NotConnected
from ocppsec.csms.ground import Ground
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.link.errors import CallRefused, CallTimedOut, LinkClosed
from ocppsec.profiles.password import Hasher
from ocppsec.profiles.password_change import MOST_PENDING
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import NewStation
from ocppsec.registry.store import NotRegistered, StoreUnavailable, Superseded

HASHER = Hasher(b"p" * 32)
OLD = "the-old-password-1"


def result(status):
    return {
        "setVariableResult": [
            {
                "attributeStatus": status,
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
            }
        ]
    }


class Station:
    """One connected station; *answer* is what SetVariables gets."""

    def __init__(self, answer, *, profile=SecurityProfile.BASIC):
        self.answer = answer
        self.facts = SimpleNamespace(registered=False)
        self.identity, self.profile, self.accepted = "CP1", profile, True
        self.link = self
        self.asked = []
        self.passwords = []
        self.meanwhile = lambda: None

    @property
    def may_be_called(self):
        return self.accepted

    async def call(self, action, payload, *, timeout):
        self.asked.append(action)
        if action == "Reset":
            return {"status": "Scheduled"}
        self.passwords.append(payload["setVariableData"][0]["attributeValue"])
        await self.meanwhile()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    await opened.add_station(
        NewStation(
            identity="CP1",
            serial_number="SN1",
            profile=SecurityProfile.BASIC,
            password_hash=HASHER.hash("CP1", OLD.encode(), b"s" * 16),
            added_at=datetime(2026, 11, 22, tzinfo=UTC),
        )
    )
    yield opened
    await opened.close()


def office(store, station, events=None, *, upgrading=frozenset(), **more):
    return PasswordOffice(
        store,
        HASHER,
        Ground(),
        lambda identity: station if identity == "CP1" else None,
        lambda: upgrading,
        emit=(events if events is not None else []).append,
        **more,
    )


async def valid(store, *passwords):
    hashes = (await store.admission_record("CP1")).password_hashes
    return [any(HASHER.verify(one, "CP1", password.encode()) for one in hashes) for password in passwords]


async def nothing():
    pass


@pytest.mark.parametrize(
    ("answer", "outcome", "old", "new"),
    [
        pytest.param(result("Accepted"), "accepted", False, True, id="A01.FR.03"),
        pytest.param(result("Rejected"), "rejected", True, False, id="A01.FR.04"),
        pytest.param(result("UnknownVariable"), "rejected", True, False, id="A01.FR.04, unknown"),
        pytest.param(CallRefused("NotSupported", "", {}), "rejected", True, False, id="CALLERROR"),
        pytest.param(result("RebootRequired"), "reboot-required", True, True, id="RebootRequired"),
        pytest.param(CallTimedOut("SetVariables", 30), "unknown", True, True, id="no answer"),
        pytest.param(LinkClosed(1006, ""), "unknown", True, True, id="the connection ended"),
        pytest.param(
            CallRefused("FormatViolation", "", {}, by_us=True),
            "unknown",
            True,
            True,
            id="a CALLRESULT against the schema",
        ),
        pytest.param({"nonsense": 1}, "unknown", True, True, id="an answer nobody can read"),
    ],
)
async def test_what_is_valid_behind_the_answer(store, answer, outcome, old, new):
    """While the fate of the new password is not known both are valid; certainty leaves one."""
    station, events = Station(answer), []
    station.meanwhile = nothing
    rotation = await office(store, station, events).rotate("CP1")

    assert rotation.outcome == outcome
    assert await valid(store, OLD, station.passwords[0]) == [old, new]
    assert [event.outcome for event in events] == [outcome]
    assert station.asked == ["SetVariables", *(["Reset"] if outcome == "reboot-required" else [])]


async def test_kept_before_it_is_sent(store):
    """When the new password is on its way, both are valid already: a crash in that moment locks nobody out."""
    station = Station(result("Accepted"))
    seen = []

    async def look():
        seen.append(await valid(store, OLD, station.passwords[0]))

    station.meanwhile = look
    await office(store, station).rotate("CP1")

    assert seen == [[True, True]]


async def test_the_first_login_with_the_new_one(store):
    """The station logs in with what nobody heard the answer to: from then on only that is valid."""
    station, events = Station(LinkClosed(1006, "")), []
    station.meanwhile = nothing
    made = office(store, station, events)
    await made.rotate("CP1")
    hashes = (await store.admission_record("CP1")).password_hashes
    await made.used("CP1", hashes, 0)
    assert await valid(store, OLD, station.passwords[0]) == [True, True]
    await made.used("CP1", hashes, 1)

    assert await valid(store, OLD, station.passwords[0]) == [False, True]
    assert events[-1].outcome == "in-use"
    with pytest.raises(Superseded):
        await made.used("CP1", hashes, 1)


async def test_it_logs_in_before_the_answer_is_read(store):
    """A station that is back with the new password before its answer came through has the last word."""
    station = Station(LinkClosed(1006, ""))
    made = office(store, station)

    async def back():
        await made.used("CP1", (await store.admission_record("CP1")).password_hashes, 1)

    station.meanwhile = back
    await made.rotate("CP1")

    assert await valid(store, OLD, station.passwords[0]) == [False, True]


async def test_no_store_no_password(store):
    """What cannot be kept is not sent."""
    station = Station(result("Accepted"))

    async def away(*_):
        raise StoreUnavailable("locked")

    store.replace_passwords = away
    with pytest.raises(StoreUnavailable):
        await office(store, station).rotate("CP1")
    assert station.asked == []


async def test_admissions_under_way_are_made_again(store):
    """Who is about to be let in with a password that is dead now is judged anew."""
    station = Station(result("Accepted"))
    station.meanwhile = nothing
    made = office(store, station)
    with made._ground.watched("CP1") as watch:
        await made.rotate("CP1")
    assert watch.overtaken


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        pytest.param({"accepted": False}, NotConnected, "not connected", id="not booted"),
        pytest.param({"link": None}, NotConnected, "not connected", id="no link"),
        pytest.param({"profile": SecurityProfile.TLS_CLIENT}, BadInput, "uses no password", id="profile 3"),
        pytest.param({"profile": SecurityProfile.NONE}, BadInput, "uses no password", id="profile 0"),
    ],
)
async def test_where_it_cannot_be(store, change, error, says):
    """A password is changed on an accepted connection of profile 1 or 2 only."""
    station = Station(result("Accepted"))
    for name, value in change.items():
        setattr(station, name, value)
    with pytest.raises(error, match=says):
        await office(store, station).rotate("CP1")
    assert station.asked == []


async def test_one_change_at_a_time(store):
    """Not during an upgrade, and not twice at once."""
    station = Station(result("Accepted"))
    with pytest.raises(BadInput, match="being changed"):
        await office(store, station, upgrading=frozenset({"CP1"})).rotate("CP1")
    made = office(store, station)
    refused = []

    async def again():
        with pytest.raises(BadInput, match="being changed"):
            await made.rotate("CP1")
        refused.append(True)

    station.meanwhile = again
    await made.rotate("CP1")
    assert refused == [True]


async def test_of_nobody(store):
    """Who is not registered has no password."""
    with pytest.raises(NotRegistered):
        await office(store, Station(result("Accepted"))).rotate("CP2")


async def test_not_without_end(store):
    """A station that never answers is not sent ever new passwords: one of them might be forgotten."""
    station = Station(CallTimedOut("SetVariables", 30))
    station.meanwhile = nothing
    made = office(store, station)
    for _ in range(MOST_PENDING):
        await made.rotate("CP1")
    with pytest.raises(BadInput, match="have no answer"):
        await made.rotate("CP1")
    assert all(await valid(store, OLD, *station.passwords))


@pytest.mark.parametrize(
    ("option", "profile", "asked"),
    [
        pytest.param(True, SecurityProfile.BASIC, ["SetVariables"], id="on"),
        pytest.param(False, SecurityProfile.BASIC, [], id="off"),
        pytest.param(True, SecurityProfile.TLS_CLIENT, [], id="no password there"),
    ],
)
async def test_first_contact(store, option, profile, asked):
    """Where it is asked for, a station's password is replaced behind its first boot, on profile 1 and 2."""
    station = Station(result("Accepted"), profile=profile)
    station.meanwhile = nothing
    made = office(store, station, at_first_contact=option)
    made.first_contact(station)
    await asyncio.gather(*made._tasks)
    await made.stop()

    assert station.asked == asked


async def test_first_contact_that_fails_is_told(store):
    """A factory password that could not be replaced is an event, not a silence."""
    station, events = Station(result("Accepted")), []
    made = office(store, station, events, at_first_contact=True)
    made.first_contact(station)
    station.accepted = False
    await asyncio.gather(*made._tasks)

    assert [event.outcome for event in events] == ["not-begun"]


async def test_no_password_in_what_is_told(store):
    """Neither result nor events hold the password."""
    station, events = Station(result("Accepted")), []
    station.meanwhile = nothing
    rotation = await office(store, station, events).rotate("CP1")
    assert station.passwords[0] not in f"{rotation}{events}"
