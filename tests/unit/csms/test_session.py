"""One admitted station: what it may say before it booted, and who answers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocppsec.csms.application import BuiltIn
from ocppsec.csms.session import Facts, House, Session
from ocppsec.csms.sessions import Sessions
from ocppsec.events import ApplicationFailed, Event
from ocppsec.ocppj.connection import CallReceived
from ocppsec.ocppj.errors import ErrorCode, LocalError, RemoteError
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.store import StoreUnavailable

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FACTS = Facts(
    identity="CS001",
    profile=SecurityProfile.BASIC,
    floor=SecurityProfile.BASIC,
    registered=True,
    registered_serial_number="SN1",
    door="ws",
    address="127.0.0.1",
    since=NOW,
    certificate=None,
    tls_version=None,
    cipher=None,
)


class Link:
    """Writes down answers."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.refusals: dict[str, ErrorCode] = {}
        self.closed_with: list[int] = []
        self.close_reason = ""

    def answer(self, call_id: str, payload: dict[str, Any]) -> None:
        if payload == {"bad": True}:
            raise LocalError("the schema forbids it")
        self.answers[call_id] = payload

    def refuse(self, call_id: str, code: ErrorCode, description: str = "") -> None:
        self.refusals[call_id] = code

    def close(self, code: int, reason: str = "") -> None:
        self.closed_with.append(code)


class Security:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def boot(self, session: Session, call: CallReceived) -> None:
        self.asked.append("boot")

    async def sign(self, session: Session, call: CallReceived) -> None:
        self.asked.append("sign")

    async def event(self, session: Session, call: CallReceived) -> None:
        self.asked.append("event")

    def report(self, session: Session, call: CallReceived) -> None:
        self.asked.append("report")

    def ready(self, session: Session) -> None:
        self.asked.append("ready")

    def held(self, session: Session) -> None:
        self.asked.append("held")

    def awaits_request(self, session: Session) -> bool:
        return session.identity == "WAITS"


class StoreIsDown(Security):
    async def boot(self, session: Session, call: CallReceived) -> None:
        raise StoreUnavailable("disk full")


def open_session(
    facts: Facts = FACTS, *, application: Any = None, security: Any = None, boot_seconds: float = 60
) -> Any:
    events: list[Event] = []
    opened: list[Session] = []
    house = House(
        security=security or Security(),
        application=application or BuiltIn(),
        emit=events.append,
        now=lambda: NOW,
        opened=opened.append,
        closed=lambda _: None,
        boot_seconds=boot_seconds,
    )
    session = Session(house, facts)
    link = Link()
    session.on_open(link)  # type: ignore[arg-type]
    return session, link, house.security, events


