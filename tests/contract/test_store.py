"""What every store does, whatever it keeps things in."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import AdmissionRecord, CertificateRecord, CertificateState
from ocppsec.registry import store as contract
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import (
    Attempt,
    AttemptOutcome,
    BootFacts,
    NewStation,
    Renewal,
    SecurityEventRecord,
    Station,
    Upgrade,
    UpgradeChange,
    UpgradeStatus,
    UpgradeStep,
)
from ocppsec.registry.store import (
    AlreadyRegistered,
    KeyAlreadyUsed,
    NotRegistered,
    RenewalInProgress,
    StoreUnavailable,
    Superseded,
    UpgradeInProgress,
)

NOW = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
NONE, BASIC, TLS_BASIC, TLS_CLIENT = SecurityProfile
ACTIVE, PENDING = CertificateState.ACTIVE, CertificateState.PENDING
SUPERSEDED, REVOKED = CertificateState.SUPERSEDED, CertificateState.REVOKED


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    yield opened
    await opened.close()


def later(seconds):
    return NOW + timedelta(seconds=seconds)


def new_station(identity="CP1", profile=BASIC, **changed):
    station = NewStation(
        identity=identity,
        serial_number=f"SN-{identity}",
        profile=profile,
        password_hash=f"hash of {identity}",
        added_at=NOW,
    )
    return replace(station, **changed)


def certificate(number=1, identity="CP1", *, state=PENDING, **changed):
    record = CertificateRecord(
        fingerprint=f"{number:064x}",
        identity=identity,
        serial_number=f"{number:X}",
        subject=f"CN=SN-{identity},O=CSO",
        public_key_sha256=f"{number + 1000:064x}",
        not_before=NOW,
        not_after=later(86_400),
        state=state,
        issued_at=later(number),
        chain="-----BEGIN CERTIFICATE-----\n…\n",
    )
    return replace(record, **changed)


def attempt(number=0, identity="CP1", address="192.0.2.1", **changed):
    record = Attempt(
        at=later(number),
        outcome=AttemptOutcome.REFUSED,
        door="wss",
        address=address,
        identity=identity,
        profile=TLS_BASIC,
        reason="wrong-password",
        presented="Basic credentials",
        expected="the registered password",
        advice="compare",
    )
    return replace(record, **changed)


def upgrade(number=1, identity="CP1", **changed):
    record = Upgrade(
        id=f"upgrade-{number}",
        identity=identity,
        target=TLS_CLIENT,
        status=UpgradeStatus.OPEN,
        step="asking the station",
        reason="",
        state='{"asked":[]}',
        version=0,
        deadline=later(60),
        started_at=NOW,
    )
    return replace(record, **changed)


def renewal(number=1, identity="CP1", **changed):
    record = Renewal(
        id=f"renewal-{number}",
        identity=identity,
        fingerprint=f"{number:064x}",
        open=True,
        step="waits for the station",
        reason="",
        failures=0,
        state="{}",
        version=0,
        deadline=None,
        started_at=NOW,
    )
    return replace(record, **changed)


BOOT = BootFacts(
    at=later(5),
    profile=TLS_BASIC,
    vendor="Vendor",
    model="Model",
    firmware_version="1.2",
    serial_number="SN-reported",
    reason="PowerUp",
)


# -- stations -----------------------------------------------------------------------------------------------
async def test_add_station(store):
    """A station begins with floor and target at its profile, unseen."""
    added = await store.add_station(new_station(profile=TLS_BASIC))

    assert added == Station(
        identity="CP1", serial_number="SN-CP1", floor=TLS_BASIC, target=TLS_BASIC, observed=None, added_at=NOW
    )
    assert await store.station("CP1") == added


async def test_profile_0_is_0(store):
    """Profile 0 is kept as 0, not as nothing."""
    await store.add_station(new_station(profile=NONE))

    found = await store.station("CP1")
    assert (found.floor, found.target) == (NONE, NONE)
    assert isinstance(found.floor, SecurityProfile)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"serial_number": "other"}, id="same identity"),
        pytest.param({"identity": "CP2"}, id="same serial number"),
    ],
)
async def test_add_station_twice(store, second):
    """An identity, and a serial number, belongs to one station; the second changes nothing."""
    await store.add_station(new_station())

    with pytest.raises(AlreadyRegistered):
        await store.add_station(replace(new_station(password_hash="other"), **second))

    assert len(await store.stations()) == 1
    assert (await store.admission_record("CP1")).password_hashes == ("hash of CP1",)


async def test_add_station_at_once(store):
    """Of ten that register the same identity at once, one succeeds."""
    adding = [store.add_station(new_station(serial_number=f"S{number}")) for number in range(10)]

    outcomes = await asyncio.gather(*adding, return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == ["AlreadyRegistered"] * 9 + ["Station"]


async def test_unknown_station(store):
    """Who is not registered is None everywhere."""
    await store.add_station(new_station())

    assert await store.station("CP2") is None
    assert await store.admission_record("CP2") is None
    assert await store.certificates("CP2") == []
    assert await store.open_upgrade("CP2") is None


async def test_identity_is_exact(store):
    """Identities differ by case and blanks."""
    await store.add_station(new_station("CP1"))
    await store.add_station(new_station("cp1", serial_number="s2"))

    assert (await store.admission_record("cp1")).serial_number == "s2"
    assert (await store.admission_record("CP1")).serial_number == "SN-CP1"
    assert await store.admission_record("CP1 ") is None
    assert await store.admission_record("Cp1") is None


async def test_stations_by_pages(store):
    """Stations come in the order of their identities, page by page."""
    for identity in ("b", "a", "B", "c", "_"):
        await store.add_station(new_station(identity))

    first = await store.stations(limit=2)
    second = await store.stations(after=first[-1].identity, limit=2)
    third = await store.stations(after=second[-1].identity, limit=2)

    assert [each.identity for each in (*first, *second, *third)] == ["B", "_", "a", "b", "c"]
    assert await store.stations(after="c") == []
    assert await store.stations(limit=0) == []


async def test_remove_station(store):
    """A removed station is gone with password and open upgrade; what happened stays."""
    await store.add_station(new_station())
    await store.begin_upgrade(upgrade(1), [UpgradeStep(at=NOW, step="s")])
    await store.save_upgrade(UpgradeChange(upgrade=upgrade(1, status=UpgradeStatus.DONE)))
    await store.begin_upgrade(upgrade(2), [UpgradeStep(at=NOW, step="s")])
    await store.record_attempt(attempt())

    assert await store.remove_station("CP1", at=later(9)) is True

    assert await store.station("CP1") is None
    assert await store.admission_record("CP1") is None
    assert await store.open_upgrades() == []
    assert await store.upgrade("upgrade-2") is None
    assert await store.upgrade_steps("upgrade-2") == []
    assert [each.id for each in await store.upgrades("CP1")] == ["upgrade-1"]
    assert len(await store.attempts("CP1")) == 1
    assert await store.remove_station("CP1") is False


async def test_removing_one_leaves_the_other(store):
    """Another station keeps its password, certificates and open upgrade."""
    for number, identity in ((1, "CP1"), (2, "CP2")):
        await store.add_station(new_station(identity))
        await store.add_certificate(certificate(number, identity, state=ACTIVE))
        await store.begin_upgrade(upgrade(number, identity), [UpgradeStep(at=NOW, step="s")])
    before = await store.admission_record("CP2")

    await store.remove_station("CP1")

    assert await store.admission_record("CP2") == before
    assert [each.id for each in await store.open_upgrades()] == ["upgrade-2"]
    assert len(await store.upgrade_steps("upgrade-2")) == 1


async def test_certificates_of_a_removed_station(store):
    """They are revoked and known for ever, also when the identity is registered again."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(1, state=ACTIVE))
    await store.add_certificate(certificate(2))
    await store.set_certificate_state(certificate(2).fingerprint, REVOKED, at=later(3), reason="key lost")
    await store.remove_station("CP1", at=later(9))
    await store.add_station(new_station(password_hash=None))

    record = await store.admission_record("CP1")

    assert [each.state for each in record.certificates] == [REVOKED, REVOKED]
    assert record.password_hashes == ()
    assert [(each.revoked_at, each.revocation_reason) for each in record.certificates] == [
        (later(3), "key lost"),
        (later(9), "station removed"),
    ]
    assert await store.key_is_known(certificate(1).public_key_sha256)
    with pytest.raises(KeyAlreadyUsed):
        await store.add_certificate(certificate(9, public_key_sha256=certificate(1).public_key_sha256))


