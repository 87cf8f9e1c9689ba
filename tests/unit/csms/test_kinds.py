"""What is kept of kinds of stations."""

from dataclasses import replace
from datetime import UTC, datetime

from ocppsec.csms.kinds import Kinds, note, notes
from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import BootFacts, NewStation
from ocppsec.upgrades.kinds import NOTHING, KindFacts
from ocppsec.upgrades.states import Done, Failed

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FACTS = KindFacts(took_slots=(2,), interface=OCPPInterface.WIRED0)
BOOT = BootFacts(
    at=NOW,
    profile=SecurityProfile.BASIC,
    vendor="Acme",
    model="Fast",
    firmware_version="1.2",
    serial_number="S",
    reason="PowerUp",
)


async def house(*boots):
    store = MemoryStore()
    for number, boot in enumerate(boots):
        identity = f"CP{number}"
        await store.add_station(
            NewStation(
                identity=identity,
                serial_number=identity,
                profile=SecurityProfile.BASIC,
                password_hash=None,
                added_at=NOW,
            )
        )
        if boot is not None:
            await store.record_boot(identity, boot)
    return store, Kinds(store, now=lambda: NOW)


async def test_one_teaches_the_next_of_its_kind():
    """Vendor, model and firmware the same: known; another firmware is another kind."""
    store, kinds = await house(BOOT, BOOT, replace(BOOT, firmware_version="2.0"))
    await kinds.learn("CP0", FACTS, Done(profile=3))
    assert await kinds.of(await store.station("CP1")) == FACTS
    assert await kinds.of(await store.station("CP2")) == NOTHING


async def test_outcomes_are_counted():
    """What was done and what failed, and why the last one failed; a success does not hide that."""
    store, kinds = await house(BOOT)
    await kinds.learn("CP0", FACTS, Done(profile=2))
    await kinds.learn("CP0", KindFacts(quirks=("has no GetReport",)), Failed(reason="It refused.", step="s"))
    await kinds.learn("CP0", NOTHING, Done(profile=3))
    (kind,) = await store.kinds()
    assert (kind.done, kind.failed, kind.reason) == (2, 1, "It refused.")
    told = note(kind)
    assert "2 of this kind done, 1 failed (last: It refused.)" in told
    assert "slot 2 with Wired0; has no GetReport" in told
    assert await notes(store) == {("Acme", "Fast", "1.2"): told}


async def test_who_told_no_name_has_no_kind():
    """Nor has one that was removed."""
    store, kinds = await house(None, replace(BOOT, vendor="", model=""))
    for identity in ("CP0", "CP1", "CP9"):
        await kinds.learn(identity, FACTS, Done(profile=3))
    assert await store.kinds() == []
    assert await kinds.of(await store.station("CP0")) == NOTHING
