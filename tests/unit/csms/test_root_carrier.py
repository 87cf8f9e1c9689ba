"""No part of a rollover stands still because the store failed, and none keeps a turn it does not use."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ocppsec.csms import astray
from ocppsec.csms.root_carrier import RolloverSettings, RootCarrier
from ocppsec.registry.store import NotRegistered, StoreUnavailable
from ocppsec.upgrades.plan import RootHash
from ocppsec.upgrades.rollover.roots import Root, Roots, Which
from ocppsec.upgrades.rollover.station import Goal, Terms

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INSTALL = Goal(wanted=Which.NEW)


def root(name):
    hashes = RootHash(
        hash_algorithm="SHA256", issuer_name_hash=name, issuer_key_hash=name, serial_number=name
    )
    return Root(pem=f"self {name}", signed_pem=f"signed {name}", hashes=(hashes,))


ROOTS = Roots(old=root("aa"), new=root("bb"))


class HasBoth:
    """A station that has both roots from the beginning."""

    def __init__(self, identity):
        self.identity, self.accepted, self.link = identity, True, self
        self.facts = SimpleNamespace(tls_version="TLSv1.3", since=NOW)
        self.asked = []

    async def call(self, action, payload, *, timeout):
        self.asked.append(action)
        if action == "GetVariables":
            return {
                "getVariableResult": [
                    {"attributeStatus": "UnknownVariable", **data} for data in payload["getVariableData"]
                ]
            }
        chains = [
            {
                "certificateType": "CSMSRootCertificate",
                "certificateHashData": {
                    "hashAlgorithm": "SHA256",
                    "issuerNameHash": name,
                    "issuerKeyHash": name,
                    "serialNumber": name,
                },
            }
            for name in ("aa", "bb")
        ]
        return {"status": "Accepted", "certificateHashDataChain": chains}


class Rows:
    """The store of it; fails at the saves whose numbers it is given, before they are done."""

    def __init__(self):
        self.fails_at, self.saves, self.rows = set(), 0, {}
        self.removed = set()

    async def rollover_stations(self, rollover):
        return []

    async def save_rollover_station(self, row):
        self.saves += 1
        if self.saves in self.fails_at:
            raise StoreUnavailable("away")
        if row.identity in self.removed:
            raise NotRegistered(row.identity)
        self.rows[row.identity] = row


class Book:
    """Keeps what stations told it; the first so many times it cannot."""

    fails = 0

    async def told(self, identity, chains):
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("away")


@pytest.fixture
async def made(monkeypatch):
    monkeypatch.setattr(astray, "RETRY_SECONDS", 0)
    store, book, events = Rows(), Book(), []
    sessions = {identity: HasBoth(identity) for identity in ("CP1", "CP2")}
    carrier = RootCarrier(
        store,
        sessions.get,
        book,
        set,
        settings=RolloverSettings(terms=Terms(back_off=0.05), most_at_once=1),
        emit=events.append,
        now=lambda: datetime.now(UTC),
    )
    await carrier.take_up("r1", ROOTS)
    yield SimpleNamespace(store=store, book=book, events=events, sessions=sessions, carrier=carrier)
    await carrier.stop()


async def settled(made, *identities):
    async with asyncio.timeout(5):
        while not all(made.carrier.part(identity).settled for identity in identities):
            made.carrier.wake()  # as the rollover does, again and again
            await asyncio.sleep(0)


@pytest.mark.parametrize("save", range(1, 8))
async def test_a_save_that_fails(made, save):
    """Whichever it is, both come to it, one after the other."""
    made.store.fails_at = {save}
    await made.carrier.aim(INSTALL, {"CP1", "CP2"})
    await settled(made, "CP1", "CP2")
    assert {row.step for row in made.store.rows.values()} == {"done"}


async def test_what_it_listed_could_not_be_kept(made):
    """Then it is asked again."""
    made.book.fails = 2
    await made.carrier.aim(INSTALL, {"CP1"})
    await settled(made, "CP1")
    assert made.sessions["CP1"].asked.count("GetInstalledCertificateIds") == 3


async def test_a_doubt_that_could_not_be_kept(made):
    """It has booted, and may have lost what it showed: nobody relies on that before it has shown it again."""
    await made.carrier.aim(INSTALL, {"CP1"})
    await settled(made, "CP1")
    asked = len(made.sessions["CP1"].asked)

    made.store.fails_at = {made.store.saves + 1}
    made.carrier.booted(made.sessions["CP1"])
    async with asyncio.timeout(5):
        while len(made.sessions["CP1"].asked) == asked:
            made.carrier.wake()
            await asyncio.sleep(0)
    await settled(made, "CP1")


async def test_a_handshake_that_could_not_be_kept(made):
    """What it met stays true, and is kept with the next save."""
    await made.carrier.aim(INSTALL, {"CP1"})
    await settled(made, "CP1")
    made.store.fails_at = {made.store.saves + 1}
    made.carrier.connected(made.sessions["CP1"])
    async with asyncio.timeout(5):
        while made.store.rows["CP1"].met_at is None:
            await asyncio.sleep(0)
    assert made.carrier.part("CP1").met_at == NOW


async def test_removed_in_the_middle(made):
    """Its turn is another's at once."""
    made.store.removed = {"CP1"}
    await made.carrier.aim(INSTALL, {"CP1"})
    async with asyncio.timeout(5):
        while made.carrier.part("CP1") is not None:
            await asyncio.sleep(0)
    await made.carrier.aim(INSTALL, {"CP2"})
    await settled(made, "CP2")
