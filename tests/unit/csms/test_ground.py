"""An admission whose ground is gone before it is carried out."""

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ocppsec.csms.gate import Gate
from ocppsec.csms.ground import Ground, Overtaken, Watch
from ocppsec.csms.http import Upgrade
from ocppsec.csms.reception import Reception
from ocppsec.csms.sessions import Sessions
from ocppsec.link.link import Limits
from ocppsec.profiles.admission import Policy
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import AdmissionRecord
from ocppsec.profiles.throttle import LoginThrottle

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NONE = SecurityProfile.NONE
RECORD = AdmissionRecord(identity="CS001", serial_number="SN1", floor=NONE, target=NONE, registered=True)


class RemovedMeanwhile:
    """Knows the station when it is asked first, and never again."""

    def __init__(self) -> None:
        self.asked = 0

    async def admission_record(self, identity: str) -> AdmissionRecord | None:
        self.asked += 1
        return RECORD if self.asked == 1 else None

    async def record_attempt(self, attempt: Any) -> None:
        pass


@dataclass
class Transport:
    closing: bool = False

    def is_closing(self) -> bool:
        return self.closing

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: nothing may be sent")


def arrival(transport: Any = None) -> Any:
    return SimpleNamespace(
        spec=SimpleNamespace(name="ws", profiles=frozenset({NONE})),
        address="192.0.2.1",
        request=Upgrade(
            target="/ocpp/CS001",
            key="dGhlIHNhbXBsZSBub25jZQ==",
            subprotocols=("ocpp2.0.1",),
            extensions=None,
            authorization=(),
        ),
        early=lambda: b"",
        transport=transport,
        certificate=None,
        tls_version=None,
        cipher=None,
    )


class NobodyIsNew:
    """No station is kept in Pending."""

    def in_use(self, identity: str) -> bool:
        return False

    def disputed(self, identity: str, address: str) -> None: ...

    async def enter(self, entry: Any) -> None: ...

    def check(self, entry: Any) -> None: ...

    async def back_out(self, entry: Any) -> None: ...


def reception(ground: Ground, sessions: Any) -> Reception:
    made = Reception(
        None,  # type: ignore[arg-type]
        sessions,
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        ground,
        None,  # type: ignore[arg-type]
        NobodyIsNew(),  # type: ignore[arg-type]
        limits=Limits(),
        emit=lambda _: None,
        now=lambda: NOW,
    )
    made.serve(SimpleNamespace())  # type: ignore[arg-type]
    return made


async def test_who_is_removed_while_he_is_let_in_is_judged_again() -> None:
    """The record was read before the removal, the connection opens after it: refused as unknown."""
    ground = Ground()

    async def enter(entry: Any) -> None:
        ground.shifted("CS001")  # the removal is in the store now
        entry.watch.check()

    async def settled(_: str) -> None: ...

    gate = Gate(
        RemovedMeanwhile(),  # type: ignore[arg-type]
        Policy(organizations=frozenset({"O"})),
        ground,
        verify=lambda *_: False,
        throttle=LoginThrottle(),
        issuers=lambda _: None,
        foreign=None,  # type: ignore[arg-type]
        pending=NobodyIsNew(),
        emit=lambda _: None,
        enter=enter,
        refused=lambda _: None,
        settled=settled,
        now=lambda: NOW,
    )

    answer = await gate.decide(arrival())

    assert answer is not None
    assert answer.status == 404
    assert len(ground) == 0


def test_what_happens_to_another_station_overtakes_nobody() -> None:
    """Only the same identity's decisions are made again, every one that is under way."""
    ground = Ground()
    with ground.watched("CS001") as first, ground.watched("CS001") as second:
        ground.shifted("CS002")
        first.check()
        ground.shifted("CS001")
        for watch in (first, second):
            with pytest.raises(Overtaken):
                watch.check()
    with ground.watched("CS001") as later:
        later.check()
    assert len(ground) == 0


async def test_an_overtaken_entry_sends_nothing() -> None:
    """Removal tells those on the way in; the reception looks before it answers 101."""
    ground = Ground()
    desk = reception(ground, Sessions())
    with ground.watched("CS001") as watch:
        desk.removed("CS001")
        entry = SimpleNamespace(
            arrival=arrival(Transport()), record=RECORD, admitted=admitted(), certificate=None, watch=watch
        )
        with pytest.raises(Overtaken):
            await desk.enter(entry)  # type: ignore[arg-type]


async def test_who_hung_up_behind_his_request_takes_nobodys_place() -> None:
    """The transport is closing when admission has decided: no answer, no session, no error."""
    sessions = Sessions()
    desk = reception(Ground(), sessions)
    entry = SimpleNamespace(
        arrival=arrival(Transport(closing=True)),
        record=RECORD,
        admitted=admitted(),
        certificate=None,
        watch=Watch(),
    )

    await desk.enter(entry)  # type: ignore[arg-type]

    assert len(sessions) == 0


def admitted() -> Any:
    return SimpleNamespace(certificate=None, certificate_is_new=False, password_matched=None, profile=NONE)
