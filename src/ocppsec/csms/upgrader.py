"""Carries upgrades out: saves what the workflow decided, then does it, then tells the workflow what came of it.

An upgrade is a row, not a coroutine.  Each event of a station goes through one lock: decide, save, act.  What a
crash interrupts is found as an open row at the next start, and goes on when the station is there.  A station
never has more than one CALL of its upgrade under way; answers that are no longer waited for are dropped here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.request import RefusedRequest
from ocppsec.csms import upgrade_rows
from ocppsec.csms.asking import ask
from ocppsec.csms.astray import Astray
from ocppsec.csms.certifier import Certified
from ocppsec.csms.request_book import Waits
from ocppsec.csms.session import Session
from ocppsec.events import Emit, Event, SigningFailed, StoreUnavailable
from ocppsec.ocppj.messages import NotifyReportRequest
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Upgrade, UpgradeChange, UpgradeStatus
from ocppsec.registry.store import RegistryError, Store, Superseded
from ocppsec.registry.store import StoreUnavailable as StoreIsAway
from ocppsec.upgrades import exchange, workflow
from ocppsec.upgrades.kinds import NOTICED_NOTHING, KindFacts, Noticing, notice
from ocppsec.upgrades.plan import Lowering, Plan, StationAtStart
from ocppsec.upgrades.states import Done, Failed, State, UnreadableState, decode_state

_STORE_RETRY_SECONDS = 2.0


Learn = Callable[[str, KindFacts, Done | Failed], Coroutine[Any, Any, None]]
LowerFloor = Callable[[str, Lowering], Awaitable[None]]


async def _learn_nothing(*_: object) -> None:
    pass


async def _no_way_down(*_: object) -> None:
    raise AssertionError("nobody said how a floor is lowered")


class Signer(Protocol):
    async def certify(self, identity: str, csr: str) -> Certified | RefusedRequest | Waits: ...


@dataclass(slots=True)
class _Running:
    """An open upgrade as this process holds it; the row is the truth."""

    upgrade: Upgrade
    state: State
    errand: int = 0
    """Number of the CALL or signature that is waited for: what comes of an earlier one has no meaning."""
    timer: asyncio.TimerHandle | None = None
    asked: tuple[int, Session] | None = None
    """Errand and session of a CALL that is under way."""
    noticed: Noticing = NOTICED_NOTHING
    """For the next of its kind; what an earlier process noticed is lost, and no harm done."""
    outage: bool = False
    """We turned the station away by a fault of ours, and have not been able to save that yet."""


class Upgrader:
    """All open upgrades of this process."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        session_of: Callable[[str], Session | None],
        *,
        emit: Emit,
        now: Callable[[], datetime],
        lower_floor: LowerFloor = _no_way_down,
        learn: Learn = _learn_nothing,
    ) -> None:
        """*lower_floor*: see `ocppsec.csms.interventions`; harmless when repeated.  *learn*: see `ocppsec.csms.kinds`."""
        self._learn = learn
        self._lower_floor = lower_floor
        self._store = store
        self._signer = signer
        self._session_of = session_of
        self._emit = emit
        self._now = now
        self._running: dict[str, _Running] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._astray = Astray(self._read_again, self._spawn)

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Take up what an earlier process left open; it goes on when its station is there."""
        for upgrade in await self._store.open_upgrades():
            try:
                state = decode_state(upgrade.state)
            except UnreadableState as error:
                await self._give_up(upgrade, f"{error}; begin it again")
                continue
            self._running[upgrade.identity] = _Running(upgrade, state, outage=True)
            self._spawn(self._take_up(upgrade.identity))

    async def _take_up(self, identity: str) -> None:
        """Save that we were away; only then its deadline, which may be long over, can be looked at."""
        while True:
            try:
                await self._resume(identity, None)
                break
            except StoreIsAway as error:
                self._emit(StoreUnavailable(doing="taking up an upgrade", reason=str(error)))
            await asyncio.sleep(_STORE_RETRY_SECONDS)
            if self._session_of(identity) is not None:
                break  # it came first, and has resumed it
        running = self._running.get(identity)
        if running is not None and running.timer is None:
            self._set_timer(running)

    async def stop(self) -> None:
        for running in self._running.values():
            if running.timer is not None:
                running.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def begin(self, upgrade: Upgrade, plan: Plan, start: StationAtStart) -> Upgrade:
        """Keep a new upgrade and take its first step; raises `UpgradeInProgress`, `NotRegistered`."""
        async with self._lock(upgrade.identity):
            state, effects = workflow.begin(plan, start)
            row = upgrade_rows.row(upgrade, state, self._now(), same_step=False)
            if isinstance(state, Failed):  # nothing begun: kept as it ended, so that `show` can say why
                row = replace(row, status=UpgradeStatus.OPEN)
            try:
                kept = await self._store.begin_upgrade(row, upgrade_rows.steps(effects, self._now()))
            except StoreIsAway:
                self._astray.soon(upgrade.identity)  # it may have been kept all the same
                raise
            self._tell(upgrade_rows.stepped(kept, effects))
            running = self._hold(kept, state)
            if isinstance(state, Done | Failed):
                raised = tuple(effect for effect in effects if isinstance(effect, exchange.RaiseFloor))
                await self._save(running, state, raised, same_step=False)  # its steps are kept already
            else:
                self._act(running, effects)
            return running.upgrade

    # -- what happens to stations -----------------------------------------------------------------------
    def ready(self, session: Session) -> None:
        """The station can be called: it connected, or its BootNotification has just been answered."""
        if session.identity in self._running:
            self._spawn(self._resume(session.identity, session.profile))

    async def booted(self, identity: str, profile: SecurityProfile) -> None:
        """Saved, with the floor, when this returns; effects follow after the BootNotification's answer."""
        if identity in self._running:
            await self._feed_now(identity, exchange.StationBooted(int(profile)))

    def connected(self, session: Session) -> None:
        self._feed(session.identity, exchange.StationConnected(int(session.profile)))

    def lost(self, identity: str) -> None:
        self._feed(identity, exchange.LinkLost())

    def door_saw(self, identity: str, reason: str) -> None:
        """A connection of this station, or from its address, was not let in."""
        self._feed(identity, exchange.HandshakeSeen(reason))

    def turned_away(self, identity: str) -> None:
        """By a fault of ours, not of the station's: it may go back to its old profile for that."""
        running = self._running.get(identity)
        if running is not None:
            running.outage = True  # the store is away as likely as not; kept until something can be saved
            self._feed(identity, exchange.OurOutage())

    def report_received(self, identity: str, report: NotifyReportRequest) -> None:
        self._feed(identity, exchange.ReportReceived(report))

    async def csr_received(self, identity: str, csr: str) -> bool:
        """True when the upgrade waits for a request and takes this one."""
        running = self._running.get(identity)
        if running is None or not workflow.wants_csr(running.state):
            return False
        await self._feed_now(identity, exchange.CsrReceived(csr))
        return True

    async def csr_refused(self, identity: str, reasons: tuple[str, ...]) -> None:
        """A request that came was refused; one that is being signed, or waits for a person, is not meant."""
        running = self._running.get(identity)
        if running is not None and workflow.awaits_csr(running.state):
            await self._feed_now(identity, exchange.SigningRefused(reasons))

    async def decided(self, identity: str, request: str, denial: str | None) -> bool:
        """A person has approved a request, or denied it for a reason; True when the upgrade waits for that."""
        running = self._running.get(identity)
        if running is None or (waits := workflow.waits_for(running.state)) is None:
            return False
        if denial is None:
            # Whichever was approved: only one waits, and it is for the key the station has now.
            await self._feed_now(identity, exchange.ApprovalGiven())
            return True
        if waits != request:
            return False
        await self._feed_now(identity, exchange.SigningRefused((denial,), by_person=True))
        return True

    async def give_up(self, identity: str, why: str) -> bool:
        """End what is under way; False when nothing is.  The station is admitted as before."""
        if identity not in self._running:
            return False
        await self._feed_now(identity, exchange.GivenUp(why))
        return True

    async def forget(self, identity: str) -> None:
        """The station was removed, and its upgrades with it."""
        running = self._running.pop(identity, None)
        if running is not None and running.timer is not None:
            running.timer.cancel()

    @property
    def identities(self) -> frozenset[str]:
        return frozenset(self._running)

    # -- decide, save, act ------------------------------------------------------------------------------
    def _feed(self, identity: str, event: exchange.Event) -> None:
        if identity in self._running:
            self._spawn(self._feed_now(identity, event))

    async def _feed_now(self, identity: str, event: exchange.Event, *, errand: int | None = None) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is None or (errand is not None and errand != running.errand):
                return
            before = running.state
            if running.outage:
                before, _ = workflow.decide(before, exchange.OurOutage())
            running.noticed = notice(running.noticed, before, event, asyncio.get_running_loop().time())
            state, effects = workflow.decide(before, event)
            if state == running.state and not effects:
                running.outage = False
                return
            await self._go_on(running, state, effects)

    async def _resume(self, identity: str, profile: SecurityProfile | None) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is None or running.asked == (running.errand, self._session_of(identity)):
                return  # nothing is open, or its CALL is under way on this very connection
            state = running.state
            if running.outage and profile is not None:
                state, _ = workflow.decide(state, exchange.OurOutage())
            state, effects = workflow.resume(state, None if profile is None else int(profile))
            await self._go_on(running, state, effects)

    async def _go_on(self, running: _Running, state: State, effects: tuple[exchange.Effect, ...]) -> None:
        same_step = workflow.same_step(running.state, state)
        try:
            await self._save(running, state, effects, same_step=same_step)
        except Superseded:
            self._astray.soon(running.upgrade.identity)
            return
        except StoreIsAway:
            self._astray.soon(running.upgrade.identity)
            raise
        self._act(running, effects)

    async def _save(
        self, running: _Running, state: State, effects: tuple[exchange.Effect, ...], *, same_step: bool
    ) -> None:
        floor = next((effect.profile for effect in effects if isinstance(effect, exchange.RaiseFloor)), None)
        if isinstance(state, Failed) and self._stays_above(running):
            floor = int(SecurityProfile.TLS_CLIENT)
        for effect in effects:
            if isinstance(effect, exchange.LowerFloor):
                # Ahead of the state: a crash in between leaves both profiles open, and the step is taken again.
                await self._lower_floor(running.upgrade.identity, effect.lowering)
        change = UpgradeChange(
            upgrade=upgrade_rows.row(running.upgrade, state, self._now(), same_step=same_step),
            steps=upgrade_rows.steps(effects, self._now()),
            raise_floor_to=SecurityProfile(floor) if floor is not None else None,
        )
        before = running.state
        running.upgrade = await self._store.save_upgrade(change)
        running.state = state
        running.outage = False
        if not same_step:
            running.errand += 1
        self._tell(upgrade_rows.stepped(running.upgrade, effects))
        if isinstance(state, Done | Failed):
            await self.forget(running.upgrade.identity)
            self._tell(upgrade_rows.ended(running.upgrade, state))
            # What was objected to at once, or is a step down, tells nothing of how the kind is raised.
            if not isinstance(before, Done | Failed) and before.progress.plan.lowering is None:
                self._spawn(self._learn(running.upgrade.identity, running.noticed.facts, state))
        elif not same_step:
            self._set_timer(running)

    def _act(self, running: _Running, effects: tuple[exchange.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case exchange.Send(request=request):
                    running.errand += 1
                    self._spawn(self._send(running, running.errand, request))
                case exchange.Sign(csr=csr):
                    running.errand += 1
                    self._spawn(self._sign(running.upgrade.identity, running.errand, csr))
                case exchange.RaiseFloor() | exchange.LowerFloor() | exchange.Note():
                    pass  # saved with the state

    def _stays_above(self, running: _Running) -> bool:
        """The step down has failed, and the station has never left profile 3: there its floor belongs again."""
        open_state = running.state
        if isinstance(open_state, Done | Failed) or open_state.progress.plan.lowering is None:
            return False
        session = self._session_of(running.upgrade.identity)
        return session is not None and session.accepted and session.profile is SecurityProfile.TLS_CLIENT

    async def _send(self, running: _Running, errand: int, request: Any) -> None:
        identity = running.upgrade.identity
        session = self._session_of(identity)
        if isinstance(running.state, Done | Failed) or running.errand != errand:
            return
        if session is None or session.link is None or not session.accepted:
            await self._feed_now(identity, exchange.LinkLost(), errand=errand)
            return
        running.asked = (errand, session)
        event = await ask(session, request, timeout=running.state.progress.plan.message_timeout)
        if running.asked == (errand, session):
            running.asked = None
        await self._feed_now(identity, event, errand=errand)

    async def _sign(self, identity: str, errand: int, csr: str) -> None:
        try:
            certified = await self._signer.certify(identity, csr)
        except StoreIsAway:
            self._astray.soon(identity)
            raise
        except IssueFailed as error:
            self._emit(SigningFailed(identity=identity, reason=str(error)))
            reasons: tuple[str, ...] = (f"the CA could not sign: {error}",)
            await self._feed_now(identity, exchange.SigningRefused(reasons), errand=errand)
            return
        if isinstance(certified, RefusedRequest):
            reasons = tuple(str(reason) for reason in certified.reasons)
            await self._feed_now(identity, exchange.SigningRefused(reasons), errand=errand)
        elif isinstance(certified, Waits):
            await self._feed_now(
                identity, exchange.ApprovalNeeded(certified.request, certified.ca), errand=errand
            )
        else:
            event = exchange.Signed(certified.chain, certified.fingerprint)
            await self._feed_now(identity, event, errand=errand)

    # -- what is held ------------------------------------------------------------------------------------
    async def _give_up(self, upgrade: Upgrade, reason: str) -> None:
        """End an upgrade that another version wrote: one row must not keep all doors shut."""
        state = Failed(reason=reason, step=upgrade.step)
        row = upgrade_rows.row(upgrade, state, self._now(), same_step=False)
        kept = await self._store.save_upgrade(UpgradeChange(upgrade=row))
        self._tell(upgrade_rows.ended(kept, state))

    def _hold(self, upgrade: Upgrade, state: State) -> _Running:
        running = _Running(upgrade, state)
        self._running[upgrade.identity] = running
        self._set_timer(running)
        return running

    # -- when the store was away ------------------------------------------------------------------------
    async def _read_again(self, identity: str) -> None:
        """The row is the truth; the step that stands there is gone about again."""
        async with self._lock(identity):
            upgrade, running = await self._store.open_upgrade(identity), self._running.get(identity)
            if upgrade is None:
                await self.forget(identity)
                return
            if running is None or running.upgrade.version != upgrade.version:
                await self.forget(identity)
                outage = running is not None and running.outage
                running = self._running[identity] = _Running(
                    upgrade, decode_state(upgrade.state), outage=outage
                )
        session = self._session_of(identity)
        await self._resume(identity, session.profile if session is not None and session.accepted else None)
        if self._running.get(identity) is running:
            self._set_timer(running)  # a deadline that has passed meanwhile fires at once

    def _set_timer(self, running: _Running) -> None:
        if running.timer is not None:
            running.timer.cancel()
            running.timer = None
        if running.upgrade.deadline is None:
            return
        if isinstance(running.state, Done | Failed):
            return
        seconds = max(0.0, (running.upgrade.deadline - self._now()).total_seconds())
        passed = exchange.DeadlinePassed(running.state.progress.step_number)
        loop = asyncio.get_running_loop()
        running.timer = loop.call_later(seconds, self._feed, running.upgrade.identity, passed)

    # -- telling and tasks ------------------------------------------------------------------------------
    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._emit(event)

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
            # Where something was to be saved, its row is being read again.
            self._emit(StoreUnavailable(doing="an upgrade", reason=str(error)))
            return
        asyncio.get_running_loop().call_exception_handler(
            {"message": "error in an upgrade", "exception": error}
        )
