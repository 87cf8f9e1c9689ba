"""Takes roots into stations and out of them: each station's part of a rollover, saved, done, told what came of it.

A part is a row, not a coroutine.  So many stations at once as the settings say have work with it; the others wait
their turn.  Whatever was under way when a connection or a process ended begins again with a look at what the station
has, for that is the only proof.
"""

import asyncio
from collections.abc import Callable, Collection, Container, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ocppsec.csms.asking import ask
from ocppsec.csms.session import Session
from ocppsec.csms.trust import TrustBook
from ocppsec.events import Emit, RolloverStepped, RolloverStuck, StoreUnavailable
from ocppsec.ocppj.messages import GetInstalledCertificateIdsResponse, Request
from ocppsec.registry.records import RolloverStation
from ocppsec.registry.store import NotRegistered, RegistryError, Store
from ocppsec.upgrades import exchange
from ocppsec.upgrades.rollover import station as workflow
from ocppsec.upgrades.rollover.roots import Roots, Which
from ocppsec.upgrades.rollover.station import (
    Goal,
    LookAgain,
    NewGoal,
    Ready,
    Settled,
    State,
    Stuck,
    Terms,
    Waiting,
)
from ocppsec.upgrades.states import UnreadableState


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverSettings:
    terms: Terms = field(default_factory=Terms)
    check_seconds: float = 10.0
    """How often it is looked who has come to it, and whether a phase has ended."""
    most_at_once: int = 20
    """Stations that are called, or sent away, at the same time."""
    proof_seconds: float = 60.0
    """How long the stations have to show once more what they have, before something relies on it."""
    return_seconds: float = 5.0
    """How long one of these that hangs up meanwhile has to come back."""


