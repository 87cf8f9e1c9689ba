"""Upgrades are carried out: saved before a message leaves, once each, and taken up again after a crash."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from ocppsec.certificates.issue import IssueFailed
from ocppsec.csms.certifier import Certified
from ocppsec.csms.interventions import Interventions
from ocppsec.csms.upgrader import Upgrader
from ocppsec.events import Event, SigningFailed, StoreUnavailable, UpgradeEnded
from ocppsec.link.errors import CallRefused, CallTimedOut, LinkClosed
from ocppsec.ocppj.messages import parse_response
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, Upgrade, UpgradeChange, UpgradeStatus
from ocppsec.registry.store import StoreUnavailable as StoreIsAway
from ocppsec.registry.store import UpgradeInProgress
from ocppsec.upgrades import exchange
from ocppsec.upgrades.kinds import KindFacts
from ocppsec.upgrades.plan import Lowering, Plan, RootHash, StationAtStart
from ocppsec.upgrades.states import (
    Arming,
    AwaitingBoot,
    Done,
    Facts,
    Failed,
    Progress,
    Resetting,
    Signing,
    decode_state,
    encode_state,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLAN = Plan(
    target=2,
    urls={2: "wss://csms.example/ocpp"},
    root_pem="-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n",
    root_hashes=(
        RootHash(hash_algorithm="SHA256", issuer_name_hash="ab", issuer_key_hash="cd", serial_number="1"),
    ),
    organization="ACME",
)
START = StationAtStart(profile=1, registered_serial="SN1", reported_serial="SN1")


class Link:
    """Keeps the CALLs it is given until the test answers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], asyncio.Future[Any]]] = []

    async def call(self, action: str, payload: dict[str, Any], *, timeout: float) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.calls.append((action, payload, answer))
        return await answer

    def answer(self, payload: Any) -> None:
        self.calls[-1][2].set_result(payload)

    def fail(self, error: Exception) -> None:
        self.calls[-1][2].set_exception(error)


class Session:
    identity = "CS001"
    profile = SecurityProfile.BASIC
    accepted = True

    def __init__(self) -> None:
        self.link: Link | None = Link()


class NeverAsked:
    async def certify(self, identity: str, csr: str) -> Any:
        raise AssertionError("nobody asked for a certificate")


class RefusesToSave(MemoryStore):
    refusing = False

    async def save_upgrade(self, change: Any) -> Upgrade:
        if self.refusing:
            raise StoreIsAway("disk full")
        return await super().save_upgrade(change)


class House:
    """An upgrader with one station."""

    def __init__(self, store: MemoryStore, signer: Any) -> None:
        self.store = store
        self.session: Session | None = Session()
        self.events: list[Event] = []
        self.now = NOW
        self.learned: list[Any] = []
        self.upgrader = Upgrader(
            store,
            signer,
            lambda _: self.session,  # type: ignore[arg-type,return-value]
            emit=self.events.append,
            now=lambda: self.now,
            lower_floor=lambda identity, lowering: self.lower_floor(identity, lowering),
            learn=self.learn,
        )

    async def lower_floor(self, identity: str, lowering: Lowering) -> None:
        raise AssertionError("nobody is to be lowered")

    async def learn(self, identity: str, facts: KindFacts, ended: Any) -> None:
        self.learned.append((identity, facts.quirks, type(ended)))

    async def begin(self) -> Upgrade:
        upgrade = Upgrade(
            id="u1",
            identity="CS001",
            target=SecurityProfile.TLS_BASIC,
            status=UpgradeStatus.OPEN,
            step="",
            reason="",
            state="",
            version=0,
            deadline=None,
            started_at=NOW,
        )
        begun = await self.upgrader.begin(upgrade, PLAN, START)
        await settle()
        return begun

    @property
    def link(self) -> Link:
        assert self.session is not None
        assert self.session.link is not None
        return self.session.link


def running_of(made: House) -> Any:
    running = made.upgrader._under_way.get("CS001")
    assert running is not None
    return running


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def house(store: MemoryStore | None = None, signer: Any = None) -> House:
    made = House(store or MemoryStore(), signer or NeverAsked())
    station = NewStation(
        identity="CS001", serial_number="SN1", profile=SecurityProfile.BASIC, password_hash=None, added_at=NOW
    )
    await made.store.add_station(station)
    return made


