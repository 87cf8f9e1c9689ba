"""How an upgrade is conducted: by its workflow, saved with its history and its floor in one transaction."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from ocppsec.csms import upgrade_rows
from ocppsec.csms.asking import ask
from ocppsec.csms.conduct import Running
from ocppsec.csms.messages_told import with_messages
from ocppsec.csms.session import Session
from ocppsec.csms.signing import Signer, sign
from ocppsec.events import Emit, Event
from ocppsec.ocppj.messages import Request
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Upgrade, UpgradeChange
from ocppsec.registry.store import Store
from ocppsec.upgrades import exchange, workflow
from ocppsec.upgrades.kinds import NOTICED_NOTHING, KindFacts, Noticing, notice
from ocppsec.upgrades.plan import Lowering
from ocppsec.upgrades.states import Done, Failed, State, decode_state

Move = tuple[State, tuple[exchange.Effect, ...]]
Learn = Callable[[str, KindFacts, Done | Failed], Coroutine[Any, Any, None]]
LowerFloor = Callable[[str, Lowering], Awaitable[None]]


class UpgradeConduct:
    doing = "an upgrade"

    def __init__(
        self,
        store: Store,
        signer: Signer,
        session_of: Callable[[str], Session | None],
        *,
        emit: Emit,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
        lower_floor: LowerFloor,
        learned: Callable[[str, KindFacts, Done | Failed], None],
    ) -> None:
        """*seconds* of a clock that never goes back; *learned*: an upgrade has ended, and what was seen on its way."""
        self._store = store
        self._signer = signer
        self._session_of = session_of
        self._emit = emit
        self._now = now
        self._seconds = seconds
        self._lower_floor = lower_floor
        self._learned = learned
        self._noticed: dict[str, Noticing] = {}
        """For the next of its kind; what an earlier process noticed is lost, and no harm done."""
        self._outages: set[str] = set()
        """We turned the station away by a fault of ours, or were away, and have not been able to save that yet."""

    def outage(self, identity: str) -> None:
        self._outages.add(identity)

    # -- decide -----------------------------------------------------------------------------------------
    def decide(self, running: Running[Upgrade, State], event: exchange.Event) -> Move:
        identity, before = running.identity, self._after_outage(running)
        noticed = self._noticed.get(identity, NOTICED_NOTHING)
        self._noticed[identity] = notice(noticed, before, event, self._seconds())
        state, effects = workflow.decide(before, event)
        return self._weighed(running, (state, with_messages(effects, event)))

    def resume(self, running: Running[Upgrade, State], profile: SecurityProfile | None) -> Move:
        """*profile* on which the station can be called; None: it is not there, and we were away."""
        state = running.state if profile is None else self._after_outage(running)
        state, effects = workflow.resume(state, None if profile is None else int(profile))
        return self._weighed(running, (state, with_messages(effects, None)))

    async def again(self, running: Running[Upgrade, State], *, asked: bool) -> Move:
        if asked:
            return running.state, ()
        session = self._session_of(running.identity)
        return self.resume(running, None if session is None or not session.accepted else session.profile)

    def _after_outage(self, running: Running[Upgrade, State]) -> State:
        if running.identity not in self._outages:
            return running.state
        state, _ = workflow.decide(running.state, exchange.OurOutage())
        return state

    def _weighed(self, running: Running[Upgrade, State], move: Move) -> Move:
        state, effects = move
        if state == running.state and not effects:
            self._outages.discard(running.identity)  # it made no difference
        return move

    # -- save -------------------------------------------------------------------------------------------
    async def save(
        self,
        running: Running[Upgrade, State],
        state: State,
        effects: tuple[exchange.Effect, ...],
        *,
        same_step: bool,
    ) -> Upgrade:
        floor = next((effect.profile for effect in effects if isinstance(effect, exchange.RaiseFloor)), None)
        if isinstance(state, Failed) and self._stays_above(running):
            floor = int(SecurityProfile.TLS_CLIENT)
        for effect in effects:
            if isinstance(effect, exchange.LowerFloor):
                # Ahead of the state: a crash in between leaves both profiles open, and the step is taken again.
                await self._lower_floor(running.identity, effect.lowering)
        return await self._store.save_upgrade(
            UpgradeChange(
                upgrade=upgrade_rows.row(running.row, state, self._now(), same_step=same_step),
                steps=upgrade_rows.steps(effects, self._now()),
                raise_floor_to=SecurityProfile(floor) if floor is not None else None,
                lower_target_to=next(
                    (
                        SecurityProfile(effect.profile)
                        for effect in effects
                        if isinstance(effect, exchange.LowerTarget)
                    ),
                    None,
                ),
            )
        )

    def saved(
        self, running: Running[Upgrade, State], before: State, effects: tuple[exchange.Effect, ...]
    ) -> None:
        identity, state = running.identity, running.state
        self._outages.discard(identity)
        self._tell(upgrade_rows.stepped(running.row, effects))
        if not isinstance(state, Done | Failed):
            return
        self._tell(upgrade_rows.ended(running.row, state))
        # What was objected to at once, or is a step down, tells nothing of how the kind is raised.
        if not isinstance(before, Done | Failed) and before.progress.plan.lowering is None:
            self._learned(identity, self._noticed.get(identity, NOTICED_NOTHING).facts, state)

    def _stays_above(self, running: Running[Upgrade, State]) -> bool:
        """The step down has failed, and the station has never left profile 3: there its floor belongs again."""
        open_state = running.state
        if isinstance(open_state, Done | Failed) or open_state.progress.plan.lowering is None:
            return False
        session = self._session_of(running.identity)
        return session is not None and session.accepted and session.profile is SecurityProfile.TLS_CLIENT

    async def give_up(self, row: Upgrade, reason: str) -> None:
        """One row must not keep all doors shut."""
        state = Failed(reason=f"{reason}; begin it again", step=row.step)
        ended = upgrade_rows.row(row, state, self._now(), same_step=False)
        kept = await self._store.save_upgrade(UpgradeChange(upgrade=ended))
        self._tell(upgrade_rows.ended(kept, state))

    # -- act --------------------------------------------------------------------------------------------
    def act(
        self, running: Running[Upgrade, State], effect: exchange.Effect
    ) -> Callable[[], Awaitable[exchange.Event]] | None:
        if isinstance(effect, exchange.Sign):
            return partial(sign, self._signer, running.identity, effect.csr, emit=self._emit)
        return None  # the others are saved with the state

    async def ask(self, session: Session, state: State, request: Request) -> exchange.Event:
        assert not isinstance(state, Done | Failed), "who is over is asked nothing"
        return await ask(session, request, timeout=state.progress.plan.message_timeout)

    # -- what a row and a state are ---------------------------------------------------------------------
    def decode(self, row: Upgrade) -> State:
        return decode_state(row.state)

    async def read(self, running: Running[Upgrade, State] | None, identity: str) -> Upgrade | None:
        del running
        return await self._store.open_upgrade(identity)

    def same_step(self, before: State, after: State) -> bool:
        return workflow.same_step(before, after)

    def step_number(self, state: State) -> int | None:
        return None if isinstance(state, Done | Failed) else state.progress.step_number

    def is_over(self, state: State) -> bool:
        return isinstance(state, Done | Failed)

    def stands(self, identity: str, state: State | None) -> None:
        if state is None:
            self._outages.discard(identity)
            self._noticed.pop(identity, None)

    def may_be_called(self, session: Session) -> bool:
        return session.accepted

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._emit(event)