async def test_removed_and_added_again(store):
    """Identity and serial number of a removed station are free, and it begins anew."""
    await store.add_station(new_station(profile=TLS_CLIENT))
    await store.record_boot("CP1", BOOT)
    await store.remove_station("CP1")

    again = await store.add_station(new_station(profile=BASIC))

    assert (again.floor, again.observed, again.registered_at) == (BASIC, None, None)
    assert not (await store.admission_record("CP1")).registered


async def test_admission_record(store):
    """It holds all that admission needs: profiles, hashes, certificates newest first, registered or not."""
    await store.add_station(new_station(profile=TLS_BASIC))
    await store.add_station(new_station("CP2"))
    await store.set_target("CP1", TLS_CLIENT)
    await store.add_certificate(certificate(1, state=ACTIVE))
    await store.add_certificate(certificate(3))
    await store.add_certificate(certificate(2))
    await store.add_certificate(certificate(4, "CP2"))

    assert await store.admission_record("CP1") == AdmissionRecord(
        identity="CP1",
        serial_number="SN-CP1",
        floor=TLS_BASIC,
        target=TLS_CLIENT,
        password_hashes=("hash of CP1",),
        certificates=(certificate(3), certificate(2), certificate(1, state=ACTIVE)),
        registered=False,
    )