NOT_KNOWN = {
    "getVariableResult": [
        {
            "attributeStatus": "UnknownVariable",
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "NetworkConfigurationPriority"},
        }
    ]
}


async def test_the_first_step_is_a_row_before_it_is_a_message() -> None:
    """Beginning keeps the upgrade, then asks the station."""
    made = await house()

    begun = await made.begin()

    assert begun.status is UpgradeStatus.OPEN
    assert await made.store.open_upgrade("CS001") == begun
    assert [action for action, _, _ in made.link.calls] == ["GetVariables"]


async def test_what_could_not_be_saved_is_not_sent() -> None:
    """When the store is away, the next message does not leave, and the row stays where it was."""
    store = RefusesToSave()
    made = await house(store)
    before = await made.begin()
    store.refusing = True

    made.link.answer(NOT_KNOWN)
    await settle()

    assert len(made.link.calls) == 1
    assert await store.open_upgrade("CS001") == before
    assert any(isinstance(event, StoreUnavailable) for event in made.events)


async def test_an_answer_goes_on_to_the_next_step() -> None:
    """A CALLRESULT is told to the workflow, and what follows is saved and sent."""
    made = await house()
    before = await made.begin()

    made.link.answer(NOT_KNOWN)
    await settle()

    after = await made.store.open_upgrade("CS001")
    assert after is not None
    assert after.version > before.version
    assert len(made.link.calls) == 2


async def test_coming_back_sends_the_step_again_once() -> None:
    """A station that reconnects gets the CALL that was under way again; the dead one's end changes nothing."""
    made = await house()
    await made.begin()
    lost = made.link
    made.session = Session()

    made.upgrader.ready(made.session)  # type: ignore[arg-type]
    await settle()
    made.upgrader.ready(made.session)  # type: ignore[arg-type]
    await settle()
    lost.fail(LinkClosed("gone"))
    await settle()

    assert len(made.link.calls) == 1
    assert made.link.calls[0][:2] == lost.calls[0][:2]


async def test_a_late_answer_of_an_old_connection_is_not_believed() -> None:
    """Once the step was sent again, what comes of the first sending has no meaning."""
    made = await house()
    await made.begin()
    old = made.link
    made.session = Session()
    made.upgrader.ready(made.session)  # type: ignore[arg-type]
    await settle()
    before = await made.store.open_upgrade("CS001")

    old.answer(NOT_KNOWN)
    await settle()

    assert await made.store.open_upgrade("CS001") == before


async def test_silence_is_tried_again() -> None:
    """A CALL without an answer is sent once more."""
    made = await house()
    await made.begin()

    made.link.fail(CallTimedOut("GetVariables", 30))
    await settle()

    assert len(made.link.calls) == 2


async def test_a_restart_takes_it_up() -> None:
    """A new process finds the row, and goes on when the station is there."""
    made = await house()
    begun = await made.begin()
    await made.upgrader.stop()
    again = House(made.store, NeverAsked())
    again.session = None

    await again.upgrader.start()
    await settle()
    assert again.upgrader.identities == {"CS001"}
    again.session = Session()
    again.upgrader.ready(again.session)  # type: ignore[arg-type]
    await settle()

    assert [action for action, _, _ in again.link.calls] == ["GetVariables"]
    after = await made.store.open_upgrade("CS001")
    assert after is not None
    assert after.id == begun.id
    await again.upgrader.stop()


async def test_a_row_of_another_version_keeps_no_door_shut() -> None:
    """What cannot be read is ended, with the reason; the others go on, and the station may be upgraded anew."""
    made = await house()
    begun = await made.begin()
    await made.upgrader.stop()
    await made.store.save_upgrade(UpgradeChange(upgrade=replace(begun, state='{"version":99}')))
    again = House(made.store, NeverAsked())

    await again.upgrader.start()

    assert again.upgrader.identities == frozenset()
    ended = await made.store.upgrade(begun.id)
    assert ended is not None
    assert (ended.status, ended.ended_at) == (UpgradeStatus.FAILED, NOW)
    assert "begin it again" in ended.reason
    assert isinstance(decode_state(ended.state), Failed)
    assert [event.name for event in again.events] == ["upgrade-ended"]


