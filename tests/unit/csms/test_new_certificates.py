"""The old certificate is good until the station can know that the new one works."""

import asyncio
from types import SimpleNamespace

import pytest

from ocppsec.csms import new_certificates
from ocppsec.csms.new_certificates import NewCertificates
from ocppsec.events import StoreUnavailable
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

    def prove(self, then):
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
