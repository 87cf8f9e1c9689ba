"""How many renewals have work at once, and in which order they begin."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.csms.renewer import RenewalSettings, Renewer
from ocppsec.link.errors import CallTimedOut
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, Renewal
from ocppsec.upgrades import renewal as workflow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
IDENTITIES = [f"CP{number}" for number in range(6)]


class NeverAnswers:
    """A station that takes every CALL and answers none, until it is let go."""

    def __init__(self, identity):
        self.identity, self.may_be_called, self.link = identity, True, self
        self.facts = SimpleNamespace(certificate=None)
        self.calls, self.gave_up = [], asyncio.Event()

    async def call(self, action, payload, *, timeout):
        self.calls.append(action)
        await self.gave_up.wait()
        raise CallTimedOut(action, timeout)


@pytest.fixture
async def fleet():
    store, events = MemoryStore(), []
    stations = {identity: NeverAnswers(identity) for identity in IDENTITIES}
    for number, identity in enumerate(IDENTITIES):
        await store.add_station(
            NewStation(
                identity=identity,
                serial_number=identity,
                profile=SecurityProfile.TLS_CLIENT,
                password_hash=None,
                added_at=NOW,
            )
        )
        await store.add_certificate(
            CertificateRecord(
                fingerprint=f"{number:064x}",
                identity=identity,
                serial_number=f"{number:X}",
                subject="",
                public_key_sha256=f"{number:064x}",
                not_before=NOW - timedelta(days=60),
                not_after=NOW + timedelta(days=30 - number),  # the last one ends first
                state=CertificateState.ACTIVE,
                issued_at=NOW - timedelta(days=60),
                chain="",
                renew_at=NOW - timedelta(hours=1),
            )
        )
    renewer = Renewer(
        store,
        None,
        stations.get,
        settings=RenewalSettings(most_at_once=2),
        emit=events.append,
        now=lambda: NOW,
    )
    yield SimpleNamespace(store=store, events=events, stations=stations, renewer=renewer)
    await renewer.stop()


async def settle():
    for _ in range(50):
        await asyncio.sleep(0)


def at_work(fleet):
    return [identity for identity, station in fleet.stations.items() if station.calls]


async def test_so_many_at_once(fleet):
    """Two may have work: those whose certificates end first; the next begin when these are stuck."""
    for _ in range(3):
        await fleet.renewer.check()
        await settle()
    assert at_work(fleet) == ["CP4", "CP5"]

    for identity in ("CP4", "CP5"):
        fleet.stations[identity].gave_up.set()
    await settle()
    for _ in range(3):
        await fleet.renewer.check()
        await settle()

    assert {event.identity for event in fleet.events if event.name == "renewal-stuck"} == {"CP4", "CP5"}
    assert at_work(fleet) == ["CP2", "CP3", "CP4", "CP5"]
    assert all(len(station.calls) <= 1 for station in fleet.stations.values())


async def test_not_due_not_begun(fleet):
    """A certificate whose day has not come is left alone."""
    fleet.renewer._now = lambda: NOW - timedelta(hours=2)
    await fleet.renewer.check()
    await settle()
    assert await fleet.store.open_renewals() == []


async def test_one_under_way_is_not_sent_twice(fleet):
    """However often the station is said to be ready, its outstanding CALL is not repeated on the same connection."""
    await fleet.renewer.check()
    await settle()
    for _ in range(3):
        fleet.renewer.ready(fleet.stations["CP5"])
        await settle()
    assert fleet.stations["CP5"].calls == ["TriggerMessage"]


async def test_operators_cannot_ask_for_more_at_once(fleet):
    """However many are asked for, two have work and the others wait for room."""
    for identity in IDENTITIES:
        await fleet.renewer.renew(identity)
    await settle()
    assert len(at_work(fleet)) == 2
    waiting = [row.step for row in await fleet.store.open_renewals() if row.step == "waits for the station"]
    assert len(waiting) == 4


async def test_the_proof_is_in_the_records(fleet):
    """Killed between the handshake and the last save: the next process needs no connection to see that it is done."""
    terms = RenewalSettings().terms
    course = workflow.Course(terms=terms, old=f"{1:064x}", delivered=(f"{0:064x}",))
    state = workflow.AwaitingHandshake(course=course)
    row = Renewal(
        id="r1",
        identity="CP0",
        fingerprint=course.old,
        open=True,
        step=workflow.describe(state),
        reason="",
        failures=0,
        state=workflow.encode_state(state),
        version=0,
        deadline=None,
        started_at=NOW,
    )
    await fleet.store.begin_renewal(row)
    fleet.stations.clear()
    fleet.renewer._session_of = lambda _identity: None

    await fleet.renewer.start()
    await settle()

    (ended,) = await fleet.store.renewals("CP0")
    assert (ended.open, ended.step) == (False, "done")