async def test_many_admission_records_at_once(store):
    """A thousand that ask at once each get their own record, or None."""
    for number in range(0, 40, 2):
        await store.add_station(new_station(f"CP{number}"))
    identities = [f"CP{number % 40}" for number in range(1_000)]

    records = await asyncio.gather(*(store.admission_record(each) for each in identities))

    for identity, record in zip(identities, records, strict=True):
        assert (record.identity if record else None) == (identity if int(identity[2:]) % 2 == 0 else None)


async def test_admission_record_is_not_old(store):
    """What was changed before the question is in the answer, however many ask meanwhile."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(state=ACTIVE))
    asking = [asyncio.create_task(store.admission_record("CP1")) for _ in range(50)]

    for number in range(20):
        await store.set_password_hash("CP1", f"hash {number}")
        asking += [asyncio.create_task(store.admission_record("CP1")) for _ in range(5)]
        assert (await store.admission_record("CP1")).password_hashes == (f"hash {number}",)
    await store.set_certificate_state(certificate().fingerprint, REVOKED, at=NOW)

    assert (await store.admission_record("CP1")).certificates[0].state is REVOKED
    await asyncio.gather(*asking)


async def test_set_password_hash(store):
    """The new hash replaces all that were."""
    await store.add_station(new_station(password_hash=None))
    assert (await store.admission_record("CP1")).password_hashes == ()

    await store.set_password_hash("CP1", "first")
    await store.set_password_hash("CP1", "second")

    assert (await store.admission_record("CP1")).password_hashes == ("second",)


@pytest.mark.parametrize(
    ("profile", "target", "kept"),
    [
        pytest.param(BASIC, TLS_CLIENT, TLS_CLIENT, id="raised"),
        pytest.param(TLS_BASIC, TLS_BASIC, TLS_BASIC, id="the same"),
        pytest.param(TLS_BASIC, BASIC, TLS_BASIC, id="never below the floor"),
    ],
)
async def test_set_target(store, profile, target, kept):
    """The target is set, but never below the floor."""
    await store.add_station(new_station(profile=profile))

    await store.set_target("CP1", target)

    assert (await store.station("CP1")).target is kept
    assert (await store.station("CP1")).floor is profile


async def test_target_falls_back_to_the_floor(store):
    """A target that was raised may be taken back as far as the floor."""
    await store.add_station(new_station())
    await store.set_target("CP1", TLS_CLIENT)

    await store.set_target("CP1", BASIC)

    assert (await store.station("CP1")).target is BASIC


@pytest.mark.parametrize(
    ("target", "floor", "expected"),
    [
        pytest.param(TLS_CLIENT, TLS_BASIC, (TLS_BASIC, TLS_CLIENT), id="below the target"),
        pytest.param(TLS_BASIC, TLS_CLIENT, (TLS_CLIENT, TLS_CLIENT), id="takes the target along"),
        pytest.param(TLS_BASIC, NONE, (BASIC, TLS_BASIC), id="never lowered"),
    ],
)
async def test_raise_floor(store, target, floor, expected):
    """The floor rises, the target never stays below it, neither falls; the old floor is told."""
    await store.add_station(new_station())
    await store.set_target("CP1", target)

    assert await store.raise_floor("CP1", floor) is BASIC

    station = await store.station("CP1")
    assert (station.floor, station.target) == expected
    assert await store.raise_floor("CP1", floor) is expected[0]


async def test_changes_of_nobody(store):
    """What changes a station wants one that is registered."""
    for changing in (
        store.set_password_hash("CP1", "x"),
        store.set_target("CP1", BASIC),
        store.raise_floor("CP1", BASIC),
        store.add_certificate(certificate()),
        store.begin_upgrade(upgrade()),
    ):
        with pytest.raises(NotRegistered):
            await changing
    await store.record_boot("CP1", BOOT)
    await store.record_connected("CP1", BASIC, NOW)
    assert await store.station("CP1") is None


async def test_record_connected(store):
    """What was observed last, and when, can be read at once; floor, target and registration stay."""
    await store.add_station(new_station())

    await store.record_connected("CP1", TLS_BASIC, later(1))
    await store.record_connected("CP1", BASIC, later(2))

    station = await store.station("CP1")
    assert (station.observed, station.last_seen_at) == (BASIC, later(2))
    assert (station.floor, station.target, station.registered_at) == (BASIC, BASIC, None)
    assert await store.stations() == [station]


async def test_record_boot(store):
    """A boot is kept as said; the reported serial number is not taken for the registered one."""
    await store.add_station(new_station())

    await store.record_boot("CP1", BOOT)

    assert await store.station("CP1") == Station(
        identity="CP1",
        serial_number="SN-CP1",
        floor=BASIC,
        target=BASIC,
        observed=TLS_BASIC,
        added_at=NOW,
        registered_at=later(5),
        last_seen_at=later(5),
        vendor="Vendor",
        model="Model",
        firmware_version="1.2",
        reported_serial_number="SN-reported",
        boot_reason="PowerUp",
    )
    assert (await store.admission_record("CP1")).registered


async def test_boot_after_connection(store):
    """A boot is not overwritten by the connection it came on, a later connection overwrites it."""
    await store.add_station(new_station())

    await store.record_connected("CP1", BASIC, later(4))
    await store.record_boot("CP1", BOOT)
    await store.attempts("CP1")
    assert (await store.station("CP1")).last_seen_at == later(5)

    await store.record_connected("CP1", TLS_CLIENT, later(6))
    await store.attempts("CP1")
    assert (await store.station("CP1")).observed is TLS_CLIENT


async def test_many_boots_at_once(store):
    """Each of many stations that boot at once keeps its own facts; the last of several boots counts."""
    for number in range(30):
        await store.add_station(new_station(f"CP{number}"))

    await asyncio.gather(
        *(store.record_boot(f"CP{number % 30}", replace(BOOT, model=f"M{number}")) for number in range(90))
    )

    assert {(each.identity, each.model) for each in await store.stations()} == {
        (f"CP{number}", f"M{number + 60}") for number in range(30)
    }


# -- attempts -----------------------------------------------------------------------------------------------
async def test_attempts(store):
    """Attempts can be read at once, by identity and by address, newest first."""
    await store.add_station(new_station())
    for number in range(3):
        await store.record_attempt(attempt(number))
    await store.record_attempt(
        attempt(3, "CP2", address="192.0.2.2", outcome=AttemptOutcome.ADMITTED, profile=NONE)
    )
    await store.record_attempt(attempt(4, None, outcome=AttemptOutcome.HANDSHAKE_FAILED, profile=None))

    assert await store.attempts("CP1") == [attempt(2), attempt(1), attempt(0)]
    assert await store.attempts("CP1", limit=1) == [attempt(2)]
    assert [each.profile for each in await store.attempts("CP2")] == [NONE]
    assert [each.identity for each in await store.attempts_from("192.0.2.1")] == [None, "CP1", "CP1", "CP1"]
    assert await store.attempts("CP3") == []


async def test_attempts_kept_of_a_station(store):
    """Of each registered station the newest fifty are kept, a few more at most."""
    await store.add_station(new_station())
    for number in range(200):
        await store.record_attempt(attempt(number, address=f"10.0.0.{number}"))
        if number % 25 == 0:
            await store.attempts("CP1")

    kept = await store.attempts("CP1", limit=1_000)

    assert contract.ATTEMPTS_KEPT <= len(kept) < contract.ATTEMPTS_KEPT + 25
    assert kept[:50] == [attempt(number, address=f"10.0.0.{number}") for number in range(199, 149, -1)]


async def test_attempts_kept_of_a_stranger(store):
    """Of each address that claims to be many unknown stations the newest fifty are kept."""
    for number in range(200):
        await store.record_attempt(attempt(number, f"X{number}"))
        if number % 25 == 0:
            await store.attempts("X")

    kept = await store.attempts_from("192.0.2.1", limit=1_000)

    assert contract.ATTEMPTS_KEPT <= len(kept) < contract.ATTEMPTS_KEPT + 25
    assert [each.identity for each in kept[:50]] == [f"X{number}" for number in range(199, 149, -1)]


async def test_strangers_push_out_no_station(store):
    """A flood of unknown identities from a station's own address leaves the station's attempts alone."""
    await store.add_station(new_station())
    await store.record_attempt(attempt(0))
    for number in range(200):
        await store.record_attempt(attempt(number, f"X{number}"))

    assert await store.attempts("CP1") == [attempt(0)]


async def test_attempts_kept_in_all(store):
    """A botnet with an address for each attempt pushes out the oldest, and fills nothing."""
    for number in range(30_000):
        await store.record_attempt(attempt(number, None, address=f"host {number}"))
        if number % 2_000 == 0:
            await store.attempts("CP1")

    assert await store.attempts_from("host 0") == []
    assert await store.attempts_from("host 4000") == []
    assert len(await store.attempts_from("host 10000")) == 1
    assert len(await store.attempts_from("host 29999")) == 1


async def test_hostile_attempt(store):
    """Text of any kind and length is kept in some form and harms no other attempt."""
    await store.record_attempt(attempt(0, presented="\ud800\0" + "x" * 100_000, address="y" * 10_000))
    await store.record_attempt(attempt(1))

    assert await store.attempts("CP1", limit=1) == [attempt(1)]
    assert len(await store.attempts("CP1")) == 2


# -- certificates -------------------------------------------------------------------------------------------
async def test_certificates(store):
    """Certificates come back as they were given, newest first, and tell whose they are."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(2))
    await store.add_certificate(certificate(1))
    await store.add_certificate(certificate(3, issued_at=certificate(2).issued_at))

    assert [each.serial_number for each in await store.certificates("CP1")] == ["3", "2", "1"]
    assert await store.certificate_owner(certificate(1).fingerprint) == certificate(1)
    assert await store.certificate_owner("0") is None


