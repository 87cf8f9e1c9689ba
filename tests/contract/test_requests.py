"""Certificate requests, and which certificates end soon, in every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import CertificateRequest, NewStation, RequestState
from ocppsec.registry.store import REQUESTS_KEPT, NotRegistered, Superseded

NOW = datetime(2026, 11, 22, 12, 0, 0, 5, tzinfo=UTC)
REFUSED, ACCEPTED, WAITING, APPROVED, DENIED, REPLACED = RequestState


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    for identity in ("CP1", "CP2"):
        await opened.add_station(station(identity))
    yield opened
    await opened.close()


def station(identity):
    return NewStation(
        identity=identity,
        serial_number=f"SN-{identity}",
        profile=SecurityProfile.BASIC,
        password_hash=None,
        added_at=NOW,
    )


def request(number=1, state=WAITING, **changed):
    new = CertificateRequest(
        id=f"r{number}",
        identity="CP1",
        csr="-----BEGIN…",
        public_key_sha256=f"{number:064x}",
        state=state,
        reasons=(),
        received_at=NOW,
    )
    return replace(new, **changed)


async def test_kept_as_given(store):
    """What is kept comes back equal, reasons of any text included."""
    kept = request(
        state=REFUSED,
        reasons=("line\nbreak", "ümlaut \x00 and \u202e", ""),
        public_key_sha256=None,
        repeated_at=NOW + timedelta(seconds=1),
        times=2,
        decided_at=NOW,
        fingerprint="ab",
    )
    await store.add_request(kept)
    assert await store.request("r1") == kept
    assert await store.request("r2") is None


async def test_nobody_asks(store):
    """Who is not registered has no requests."""
    with pytest.raises(NotRegistered):
        await store.add_request(request(identity="CP9"))


async def test_found(store):
    """By station, by state, and by key the newest; newest first."""
    for number, state in enumerate((REFUSED, DENIED, WAITING), start=1):
        await store.add_request(request(number, state))
    await store.add_request(request(4, WAITING, identity="CP2"))
    await store.add_request(request(5, ACCEPTED, public_key_sha256=request(1).public_key_sha256))
    assert [one.id for one in await store.requests()] == ["r5", "r4", "r3", "r2", "r1"]
    assert [one.id for one in await store.requests(limit=2)] == ["r5", "r4"]
    assert [one.id for one in await store.requests(identity="CP1", state=WAITING)] == ["r3"]
    assert [one.id for one in await store.requests(state=WAITING)] == ["r4", "r3"]
    assert (await store.request_for_key("CP1", request(1).public_key_sha256)).id == "r5"
    assert await store.request_for_key("CP2", request(1).public_key_sha256) is None


async def test_one_waits(store):
    """A waiting request takes the place of the one that waited; of other stations, and of others, none."""
    await store.add_request(request(1))
    await store.add_request(request(2, identity="CP2"))
    await store.add_request(request(3, REFUSED))
    assert (await store.request("r1")).state is WAITING
    await store.add_request(request(4))
    states = {one.id: one.state for one in await store.requests()}
    assert states == {"r1": REPLACED, "r2": WAITING, "r3": REFUSED, "r4": WAITING}


async def test_saved_once(store):
    """Of two who decide at once one is told that the other was quicker."""
    await store.add_request(request())
    await store.save_request(request(state=APPROVED, decided_at=NOW), before=WAITING)
    with pytest.raises(Superseded):
        await store.save_request(request(state=DENIED), before=WAITING)
    assert (await store.request("r1")).state is APPROVED
    with pytest.raises(Superseded):
        await store.save_request(request(9, APPROVED), before=WAITING)


async def test_a_certificate_stays_known(store):
    """Who counts a request by what he read before does not make its certificate unknown."""
    await store.add_request(request(state=ACCEPTED))
    await store.save_request(request(state=ACCEPTED, fingerprint="ab"), before=ACCEPTED)
    await store.save_request(request(state=ACCEPTED, times=2), before=ACCEPTED)
    kept = await store.request("r1")
    assert (kept.fingerprint, kept.times) == ("ab", 2)


async def test_few_are_kept(store):
    """Of what is settled the newest twenty; what waits or may be signed is pushed out by nothing."""
    await store.add_request(request(1, APPROVED))
    await store.add_request(request(2, WAITING))
    await store.add_request(request(3, ACCEPTED, fingerprint="ab"))
    await store.add_request(request(4, REFUSED, identity="CP2"))
    for number in range(10, 15 + REQUESTS_KEPT):
        await store.add_request(request(number, REFUSED))
    kept = [one.id for one in await store.requests(limit=1000)]
    assert kept[-3:] == ["r4", "r2", "r1"]
    assert len(kept) == REQUESTS_KEPT + 3
    assert kept[0] == f"r{14 + REQUESTS_KEPT}"


async def test_a_removed_station(store):
    """What was allowed to it is not allowed to the next of its name; what was refused stays known."""
    for number, state in enumerate((ACCEPTED, APPROVED, WAITING, DENIED, REFUSED), start=1):
        await store.add_request(request(number, state))
    await store.add_request(request(6, APPROVED, fingerprint="ab"))
    await store.add_request(request(7, identity="CP2"))
    await store.remove_station("CP1", at=NOW)
    assert [one.id for one in await store.requests()] == ["r7", "r6", "r5", "r4"]


# -- which certificates end ---------------------------------------------------------------------------------
def certificate(number, identity="CP1", days=10, state=CertificateState.ACTIVE):
    return CertificateRecord(
        fingerprint=f"{number:064x}",
        identity=identity,
        serial_number=f"{number:X}",
        subject="CN=x",
        public_key_sha256=f"{number:064x}",
        not_before=NOW,
        not_after=NOW + timedelta(days=days),
        state=state,
        issued_at=NOW,
        chain="",
    )


async def test_what_ends(store):
    """Those in force of registered stations, the first to end in front."""
    await store.add_certificate(certificate(1, days=20))
    await store.add_certificate(certificate(2, "CP2", days=5))
    await store.add_certificate(certificate(3, days=1, state=CertificateState.SUPERSEDED))
    await store.add_certificate(certificate(4, days=2, state=CertificateState.PENDING))
    await store.add_station(station("CP3"))
    await store.add_certificate(certificate(5, "CP3", days=3))
    await store.remove_station("CP3", at=NOW)
    moments = [NOW + timedelta(days=days) for days in (1, 5, 20)]
    assert await store.count_ending(moments) == [0, 1, 2]
    found = await store.certificates_ending(moments[-1], limit=10)
    assert [one.serial_number for one in found] == ["2", "1"]
    assert len(await store.certificates_ending(moments[-1], limit=1)) == 1
