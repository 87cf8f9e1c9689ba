"""A save whose answer is lost leaves nobody standing: the row is read again, and its step gone about again."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.certificates.reasons import Reason, ReasonCode
from ocppsec.certificates.request import RefusedRequest
from ocppsec.csms import astray
from ocppsec.csms.renewer import RenewalSettings, Renewer
from ocppsec.csms.upgrader import Upgrader
from ocppsec.link.errors import CallTimedOut
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, Upgrade, UpgradeChange, UpgradeStatus
from ocppsec.registry.store import StoreUnavailable
from ocppsec.upgrades.plan import Deadlines, Plan, StationAtStart
from ocppsec.upgrades.renewal import Terms
from ocppsec.upgrades.states import Signing, decode_state, encode_state

START = StationAtStart(profile=1, registered_serial="CP1", reported_serial="CP1")


class Fails(MemoryStore):
    """Once at each method named: before it has done what it was asked, or after."""

    def __init__(self):
        super().__init__()
        self.before, self.after = set(), set()

    def __getattribute__(self, name):
        really = super().__getattribute__(name)
        if name not in ("save_upgrade", "begin_upgrade", "save_renewal", "begin_renewal"):
            return really

        async def call(*arguments, **more):
            if name in self.before:
                self.before.discard(name)
                raise StoreUnavailable("locked")
            result = await really(*arguments, **more)
            if name in self.after:
                self.after.discard(name)
                raise StoreUnavailable("the answer is lost")
            return result

        return call


class Station:
    """Is there, and says nothing by itself."""

    identity, profile, accepted, may_be_called = "CP1", SecurityProfile.BASIC, True, True
    facts = SimpleNamespace(certificate=None)

    def __init__(self):
        self.link, self.calls = self, []

    async def call(self, action, payload, *, timeout):
        self.calls.append(action)
        self._silence = asyncio.get_running_loop().create_future()
        await self._silence

    def time_is_over(self):
        self._silence.set_exception(CallTimedOut("a CALL", 30))


class CaWithoutStore:
    """Cannot look up the key at first; then somebody has to ask again."""

    def __init__(self):
        self.asked = 0

    async def certify(self, identity, csr):
        self.asked += 1
        if self.asked == 1:
            raise StoreUnavailable("locked")
        return RefusedRequest((Reason(ReasonCode.UNREADABLE, "it is none"),))


@pytest.fixture
async def made(monkeypatch):
    monkeypatch.setattr(astray, "RETRY_SECONDS", 0)
    store, station, events = Fails(), Station(), []
    now = datetime.now(UTC)
    await store.add_station(
        NewStation(
            identity="CP1",
            serial_number="CP1",
            profile=SecurityProfile.BASIC,
            password_hash=None,
            added_at=now,
        )
    )
    shared = {"emit": events.append, "now": lambda: datetime.now(UTC)}
    ca = CaWithoutStore()
    upgrader = Upgrader(store, ca, lambda _: station, **shared)
    terms = RenewalSettings(terms=Terms(csr=0.05), check_seconds=3600)
    renewer = Renewer(store, ca, lambda _: station, settings=terms, **shared)
    yield SimpleNamespace(
        store=store, station=station, ca=ca, upgrader=upgrader, renewer=renewer, events=events
    )
    await upgrader.stop()
    await renewer.stop()


def upgrade():
    return Upgrade(
        id="u1",
        identity="CP1",
        target=SecurityProfile.TLS_BASIC,
        status=UpgradeStatus.OPEN,
        step="",
        reason="",
        state="",
        version=0,
        deadline=None,
        started_at=datetime.now(UTC),
    )


def plan(**deadlines):
    return Plan(
        target=2,
        urls={2: "wss://csms.example/ocpp"},
        root_pem="-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n",
        root_hashes=(),
        organization="ACME",
        deadlines=Deadlines(**deadlines),
    )


def certificate():
    now = datetime.now(UTC)
    return CertificateRecord(
        fingerprint="ab" * 32,
        identity="CP1",
        serial_number="1",
        subject="",
        public_key_sha256="cd" * 32,
        not_before=now - timedelta(days=60),
        not_after=now + timedelta(days=30),
        state=CertificateState.ACTIVE,
        issued_at=now - timedelta(days=60),
        chain="",
    )


async def until(found):
    async with asyncio.timeout(5):
        while not (result := await found()):
            await asyncio.sleep(0.005)
        return result


async def test_an_upgrade_that_was_begun_without_knowing(made):
    """The row is there, its answer was lost: it goes on, and who asked was told the truth, that nothing is known."""
    made.store.after.add("begin_upgrade")
    with pytest.raises(StoreUnavailable):
        await made.upgrader.begin(upgrade(), plan(), START)

    await until(lambda: _says(made.station.calls == ["GetVariables"]))
    assert made.upgrader.identities == {"CP1"}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_deadline_that_could_not_be_kept(made, when):
    """The store is away at the very moment of the deadline: the upgrade ends all the same."""
    await made.upgrader.begin(upgrade(), plan(step=0.05), START)
    getattr(made.store, when).add("save_upgrade")

    ended = await until(lambda: _ended(made.store))
    assert ended.status is UpgradeStatus.FAILED
    await until(lambda: _says(not made.upgrader.identities))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_step_that_could_not_be_kept(made, when):
    """What the station has said is lost with it, so the CALL is sent again, or the next one, whatever the row says."""
    await made.upgrader.begin(upgrade(), plan(), START)
    await until(lambda: _says(made.station.calls))
    getattr(made.store, when).add("save_upgrade")
    made.station.time_is_over()

    await until(lambda: _says(len(made.station.calls) == 2))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_renewal_that_could_not_be_kept(made, when):
    """Nobody keeps it in memory for another than the row has; it gets stuck at its deadline, and is tried again."""
    await made.store.add_certificate(certificate())
    await made.renewer.renew("CP1")
    await until(lambda: _says(made.station.calls == ["TriggerMessage"]))
    getattr(made.store, when).add("save_renewal")
    made.station.time_is_over()

    # Before: it is asked again.  After: the row says that it is stuck, and memory agrees.
    async def agrees():
        row, held = (await made.store.renewals("CP1", limit=1))[0], made.renewer.open("CP1")
        return held is not None and held.version == row.version and (row.failures or made.station.calls[1:])

    await until(agrees)


async def test_a_row_that_somebody_else_has_changed(made):
    """Also without an outage: what is in memory is not what counts."""
    begun = await made.upgrader.begin(upgrade(), plan(), START)
    await made.store.add_certificate(certificate())
    await until(lambda: _says(made.station.calls == ["GetVariables"]))
    await made.store.save_upgrade(UpgradeChange(upgrade=begun))
    made.station.time_is_over()
    await until(lambda: _says(made.station.calls == ["GetVariables"] * 2))
    await made.upgrader.stop()

    await made.renewer.renew("CP1")
    await until(lambda: _says("TriggerMessage" in made.station.calls))
    row = (await made.store.renewals("CP1", limit=1))[0]
    await made.store.save_renewal(row)
    made.station.time_is_over()
    await until(lambda: _says(made.station.calls[2:] == ["TriggerMessage"] * 2))


async def test_a_renewal_that_was_begun_without_knowing(made):
    """As with an upgrade."""
    await made.store.add_certificate(certificate())
    made.store.after.add("begin_renewal")
    with pytest.raises(StoreUnavailable):
        await made.renewer.renew("CP1")

    await until(lambda: _says(made.station.calls == ["TriggerMessage"]))


async def test_a_signature_without_a_store(made):
    """Our CA asks the store whether it knows the key: asked again when that can be answered."""
    await made.renewer.csr_received("CP1", "a request")
    await until(lambda: _says(made.ca.asked == 2))

    made.ca.asked = 0
    begun = await made.upgrader.begin(upgrade(), plan(), START)
    await made.upgrader.stop()
    signing = Signing(progress=decode_state(begun.state).progress, csr="a request")
    await made.store.save_upgrade(UpgradeChange(upgrade=replace(begun, state=encode_state(signing))))
    await made.upgrader.start()
    await until(lambda: _says(made.ca.asked >= 2))


async def _says(what):
    return what


async def _ended(store):
    row = (await store.upgrades("CP1"))[0]
    return row if row.status is not UpgradeStatus.OPEN else None
