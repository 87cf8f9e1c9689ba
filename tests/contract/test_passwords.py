"""Password hashes are replaced as a whole, by who has read them last."""

from datetime import UTC, datetime

import pytest

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.open import open_store
from ocppsec.registry.records import NewStation
from ocppsec.registry.store import NotRegistered, Superseded


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else await open_store(tmp_path / "registry.db")
    await opened.add_station(
        NewStation(
            identity="CP1",
            serial_number="SN1",
            profile=SecurityProfile.BASIC,
            password_hash="old",
            added_at=datetime(2026, 11, 22, tzinfo=UTC),
        )
    )
    yield opened
    await opened.close()


async def hashes(store):
    return (await store.admission_record("CP1")).password_hashes


async def test_replace(store):
    """Several are kept in their order, and fewer again."""
    await store.replace_passwords("CP1", ("old",), ("old", "new", "newer"))
    assert await hashes(store) == ("old", "new", "newer")
    await store.replace_passwords("CP1", ("old", "new", "newer"), ("newer",))
    assert await hashes(store) == ("newer",)


@pytest.mark.parametrize("before", [(), ("x",), ("old", "x")])
async def test_who_read_something_else_changes_nothing(store, before):
    """Who decided on other hashes than those stored is told so."""
    with pytest.raises(Superseded):
        await store.replace_passwords("CP1", before, ("new",))
    assert await hashes(store) == ("old",)


async def test_of_nobody(store):
    """Who is not registered has no password."""
    with pytest.raises(NotRegistered):
        await store.replace_passwords("CP2", (), ("new",))


async def test_an_operator_sets_one(store):
    """A password that an operator sets ends all that were pending."""
    await store.replace_passwords("CP1", ("old",), ("old", "new"))
    await store.set_password_hash("CP1", "set")
    assert await hashes(store) == ("set",)