async def test_a_key_is_certified_once(store):
    """A public key belongs to one certificate of one station, whatever became of it."""
    await store.add_station(new_station())
    await store.add_station(new_station("CP2"))
    await store.add_certificate(certificate(1))
    await store.set_certificate_state(certificate(1).fingerprint, REVOKED, at=NOW)

    assert await store.key_is_known(certificate(1).public_key_sha256)
    assert not await store.key_is_known(certificate(2).public_key_sha256)
    for identity in ("CP1", "CP2"):
        with pytest.raises(KeyAlreadyUsed):
            await store.add_certificate(
                certificate(2, identity, public_key_sha256=certificate(1).public_key_sha256)
            )
    assert await store.certificates("CP2") == []


async def test_a_key_at_once(store):
    """Of several requests with one key that arrive at once, one is kept."""
    await store.add_station(new_station())
    key = certificate(1).public_key_sha256

    outcomes = await asyncio.gather(
        *(store.add_certificate(certificate(number, public_key_sha256=key)) for number in range(1, 6)),
        return_exceptions=True,
    )

    assert [type(each).__name__ for each in outcomes].count("KeyAlreadyUsed") == 4
    assert len(await store.certificates("CP1")) == 1


async def test_activate_certificate(store):
    """Seen in a handshake: the pending one is active, the station's active one superseded, others untouched."""
    await store.add_station(new_station())
    await store.add_station(new_station("CP2"))
    for number, identity, state in (
        (1, "CP1", ACTIVE),
        (2, "CP1", PENDING),
        (3, "CP1", PENDING),
        (4, "CP2", ACTIVE),
    ):
        await store.add_certificate(certificate(number, identity, state=state))

    await store.activate_certificate(certificate(2).fingerprint, later(7))
    await store.activate_certificate(certificate(2).fingerprint, later(8))

    states = {each.serial_number: each.state for each in await store.certificates("CP1")}
    assert states == {"1": SUPERSEDED, "2": ACTIVE, "3": PENDING}
    assert (await store.certificate_owner(certificate(2).fingerprint)).activated_at == later(7)
    assert (await store.certificates("CP2"))[0].state is ACTIVE


