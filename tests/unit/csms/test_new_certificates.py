"""The old certificate is good until the station can know that the new one works."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ocppsec.csms import new_certificates
from ocppsec.csms.new_certificates import NewCertificates
from ocppsec.csms.security import Security
from ocppsec.csms.sessions import Sessions
from ocppsec.events import StoreUnavailable
from ocppsec.ocppj.connection import CallReceived
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.store import StoreUnavailable as StoreIsAway


class Store:
    def __init__(self):
        self.activated, self.away = [], False

    async def activate_certificate(self, fingerprint, at):
        if self.away:
            raise StoreIsAway("locked")
        self.activated.append(fingerprint)


class Link:
    closed = False

    def __init__(self):
        self.heard = None

    def prove(self, then, **_):
        self.heard = then


class Session:
    identity = "CP1"

    def __init__(self, *, new, accepted):
        self.facts = SimpleNamespace(
            certificate=SimpleNamespace(fingerprint="the new one"), certificate_is_new=new
        )
        self.link, self.accepted, self.boots = Link(), accepted, False
        self.closed, self._tasks = [], []

    def run(self, work):
        self._tasks.append(asyncio.create_task(work))

    def close(self, code, reason):
        self.closed.append((code, reason))

    async def settled(self):
        await asyncio.sleep(0.01)
        await asyncio.gather(*self._tasks)


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(new_certificates, "MOMENT_SECONDS", 0)
    store, seen, events = Store(), [], []
    renewer = SimpleNamespace(connected=seen.append)
    office = NewCertificates(store, renewer, emit=events.append, now=lambda: "now")
    return SimpleNamespace(store=store, seen=seen, events=events, office=office)


async def test_one_that_has_been_seen_before(made):
    """Nothing is to be kept; whoever waits for it is told at once."""
    session = Session(new=False, accepted=True)
    made.office.opened(session)
    assert (made.seen, session.link.heard) == ([session], None)


async def test_a_mere_reconnect(made):
    """In force when the station was heard, and has not begun to boot since: not with the handshake."""
    session = Session(new=True, accepted=True)
    made.office.opened(session)
    await session.settled()
    assert (made.store.activated, made.seen) == ([], [])

    session.link.heard()
    await session.settled()
    assert (made.store.activated, made.seen) == (["the new one"], [session])


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(lambda session: setattr(session, "boots", True), id="it boots"),
        pytest.param(lambda session: setattr(session.link, "closed", True), id="it is gone"),
    ],
)
async def test_what_is_no_proof(made, then):
    """Who boots does not know before its BootNotification is answered; who is gone may never know."""
    session = Session(new=True, accepted=True)
    made.office.opened(session)
    session.link.heard()
    then(session)
    await session.settled()
    assert (made.store.activated, made.seen) == ([], [])


async def test_a_station_that_has_to_boot(made):
    """A pong says nothing: it is settled behind the answer to its BootNotification, by whoever gives that."""
    session = Session(new=True, accepted=False)
    made.office.opened(session)
    assert session.link.heard is None

    await made.office.settle(session)
    assert (made.store.activated, made.seen) == (["the new one"], [session])


async def test_the_store_is_away(made):
    """The station is sent away, to come again when it can be kept that its certificate works."""
    made.store.away = True
    session = Session(new=True, accepted=True)
    made.office.stays(session)
    await session.settled()
    assert session.closed == [(1011, "try again later")]
    assert [type(event) for event in made.events] == [StoreUnavailable]
    assert made.seen == []


# -- behind a BootNotification ------------------------------------------------------------------------------
class Booting(Session):
    """On profile 3, where it has been for long, with a certificate that nobody has seen before."""

    profile = SecurityProfile.TLS_CLIENT

    def __init__(self):
        super().__init__(new=True, accepted=True)
        self.boots = True
        self.facts.certificate.common_names = ("SN1",)
        vars(self.facts).update(
            registered_serial_number="SN1", floor=SecurityProfile.TLS_CLIENT, registered=True, pending=None
        )
        self.link.answer = lambda call_id, payload: self.link.__dict__.update(answered=payload["status"])

    def accept(self):
        self.accepted = True


def security_of(made):
    nobody = SimpleNamespace(
        identities=frozenset(), ready=lambda _: None, accepted=lambda _: None, booted=_nothing
    )
    made.store.record_boot = _nothing
    return Security(
        made.store, Sessions(), nobody, nobody, made.office, None, None, None, nobody,
        emit=made.events.append, now=lambda: datetime.now(UTC),
    )  # fmt: skip


async def test_a_station_that_does_not_boot(made):
    """It has booted before, and we ended before we could tell: its certificate is in force all the same."""
    session = Session(new=True, accepted=True)
    security_of(made).ready(session)
    await session.settled()
    assert made.store.activated == ["the new one"]


async def test_in_force_when_heard_behind_the_answer_to_its_boot(made):
    """Also where no floor rises and no upgrade is open: the answer alone is no proof, what is heard after it is."""
    security = security_of(made)
    session = Booting()
    payload = {
        "reason": "PowerUp",
        "chargingStation": {"model": "m", "vendorName": "v", "serialNumber": "SN1"},
    }
    await security.boot(session, CallReceived("1", "BootNotification", payload))
    await session.settled()
    assert (session.link.answered, made.store.activated) == ("Accepted", [])

    session.link.heard()
    await session.settled()
    assert (made.store.activated, made.seen) == (["the new one"], [session])


async def _nothing(*_):
    return None