@dataclass(slots=True)
class _Running:
    row: RolloverStation
    state: State
    errand: int = 0
    """Number of the CALL that is waited for: what comes of an earlier one has no meaning."""
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How it stands with one station."""

    step: str
    shows: frozenset[Which] | None
    believed: frozenset[Which] | None
    """What it listed last, also while that is in doubt."""
    stuck: str
    """Why; empty when it is not."""
    settled: bool
    met_at: datetime | None
    goal: Goal


class RootCarrier:
    def __init__(
        self,
        store: Store,
        session_of: Callable[[str], Session | None],
        book: TrustBook,
        upgrading: Callable[[], Container[str]],
        *,
        settings: RolloverSettings,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._session_of = session_of
        self._book = book
        self._upgrading = upgrading
        self._settings = settings
        self._emit = emit
        self._now = now
        self._rollover = ""
        self._roots: Roots | None = None
        self._running: dict[str, _Running] = {}
        self._waiting: dict[str, None] = {}
        self._busy: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dismissed: dict[str, Session] = {}
        """Connections of stations that were removed, while they last."""
        self._changed = asyncio.Event()
        """Something has become of some station."""
        self.calm = asyncio.Event()
        """The last station that had work with it has none any more; cleared by who has seen it."""

    # -- life -------------------------------------------------------------------------------------------
    async def take_up(self, rollover: str, roots: Roots) -> None:
        """A rollover has begun, or was found open at the start."""
        self.drop_all()
        self._rollover, self._roots = rollover, roots
        for row in await self._store.rollover_stations(rollover):
            try:
                state = workflow.resume(workflow.decode_state(row.state))
            except UnreadableState as error:
                # What another version wrote proves nothing: the station is asked again.
                self._emit(RolloverStuck(identity=row.identity, step=row.step, reason=str(error)))
                continue
            self._hold(row, state)

    def drop_all(self) -> None:
        for identity in list(self._running):
            self.forget(identity)
        self._rollover, self._roots = "", None

    async def stop(self) -> None:
        """May be called twice."""
        for running in self._running.values():
            if running.timer is not None:
                running.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def aim(self, goal: Goal | None, members: Collection[str]) -> None:
        """From now on these stations, and no others, are to come to *goal*; None leaves them as they are."""
        for identity in [identity for identity in self._running if identity not in members]:
            self.forget(identity)
        if goal is None or not self._rollover:
            return
        for identity in members:
            if identity not in self._running:
                state = workflow.begin(goal, self._settings.terms)
                row = RolloverStation(
                    rollover=self._rollover, identity=identity, step="", reason="", state=""
                )
                self._hold(row, state)
            await self._feed_now(identity, NewGoal(goal))
        self.wake()

    # -- what is known ----------------------------------------------------------------------------------
    def part(self, identity: str) -> Part | None:
        running = self._running.get(identity)
        if running is None:
            return None
        state = running.state
        shows, believed = state.course.shows, state.course.believed
        return Part(
            step=workflow.describe(state),
            shows=None if shows is None else frozenset(shows),
            believed=None if believed is None else frozenset(believed),
            stuck=state.reason if isinstance(state, Stuck) else "",
            settled=isinstance(state, Settled),
            met_at=running.row.met_at,
            goal=state.course.goal,
        )

    def somebody_shows(self, roots: frozenset[Which]) -> bool:
        """True when some station has these of the two and no other."""
        shown = (running.state.course.shows for running in self._running.values())
        return any(shows is not None and frozenset(shows) == roots for shows in shown)

    # -- what happens to stations -----------------------------------------------------------------------
    def connected(self, session: Session) -> None:
        """Admitted; its handshake took what we serve."""
        if session.identity in self._running and session.facts.tls_version is not None:
            self._spawn(self._met(session.identity, session.facts.since))

    def ready(self, session: Session) -> None:
        """The station can be called."""
        if session.identity in self._running:
            self._spawn(self._resume(session.identity))

    def booted(self, session: Session) -> None:
        """What it had before it may have lost: somebody may have set it back, or put another controller in."""
        if session.identity in self._running:
            self._spawn(self._doubt(session.identity))

    def removed(self, identity: str) -> None:
        """Its connection may last a moment longer; what is said there proves nothing for who comes in its place."""
        session = self._session_of(identity)
        if session is not None:
            self._dismissed[identity] = session
        self.forget(identity)

    def lost(self, identity: str) -> None:
        self._dismissed.pop(identity, None)
        self._changed.set()
        self._feed(identity, exchange.LinkLost())

    def forget(self, identity: str) -> None:
        self._changed.set()
        running = self._running.pop(identity, None)
        self._waiting.pop(identity, None)
        self._busy.discard(identity)
        if running is not None and running.timer is not None:
            running.timer.cancel()

    async def look_again(self, identities: Collection[str]) -> None:
        """Ask those that are there once more, and wait for what they say; not for longer than the settings allow."""
        upgrading = self._upgrading()
        asked = [
            identity
            for identity in identities
            if identity in self._running and self._can_be_called(identity) and identity not in upgrading
        ]
        for identity in asked:
            await self._feed_now(identity, LookAgain())
        await self.settle(asked)

    async def settle(self, identities: Collection[str]) -> None:
        """Wait until nothing is under way with these; not for longer than the settings allow."""
        self.wake()
        try:
            async with asyncio.timeout(self._settings.proof_seconds):
                while unproven := [identity for identity in identities if self._is_unproven(identity)]:
                    self._changed.clear()
                    there = any(self._can_be_called(identity) for identity in unproven)
                    async with asyncio.timeout(None if there else self._settings.return_seconds):
                        await self._changed.wait()
        except TimeoutError:
            return

    def _is_unproven(self, identity: str) -> bool:
        running = self._running.get(identity)
        return running is not None and not isinstance(running.state, Settled | Stuck)

    # -- decide, save, act ------------------------------------------------------------------------------
    def wake(self) -> None:
        """Let those that wait go on, as many as there is room for."""
        upgrading = self._upgrading()  # its root is the upgrade's business until that has ended
        for identity in list(self._waiting):
            if len(self._busy) >= self._settings.most_at_once:
                return
            if self._can_be_called(identity) and identity not in upgrading:
                self._waiting.pop(identity, None)
                self._busy.add(identity)
                self._spawn(self._begin(identity))

    async def _begin(self, identity: str) -> None:
        await self._feed_now(identity, Ready())
        running = self._running.get(identity)
        if running is not None:
            self._sort(identity, running.state)

    def _can_be_called(self, identity: str) -> bool:
        session = self._session_of(identity)
        if session is None or session is self._dismissed.get(identity):
            return False
        return session.accepted and session.link is not None

    async def _doubt(self, identity: str) -> None:
        await self._feed_now(identity, LookAgain())
        self.wake()

    async def _resume(self, identity: str) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is not None:
                await self._go_on(running, workflow.resume(running.state), ())
        self.wake()

    async def _met(self, identity: str, at: datetime) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is not None:
                row = replace(running.row, met_at=at, state=workflow.encode_state(running.state))
                await self._store.save_rollover_station(row)
                running.row = row

    def _feed(self, identity: str, event: workflow.Event) -> None:
        if identity in self._running:
            self._spawn(self._feed_now(identity, event))

    async def _feed_now(self, identity: str, event: workflow.Event, *, errand: int | None = None) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is None or self._roots is None or (errand is not None and errand != running.errand):
                return
            await self._go_on(running, *workflow.decide(running.state, event, self._roots))

    async def _go_on(self, running: _Running, state: State, effects: tuple[workflow.Effect, ...]) -> None:
        if state == running.state and not effects:
            return
        before, identity = running.state, running.row.identity
        row = self._row(running, state)
        try:
            await self._store.save_rollover_station(row)
        except NotRegistered:
            self.forget(identity)
            return
        if self._running.get(identity) is not running:
            return  # the station was removed, or the rollover has ended, meanwhile
        running.row, running.state = row, state
        self._changed.set()
        running.errand += 1
        self._sort(identity, state)
        self._set_timer(running)
        if isinstance(state, Stuck) and not isinstance(before, Stuck):
            self._emit(RolloverStuck(identity=identity, step=state.at, reason=state.reason))
        for effect in effects:
            match effect:
                case exchange.Send(request=request):
                    self._spawn(self._send(running, running.errand, request))
                case exchange.Note(step=step, detail=detail):
                    self._emit(RolloverStepped(identity=identity, step=step, detail=detail))
        if isinstance(state, Settled | Stuck):
            self.wake()  # there is room for one more
            if not self._busy:
                self.calm.set()

    async def _send(self, running: _Running, errand: int, request: Request) -> None:
        identity = running.row.identity
        session = self._session_of(identity)
        if running.errand != errand:
            return
        if session is None or session.link is None or not session.accepted:
            await self._feed_now(identity, exchange.LinkLost(), errand=errand)
            return
        event = await ask(session, request, timeout=self._settings.terms.message)
        match event:
            case exchange.Answered(GetInstalledCertificateIdsResponse() as response):
                await self._book.told(identity, response.certificate_hash_data_chain or ())
        await self._feed_now(identity, event, errand=errand)

    # -- rows and timers --------------------------------------------------------------------------------
    def _row(self, running: _Running, state: State) -> RolloverStation:
        seconds = workflow.deadline_of(state)
        return replace(
            running.row,
            step=workflow.describe(state),
            reason=state.reason if isinstance(state, Stuck) else "",
            state=workflow.encode_state(state),
            deadline=None if seconds is None else self._now() + timedelta(seconds=seconds),
        )

    def _hold(self, row: RolloverStation, state: State) -> None:
        running = _Running(row, state)
        self._running[row.identity] = running
        self._sort(row.identity, state)
        self._set_timer(running)

    def _sort(self, identity: str, state: State) -> None:
        self._waiting.pop(identity, None)
        self._busy.discard(identity)
        if isinstance(state, Waiting):
            self._waiting[identity] = None
        elif isinstance(state, workflow.BUSY):
            self._busy.add(identity)

    def _set_timer(self, running: _Running) -> None:
        if running.timer is not None:
            running.timer.cancel()
            running.timer = None
        if running.row.deadline is None:
            return
        seconds = max(0.0, (running.row.deadline - self._now()).total_seconds())
        passed = exchange.DeadlinePassed(running.state.course.step_number)
        running.timer = asyncio.get_running_loop().call_later(
            seconds, self._feed, running.row.identity, passed
        )

    # -- tasks ------------------------------------------------------------------------------------------
    def _lock(self, identity: str) -> asyncio.Lock:
        return self._locks.setdefault(identity, asyncio.Lock())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, RegistryError):
            self._emit(StoreUnavailable(doing="a root rollover", reason=str(error)))
            return
        asyncio.get_running_loop().call_exception_handler(
            {"message": "error in a root rollover", "exception": error}
        )
