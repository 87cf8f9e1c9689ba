"""Rescue that acts: kept first, then done, and never below the floor."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ocppsec.csms.errors import BadInput
from ocppsec.csms.ground import Ground
from ocppsec.csms.interventions import Interventions
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.csms.rescue import Action
from ocppsec.csms.rescuer import Order, Rescuer
from ocppsec.profiles.password import Hasher
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation, Upgrade, UpgradeStatus
from ocppsec.registry.store import NotRegistered, StoreUnavailable
from ocppsec.upgrades.plan import Deadlines

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NONE, BASIC, TLS_BASIC, TLS_CLIENT = SecurityProfile
OPEN = Upgrade(
    id="u1",
    identity="CP1",
    target=TLS_CLIENT,
    status=UpgradeStatus.OPEN,
    step="",
    reason="",
    state="",
    version=0,
    deadline=None,
    started_at=NOW,
)


class House:
    def __init__(self, store):
        self.store, self.events, self.begun, self.ended = store, [], [], []
        self.hasher = Hasher(b"pepper" * 6)
        passwords = PasswordOffice(
            store, self.hasher, Ground(), lambda _: None, frozenset, emit=self.events.append
        )
        self.rescuer = Rescuer(
            store,
            Interventions(store, floor_fell=lambda _: None, emit=self.events.append, now=lambda: NOW),
            begin=self._begin,
            give_up=self._give_up,
            hand_out=passwords.hand_out,
            deadlines=Deadlines(),
        )

    async def _begin(self, identity, to, *, deadlines=None):
        self.begun.append((identity, to, deadlines))
        return SimpleNamespace(id="u2")

    async def _give_up(self, identity, why):
        self.ended.append((identity, why))
        return True

    async def do(self, action, **more):
        return await self.rescuer.do("CP1", Order(action=action, by="ops", reason="site visit", **more))

    async def kept(self):
        return [(one.what, one.by, one.reason) for one in await self.store.interventions("CP1")]


class CannotKeep(MemoryStore):
    async def record_intervention(self, intervention):
        raise StoreUnavailable("disk full")


async def house(profile=BASIC, target=TLS_CLIENT, store=None):
    made = House(store or MemoryStore())
    await made.store.add_station(
        NewStation(identity="CP1", serial_number="S", profile=profile, password_hash="old", added_at=NOW)
    )
    await made.store.set_target("CP1", target)
    return made


@pytest.mark.parametrize(
    ("action", "more", "step"),
    [
        pytest.param(Action.RETRY, {}, 3600, id="retry"),
        pytest.param(Action.WATCH, {}, 30 * 86_400, id="watch"),
        pytest.param(Action.WATCH, {"seconds": 7200}, 7200, id="watch two hours"),
    ],
)
async def test_its_upgrade_begins(action, more, step):
    """To its target; a watch waits for the station in the row of the upgrade itself, restarts and all."""
    made = await house()
    done = await made.do(action, **more)
    ((identity, to, deadlines),) = made.begun
    assert (identity, to, deadlines.step, done.upgrade) == ("CP1", 3, step, "u2")
    assert deadlines.boot == Deadlines().boot
    assert await made.kept() == [(action, "ops", "site visit")]
    assert [event.name for event in made.events] == ["intervened"]


async def test_giving_up():
    """What is under way is ended, with the person's reason; nothing under way is said."""
    made = await house()
    with pytest.raises(BadInput, match="no upgrade"):
        await made.do(Action.GIVE_UP)
    assert await made.kept() == []
    await made.store.begin_upgrade(OPEN)
    assert (await made.do(Action.GIVE_UP)).upgrade == "u1"
    assert made.ended == [("CP1", "site visit")]


async def test_a_further_password():
    """It is valid beside the old one, told once, and in no record and no event."""
    made = await house()
    done = await made.do(Action.NEW_PASSWORD)
    old, new = (await made.store.admission_record("CP1")).password_hashes
    assert old == "old"
    assert made.hasher.verify(new, "CP1", done.password.encode())
    told = repr((await made.store.interventions("CP1"), made.events, done))
    assert done.password not in told


@pytest.mark.parametrize(
    ("target", "wanted", "after"),
    [
        pytest.param(BASIC, 2, TLS_BASIC, id="higher"),
        pytest.param(TLS_BASIC, 2, None, id="as it is"),
        pytest.param(TLS_CLIENT, 1, None, id="lower"),
        pytest.param(BASIC, 4, None, id="no profile"),
        pytest.param(BASIC, None, None, id="none named"),
    ],
)
async def test_only_a_higher_profile_is_opened(target, wanted, after):
    """The floor stays in every case."""
    made = await house(target=target)
    if after is None:
        with pytest.raises(BadInput, match="only a higher one"):
            await made.do(Action.OPEN_PROFILE, profile=wanted)
    else:
        await made.do(Action.OPEN_PROFILE, profile=wanted)
    station = await made.store.station("CP1")
    assert (station.floor, station.target) == (BASIC, after or target)


@pytest.mark.parametrize("action", [Action.RETRY, Action.WATCH])
async def test_who_is_where_it_should_be_is_left_alone(action):
    """Nothing is kept of what was not done."""
    made = await house(target=BASIC)
    with pytest.raises(BadInput, match="where it should be"):
        await made.do(action)
    assert await made.kept() == []


async def test_what_cannot_be_kept_is_not_done():
    """The row comes first."""
    made = await house(store=CannotKeep())
    for action, more in (
        (Action.RETRY, {}),
        (Action.NEW_PASSWORD, {}),
        (Action.OPEN_PROFILE, {"profile": 3}),
    ):
        await made.store.set_target("CP1", TLS_BASIC)
        with pytest.raises(StoreUnavailable):
            await made.do(action, **more)
    assert made.begun == []
    assert (await made.store.admission_record("CP1")).password_hashes == ("old",)
    assert (await made.store.station("CP1")).target is TLS_BASIC


async def test_it_needs_a_reason_and_a_station():
    """Both are asked for before anything else."""
    made = await house()
    with pytest.raises(BadInput, match="reason"):
        await made.rescuer.do("CP1", Order(action=Action.RETRY, by="", reason=" "))
    with pytest.raises(NotRegistered):
        await made.rescuer.do("CP2", Order(action=Action.RETRY, by="", reason="r"))