async def test_there_is_never_a_second_one() -> None:
    """A station with an open upgrade gets no other."""
    made = await house()
    await made.begin()

    with pytest.raises(UpgradeInProgress):
        await made.begin()


async def test_a_boot_on_the_new_profile_ends_it_with_the_floor() -> None:
    """When `booted` returns, the floor is up and the upgrade is done, in the store."""
    made = await house()
    await made.begin()

    await made.upgrader.booted("CS001", SecurityProfile.TLS_BASIC)

    station = await made.store.station("CS001")
    assert station is not None
    assert station.floor is SecurityProfile.TLS_BASIC
    assert await made.store.open_upgrade("CS001") is None
    assert [event.outcome for event in made.events if isinstance(event, UpgradeEnded)] == ["done"]


async def test_what_is_done_at_its_beginning_raises_the_floor() -> None:
    """The station has booted on its target before anybody asked for it: done is kept together with the floor."""
    made = await house()
    upgrade = replace(await made.begin(), id="u2", version=0)
    await made.upgrader.give_up("CS001", "asked anew")
    there = StationAtStart(profile=2, registered_serial="SN1", booted=True)

    ended = await made.upgrader.begin(upgrade, PLAN, there)

    station = await made.store.station("CS001")
    assert station is not None
    assert (ended.status, station.floor) == (UpgradeStatus.DONE, SecurityProfile.TLS_BASIC)


async def test_a_boot_on_the_old_profile_raises_nothing() -> None:
    """LESSONS 11: only the new profile's boot counts."""
    made = await house()
    await made.begin()

    await made.upgrader.booted("CS001", SecurityProfile.BASIC)

    station = await made.store.station("CS001")
    assert station is not None
    assert station.floor is SecurityProfile.BASIC


async def test_an_upgrade_that_cannot_begin_is_kept_with_its_reason() -> None:
    """Another serial number than registered: failed at once, and `show` can say why."""
    made = await house()
    upgrade = replace(await made.begin(), id="u2", version=0)
    await made.upgrader.booted("CS001", SecurityProfile.TLS_BASIC)
    start = StationAtStart(profile=2, registered_serial="SN1", reported_serial="OTHER")
    plan = Plan(**{name: getattr(PLAN, name) for name in PLAN.__struct_fields__} | {"target": 3})

    ended = await made.upgrader.begin(replace(upgrade, target=SecurityProfile.TLS_CLIENT), plan, start)

    assert ended.status is UpgradeStatus.FAILED
    assert "OTHER" in ended.reason
    assert await made.store.open_upgrade("CS001") is None


async def test_removal_forgets_it() -> None:
    """After the station was removed its upgrade does nothing more."""
    made = await house()
    await made.begin()

    made.upgrader.forget("CS001")
    made.link.answer(NOT_KNOWN)
    await settle()

    assert len(made.link.calls) == 1
    assert made.upgrader.identities == frozenset()


class CaIsBroken:
    async def certify(self, identity: str, csr: str) -> Any:
        raise IssueFailed("the key file is gone")


class Signs:
    async def certify(self, identity: str, csr: str) -> Any:
        return Certified(chain="chain", fingerprint="f" * 64)


async def in_signing(signer: Any) -> House:
    """An upgrade that waits for a certificate, in a process that has just started."""
    made = await house(signer=signer)
    begun = await made.begin()
    await made.upgrader.stop()
    progress = decode_state(begun.state).progress  # type: ignore[union-attr]
    assert isinstance(progress, Progress)
    state = encode_state(Signing(progress=progress, csr="csr"))
    await made.store.save_upgrade(UpgradeChange(upgrade=replace(begun, state=state)))
    again = House(made.store, signer)
    await again.upgrader.start()
    await settle()
    return again


async def test_a_crash_while_signing_signs_again() -> None:
    """A restart in the signing step asks the CA again and delivers."""
    made = await in_signing(Signs())

    assert [action for action, _, _ in made.link.calls] == ["CertificateSigned"]
    await made.upgrader.stop()


async def test_a_broken_ca_ends_it_visibly() -> None:
    """LESSONS 9: when our CA cannot sign, the upgrade fails with that reason, and an event says so."""
    made = await in_signing(CaIsBroken())

    (ended,) = await made.store.upgrades("CS001")
    assert ended.status is UpgradeStatus.FAILED
    assert "the key file is gone" in ended.reason
    assert any(isinstance(event, SigningFailed) for event in made.events)


