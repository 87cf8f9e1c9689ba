"""What is served follows the phase that is kept, also when nobody was told that it is."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from ocppsec.certificates.generations import Turn
from ocppsec.csms.rollover_phase import KeptPhase
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.store import StoreUnavailable
from ocppsec.upgrades.rollover.phases import Phase

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class LosesAnswers(MemoryStore):
    """Does what it is asked; the next answer is lost all the same."""

    losing = False

    async def begin_rollover(self, rollover):
        return self._lose(await super().begin_rollover(rollover))

    async def save_rollover(self, rollover):
        return self._lose(await super().save_rollover(rollover))

    def _lose(self, answer):
        if self.losing:
            self.losing = False
            raise StoreUnavailable("the answer is lost")
        return answer


class Directory:
    """The CA on the disk: what was done with it, and what there is to serve."""

    def __init__(self):
        self.done = []

    def load(self, turn):
        return turn

    def prepare(self):
        self.done.append("prepare")

    def promote(self, *, until, keep_keys):
        self.done.append("promote")

    def set_aside(self, *, keep):
        self.done.append("keep" if keep else "discard")


class Doors:
    """Serve what they are given, when it is kept."""

    serving = "nothing yet"

    async def rehearse(self, load):
        load()

    async def switch(self, load, kept):
        authority = load()
        await kept()
        self.serving = authority


class Rollover:
    def __init__(self, store):
        self.directory, self.doors = Directory(), Doors()
        self.ended, self.events = 0, []

        async def last_end():
            return NOW

        def ended():
            self.ended += 1

        self.kept = KeptPhase(
            store,
            self.directory,
            lambda: self.doors,
            last_end=last_end,
            ended=ended,
            emit=self.events.append,
            now=lambda: NOW,
        )

    async def enter(self, phase):
        await self.kept.enter(self.kept.open(), phase)


@pytest.fixture
def store():
    return LosesAnswers()


@pytest.fixture
async def begun(store):
    rollover = Rollover(store)
    await rollover.kept.load()
    await rollover.kept.prepare(keep_keys=False)
    return rollover


async def test_begun_without_knowing(store):
    """It is found, served, and told as one that nobody here knew of; once."""
    rollover = Rollover(store)
    await rollover.kept.load()
    store.losing = True
    with pytest.raises(StoreUnavailable):
        await rollover.kept.prepare(keep_keys=False)
    assert rollover.kept.operation is None

    assert await rollover.kept.read_again() is True
    assert rollover.kept.open().phase is Phase.PREPARED
    assert rollover.doors.serving == rollover.kept.turn
    assert await rollover.kept.read_again() is False


async def test_entered_without_knowing(begun, store):
    """Until it is read again the doors serve what they served."""
    await begun.enter(Phase.DISTRIBUTE)
    store.losing = True
    with pytest.raises(StoreUnavailable):
        await begun.enter(Phase.SERVE)
    assert begun.doors.serving != Turn(serve_coming=True, crossed=True)

    assert await begun.kept.read_again() is False
    assert begun.kept.open().phase is Phase.SERVE
    assert begun.doors.serving == begun.kept.turn


@pytest.mark.parametrize("last", [Phase.CONCLUDE, Phase.DISCARD])
async def test_ended_without_knowing(begun, store, last):
    """Its end was kept, and cannot be kept again: what is served follows, and it is over."""
    saves, save = [], store.save_rollover

    async def second_is_lost(rollover):
        saves.append(rollover)
        store.losing = len(saves) == 2
        return await save(rollover)

    store.save_rollover = second_is_lost
    with pytest.raises(StoreUnavailable):
        await begun.enter(last)
    assert begun.doors.serving is not None
    assert begun.ended == 0

    assert await begun.kept.read_again() is False
    assert begun.kept.operation is None
    assert begun.doors.serving is None
    assert begun.ended == 1
    assert begun.events[-1].phase in (Phase.DONE, Phase.ABORTED)
    await begun.kept.read_again()
    assert begun.ended == 1


async def test_a_kill_before_its_end_was_kept(begun, store):
    """The next process does the last act again, then serves what is left."""
    operation = begun.kept.open()
    await begun.kept._keep(
        structs.replace(operation, phase=Phase.CONCLUDE)  # as `enter` does, and no further
    )
    again = Rollover(store)
    assert await again.kept.load() is None
    assert again.directory.done == ["promote"]
    assert await store.open_rollover() is None