@pytest.mark.parametrize("state", [SUPERSEDED, REVOKED])
async def test_activate_what_is_not_pending(store, state):
    """A certificate that is superseded or revoked does not come back, and supersedes nothing."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(1, state=ACTIVE))
    await store.add_certificate(certificate(2, state=state))

    await store.activate_certificate(certificate(2).fingerprint, NOW)
    await store.activate_certificate("unknown", NOW)

    assert [each.state for each in await store.certificates("CP1")] == [state, ACTIVE]


async def test_revoked_stays_revoked(store):
    """A revocation keeps its first date and reason and is not taken back."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(1))
    fingerprint = certificate(1).fingerprint

    assert await store.set_certificate_state(fingerprint, REVOKED, at=later(1), reason="stolen")
    assert await store.set_certificate_state(fingerprint, REVOKED, at=later(2), reason="again")
    assert await store.set_certificate_state(fingerprint, ACTIVE, at=later(3))

    assert await store.certificates("CP1") == [
        certificate(1, state=REVOKED, revoked_at=later(1), revocation_reason="stolen")
    ]


async def test_set_certificate_state(store):
    """Another state than revoked is set without a date of revocation; an unknown certificate is told."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(1))

    assert (
        await store.set_certificate_state(certificate(1).fingerprint, SUPERSEDED, at=NOW, reason="x") is True
    )
    assert await store.set_certificate_state("unknown", REVOKED, at=NOW) is False

    assert await store.certificates("CP1") == [certificate(1, state=SUPERSEDED)]


async def test_ledger(store):
    """The ledger has every certificate, of removed stations too, page by page and by state."""
    await store.add_station(new_station())
    await store.add_station(new_station("CP2"))
    for number, identity in ((3, "CP1"), (1, "CP2"), (2, "CP1"), (4, "CP1")):
        await store.add_certificate(certificate(number, identity))
    await store.activate_certificate(certificate(2).fingerprint, NOW)
    await store.remove_station("CP2", at=NOW)

    first = await store.ledger(limit=3)
    second = await store.ledger(after=first[-1].fingerprint, limit=3)

    assert [each.serial_number for each in (*first, *second)] == ["1", "2", "3", "4"]
    assert [each.serial_number for each in await store.ledger(state=REVOKED)] == ["1"]
    assert [each.serial_number for each in await store.ledger(state=PENDING, limit=1)] == ["3"]
    assert await store.ledger(limit=0) == []


async def test_certificates_by_serial(store):
    """A certificate is found by its serial number, exactly as it is kept."""
    await store.add_station(new_station())
    await store.add_certificate(certificate(0xAB))

    assert [each.fingerprint for each in await store.certificates_by_serial("AB")] == [f"{0xAB:064x}"]
    assert await store.certificates_by_serial("ab") == []
    assert await store.certificates_by_serial("A") == []


# -- renewals -----------------------------------------------------------------------------------------------
async def test_certificates_due(store):
    """Active certificates that are due, of registered stations without an open renewal, those that end first in front."""
    for identity in ("CP1", "CP2", "CP3", "CP4"):
        await store.add_station(new_station(identity))
    for number, identity, state, end in (
        (1, "CP1", ACTIVE, 300),
        (2, "CP1", PENDING, 10),
        (3, "CP1", SUPERSEDED, 10),
        (4, "CP2", ACTIVE, 100),
        (5, "CP3", ACTIVE, 200),
        (6, "CP4", ACTIVE, 50),
    ):
        record = certificate(number, identity, state=state, not_after=later(end), renew_at=later(30))
        await store.add_certificate(record)
    await store.add_station(new_station("CP5"))
    await store.add_certificate(certificate(7, "CP5", state=ACTIVE, not_after=later(1)))
    await store.begin_renewal(renewal(1, "CP3"))
    await store.remove_station("CP4", at=NOW)

    assert [each.serial_number for each in await store.certificates_due(later(30), limit=9)] == ["4", "1"]
    assert [each.serial_number for each in await store.certificates_due(later(29), limit=9)] == []
    assert [each.serial_number for each in await store.certificates_due(later(31), limit=1)] == ["4"]


async def test_one_open_renewal(store):
    """A station has one open renewal at most; the next begins when it has ended, and both stay known."""
    await store.add_station(new_station())
    begun = await store.begin_renewal(renewal(1))
    with pytest.raises(RenewalInProgress):
        await store.begin_renewal(renewal(2))
    with pytest.raises(NotRegistered):
        await store.begin_renewal(renewal(3, "CP9"))

    done = await store.save_renewal(replace(begun, open=False, step="done", ended_at=later(5)))
    await store.begin_renewal(renewal(2, deadline=later(9)))

    assert done == renewal(1, open=False, step="done", ended_at=later(5), version=1)
    assert [each.id for each in await store.open_renewals()] == ["renewal-2"]
    assert await store.renewals("CP1") == [renewal(2, deadline=later(9)), done]
    assert await store.renewals("CP1", limit=1) == [renewal(2, deadline=later(9))]


async def test_save_renewal_once(store):
    """Of two who read the same version one saves; a renewal whose station is gone cannot be saved."""
    await store.add_station(new_station())
    begun = await store.begin_renewal(renewal(1))
    saved = await store.save_renewal(replace(begun, reason="a", failures=2, state="[]", fingerprint="other"))
    with pytest.raises(Superseded):
        await store.save_renewal(replace(begun, reason="b"))
    assert await store.open_renewals() == [renewal(1, reason="a", failures=2, state="[]", version=1)]

    await store.remove_station("CP1", at=NOW)
    assert await store.open_renewals() == []
    with pytest.raises(Superseded):
        await store.save_renewal(saved)


# -- security events ----------------------------------------------------------------------------------------
async def test_security_events(store):
    """Security events are kept as reported, newest first, of one station or of all."""

    def event(number, identity="CP1"):
        return SecurityEventRecord(
            identity=identity, type=f"T{number}", timestamp=later(-number), tech_info=None, received_at=NOW
        )

    for number in range(3):
        await store.add_security_event(event(number))
    await store.add_security_event(event(3, "CP2"))

    assert await store.security_events("CP1") == [event(2), event(1), event(0)]
    assert await store.security_events(limit=2) == [event(3, "CP2"), event(2)]
    assert await store.security_events("CP3") == []


async def test_security_events_kept(store):
    """A station that reports without end pushes out its own oldest events, nobody else's."""

    def event(number, identity="CP1"):
        return SecurityEventRecord(
            identity=identity, type=f"T{number}", timestamp=NOW, tech_info="x", received_at=NOW
        )

    await store.add_security_event(event(0, "CP2"))
    await asyncio.gather(*(store.add_security_event(event(number)) for number in range(1_010)))

    kept = await store.security_events("CP1", limit=5_000)
    assert len(kept) == contract.SECURITY_EVENTS_KEPT
    assert (kept[0].type, kept[-1].type) == ("T1009", "T10")
    assert len(await store.security_events("CP2")) == 1


