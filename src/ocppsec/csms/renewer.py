"""Carries renewals out: finds what is due, and takes what happens to stations to the renewal that is under way.

So many at once as the configuration says have work with their station or our CA; the others wait, those whose
certificate ends first in front.  How one is saved and done: `ocppsec.csms.renewal_conduct`, within the shell of
`ocppsec.csms.under_way`.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ocppsec.csms.errors import BadInput
from ocppsec.csms.renewal_conduct import RenewalConduct
from ocppsec.csms.session import Session
from ocppsec.csms.signing import Signer
from ocppsec.csms.under_way import UnderWay
from ocppsec.events import Emit, StoreUnavailable
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import Renewal
from ocppsec.registry.store import NotRegistered, RegistryError, RenewalInProgress, Store
from ocppsec.upgrades import exchange
from ocppsec.upgrades import renewal as workflow
from ocppsec.upgrades.renewal import (
    AwaitingApproval,
    AwaitingCsr,
    CertificateSeen,
    Effect,
    Event,
    Ready,
    Revoked,
    State,
    Terms,
    Triggering,
    TryNow,
    Waiting,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSettings:
    terms: Terms = field(default_factory=Terms)
    check_seconds: float = 60.0
    """How often it is looked what is due."""
    most_at_once: int = 50


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
        self._session_of = session_of
        self._settings = settings
        self._emit = emit
        self._now = now
        self._conduct = RenewalConduct(
            store,
            signer,
            session_of,
            most_at_once=settings.most_at_once,
            message_timeout=settings.terms.message,
            wake=self._wake,
            emit=emit,
            now=now,
        )
        self._under_way = UnderWay[Renewal, State, Event, Effect](
            self._conduct, session_of, emit=emit, now=now
        )

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Take up what an earlier process left open, and begin to look for what is due."""
        await self._under_way.take_up(await self._store.open_renewals())
        self._under_way.spawn(self._watch())

    async def stop(self) -> None:
        """May be called twice."""
        await self._under_way.stop()

    async def _watch(self) -> None:
        while True:
            try:
                await self.check()
            except RegistryError as error:
                self._emit(StoreUnavailable(doing="looking for renewals that are due", reason=str(error)))
            await asyncio.sleep(self._settings.check_seconds)

    async def check(self) -> None:
        """Begin what is due, and go on with those that waited for room."""
        self._under_way.set_timers()
        for running in self._under_way:
            self._wake(running.identity)
        for record in await self._store.certificates_due(self._now(), limit=self._settings.most_at_once):
            if not self._conduct.has_room:
                return
            with contextlib.suppress(RenewalInProgress, NotRegistered):  # somebody else was quicker
                await self._begin(record.identity, workflow.begin(record.fingerprint, self._terms))

    async def renew(self, identity: str) -> Renewal:
        """Begin now, due or not, or try a stuck one again; raises `NotRegistered`, `BadInput`."""
        station = await self._store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        if identity in self._under_way:
            await self._under_way.feed_now(identity, TryNow())
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
        if identity in self._under_way:
            await self._under_way.feed_now(identity, TryNow())
            self._wake(identity)
            return
        with contextlib.suppress(RenewalInProgress):
            await self._begin(identity, workflow.begin(fingerprint, self._terms))

    # -- what is known ----------------------------------------------------------------------------------
    def awaits_request(self, identity: str) -> bool:
        """A SignCertificate of this station was asked for; until it is settled it may be repeated (A02.FR.17)."""
        running = self._under_way.get(identity)
        asked = (*workflow.BUSY, workflow.AwaitingApproval)
        return running is not None and isinstance(running.state, asked)

    def open(self, identity: str) -> Renewal | None:
        running = self._under_way.get(identity)
        return None if running is None else running.row

    # -- what happens to stations -----------------------------------------------------------------------
    def connected(self, session: Session) -> None:
        """Admitted; what its handshake showed is the proof."""
        certificate = session.facts.certificate
        if certificate is not None and session.identity in self._under_way:
            self._under_way.feed(session.identity, CertificateSeen(certificate.fingerprint))

    def ready(self, session: Session) -> None:
        """The station can be called: it connected, or its BootNotification has just been answered."""
        if session.identity in self._under_way:
            self._under_way.spawn(self._resume(session.identity))

    def lost(self, identity: str) -> None:
        self._under_way.feed(identity, exchange.LinkLost())

    async def csr_received(self, identity: str, csr: str) -> None:
        """A request that was answered Accepted, asked for or not (A02, A03)."""
        if identity in self._under_way:
            await self._under_way.feed_now(identity, exchange.CsrReceived(csr))
            return
        record = await self._in_force(identity)
        old = "" if record is None else record.fingerprint
        try:
            await self._begin(identity, workflow.begin_with(old, self._terms, csr))
        except RenewalInProgress:  # it became due in this very moment
            await self._under_way.feed_now(identity, exchange.CsrReceived(csr))

    async def csr_refused(self, identity: str, reasons: tuple[str, ...]) -> None:
        """A request that came was refused; one that is being signed, or waits for a person, is not meant."""
        running = self._under_way.get(identity)
        if running is not None and isinstance(running.state, Triggering | AwaitingCsr):
            await self._under_way.feed_now(identity, exchange.SigningRefused(reasons))

    async def decided(self, identity: str, request: str, denial: str | None) -> bool:
        """A person has approved a request, or denied it for a reason; True when a renewal waits for that."""
        running = self._under_way.get(identity)
        if running is None or not isinstance(running.state, AwaitingApproval):
            return False
        if denial is None:
            # Whichever was approved: only one waits, and it is for the key the station has now.
            await self._under_way.feed_now(identity, exchange.ApprovalGiven())
            return True
        if running.state.request != request:
            return False
        await self._under_way.feed_now(identity, exchange.SigningRefused((denial,), by_person=True))
        return True

    def revoked(self, identity: str) -> None:
        """A certificate of this station was revoked; perhaps the one that is to be renewed."""
        if identity in self._under_way:
            self._under_way.spawn(self._look_after(identity))

    async def _look_after(self, identity: str) -> None:
        running = self._under_way.get(identity)
        if running is not None and await self._conduct.is_revoked(identity, running.state):
            await self._under_way.feed_now(identity, Revoked())

    def forget(self, identity: str) -> None:
        """The station was removed."""
        self._under_way.forget(identity)

    # -- beginning and going on -------------------------------------------------------------------------
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
        begun = self._conduct.row(row, state, same_step=False)
        await self._under_way.begin(identity, lambda: self._store.begin_renewal(begun), state, effects)
        self._wake(identity)

    async def _resume(self, identity: str) -> None:
        await self._under_way.resume(identity, lambda running: workflow.resume(running.state, ready=True))
        self._wake(identity)

    def _wake(self, identity: str) -> None:
        """Go on with one that waits, when its station is there."""
        running, session = self._under_way.get(identity), self._session_of(identity)
        if running is None or not isinstance(running.state, Waiting):
            return
        if session is not None and session.may_be_called:
            self._under_way.feed(identity, Ready())

    @property
    def _terms(self) -> Terms:
        return self._settings.terms

    async def _in_force(self, identity: str) -> CertificateRecord | None:
        records = await self._store.certificates(identity)
        return next((each for each in records if each.state is CertificateState.ACTIVE), None)
