"""What is under way with stations: the shell around a workflow whose state is a row.

A row, not a coroutine: what a crash interrupts is found open at the next start and goes on.  Each event of a station
goes through one lock: decide, save, act.  At most one errand of a row counts, a CALL or a signature; what comes of an
earlier one is dropped, and so is the timer of an earlier step.  When the store fails in the middle of a save, or
somebody else has changed the row, it is read again and its step gone about again (`ocppsec.csms.astray`).  What is
decided, saved and done is the business of a `Conduct`; it knows of no lock, timer or task.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic

from ocppsec.csms.astray import Astray
from ocppsec.csms.conduct import AnyRow, Conduct, Effect, Event, Running, State
from ocppsec.csms.session import Session
from ocppsec.events import Emit, StoreUnavailable
from ocppsec.registry.store import NotRegistered, RegistryError, Superseded
from ocppsec.registry.store import StoreUnavailable as StoreIsAway
from ocppsec.upgrades import exchange
from ocppsec.upgrades.states import UnreadableState


class UnderWay(Generic[AnyRow, State, Event, Effect]):
    """All open rows of one workflow in this process."""

    def __init__(
        self,
        conduct: Conduct[AnyRow, State, Event, Effect],
        session_of: Callable[[str], Session | None],
        *,
        emit: Emit,
        now: Callable[[], datetime],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._conduct = conduct
        self._pause = pause
        self._session_of = session_of
        self._emit = emit
        self._now = now
        self._running: dict[str, Running[AnyRow, State]] = {}
        self._errands = itertools.count(1)
        """Of all rows, and of a row that was read again: no number comes back."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._astray = Astray(self._read_again, self.spawn)

    # -- what is held -----------------------------------------------------------------------------------
    def __contains__(self, identity: str) -> bool:
        return identity in self._running

    def __iter__(self) -> Iterator[Running[AnyRow, State]]:
        """As it is at this moment; the caller may change it meanwhile."""
        return iter(list(self._running.values()))

    @property
    def identities(self) -> frozenset[str]:
        return frozenset(self._running)

    def get(self, identity: str) -> Running[AnyRow, State] | None:
        return self._running.get(identity)

    def hold(self, row: AnyRow, state: State) -> Running[AnyRow, State]:
        running = self._take_in(row, state)
        self._set_timer(running)
        return running

    def forget(self, identity: str) -> None:
        """What is under way for it has no meaning any more."""
        running = self._running.pop(identity, None)
        self._conduct.stands(identity, None)
        if running is not None:
            _stop_timer(running)

    async def take_up(self, rows: Iterable[AnyRow]) -> None:
        """What an earlier process left open.  A deadline is looked at only when it is kept that we were away."""
        for row in rows:
            if (running := await self._readable(row)) is not None:
                self.spawn(self._take_up(running))

    async def stop(self) -> None:
        """May be called twice."""
        for running in self._running.values():
            _stop_timer(running)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- decide, save, act ------------------------------------------------------------------------------
    async def begin(
        self,
        identity: str,
        keep: Callable[[], Awaitable[AnyRow]],
        state: State,
        effects: tuple[Effect, ...],
    ) -> Running[AnyRow, State]:
        """*keep* makes the row, with all that is to be kept of its beginning; what is over at once is saved as that."""
        async with self.alone(identity):
            with self.doubted(identity):  # it may have been kept all the same
                row = await keep()
            running = self.hold(row, state)
            if self._conduct.is_over(state):
                await self._save(running, state, effects)
            else:
                self._act(running, effects)
            return running

    def feed(self, identity: str, event: Event | exchange.Event) -> None:
        if identity in self._running:
            self.spawn(self.feed_now(identity, event))

    async def feed_now(
        self, identity: str, event: Event | exchange.Event, *, errand: int | None = None
    ) -> None:
        """Saved when this returns; raises `StoreUnavailable`.  *errand*: this came of it."""

        def move(running: Running[AnyRow, State]) -> tuple[State, tuple[Effect, ...]]:
            if errand is not None and errand != running.errand:
                return running.state, ()
            return self._conduct.decide(running, event)

        await self.go_on(identity, move)

    async def go_on(
        self, identity: str, move: Callable[[Running[AnyRow, State]], tuple[State, tuple[Effect, ...]]]
    ) -> None:
        """As `feed_now`, for what is no event of the workflow."""
        if identity not in self._running:
            return  # most stations, most of the time
        async with self.alone(identity):
            running = self._running.get(identity)
            if running is not None:
                await self._go_on(running, *move(running))

    async def resume(
        self, identity: str, move: Callable[[Running[AnyRow, State]], tuple[State, tuple[Effect, ...]]]
    ) -> None:
        """As `go_on`, unless its errand is under way, a CALL on this very connection."""
        await self.go_on(
            identity, lambda running: (running.state, ()) if self._is_asked(running) else move(running)
        )

    def _is_asked(self, running: Running[AnyRow, State]) -> bool:
        """Not of a connection that has ended: what was sent there is not answered any more."""
        asked = running.asked == (running.errand, self._session_of(running.identity))
        return asked or running.at_work == running.errand > 0

    def set_timers(self) -> None:
        """Again, by what the clock says now: it may have been put forward."""
        for running in self:
            self._set_timer(running)

    def alone(self, identity: str) -> asyncio.Lock:
        """Nothing else happens to its row meanwhile."""
        return self._locks.setdefault(identity, asyncio.Lock())

    @contextmanager
    def doubted(self, identity: str) -> Iterator[None]:
        """A store that fails in here leaves it unknown how the row stands."""
        try:
            yield
        except StoreIsAway:
            self._astray.soon(identity)
            raise

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Until it ends or we stop; what goes wrong in it is told."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _go_on(
        self, running: Running[AnyRow, State], state: State, effects: tuple[Effect, ...]
    ) -> None:
        if state == running.state and not effects:
            return
        try:
            with self.doubted(running.identity):
                kept = await self._save(running, state, effects)
        except Superseded:
            self._astray.soon(running.identity)
            return
        except NotRegistered:
            self.forget(running.identity)
            return
        if kept:
            self._act(running, effects)

    async def _save(self, running: Running[AnyRow, State], state: State, effects: tuple[Effect, ...]) -> bool:
        """False when it was forgotten meanwhile: its station was removed."""
        before, identity = running.state, running.identity
        same_step = self._conduct.same_step(before, state)
        row = await self._conduct.save(running, state, effects, same_step=same_step)
        if self._running.get(identity) is not running:
            return False
        running.row, running.state = row, state
        if not same_step:
            running.errand = next(self._errands)
            self._set_timer(running)
        over = self._conduct.is_over(state)
        if over:
            del self._running[identity]
            _stop_timer(running)
        else:
            self._conduct.stands(identity, state)
        self._conduct.saved(running, before, effects)
        if over:
            self._conduct.stands(identity, None)
        return True

    def _act(self, running: Running[AnyRow, State], effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, exchange.Send):
                running.errand = next(self._errands)
                self.spawn(self._send(running, running.errand, effect))
            elif (work := self._conduct.act(running, effect)) is not None:
                running.errand = running.at_work = next(self._errands)
                self.spawn(self._run(running, running.errand, work))

    async def _send(self, running: Running[AnyRow, State], errand: int, send: exchange.Send) -> None:
        if send.after > 0:
            await self._pause(send.after)
        identity, session = running.identity, self._session_of(running.identity)
        if running.errand != errand or self._running.get(identity) is not running:
            return
        if session is None or session.link is None or not self._conduct.may_be_called(session):
            await self.feed_now(identity, exchange.LinkLost(), errand=errand)
            return
        running.asked = (errand, session)
        try:
            with self.doubted(identity):
                event = await self._conduct.ask(session, running.state, send.request)
        finally:
            if running.asked == (errand, session):
                running.asked = None
        await self.feed_now(identity, event, errand=errand)

    async def _run(
        self,
        running: Running[AnyRow, State],
        errand: int,
        work: Callable[[], Awaitable[Event | exchange.Event]],
    ) -> None:
        try:
            with self.doubted(running.identity):
                event = await work()
        finally:
            if running.at_work == errand:
                running.at_work = 0
        await self.feed_now(running.identity, event, errand=errand)

    # -- after a start, and when the store was away -----------------------------------------------------
    async def _take_up(self, running: Running[AnyRow, State]) -> None:
        with self.doubted(running.identity):
            await self._again(running)

    async def _read_again(self, identity: str) -> None:
        """Memory agrees with the row, and its step is gone about again."""
        async with self.alone(identity):
            running = self._running.get(identity)
            row = await self._conduct.read(running, identity)
            if row is None:
                self.forget(identity)
                return
            if running is None or running.row != row:
                if running is not None:
                    _stop_timer(running)
                running = await self._readable(row)
        if running is not None:
            await self._again(running)

    async def _again(self, running: Running[AnyRow, State]) -> None:
        async with self.alone(running.identity):
            if self._running.get(running.identity) is not running:
                return
            await self._go_on(running, *await self._conduct.again(running, asked=self._is_asked(running)))
            if self._running.get(running.identity) is running:
                self._set_timer(running)  # a deadline that has passed meanwhile fires at once

    # -- rows, timers, tasks ----------------------------------------------------------------------------
    async def _readable(self, row: AnyRow) -> Running[AnyRow, State] | None:
        try:
            return self._take_in(row, self._conduct.decode(row))
        except UnreadableState as error:
            self.forget(row.identity)
            await self._conduct.give_up(row, str(error))
            return None

    def _take_in(self, row: AnyRow, state: State) -> Running[AnyRow, State]:
        running = self._running[row.identity] = Running(row, state)
        self._conduct.stands(row.identity, state)
        return running

    def _set_timer(self, running: Running[AnyRow, State]) -> None:
        _stop_timer(running)
        if running.row.deadline is None or self._conduct.is_over(running.state):
            return
        seconds = max(0.0, (running.row.deadline - self._now()).total_seconds())
        passed = exchange.DeadlinePassed(self._conduct.step_number(running.state))
        loop = asyncio.get_running_loop()
        running.timer = loop.call_later(seconds, self.feed, running.identity, passed)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, RegistryError):
            # Where something was to be saved, its row is being read again.
            self._emit(StoreUnavailable(doing=self._conduct.doing, reason=str(error)))
            return
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"error in {self._conduct.doing}", "exception": error}
        )


def _stop_timer(running: Running[Any, Any]) -> None:
    if running.timer is not None:
        running.timer.cancel()
        running.timer = None