# -- upgrades -----------------------------------------------------------------------------------------------
async def test_begin_upgrade(store):
    """An upgrade is kept with its steps, and the station's target rises with it."""
    await store.add_station(new_station())
    steps = [
        UpgradeStep(at=NOW, step="begun"),
        UpgradeStep(at=later(1), step="asked", detail="slots", messages='[{"from":"station"}]'),
    ]

    assert await store.begin_upgrade(upgrade(), steps) == upgrade()

    assert await store.upgrade("upgrade-1") == upgrade()
    assert await store.open_upgrade("CP1") == upgrade()
    assert await store.upgrade_steps("upgrade-1") == steps
    assert ((await store.station("CP1")).floor, (await store.station("CP1")).target) == (BASIC, TLS_CLIENT)


async def test_begin_upgrade_never_lowers_the_target(store):
    """A target that is higher stays."""
    await store.add_station(new_station(profile=TLS_CLIENT))

    await store.begin_upgrade(upgrade(target=TLS_BASIC))

    assert (await store.station("CP1")).target is TLS_CLIENT


async def test_one_open_upgrade(store):
    """A station has one open upgrade; when that has ended another may begin."""
    await store.add_station(new_station())
    outcomes = await asyncio.gather(
        *(store.begin_upgrade(upgrade(number)) for number in range(1, 5)), return_exceptions=True
    )
    assert [type(each).__name__ for each in outcomes].count("UpgradeInProgress") == 3

    stored = await store.open_upgrade("CP1")
    await store.save_upgrade(
        UpgradeChange(upgrade=replace(stored, status=UpgradeStatus.FAILED, reason="why"))
    )
    assert await store.open_upgrade("CP1") is None
    await store.begin_upgrade(upgrade(7))

    assert [each.id for each in await store.upgrades("CP1")] == ["upgrade-7", stored.id]
    assert [each.id for each in await store.upgrades("CP1", limit=1)] == ["upgrade-7"]