class LaterClock(House):
    """The same house an hour after its deadline."""

    def __init__(self, store: MemoryStore, signer: Any) -> None:
        super().__init__(store, signer)
        self.now = NOW + timedelta(hours=3)


async def test_a_deadline_that_passed_while_we_were_away_begins_anew() -> None:
    """The process was down for longer than the step may last: the station gets its time, and is not given up."""
    made = await house()
    await made.begin()
    await made.upgrader.stop()
    again = LaterClock(made.store, NeverAsked())
    again.session = None

    await again.upgrader.start()
    await asyncio.sleep(0.01)

    after = await made.store.open_upgrade("CS001")
    assert after is not None
    assert after.deadline is not None
    assert after.deadline > NOW + timedelta(hours=3)
    await again.upgrader.stop()


async def test_a_start_without_a_store_is_made_good() -> None:
    """While the store is away nothing is given up; the station that comes then is excused all the same."""
    store = RefusesToSave()
    made = await house(store)
    begun = await made.begin()
    await made.upgrader.stop()
    progress = decode_state(begun.state).progress  # type: ignore[union-attr]
    waiting = AwaitingBoot(progress=structs.replace(progress, slot=2), connected=True, answered=True)
    await store.save_upgrade(UpgradeChange(upgrade=replace(begun, state=encode_state(waiting))))
    again = LaterClock(store, NeverAsked())
    again.session = None
    store.refusing = True
    await again.upgrader.start()
    await asyncio.sleep(0.01)
    store.refusing = False

    await again.upgrader.booted("CS001", SecurityProfile.BASIC)

    assert await store.open_upgrade("CS001") is not None
    assert "does not count" in (await store.upgrade_steps("u1"))[-1].detail
    await again.upgrader.stop()


@pytest.mark.parametrize("comes", ["boots", "is ready"])
async def test_who_was_turned_away_by_us_is_excused(comes: str) -> None:
    """503 while a station tries its new slot is kept with its upgrade, as soon as it can be."""
    store = RefusesToSave()
    made = await house(store)
    begun = await made.begin()
    await made.upgrader.stop()
    progress = decode_state(begun.state).progress  # type: ignore[union-attr]
    waiting = AwaitingBoot(progress=structs.replace(progress, slot=2), connected=True, answered=True)
    await store.save_upgrade(UpgradeChange(upgrade=replace(begun, state=encode_state(waiting))))
    again = House(store, NeverAsked())
    again.session = None
    await again.upgrader.start()
    await settle()
    running = running_of(again)
    running.state = structs.replace(running.state, progress=structs.replace(progress, slot=2))
    store.refusing = True
    again.upgrader.turned_away("CS001")
    await settle()
    store.refusing = False

    if comes == "boots":
        await again.upgrader.booted("CS001", SecurityProfile.BASIC)
    else:
        again.session = Session()
        again.upgrader.ready(again.session)  # type: ignore[arg-type]
        await settle()

    progress = decode_state((await store.upgrades("CS001"))[0].state).progress  # type: ignore[union-attr]
    assert progress.rounds == 0
    if comes == "boots":
        assert "does not count" in (await store.upgrade_steps("u1"))[-1].detail
    else:
        assert progress.outage
    assert not again.upgrader._conduct._outages  # said once: what comes after it is the station's own
    await again.upgrader.stop()


DOWN = Lowering(by="ops", reason="broken store")


async def on_the_way_down(session: Any) -> tuple[House, list[Any]]:
    """A station whose floor is 2 already, and whose Reset has been refused twice."""
    made = await house()
    await made.store.raise_floor("CS001", SecurityProfile.TLS_CLIENT)
    begun = await made.begin()
    await made.upgrader.stop()
    plan = structs.replace(PLAN, lowering=DOWN)
    facts = Facts(downgrade_allowed=True)
    course = Progress(plan=plan, profile=3, goal=2, slot=2, facts=facts, reset_refusals=2)
    await made.store.save_upgrade(
        UpgradeChange(upgrade=replace(begun, state=encode_state(Resetting(progress=course))))
    )
    again = House(made.store, NeverAsked())
    told: list[Any] = []
    again.lower_floor = Interventions(  # type: ignore[method-assign]
        made.store, floor_fell=told.append, emit=again.events.append, now=lambda: NOW
    ).lower_floor
    again.session = session
    await again.upgrader.start()
    await settle()
    if session is not None:
        again.upgrader.ready(session)
        await settle()
    return again, told


