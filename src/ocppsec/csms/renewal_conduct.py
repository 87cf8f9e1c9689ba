"""How a renewal is conducted: by its workflow, its row saved at each step; the ledger says what it may have missed."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ocppsec.csms.asking import ask
from ocppsec.csms.conduct import Running
from ocppsec.csms.session import Session
from ocppsec.csms.signing import Signer, sign
from ocppsec.events import CertificateRenewed, Emit, RenewalEnded, RenewalStepped, RenewalStuck
from ocppsec.ocppj.messages import Request
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.records import Renewal
from ocppsec.registry.store import Store
from ocppsec.upgrades import exchange
from ocppsec.upgrades import renewal as workflow
from ocppsec.upgrades.renewal import (
    AwaitingApproval,
    CertificateSeen,
    Effect,
    Ended,
    Event,
    HangUp,
    Move,
    Ready,
    Renewed,
    Revoked,
    Signing,
    State,
    Stuck,
    Waiting,
)


class RenewalConduct:
    doing = "a renewal"

    def __init__(
        self,
        store: Store,
        signer: Signer,
        session_of: Callable[[str], Session | None],
        *,
        most_at_once: int,
        message_timeout: float,
        wake: Callable[[str], None],
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*wake*: this one waits; let it go on when its station is there."""
        self._store = store
        self._signer = signer
        self._session_of = session_of
        self._most_at_once = most_at_once
        self._message_timeout = message_timeout
        self._wake = wake
        self._emit = emit
        self._now = now
        self._busy: set[str] = set()
        """Those with whom the station or our CA has work."""

    @property
    def has_room(self) -> bool:
        return len(self._busy) < self._most_at_once

    # -- decide -----------------------------------------------------------------------------------------
    def decide(self, running: Running[Renewal, State], event: Event) -> Move:
        if isinstance(event, Ready) and not self.has_room:
            return running.state, ()  # the next look finds room
        return workflow.decide(running.state, event)

    async def again(self, running: Running[Renewal, State], *, asked: bool) -> Move:
        """The proof may have come just before the end of the process that waited for it."""
        state = running.state
        if (missed := await self._missed(running.identity, state)) is not None:
            return workflow.decide(state, missed)
        if asked:
            return state, ()
        if isinstance(state, Signing | AwaitingApproval):
            return workflow.resume(state, ready=False)
        session = self._session_of(running.identity)
        if session is None or not session.may_be_called:
            return state, ()
        return (
            self.decide(running, Ready())
            if isinstance(state, Waiting)
            else workflow.resume(state, ready=True)
        )

    async def _missed(self, identity: str, state: State) -> CertificateSeen | Revoked | None:
        for fingerprint in state.course.delivered:
            record = await self._store.certificate_owner(fingerprint)
            if record is not None and record.state is CertificateState.ACTIVE:
                return CertificateSeen(fingerprint)
        return Revoked() if await self.is_revoked(identity, state) else None

    async def is_revoked(self, identity: str, state: State) -> bool:
        """What was to be renewed, with nothing on its way that could take its place."""
        course = state.course
        if not course.old:
            return False
        states = {record.fingerprint: record.state for record in await self._store.certificates(identity)}
        left = any(states.get(each) is CertificateState.PENDING for each in course.delivered)
        return states.get(course.old) is CertificateState.REVOKED and not left

    # -- save -------------------------------------------------------------------------------------------
    def row(self, renewal: Renewal, state: State, *, same_step: bool) -> Renewal:
        """*renewal* as it stands at *state*; its deadline goes on running within a step."""
        now, done = self._now(), self.is_over(state)
        seconds = workflow.deadline_of(state)
        deadline = None if seconds is None else now + timedelta(seconds=seconds)
        return replace(
            renewal,
            open=not done,
            step=workflow.describe(state),
            reason=state.reason if isinstance(state, Stuck | Ended) else "",
            failures=state.course.failures,
            state=workflow.encode_state(state),
            deadline=renewal.deadline if same_step else deadline,
            ended_at=now if done else None,
        )

    async def save(
        self, running: Running[Renewal, State], state: State, effects: tuple[Effect, ...], *, same_step: bool
    ) -> Renewal:
        del effects
        if state == running.state:
            return running.row
        return await self._store.save_renewal(self.row(running.row, state, same_step=same_step))

    def saved(self, running: Running[Renewal, State], before: State, effects: tuple[Effect, ...]) -> None:
        del effects
        identity, state = running.identity, running.state
        match state:
            case Renewed(course=course, fingerprint=fingerprint):
                self._emit(CertificateRenewed(identity=identity, old=course.old, fingerprint=fingerprint))
            case Ended(reason=reason):
                self._emit(RenewalEnded(identity=identity, reason=reason))
            case Stuck(at=at, reason=reason, course=course) if not self.same_step(before, state):
                self._emit(RenewalStuck(identity=identity, step=at, reason=reason, failures=course.failures))
            case Waiting():
                self._wake(identity)

    async def give_up(self, row: Renewal, reason: str) -> None:
        """What is due is begun anew, and no door stays shut for it."""
        await self._store.save_renewal(
            replace(row, open=False, reason=reason, deadline=None, ended_at=self._now())
        )
        self._emit(RenewalStuck(identity=row.identity, step=row.step, reason=reason, failures=row.failures))

    # -- act --------------------------------------------------------------------------------------------
    def act(self, running: Running[Renewal, State], effect: Effect) -> Callable[[], Awaitable[Event]] | None:
        identity = running.identity
        match effect:
            case exchange.Sign(csr=csr):
                return partial(sign, self._signer, identity, csr, emit=self._emit)
            case HangUp():
                session = self._session_of(identity)
                if session is not None:
                    session.close(1000, "come back with the new certificate")
            case exchange.Note(step=step, detail=detail):
                self._emit(RenewalStepped(identity=identity, step=step, detail=detail))
        return None

    async def ask(self, session: Session, state: State, request: Request) -> exchange.Event:
        del state
        return await ask(session, request, timeout=self._message_timeout)

    # -- what a row and a state are ---------------------------------------------------------------------
    def decode(self, row: Renewal) -> State:
        return workflow.decode_state(row.state)

    async def read(self, running: Running[Renewal, State] | None, identity: str) -> Renewal | None:
        del running
        newest = await self._store.renewals(identity, limit=1)
        return newest[0] if newest and newest[0].open else None

    def same_step(self, before: State, after: State) -> bool:
        return before.course.step_number == after.course.step_number

    def step_number(self, state: State) -> int | None:
        return state.course.step_number

    def is_over(self, state: State) -> bool:
        return isinstance(state, Renewed | Ended)

    def stands(self, identity: str, state: State | None) -> None:
        if isinstance(state, workflow.BUSY):
            self._busy.add(identity)
        else:
            self._busy.discard(identity)

    def may_be_called(self, session: Session) -> bool:
        return session.may_be_called