async def test_an_ended_upgrade_does_not_reopen_beside_another(store):
    """There is never more than one open, also not by saving."""
    await store.add_station(new_station())
    await store.begin_upgrade(upgrade(1))
    ended = await store.save_upgrade(UpgradeChange(upgrade=upgrade(1, status=UpgradeStatus.FAILED)))
    await store.begin_upgrade(upgrade(2))

    with pytest.raises(UpgradeInProgress):
        await store.save_upgrade(UpgradeChange(upgrade=replace(ended, status=UpgradeStatus.OPEN)))

    assert [each.id for each in await store.open_upgrades()] == ["upgrade-2"]


async def test_save_upgrade(store):
    """A change is saved as a whole: upgrade, steps and floor; whose it is does not change."""
    await store.add_station(new_station())
    await store.begin_upgrade(upgrade(), [UpgradeStep(at=NOW, step="begun")])
    changed = upgrade(
        status=UpgradeStatus.DONE, step="done", state="{}", deadline=None, ended_at=later(9), identity="CP2"
    )

    saved = await store.save_upgrade(
        UpgradeChange(
            upgrade=changed, steps=(UpgradeStep(at=later(9), step="seen on 3"),), raise_floor_to=TLS_CLIENT
        )
    )

    assert saved == replace(changed, version=1, identity="CP1")
    assert await store.upgrade("upgrade-1") == saved
    assert [each.step for each in await store.upgrade_steps("upgrade-1")] == ["begun", "seen on 3"]
    assert ((await store.station("CP1")).floor, (await store.station("CP1")).target) == (
        TLS_CLIENT,
        TLS_CLIENT,
    )