class OnThree(Session):
    profile = SecurityProfile.TLS_CLIENT


async def test_a_step_down_that_fails_on_3_leaves_the_floor_there() -> None:
    """The station never left profile 3: its floor fell before the Reset, and is back with the failure."""
    made, told = await on_the_way_down(OnThree())
    station = await made.store.station("CS001")
    assert station is not None
    assert station.floor is SecurityProfile.TLS_BASIC
    assert set(told) == {"CS001"}
    assert [event.name for event in made.events].count("intervened") == 1

    made.link.answer({"status": "Rejected"})
    await settle()

    (ended,) = await made.store.upgrades("CS001")
    assert ended.status is UpgradeStatus.FAILED
    station = await made.store.station("CS001")
    assert station is not None
    assert station.floor is SecurityProfile.TLS_CLIENT


async def test_a_step_down_that_loses_the_station_leaves_both_open() -> None:
    """Nobody knows where it is: it may come on 2 or on 3, and on 3 its boot raises the floor as ever."""
    made, _ = await on_the_way_down(OnThree())
    made.session = None
    running = running_of(made)
    progress = running.state.progress  # type: ignore[union-attr]
    running.state = AwaitingBoot(progress=progress, connected=False, answered=True, left=True)
    await made.upgrader._under_way.feed_now("CS001", exchange.DeadlinePassed())

    (ended,) = await made.store.upgrades("CS001")
    assert ended.status is UpgradeStatus.FAILED
    station = await made.store.station("CS001")
    assert station is not None
    assert (station.floor, station.target) == (SecurityProfile.TLS_BASIC, SecurityProfile.TLS_CLIENT)


async def test_without_an_audit_nobody_is_lowered() -> None:
    """A floor falls only through what keeps who asked and why; when that cannot be kept, no Reset leaves."""
    store = RefusesToSave()
    made = await house(store)
    await made.store.raise_floor("CS001", SecurityProfile.TLS_CLIENT)

    async def fails(identity: str, lowering: Lowering) -> None:
        raise StoreIsAway("disk full")

    made.lower_floor = fails  # type: ignore[method-assign]
    begun = await made.begin()
    course = Progress(
        plan=structs.replace(PLAN, lowering=DOWN),
        profile=3,
        goal=2,
        slot=2,
        facts=Facts(downgrade_allowed=True),
    )
    running_of(made).state = Arming(progress=course, slot=2, lists=((2, 1),))
    running_of(made).errand = 7
    answer = {
        "setVariableResult": [
            {
                "attributeStatus": "Accepted",
                "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": "NetworkConfigurationPriority"},
            }
        ]
    }
    with pytest.raises(StoreIsAway):
        await made.upgrader._under_way.feed_now(
            "CS001", exchange.Answered(parse_response("SetVariables", answer))
        )

    assert [action for action, _, _ in made.link.calls] == ["GetVariables"]
    after = await store.open_upgrade("CS001")
    assert after is not None
    assert after.version == begun.version


async def test_what_an_upgrade_noticed_is_told_at_its_end() -> None:
    """Once, with how it ended; what was objected to before the station was asked anything teaches nothing."""
    made = await house()
    learned = made.learned
    refused = StationAtStart(profile=0, registered_serial="SN1")
    upgrade = replace(await made.begin(), id="u2", version=0)
    await made.upgrader.give_up("CS001", "tried")
    await settle()
    assert learned == [("CS001", (), Failed)]
    await made.upgrader.begin(upgrade, PLAN, refused)
    await settle()
    assert len(learned) == 1

    await made.upgrader.begin(replace(upgrade, id="u3"), PLAN, START)
    await settle()
    made.link.fail(CallRefused("OccurrenceConstraintViolation", "", {}))
    await settle()
    await made.upgrader.booted("CS001", SecurityProfile.TLS_BASIC)
    await settle()
    (_, quirks, ended) = learned[1]
    assert ended is Done
    assert "takes one variable" in quirks[0]
