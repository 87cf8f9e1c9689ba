"""How one station's part in a root rollover is conducted, and whose turn it is: so many at once as there is room for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from ocppsec.csms.asking import ask
from ocppsec.csms.conduct import Running
from ocppsec.csms.session import Session
from ocppsec.csms.trust import TrustBook
from ocppsec.events import Emit, RolloverStepped, RolloverStuck
from ocppsec.ocppj.messages import GetInstalledCertificateIdsResponse, Request
from ocppsec.registry.records import RolloverStation
from ocppsec.registry.store import Store
from ocppsec.upgrades import exchange
from ocppsec.upgrades.rollover import station as workflow
from ocppsec.upgrades.rollover.roots import Roots
from ocppsec.upgrades.rollover.station import Effect, Event, LookAgain, Move, Settled, State, Stuck, Waiting


class Turns:
    """Who waits, in which order, and with whom there is work."""

    def __init__(self, most_at_once: int) -> None:
        self._most_at_once = most_at_once
        self._waiting: dict[str, None] = {}
        self._busy: set[str] = set()

    @property
    def nobody_is_at_work(self) -> bool:
        return not self._busy

    def stands(self, identity: str, state: State | None) -> None:
        self._waiting.pop(identity, None)
        self._busy.discard(identity)
        if isinstance(state, Waiting):
            self._waiting[identity] = None
        elif isinstance(state, workflow.BUSY):
            self._busy.add(identity)

    def given(self, may_go: Callable[[str], bool]) -> Iterator[str]:
        """Those whose turn it is now; each counts as at work until its state says otherwise."""
        for identity in list(self._waiting):
            if len(self._busy) >= self._most_at_once:
                return
            if may_go(identity):
                self._waiting.pop(identity, None)
                self._busy.add(identity)
                yield identity


class RootConduct:
    doing = "a root rollover"

    def __init__(
        self,
        store: Store,
        book: TrustBook,
        turns: Turns,
        *,
        message_timeout: float,
        may_be_called: Callable[[Session], bool],
        settled: Callable[[], None],
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*settled*: a station has no work any more, for now."""
        self._store = store
        self._book = book
        self._turns = turns
        self._message_timeout = message_timeout
        self._may_be_called = may_be_called
        self._settled = settled
        self._emit = emit
        self._now = now
        self.roots: Roots | None = None
        """The two of this rollover; without them nothing happens."""
        self.changed = asyncio.Event()
        """Something has become of some station."""

    # -- decide -----------------------------------------------------------------------------------------
    def decide(self, running: Running[RolloverStation, State], event: Event) -> Move:
        if self.roots is None:
            return running.state, ()
        return workflow.decide(running.state, event, self.roots)

    async def again(self, running: Running[RolloverStation, State], *, asked: bool) -> Move:
        """What could not be kept may have been a doubt: it is asked what it has."""
        if asked or self.roots is None:
            return running.state, ()
        return workflow.decide(workflow.resume(running.state), LookAgain(), self.roots)

    # -- save -------------------------------------------------------------------------------------------
    async def save(
        self,
        running: Running[RolloverStation, State],
        state: State,
        effects: tuple[Effect, ...],
        *,
        same_step: bool,
    ) -> RolloverStation:
        del effects, same_step
        seconds = workflow.deadline_of(state)
        row = replace(
            running.row,
            step=workflow.describe(state),
            reason=state.reason if isinstance(state, Stuck) else "",
            state=workflow.encode_state(state),
            deadline=None if seconds is None else self._now() + timedelta(seconds=seconds),
        )
        await self._store.save_rollover_station(row)
        return row

    def saved(
        self, running: Running[RolloverStation, State], before: State, effects: tuple[Effect, ...]
    ) -> None:
        del effects
        state = running.state
        if isinstance(state, Stuck) and not isinstance(before, Stuck):
            self._emit(RolloverStuck(identity=running.identity, step=state.at, reason=state.reason))
        if isinstance(state, Settled | Stuck):
            self._settled()

    async def give_up(self, row: RolloverStation, reason: str) -> None:
        """What another version wrote proves nothing: the station is asked again."""
        self._emit(RolloverStuck(identity=row.identity, step=row.step, reason=reason))

    # -- act --------------------------------------------------------------------------------------------
    def act(
        self, running: Running[RolloverStation, State], effect: Effect
    ) -> Callable[[], Awaitable[Event]] | None:
        if isinstance(effect, exchange.Note):
            self._emit(RolloverStepped(identity=running.identity, step=effect.step, detail=effect.detail))
        return None

    async def ask(self, session: Session, state: State, request: Request) -> exchange.Event:
        del state
        event = await ask(session, request, timeout=self._message_timeout)
        match event:
            case exchange.Answered(GetInstalledCertificateIdsResponse() as response):
                await self._book.told(session.identity, response.certificate_hash_data_chain or ())
        return event

    # -- what a row and a state are ---------------------------------------------------------------------
    def decode(self, row: RolloverStation) -> State:
        """What was under way begins with a look."""
        return workflow.resume(workflow.decode_state(row.state))

    async def read(
        self, running: Running[RolloverStation, State] | None, identity: str
    ) -> RolloverStation | None:
        """Nothing in it counts: what the station lists is the only proof, and nobody else writes it."""
        del identity
        return None if running is None else running.row

    def same_step(self, before: State, after: State) -> bool:
        """Whatever was kept, an answer that was waited for before it says nothing of what is asked now."""
        del before, after
        return False

    def step_number(self, state: State) -> int | None:
        return state.course.step_number

    def is_over(self, state: State) -> bool:
        """Not before the rollover is."""
        del state
        return False

    def stands(self, identity: str, state: State | None) -> None:
        self._turns.stands(identity, state)
        self.changed.set()

    def may_be_called(self, session: Session) -> bool:
        return self._may_be_called(session)
