"""Orders at other CAs, in every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import NewStation, OrderState, SigningOrder
from ocppsec.registry.store import NotRegistered, Superseded

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    await opened.add_station(
        NewStation(
            identity="CP1",
            serial_number="SN-CP1",
            profile=SecurityProfile.TLS_BASIC,
            password_hash=None,
            added_at=NOW,
        )
    )
    yield opened
    await opened.close()


def order(number=1, **changed):
    new = SigningOrder(
        id=f"order-{number}",
        identity="CP1",
        issuer="the EST server at https://ca.example",
        public_key_sha256=f"{number:064x}",
        state=OrderState.ASKED,
        reason="",
        asked_at=NOW,
    )
    return replace(new, **changed)


def certificate(fingerprint="f" * 64, **changed):
    record = CertificateRecord(
        fingerprint=fingerprint,
        identity="CP1",
        serial_number="1F",
        subject="CN=SN-CP1",
        public_key_sha256=f"{1:064x}",
        not_before=NOW,
        not_after=NOW + timedelta(days=90),
        state=CertificateState.PENDING,
        issued_at=NOW,
        chain="PEM",
    )
    return replace(record, **changed)


async def ended(store, number=1, **changed):
    await store.add_order(order(number))
    await store.end_order(order(number, ended_at=NOW, **changed))


async def test_an_order_is_kept_as_it_was_told(store):
    await store.add_order(order())
    assert await store.orders() == [order()]
    done = order(state=OrderState.ISSUED, certificate="PEM", fingerprint="f" * 64, ended_at=NOW)
    await store.end_order(done)
    assert await store.orders(identity="CP1") == [done]


async def test_only_of_a_registered_station(store):
    with pytest.raises(NotRegistered):
        await store.add_order(order(identity="CP2"))


async def test_it_ends_once(store):
    """A late answer does not change what was written down after a restart."""
    await ended(store, state=OrderState.UNKNOWN, reason="the CSMS ended")
    with pytest.raises(Superseded):
        await store.end_order(order(state=OrderState.ISSUED, ended_at=NOW))
    with pytest.raises(Superseded):
        await store.end_order(order(2, state=OrderState.ISSUED, ended_at=NOW))
    assert [each.state for each in await store.orders()] == [OrderState.UNKNOWN]


async def test_orders_are_found_newest_first_and_by_state(store):
    await ended(store, 1, state=OrderState.REFUSED)
    await ended(store, 2, state=OrderState.ISSUED)
    await store.add_order(order(3))
    assert [each.id for each in await store.orders()] == ["order-3", "order-2", "order-1"]
    assert [each.id for each in await store.orders(limit=1)] == ["order-3"]
    assert [each.id for each in await store.orders(state=OrderState.ASKED)] == ["order-3"]
    assert await store.orders(identity="CP2") == []


async def test_what_was_issued_for_a_key_is_found(store):
    await ended(store, 1, state=OrderState.ISSUED, certificate="PEM")
    await ended(store, 2, state=OrderState.UNKNOWN)
    assert (await store.order_for_key(f"{1:064x}")).certificate == "PEM"
    assert await store.order_for_key(f"{2:064x}") is None


async def test_the_ca_is_to_be_told_what_is_unused_or_revoked(store):
    """Once; a certificate in force is nothing to tell."""
    await ended(store, 1, state=OrderState.ISSUED, fingerprint="f" * 64)
    await ended(store, 2, state=OrderState.UNUSED, certificate="PEM")
    await ended(store, 3, state=OrderState.UNKNOWN)
    await store.add_certificate(certificate())
    assert [each.id for each in await store.orders_to_revoke(limit=9)] == ["order-2"]

    await store.set_certificate_state("f" * 64, CertificateState.REVOKED, at=NOW, reason="keyCompromise")
    assert [each.id for each in await store.orders_to_revoke(limit=9)] == ["order-1", "order-2"]
    assert [each.id for each in await store.orders_to_revoke(limit=1)] == ["order-1"]

    await store.set_order_revocation("order-1", "told")
    assert [each.id for each in await store.orders_to_revoke(limit=9)] == ["order-2"]


async def test_what_was_issued_and_is_in_no_record_is_to_be_revoked_after_a_while(store):
    """Its station was removed just then, or the store was away: nobody will take it any more."""
    await ended(store, 1, state=OrderState.ISSUED, fingerprint="f" * 64)
    await ended(store, 2, state=OrderState.ISSUED, fingerprint="e" * 64)
    await store.add_certificate(certificate())
    assert await store.orders_to_revoke(limit=9) == []
    assert await store.orders_to_revoke(limit=9, untaken_before=NOW) == []
    later = NOW + timedelta(seconds=1)
    assert [each.id for each in await store.orders_to_revoke(limit=9, untaken_before=later)] == ["order-2"]


async def test_a_removed_station_leaves_its_orders(store):
    """Its certificates are revoked, and the CA has to hear of that."""
    await ended(store, 1, state=OrderState.ISSUED, fingerprint="f" * 64)
    await store.add_certificate(certificate())
    await store.remove_station("CP1", at=NOW)
    assert [each.id for each in await store.orders_to_revoke(limit=9)] == ["order-1"]


async def test_refused_orders_do_not_pile_up(store):
    for number in range(1, 26):
        await ended(store, number, state=OrderState.REFUSED)
    await ended(store, 30, state=OrderState.ISSUED)
    refused = await store.orders(state=OrderState.REFUSED)
    assert [each.id for each in refused] == [f"order-{number}" for number in range(25, 5, -1)]