def call(session: Session, link: Link, action: str, payload: dict[str, Any] | None = None) -> None:
    session.on_call(link, CallReceived("1", action, payload or {}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "action",
    ["Heartbeat", "StatusNotification", "SignCertificate", "SecurityEventNotification", "TransactionEvent"],
)
async def test_before_its_first_boot_a_station_may_only_boot(action: str) -> None:
    """B01.FR.10: anything but BootNotification is answered SecurityError."""
    session, link, security, _ = open_session(replace(FACTS, registered=False))

    call(session, link, action)

    assert link.refusals == {"1": ErrorCode.SECURITY_ERROR}
    assert security.asked == []


async def test_a_station_that_only_reconnects_need_not_boot() -> None:
    """Part 4, 5.3: accepted before, on the same profile: its messages are answered."""
    session, link, _, _ = open_session()

    call(session, link, "Heartbeat")

    assert link.answers == {"1": {"currentTime": "2026-11-22T12:00:00.000Z"}}


async def test_on_a_new_profile_a_station_has_to_boot() -> None:
    """B10.FR.10: on a profile above its floor nothing is answered before the boot."""
    session, link, _, _ = open_session(replace(FACTS, profile=SecurityProfile.TLS_BASIC))

    call(session, link, "Heartbeat")

    assert link.refusals == {"1": ErrorCode.SECURITY_ERROR}


async def test_who_does_not_boot_is_sent_away() -> None:
    """A station that has to boot and does not is closed with 1008; one that did is not."""
    _, link, _, _ = open_session(replace(FACTS, registered=False), boot_seconds=0.01)
    booted, booted_link, _, _ = open_session(replace(FACTS, registered=False), boot_seconds=0.01)
    booted.accept()

    await asyncio.sleep(0.05)

    assert link.closed_with == [1008]
    assert booted_link.closed_with == []


@pytest.mark.parametrize(
    ("action", "asked"),
    [("BootNotification", "boot"), ("SignCertificate", "sign"), ("SecurityEventNotification", "event")],
)
async def test_security_messages_are_ours(action: str, asked: str) -> None:
    """The messages of the security blocks never reach the application."""
    session, link, security, _ = open_session()

    call(session, link, action)
    await session.finish()

    assert security.asked == [asked]


async def test_a_report_is_heard_and_answered() -> None:
    """NotifyReport is for an upgrade that may wait for it, and answered all the same."""
    session, link, security, _ = open_session()

    call(session, link, "NotifyReport", {"requestId": 1, "generatedAt": "2026-11-22T12:00:00Z", "seqNo": 0})

    assert security.asked == ["report"]
    assert link.answers == {"1": {}}


async def test_a_message_for_stations_is_not_supported() -> None:
    """A station that sends what only a CSMS may send gets NotSupported."""
    session, link, _, _ = open_session()

    call(session, link, "Reset", {"type": "OnIdle"})

    assert link.refusals == {"1": ErrorCode.NOT_SUPPORTED}


class Raises:
    def on_call(self, identity: str, action: str, payload: Any) -> Any:
        raise KeyError("in the user's code")


class RaisesLater:
    async def on_call(self, identity: str, action: str, payload: Any) -> Any:
        raise KeyError("in the user's code")


class Says:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def on_call(self, identity: str, action: str, payload: Any) -> Any:
        raise self.error


@pytest.mark.parametrize("application", [Raises(), RaisesLater()], ids=["at-once", "later"])
async def test_a_broken_application_costs_nobody_the_connection(application: Any) -> None:
    """When the user's code raises, its station gets InternalError, the operator an event, and goes on."""
    session, link, _, events = open_session(application=application)

    call(session, link, "MeterValues")
    await session.finish()

    assert link.refusals == {"1": ErrorCode.INTERNAL_ERROR}
    assert link.closed_with == []
    assert events == [ApplicationFailed(identity="CS001", action="MeterValues", error="KeyError")]


async def test_an_application_may_refuse() -> None:
    """A RemoteError of the application is the CALLERROR."""
    session, link, _, events = open_session(application=Says(RemoteError(ErrorCode.NOT_IMPLEMENTED, "no")))

    call(session, link, "DataTransfer")

    assert link.refusals == {"1": ErrorCode.NOT_IMPLEMENTED}
    assert events == []


async def test_a_store_that_is_down_closes_and_promises_nothing() -> None:
    """When nothing could be kept, the station hears no answer that promises something."""
    session, link, _, _ = open_session(replace(FACTS, registered=False), security=StoreIsDown())

    call(session, link, "BootNotification")
    await session.finish()
    await asyncio.sleep(0)

    assert link.answers == {}
    assert not session.accepted


async def test_the_old_connection_cannot_remove_the_new_one() -> None:
    """LESSONS 16: a session leaves only its own place."""
    sessions = Sessions()
    old, _, _, _ = open_session()
    new, _, _, _ = open_session()

    assert sessions.enter(old) is None
    assert sessions.enter(new) is old
    assert not sessions.leave(old)
    assert sessions.get("CS001") is new
    assert sessions.leave(new)
    assert sessions.get("CS001") is None


async def test_a_place_is_lost_when_the_floor_rises_above_it() -> None:
    """A05.FR.07: who holds the place on a lower profile is named, to be closed; later low comers are known too."""
    sessions = Sessions()
    low, _, _, _ = open_session()
    other, _, _, _ = open_session(replace(FACTS, identity="CS002"))
    sessions.enter(low)
    sessions.enter(other)

    assert sessions.rise("CS001", SecurityProfile.TLS_BASIC) is low
    assert sessions.is_too_low(low)
    assert not sessions.is_too_low(other)
    assert not sessions.is_too_low(open_session(replace(FACTS, profile=SecurityProfile.TLS_BASIC))[0])
    sessions.forget("CS001")
    assert not sessions.is_too_low(low)


async def test_who_does_not_boot_on_a_new_profile_is_believed_after_a_while() -> None:
    """After a crash of ours, a station that has booted there already only reconnects: it is not sent away for ever."""
    facts = replace(FACTS, profile=SecurityProfile.TLS_BASIC)
    session, link, security, _ = open_session(facts, boot_seconds=0.02)

    await asyncio.sleep(0.05)
    call(session, link, "Heartbeat")

    assert security.asked == ["ready"]
    assert link.closed_with == []
    assert "1" in link.answers


async def test_what_a_station_says_of_charging_is_kept() -> None:
    """Transactions and connectors are told on the way to the application; a boot begins anew."""
    session, link, _, _ = open_session()
    charging = session._house.charging
    status = {"connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    event = {"eventType": "Started", "transactionInfo": {"transactionId": "T1"}}
    told = []
    for action, payload in (("StatusNotification", status), ("TransactionEvent", event)):
        call(session, link, action, payload)
        told.append(charging.of("CS001"))
    assert told == [False, True]
    call(session, link, "BootNotification")
    await session.finish()
    assert charging.of("CS001") is None


# -- Pending ------------------------------------------------------------------------------------------------
IN_PENDING = replace(FACTS, pending=Pending.EXPIRED, pending_until=NOW)


async def test_whoever_is_kept_in_pending_is_not_accepted() -> None:
    """Registered, on its profile, and yet it may not speak; it may be called once it was told."""
    session, link, _, _ = open_session(IN_PENDING)
    assert not session.accepted
    assert not session.may_be_called

    call(session, link, "Heartbeat")

    assert link.refusals == {"1": ErrorCode.SECURITY_ERROR}
    session.hold()
    assert session.may_be_called
    assert not session.accepted


@pytest.mark.parametrize(
    ("identity", "held", "asked"),
    [("WAITS", True, ["sign"]), ("WAITS", False, []), ("CS001", True, [])],
)
async def test_a_request_in_pending_has_to_be_asked_for(identity: str, held: bool, asked: list[str]) -> None:
    """B02.FR.02: SignCertificate, when it was triggered and the station knows where it stands."""
    later = NOW + timedelta(hours=1)
    session, link, security, _ = open_session(replace(IN_PENDING, identity=identity, pending_until=later))
    if held:
        session.hold()

    call(session, link, "SignCertificate")
    await asyncio.sleep(0)

    assert security.asked == asked
    assert bool(link.refusals) is not bool(asked)


async def test_the_time_in_pending_ends_the_connection() -> None:
    """It is dropped when what it was let in for has passed; one that may stay longer is not."""
    session, link, _, _ = open_session(IN_PENDING)
    session.hold()
    await asyncio.sleep(0.01)
    assert link.closed_with == [1008]
    session, link, _, _ = open_session(replace(IN_PENDING, pending_until=NOW + timedelta(hours=1)))
    session.hold()
    await asyncio.sleep(0.01)
    assert link.closed_with == []


async def test_who_does_not_boot_again_is_called_in_pending() -> None:
    """Part 4, 5.3: it was accepted before, so it does not know; nothing it says is taken."""
    later = NOW + timedelta(hours=1)
    session, _, security, _ = open_session(replace(IN_PENDING, pending_until=later), boot_seconds=0.01)
    await asyncio.sleep(0.02)
    assert security.asked == ["held"]
    assert session.may_be_called
    assert not session.accepted
