"""Carries renewals out: finds what is due, saves what the workflow decided, does it, tells it what came of it.

A renewal is a row, not a coroutine: what a crash interrupts is found open at the next start.  Each event of a station
goes through one lock: decide, save, act.  So many at once as the configuration says have work with their station or
our CA; the others wait, those whose certificate ends first in front.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.reasons import ReasonCode
from ocppsec.certificates.request import RefusedRequest
from ocppsec.csms.asking import ask
from ocppsec.csms.astray import Astray
from ocppsec.csms.errors import BadInput
from ocppsec.csms.request_book import Waits
from ocppsec.csms.session import Session
from ocppsec.csms.signing import Signer
from ocppsec.events import (
    CertificateRenewed,
    Emit,
    RenewalEnded,
    RenewalStepped,
    RenewalStuck,
    SigningFailed,
    StoreUnavailable,
)
from ocppsec.ocppj.messages import Request
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import Renewal
from ocppsec.registry.store import NotRegistered, RegistryError, RenewalInProgress, Store, Superseded
from ocppsec.registry.store import StoreUnavailable as StoreIsAway
from ocppsec.upgrades import exchange
from ocppsec.upgrades import renewal as workflow
from ocppsec.upgrades.renewal import (
    AwaitingApproval,
    AwaitingCsr,
    CertificateSeen,
    Ended,
    HangUp,
    Ready,
    Renewed,
    Revoked,
    State,
    Stuck,
    Terms,
    Triggering,
    TryNow,
)
from ocppsec.upgrades.states import UnreadableState


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSettings:
    terms: Terms = field(default_factory=Terms)
    check_seconds: float = 60.0
    """How often it is looked what is due."""
    most_at_once: int = 50


@dataclass(slots=True)
class _Running:
    """An open renewal as this process holds it; the row is the truth."""

    renewal: Renewal
    state: State
    errand: int = 0
    """Number of the CALL or signature that is waited for: what comes of an earlier one has no meaning."""
    timer: asyncio.TimerHandle | None = None
    asked: tuple[int, Session] | None = None


class Renewer:
    """All open renewals of this process."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        session_of: Callable[[str], Session | None],
        *,
        settings: RenewalSettings,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._signer = signer
        self._session_of = session_of
        self._settings = settings
        self._emit = emit
        self._now = now
        self._running: dict[str, _Running] = {}
        self._busy: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._astray = Astray(self._read_again, self._spawn)

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Take up what an earlier process left open, and begin to look for what is due."""
        for renewal in await self._store.open_renewals():
            try:
                state = workflow.decode_state(renewal.state)
            except UnreadableState as error:
                await self._give_up(renewal, str(error))
                continue
            self._hold(renewal, state)
            self._spawn(self._catch_up(renewal.identity))
        self._spawn(self._watch())

    async def _give_up(self, renewal: Renewal, reason: str) -> None:
        """End a renewal that another version wrote; what is due is begun anew, and no door stays shut for it."""
        await self._store.save_renewal(
            replace(renewal, open=False, reason=reason, deadline=None, ended_at=self._now())
        )
        self._emit(
            RenewalStuck(
                identity=renewal.identity, step=renewal.step, reason=reason, failures=renewal.failures
            )
        )

    async def stop(self) -> None:
        """May be called twice."""
        for running in self._running.values():
            if running.timer is not None:
                running.timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self.check()
            except RegistryError as error:
                self._emit(StoreUnavailable(doing="looking for renewals that are due", reason=str(error)))
            await asyncio.sleep(self._settings.check_seconds)

    async def check(self) -> None:
        """Begin what is due, and go on with those that waited: for room, or for a store that was away."""
        now = self._now()
        for identity, running in list(self._running.items()):
            self._wake(identity)
            if running.renewal.deadline is not None and running.renewal.deadline <= now:
                self._feed(identity, exchange.DeadlinePassed(running.state.course.step_number))
        for record in await self._store.certificates_due(now, limit=self._settings.most_at_once):
            if len(self._busy) >= self._settings.most_at_once:
                return
            with contextlib.suppress(RenewalInProgress, NotRegistered):  # somebody else was quicker
                await self._begin(record.identity, workflow.begin(record.fingerprint, self._terms))

    async def renew(self, identity: str) -> Renewal:
        """Begin now, due or not, or try a stuck one again; raises `NotRegistered`, `BadInput`."""
        station = await self._store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        if identity in self._running:
            await self._feed_now(identity, TryNow())
            self._wake(identity)
        else:
            record = await self._in_force(identity)
            if record is None:
                anew = f"register it anew: ocppsec station remove {identity}, then ocppsec station add {identity}"
                upgrade = f"take it to profile 3: ocppsec station upgrade {identity} --to 3"
                raise BadInput(
                    f"{identity} has no certificate in force that could be renewed",
                    anew if station.floor >= SecurityProfile.TLS_CLIENT else upgrade,
                )
            with contextlib.suppress(RenewalInProgress):
                await self._begin(identity, workflow.begin(record.fingerprint, self._terms))
        return (await self._store.renewals(identity, limit=1))[0]

    async def replace(self, identity: str, fingerprint: str) -> None:
        """Begin at once, or try again, whosever certificate the station has come with; raises `NotRegistered`."""
        if identity in self._running:
            await self._feed_now(identity, TryNow())
            self._wake(identity)
            return
        with contextlib.suppress(RenewalInProgress):
            await self._begin(identity, workflow.begin(fingerprint, self._terms))

    # -- what is known ----------------------------------------------------------------------------------
    def awaits_request(self, identity: str) -> bool:
        """A SignCertificate of this station was asked for; until it is settled it may be repeated (A02.FR.17)."""
        running = self._running.get(identity)
        asked = (*workflow.BUSY, workflow.AwaitingApproval)
        return running is not None and isinstance(running.state, asked)

    def open(self, identity: str) -> Renewal | None:
        running = self._running.get(identity)
        return None if running is None else running.renewal

    # -- what happens to stations -----------------------------------------------------------------------
    def connected(self, session: Session) -> None:
        """Admitted; what its handshake showed is the proof."""
        certificate = session.facts.certificate
        if certificate is not None and session.identity in self._running:
            self._feed(session.identity, CertificateSeen(certificate.fingerprint))

    def ready(self, session: Session) -> None:
        """The station can be called: it connected, or its BootNotification has just been answered."""
        if session.identity in self._running:
            self._spawn(self._resume(session.identity))

    def lost(self, identity: str) -> None:
        self._feed(identity, exchange.LinkLost())

    async def csr_received(self, identity: str, csr: str) -> None:
        """A request that was answered Accepted, asked for or not (A02, A03)."""
        if identity in self._running:
            await self._feed_now(identity, exchange.CsrReceived(csr))
            return
        record = await self._in_force(identity)
        old = "" if record is None else record.fingerprint
        try:
            await self._begin(identity, workflow.begin_with(old, self._terms, csr))
        except RenewalInProgress:  # it became due in this very moment
            await self._feed_now(identity, exchange.CsrReceived(csr))

    async def csr_refused(self, identity: str, reasons: tuple[str, ...]) -> None:
        """A request that came was refused; one that is being signed, or waits for a person, is not meant."""
        running = self._running.get(identity)
        if running is not None and isinstance(running.state, Triggering | AwaitingCsr):
            await self._feed_now(identity, exchange.SigningRefused(reasons))

    async def decided(self, identity: str, request: str, denial: str | None) -> bool:
        """A person has approved a request, or denied it for a reason; True when a renewal waits for that."""
        running = self._running.get(identity)
        if running is None or not isinstance(running.state, AwaitingApproval):
            return False
        if denial is None:
            # Whichever was approved: only one waits, and it is for the key the station has now.
            await self._feed_now(identity, exchange.ApprovalGiven())
            return True
        if running.state.request != request:
            return False
        await self._feed_now(identity, exchange.SigningRefused((denial,), by_person=True))
        return True

    def revoked(self, identity: str) -> None:
        """A certificate of this station was revoked; perhaps the one that is to be renewed."""
        if identity in self._running:
            self._spawn(self._look_after(identity))

    async def _look_after(self, identity: str) -> None:
        await self._end_if_revoked(identity)

    async def _end_if_revoked(self, identity: str) -> bool:
        running = self._running.get(identity)
        if running is None or not running.state.course.old:
            return False
        course = running.state.course
        states = {record.fingerprint: record.state for record in await self._store.certificates(identity)}
        left = any(states.get(each) is CertificateState.PENDING for each in course.delivered)
        if states.get(course.old) is not CertificateState.REVOKED or left:
            return False
        await self._feed_now(identity, Revoked())
        return True

    def forget(self, identity: str) -> None:
        """The station was removed, or its renewal is done."""
        running = self._running.pop(identity, None)
        self._busy.discard(identity)
        if running is not None and running.timer is not None:
            running.timer.cancel()

    # -- decide, save, act ------------------------------------------------------------------------------
    async def _begin(self, identity: str, move: workflow.Move) -> None:
        state, effects = move
        row = Renewal(
            id=secrets.token_hex(8),
            identity=identity,
            fingerprint=state.course.old,
            open=True,
            step="",
            reason="",
            failures=0,
            state="",
            version=0,
            deadline=None,
            started_at=self._now(),
        )
        async with self._lock(identity):
            try:
                kept = await self._store.begin_renewal(self._row(row, state, same_step=False))
            except StoreIsAway:
                self._astray.soon(identity)  # it may have been kept all the same
                raise
            running = self._hold(kept, state)
            self._act(running, effects)
        self._wake(identity)

    def _feed(self, identity: str, event: workflow.Event) -> None:
        if identity in self._running:
            self._spawn(self._feed_now(identity, event))

    async def _feed_now(self, identity: str, event: workflow.Event, *, errand: int | None = None) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is None or (errand is not None and errand != running.errand):
                return
            if isinstance(event, Ready) and len(self._busy) >= self._settings.most_at_once:
                return  # the next look finds room
            await self._go_on(running, *workflow.decide(running.state, event))

    async def _resume(self, identity: str) -> None:
        async with self._lock(identity):
            running = self._running.get(identity)
            if running is None or running.asked == (running.errand, self._session_of(identity)):
                return  # its CALL is under way on this very connection
            await self._go_on(running, *workflow.resume(running.state, ready=True))
        self._wake(identity)

    async def _catch_up(self, identity: str) -> None:
        """After a restart: the proof may have come just before the end of the process that waited for it."""
        running = self._running.get(identity)
        if running is None:
            return
        for fingerprint in running.state.course.delivered:
            record = await self._store.certificate_owner(fingerprint)
            if record is not None and record.state is CertificateState.ACTIVE:
                await self._feed_now(identity, CertificateSeen(fingerprint))
                return
        if await self._end_if_revoked(identity):
            return
        async with self._lock(identity):
            await self._go_on(running, *workflow.resume(running.state, ready=False))

    async def _read_again(self, identity: str) -> None:
        """The row is the truth; the step that stands there is gone about again."""
        async with self._lock(identity):
            newest = await self._store.renewals(identity, limit=1)
            if not newest or not newest[0].open:
                self.forget(identity)
                return
            running = self._running.get(identity)
            if running is None or running.renewal.version != newest[0].version:
                self.forget(identity)
                running = self._hold(newest[0], workflow.decode_state(newest[0].state))
        await self._catch_up(identity)
        session = self._session_of(identity)
        if session is not None and session.may_be_called and not isinstance(running.state, workflow.Signing):
            await self._resume(identity)
        if self._running.get(identity) is running:
            self._set_timer(running)  # a deadline that has passed meanwhile fires at once

    async def _go_on(self, running: _Running, state: State, effects: tuple[workflow.Effect, ...]) -> None:
        if state == running.state and not effects:
            return
        same_step = state.course.step_number == running.state.course.step_number
        if state != running.state:
            try:
                await self._save(running, state, same_step=same_step)
            except Superseded:
                self._astray.soon(running.renewal.identity)
                return
            except StoreIsAway:
                self._astray.soon(running.renewal.identity)
                raise
        self._act(running, effects)

    async def _save(self, running: _Running, state: State, *, same_step: bool) -> None:
        running.renewal = await self._store.save_renewal(
            self._row(running.renewal, state, same_step=same_step)
        )
        running.state = state
        identity = running.renewal.identity
        if isinstance(state, workflow.BUSY):
            self._busy.add(identity)
        else:
            self._busy.discard(identity)
        if isinstance(state, Renewed):
            self.forget(identity)
            self._emit(
                CertificateRenewed(identity=identity, old=state.course.old, fingerprint=state.fingerprint)
            )
            return
        if isinstance(state, Ended):
            self.forget(identity)
            self._emit(RenewalEnded(identity=identity, reason=state.reason))
            return
        if isinstance(state, Stuck) and not same_step:
            self._emit(
                RenewalStuck(
                    identity=identity, step=state.at, reason=state.reason, failures=state.course.failures
                )
            )
        if not same_step:
            running.errand += 1
            self._set_timer(running)
        if isinstance(state, workflow.Waiting):
            self._wake(identity)

    def _act(self, running: _Running, effects: tuple[workflow.Effect, ...]) -> None:
        identity = running.renewal.identity
        for effect in effects:
            match effect:
                case exchange.Send(request=request):
                    running.errand += 1
                    self._spawn(self._send(running, running.errand, request))
                case exchange.Sign(csr=csr):
                    running.errand += 1
                    self._spawn(self._sign(identity, running.errand, csr))
                case HangUp():
                    session = self._session_of(identity)
                    if session is not None:
                        session.close(1000, "come back with the new certificate")
                case exchange.Note(step=step, detail=detail):
                    self._emit(RenewalStepped(identity=identity, step=step, detail=detail))

    async def _send(self, running: _Running, errand: int, request: Request) -> None:
        identity = running.renewal.identity
        session = self._session_of(identity)
        if running.errand != errand:
            return
        if session is None or session.link is None or not session.may_be_called:
            await self._feed_now(identity, exchange.LinkLost(), errand=errand)
            return
        running.asked = (errand, session)
        event = await ask(session, request, timeout=self._terms.message)
        if running.asked == (errand, session):
            running.asked = None
        await self._feed_now(identity, event, errand=errand)

    async def _sign(self, identity: str, errand: int, csr: str) -> None:
        event: workflow.Event
        try:
            certified = await self._signer.certify(identity, csr)
        except StoreIsAway:
            self._astray.soon(identity)
            raise
        except IssueFailed as error:
            self._emit(SigningFailed(identity=identity, reason=str(error)))
            event = exchange.SigningRefused((f"the CA could not sign: {error}",))
        else:
            if isinstance(certified, RefusedRequest):
                reasons = tuple(str(reason) for reason in certified.reasons)
                denied = any(reason.code is ReasonCode.DENIED for reason in certified.reasons)
                event = exchange.SigningRefused(reasons, by_person=denied)
            elif isinstance(certified, Waits):
                event = exchange.ApprovalNeeded(certified.request, certified.ca)
            else:
                event = exchange.Signed(certified.chain, certified.fingerprint)
        await self._feed_now(identity, event, errand=errand)

    def _wake(self, identity: str) -> None:
        """Go on with one that waits, when its station is there."""
        running, session = self._running.get(identity), self._session_of(identity)
        if running is None or not isinstance(running.state, workflow.Waiting):
            return
        if session is not None and session.may_be_called:
            self._feed(identity, Ready())

    # -- rows and timers --------------------------------------------------------------------------------
    @property
    def _terms(self) -> Terms:
        return self._settings.terms

    async def _in_force(self, identity: str) -> CertificateRecord | None:
        records = await self._store.certificates(identity)
        return next((each for each in records if each.state is CertificateState.ACTIVE), None)

    def _row(self, renewal: Renewal, state: State, *, same_step: bool) -> Renewal:
        now, done = self._now(), isinstance(state, Renewed | Ended)
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

    def _hold(self, renewal: Renewal, state: State) -> _Running:
        running = _Running(renewal, state)
        self._running[renewal.identity] = running
        if isinstance(state, workflow.BUSY):
            self._busy.add(renewal.identity)
        self._set_timer(running)
        return running

    def _set_timer(self, running: _Running) -> None:
        if running.timer is not None:
            running.timer.cancel()
            running.timer = None
        if running.renewal.deadline is None:
            return
        seconds = max(0.0, (running.renewal.deadline - self._now()).total_seconds())
        passed = exchange.DeadlinePassed(running.state.course.step_number)
        loop = asyncio.get_running_loop()
        running.timer = loop.call_later(seconds, self._feed, running.renewal.identity, passed)

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
            # Where something was to be saved, its row is being read again.
            self._emit(StoreUnavailable(doing="a renewal", reason=str(error)))
            return
        asyncio.get_running_loop().call_exception_handler(
            {"message": "error in a renewal", "exception": error}
        )