async def test_save_an_old_version(store):
    """A change made on an old version changes nothing: neither upgrade, nor steps, nor floor."""
    await store.add_station(new_station())
    await store.begin_upgrade(upgrade())
    first = await store.save_upgrade(UpgradeChange(upgrade=upgrade(step="first")))

    with pytest.raises(Superseded):
        await store.save_upgrade(
            UpgradeChange(
                upgrade=upgrade(step="second"),
                steps=(UpgradeStep(at=NOW, step="x"),),
                raise_floor_to=TLS_CLIENT,
            )
        )

    assert await store.upgrade("upgrade-1") == first
    assert await store.upgrade_steps("upgrade-1") == []
    assert (await store.station("CP1")).floor is BASIC


async def test_save_at_once(store):
    """Of several that save the same version at once, one succeeds."""
    await store.add_station(new_station())
    await store.begin_upgrade(upgrade())

    outcomes = await asyncio.gather(
        *(store.save_upgrade(UpgradeChange(upgrade=upgrade(step=f"s{number}"))) for number in range(5)),
        return_exceptions=True,
    )

    assert [type(each).__name__ for each in outcomes].count("Superseded") == 4
    assert (await store.upgrade("upgrade-1")).version == 1


async def test_save_what_is_gone(store):
    """An upgrade that went with its station cannot be saved."""
    with pytest.raises(Superseded):
        await store.save_upgrade(UpgradeChange(upgrade=upgrade()))
    assert await store.upgrade("upgrade-1") is None


async def test_open_upgrades(store):
    """All open upgrades can be found again after a restart, oldest first."""
    for number in (3, 1, 2):
        await store.add_station(new_station(f"CP{number}"))
        await store.begin_upgrade(upgrade(number, f"CP{number}"))
    await store.save_upgrade(UpgradeChange(upgrade=upgrade(1, "CP1", status=UpgradeStatus.DONE)))

    assert [each.id for each in await store.open_upgrades()] == ["upgrade-3", "upgrade-2"]


# -- house --------------------------------------------------------------------------------------------------
async def test_times_keep_their_moment(store):
    """A time given in another zone comes back as the same moment, aware."""
    there = datetime(2026, 5, 4, 5, 2, 1, tzinfo=timezone(timedelta(hours=2)))

    added = await store.add_station(new_station(added_at=there))

    assert added.added_at == (await store.station("CP1")).added_at == there
    assert (await store.station("CP1")).added_at.tzinfo is not None


async def test_ping(store):
    """A store says that it can be read and written, and does not say so when it cannot."""
    assert await answers(store)
    await store.close()
    assert not await answers(store)


async def answers(store):
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


async def test_closed(store):
    """A closed store is unavailable; closing it twice is harmless."""
    await store.close()
    await store.close()

    for asking in (
        store.admission_record("CP1"),
        store.station("CP1"),
        store.add_station(new_station()),
        store.record_attempt(attempt()),
        store.record_connected("CP1", BASIC, NOW),
        store.record_boot("CP1", BOOT),
        store.attempts("CP1"),
        store.open_upgrades(),
        store.ping(),
    ):
        with pytest.raises(StoreUnavailable):
            await asking


async def test_a_caller_that_leaves(store):
    """A caller that is cancelled takes nobody else along."""
    await store.add_station(new_station())
    leaving = [asyncio.create_task(store.admission_record("CP1")), asyncio.create_task(store.ping())]
    staying = [asyncio.create_task(store.admission_record("CP1")), asyncio.create_task(store.ping())]
    await asyncio.sleep(0)
    for each in leaving:
        each.cancel()

    assert (await staying[0]).identity == "CP1"
    await staying[1]
