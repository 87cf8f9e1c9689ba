"""What is under way goes through one shell: decided, saved, acted upon, whatever comes late or gets lost."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.csms import astray
from ocppsec.csms.under_way import UnderWay
from ocppsec.registry.store import NotRegistered, StoreUnavailable, Superseded
from ocppsec.upgrades.exchange import Answered, DeadlinePassed, LinkLost, Note, Send, Sign
from ocppsec.upgrades.states import UnreadableState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    identity: str = "CP1"
    state: int = 1
    version: int = 0
    deadline: datetime | None = None


class Counts:
    """A workflow that sends a CALL at each odd step, and has a signature made at each even one, to its last step."""

    doing = "counting"

    def __init__(self, last):
        self.last = last
        self.rows = {"CP1": Row()}
        self.errors = []
        """Of the next saves; who is answered so late that it had been done comes as a pair."""
        self.meanwhile = lambda: None
        self.decided, self.told, self.given_up, self.held = [], [], [], []
        self.calls, self.signatures, self.deadline = [], [], None

    def decode(self, row):
        if row.state < 0:
            raise UnreadableState("written by another version")
        return row.state

    async def read(self, running, identity):
        return self.rows.get(identity)

    async def give_up(self, row, reason):
        self.given_up.append(reason)

    def decide(self, running, event):
        self.decided.append(event)
        return self.enter(running.state + 1)

    def enter(self, state):
        if state >= self.last:
            return state, (Note("counted"),)
        return state, (Send(state),) if state % 2 else (Sign(str(state)),)

    async def again(self, running, *, asked):
        return (running.state, ()) if asked else (running.state, self.enter(running.state)[1])

    async def save(self, running, state, effects, *, same_step):
        error = self.errors.pop(0) if self.errors else None
        if isinstance(error, Exception):
            raise error
        self.meanwhile()
        before = self.rows[running.identity]
        if before.version != running.row.version:
            raise Superseded("CP1")
        row = replace(before, state=state, version=before.version + 1, deadline=self.deadline)
        self.rows[running.identity] = row
        if error:
            raise error[0]
        return row

    def saved(self, running, before, effects):
        self.told.append((before, running.state))

    def act(self, running, effect):
        if not isinstance(effect, Sign):
            return None
        self.signatures.append(asyncio.get_running_loop().create_future())
        return lambda signature=self.signatures[-1]: signature

    async def ask(self, session, state, request):
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]

    def same_step(self, before, after):
        return before == after

    def step_number(self, state):
        return state

    def is_over(self, state):
        return state >= self.last

    def stands(self, identity, state):
        self.held.append(state)

    def may_be_called(self, session):
        return session.accepted


@pytest.fixture
async def made(monkeypatch):
    monkeypatch.setattr(astray, "RETRY_SECONDS", 0)
    session = SimpleNamespace(accepted=True, link=object())
    conduct, events, sessions = Counts(last=9), [], {"CP1": session}
    shell = UnderWay(conduct, sessions.get, emit=events.append, now=lambda: NOW)
    yield SimpleNamespace(shell=shell, conduct=conduct, events=events, sessions=sessions)
    await shell.stop()


async def settle():
    for _ in range(30):
        await asyncio.sleep(0)


async def begin(made):
    async def keep():
        return made.conduct.rows["CP1"]

    await made.shell.begin("CP1", keep, *made.conduct.enter(1))
    await settle()


async def test_to_the_end(made):
    """Each answer is the next step, saved before anything is done; who is over is held no more."""
    made.conduct.last = 3
    await begin(made)
    made.conduct.calls[0].set_result(Answered("answer"))
    await settle()
    made.conduct.signatures[0].set_result("signed")
    await settle()

    assert made.conduct.decided == [Answered("answer"), "signed"]
    assert made.conduct.told == [(1, 2), (2, 3)]
    assert made.conduct.held == [1, 2, None]
    assert "CP1" not in made.shell


@pytest.mark.parametrize("meanwhile", ["nothing", "something else", "removed"])
async def test_a_call_that_waits(made, meanwhile):
    """It is sent after its pause, and not at all when something else was decided, or nobody is there to ask."""
    over, paused = asyncio.Event(), []

    async def pause(seconds):
        paused.append(seconds)
        await over.wait()

    made.shell._pause = pause
    made.conduct.enter = lambda state: (state, (Send(state, after=2.0 if state == 1 else 0.0),))
    await begin(made)
    assert (paused, made.conduct.calls) == ([2.0], [])
    if meanwhile == "something else":
        await made.shell.feed_now("CP1", "the station has booted")
        await settle()
    elif meanwhile == "removed":
        made.shell.forget("CP1")
    before = len(made.conduct.calls)
    over.set()
    await settle()
    assert len(made.conduct.calls) - before == (meanwhile == "nothing")


async def test_what_comes_of_an_earlier_errand(made):
    """The step has gone on without the answer: whenever that comes, it is no answer to what is asked now."""
    await begin(made)
    await made.shell.feed_now("CP1", "something else")
    made.conduct.calls[0].set_result(Answered("late"))
    await settle()
    assert made.conduct.decided == ["something else"]


@pytest.mark.parametrize("steps", range(4))
async def test_what_comes_of_an_errand_of_before_the_row_was_read_again(made, steps):
    """Nor then, however many errands there were since."""
    await begin(made)
    late = made.conduct.calls[0]
    made.conduct.rows["CP1"] = Row(version=7)  # somebody else has changed it
    await made.shell.feed_now("CP1", "cannot be kept")
    await settle()
    for _ in range(steps):
        await made.shell.feed_now("CP1", "next")
    made.conduct.decided.clear()

    late.set_result(Answered("late"))
    await settle()
    assert made.conduct.decided == []


@pytest.mark.parametrize("error", [StoreUnavailable("away"), (StoreUnavailable("the answer is lost"),)])
async def test_an_answer_that_could_not_be_kept(made, error):
    """Its row is read again, and what stands there is gone about once more, or was done already."""
    await begin(made)
    made.conduct.errors.append(error)
    made.conduct.calls[0].set_result(Answered("answer"))
    await settle()

    assert made.events[0].doing == "counting"
    kept = made.conduct.rows["CP1"]
    assert made.shell.get("CP1").row == kept
    assert kept.state == (2 if isinstance(error, tuple) else 1)
    assert len(made.conduct.calls) + len(made.conduct.signatures) == 2


async def test_an_errand_whose_store_is_away(made):
    """Not only saves: who needs the store for its errand is asked again."""
    await begin(made)
    made.conduct.calls[0].set_exception(StoreUnavailable("away"))
    await settle()
    assert len(made.conduct.calls) == 2


async def test_a_deadline_that_could_not_be_kept(made):
    """A timer fires once: it is set again with the row."""
    made.conduct.deadline = NOW
    made.conduct.rows["CP1"] = Row(deadline=NOW)
    made.conduct.errors = [StoreUnavailable("away"), StoreUnavailable("away")]
    await begin(made)
    await settle()
    assert DeadlinePassed(1) in made.conduct.decided
    assert made.conduct.rows["CP1"].state > 1


async def test_removed_while_it_is_saved(made):
    """Nothing is done any more for a station that is gone."""
    await begin(made)
    made.conduct.meanwhile = lambda: made.shell.forget("CP1")
    made.conduct.calls[0].set_result(Answered("answer"))
    await settle()
    assert made.conduct.told == []
    assert made.conduct.signatures == []


async def test_no_such_station(made):
    """A save that finds none forgets it."""
    await begin(made)
    made.conduct.errors.append(NotRegistered("CP1"))
    await made.shell.feed_now("CP1", "anything")
    assert "CP1" not in made.shell


async def test_a_call_without_a_connection(made):
    """It is not there, or may not be called: that is what came of it."""
    made.sessions["CP1"].accepted = False
    await begin(made)
    assert made.conduct.calls == []
    assert made.conduct.decided[0] == LinkLost()


async def test_ready_while_it_is_asked(made):
    """On the same connection its CALL is not repeated; on another its answer is lost, and it is."""
    await begin(made)
    resumed = []
    await made.shell.resume("CP1", lambda running: (resumed.append(running), (running.state, ()))[1])
    assert resumed == []
    made.sessions["CP1"] = SimpleNamespace(accepted=True, link=object())
    await made.shell.resume("CP1", lambda running: (resumed.append(running), (running.state, ()))[1])
    assert len(resumed) == 1


async def test_ready_while_it_is_signed(made):
    """On whichever connection: what comes of it will come, and a second signature would be for nothing."""
    await begin(made)
    made.conduct.calls[0].set_result(Answered("answer"))
    await settle()
    assert len(made.conduct.signatures) == 1
    made.sessions["CP1"] = SimpleNamespace(accepted=True, link=object())
    await made.shell.resume("CP1", lambda running: (running.state, made.conduct.enter(running.state)[1]))
    await settle()
    assert len(made.conduct.signatures) == 1
    made.conduct.signatures[0].set_result("signed")
    await settle()
    assert made.conduct.decided[-1] == "signed"


async def test_taken_up(made):
    """What an earlier process left goes on, and what it alone could read is given up."""
    made.conduct.rows["CP2"] = Row(identity="CP2", state=-1)
    await made.shell.take_up(list(made.conduct.rows.values()))
    await settle()
    assert made.shell.identities == {"CP1"}
    assert len(made.conduct.calls) == 1
    assert made.conduct.given_up == ["written by another version"]


async def test_taken_up_without_a_store(made):
    """Its deadline is long over, and it is not held against it before it is kept that we were away."""
    made.conduct.rows["CP1"] = Row(deadline=NOW - timedelta(hours=1))
    made.conduct.deadline = NOW + timedelta(hours=1)
    made.conduct.errors = [StoreUnavailable("away")]
    await made.shell.take_up(list(made.conduct.rows.values()))
    await settle()
    assert made.conduct.decided == []
