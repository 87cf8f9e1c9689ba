import stat

import pytest

from ocppsec.certificates.safekeeping import TooOpen
from ocppsec.station.config import FactoryCertificate
from ocppsec.station.memory import FileMemory, MemoryDamaged, PassingMemory
from ocppsec.station.own_certificates import with_request
from ocppsec.station.remembered import FACTORY_KEY, factory_fresh
from ocppsec.station.security_events import raised


@pytest.fixture(params=["file", "passing"])
def memory(request, tmp_path):
    return FileMemory(tmp_path / "state") if request.param == "file" else PassingMemory()


def test_a_new_station_remembers_nothing(memory):
    """Then it is as it left the factory."""
    assert memory.load() is None


def test_everything_is_remembered(memory, world):
    """Slots, roots, certificates, requests, undelivered events: equal to what was saved."""
    kept = with_request(
        world.with_certificate().but(slots={1: world.profile(1), 2: world.profile(2)}).kept, "csr", "k"
    )
    kept = raised(kept, "StartupOfTheDevice", world.now, "why").but(variables={"a": "b"}, last_good_slot=2)
    memory.save(kept)
    assert memory.load() == kept


def test_keys_are_kept_until_nobody_needs_them(memory):
    """A02.FR.10: with the certificate goes its key."""
    memory.save_key("old", b"old key")
    memory.save_key("new", b"new key")
    memory.forget_keys_but(frozenset({"new"}))
    assert memory.key("new") == b"new key"
    with pytest.raises((KeyError, FileNotFoundError)):
        memory.key("old")


def test_files_are_for_us_alone(tmp_path, world):
    """Passwords and keys are in them."""
    memory = FileMemory(tmp_path / "state")
    memory.save(world.kept)
    memory.save_key("new", b"new key")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert modes == {"station.json": 0o600, "new.key": 0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["station.json", "new.key"])
def test_a_file_others_can_read_is_not_used(tmp_path, world, name):
    """What others could read is no secret any more."""
    memory = FileMemory(tmp_path / "state")
    memory.save(world.kept)
    memory.save_key("new", b"new key")
    (tmp_path / "state" / name).chmod(0o644)
    with pytest.raises(TooOpen):
        memory.load() if name == "station.json" else memory.key("new")


@pytest.mark.parametrize("content", [b"", b"{", b'{"password": "sixteen-letters-", "slots": 3}'])
def test_a_damaged_memory_is_named_and_not_quoted(tmp_path, world, content):
    """The error says which file and what to do, and nothing of what is in it."""
    memory = FileMemory(tmp_path / "state")
    memory.save(world.kept)
    (tmp_path / "state" / "station.json").write_bytes(content)
    with pytest.raises(MemoryDamaged, match=r"station\.json") as caught:
        memory.load()
    assert "sixteen" not in str(caught.value)


def test_no_repr_shows_a_password(world):
    """LESSONS 19."""
    assert "sixteen-letters-" not in repr((world.kept, world.situation.config))


def test_a_station_leaves_the_factory_with_what_it_was_given(world):
    """One slot with the profile its URL and credentials suggest."""
    certificate = FactoryCertificate(chain_pem="chain", key_pem=b"key")
    kept = factory_fresh(
        world.config(url="wss://h/x", roots=("root",), certificate=certificate, password=None)
    )
    assert (kept.security_profile, kept.slots[1].security_profile, kept.priority) == (3, 3, (1,))
    assert (kept.roots[0].pem, kept.certificates[0].key) == ("root", FACTORY_KEY)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, 1, id="ws and a password"),
        pytest.param({"password": None}, 0, id="ws alone"),
        pytest.param({"url": "wss://h/x"}, 2, id="wss and a password"),
        pytest.param({"url": "wss://h/x", "profile": 3}, 3, id="as told"),
    ],
)
def test_the_first_profile(world, changes, expected):
    """As the URL, password and factory certificate suggest, unless it is given."""
    assert world.config(**changes).first_profile() == expected
