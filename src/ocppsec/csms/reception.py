"""From a verdict to what is known of it: admitted stations get a session, and every attempt is kept.

Also tells the upgrades what the doors see of their stations, since a station that fails at the new door can
only be understood by what that door saw.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from ocppsec.csms.gate import SUBPROTOCOL, Entry
from ocppsec.csms.ground import Ground, Overtaken
from ocppsec.csms.new_certificates import NewCertificates
from ocppsec.csms.passwords import PasswordOffice
from ocppsec.csms.pending import PendingDesk
from ocppsec.csms.renewer import Renewer
from ocppsec.csms.session import Facts, House, Session
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.sightings import Sightings
from ocppsec.csms.upgrader import Upgrader
from ocppsec.events import (
    Emit,
    Event,
    HandshakeFailed,
    StationConnected,
    StationDisconnected,
    StoreUnavailable,
)
from ocppsec.link.accept import accept
from ocppsec.link.deflate import accept_offer
from ocppsec.link.link import Limits, Link
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.refusal import RefusalReason
from ocppsec.registry.records import Attempt, AttemptOutcome
from ocppsec.registry.store import NotRegistered, Store, Superseded
from ocppsec.registry.store import StoreUnavailable as StoreIsAway


class Reception:
    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        upgrader: Upgrader,
        renewer: Renewer,
        new_certificates: NewCertificates,
        ground: Ground,
        passwords: PasswordOffice,
        pending: PendingDesk,
        *,
        limits: Limits,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._pending = pending
        self._sessions = sessions
        self._upgrader = upgrader
        self._renewer = renewer
        self._new_certificates = new_certificates
        self._ground = ground
        self._limits = limits
        self._emit = emit
        self._now = now
        self._house: House | None = None
        self.sightings = Sightings(lambda: upgrader.identities)
        self._writing: set[asyncio.Task[None]] = set()

    def serve(self, house: House) -> None:
        """Who answers in the sessions that are made from now on."""
        self._house = house

    async def finish(self) -> None:
        """Let what is being written be written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    # -- in ---------------------------------------------------------------------------------------------
    async def enter(self, entry: Entry) -> None:
        """Let an admitted station in: 101, then the session.

        Raises `Overtaken` and `StoreUnavailable`, both before anything is sent.
        """
        arrival, admitted = entry.arrival, entry.admitted
        assert self._house is not None
        if admitted.password_matched:
            await self._first_use(entry, admitted.password_matched)
        await self._pending.enter(entry)
        try:
            entry.watch.check()
            self._pending.check(entry)
        except Overtaken:
            await self._pending.back_out(entry)
            raise
        if arrival.transport.is_closing():
            return  # it hung up behind its request
        session = Session(self._house, self._facts(entry))
        agreed = accept_offer(arrival.request.extensions)
        headers = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        if agreed is not None:
            headers["Sec-WebSocket-Extensions"] = agreed[0]
        link = Link(session, new_id=_new_id, limits=self._limits, deflate=agreed[1] if agreed else None)
        accept(
            arrival.transport,
            link,
            key=arrival.request.key,
            headers=headers,
            limits=self._limits,
            early=arrival.early(),
        )
        arrival.transport.resume_reading()

    async def _first_use(self, entry: Entry, index: int) -> None:
        """A01: the station has its new password, so the old one is dead before it is in."""
        try:
            await self._passwords.used(entry.record.identity, entry.record.password_hashes, index)
        except (Superseded, NotRegistered):
            raise Overtaken from None

    def _facts(self, entry: Entry) -> Facts:
        return Facts(
            identity=entry.record.identity,
            profile=entry.admitted.profile,
            floor=entry.record.floor,
            registered=entry.record.registered,
            registered_serial_number=entry.record.serial_number,
            door=entry.arrival.spec.name,
            address=entry.arrival.address,
            since=self._now(),
            certificate=entry.certificate,
            certificate_is_new=entry.admitted.certificate_is_new,
            tls_version=entry.arrival.tls_version,
            cipher=entry.arrival.cipher,
            pending=entry.admitted.pending,
            pending_until=entry.admitted.pending_until,
            onboarding=entry.record.onboarding,
        )

    def opened(self, session: Session) -> None:
        """The newcomer was admitted: only now the old connection goes (LESSONS 25)."""
        if self._sessions.is_barred(session):  # revoked while it was being admitted
            session.drop("the certificate was revoked")
            return
        if self._sessions.is_too_low(session):  # the floor rose while it was being admitted
            session.drop("the station has risen above this profile")
            return
        facts = session.facts
        old = self._sessions.enter(session)
        if old is not None:
            old.close(1000, "replaced by a newer connection")
        self._emit(
            StationConnected(
                identity=facts.identity,
                profile=int(facts.profile),
                door=facts.door,
                address=facts.address,
                replaced=old is not None,
            )
        )
        attempt = Attempt(
            at=facts.since,
            outcome=AttemptOutcome.ADMITTED,
            door=facts.door,
            address=facts.address,
            identity=facts.identity,
            profile=facts.profile,
            reason="",
            presented=_handshake(facts),
        )
        self._write(self._remember(attempt, facts))
        if facts.pending is None and facts.identity in self._upgrader.identities:
            self.sightings.connects_from(facts.identity, facts.address)
            self._upgrader.connected(session)
        self._new_certificates.opened(session)
        if session.accepted:
            self._upgrader.ready(session)
            self._renewer.ready(session)
            self._pending.accepted(session)

    def removed(self, identity: str) -> None:
        """The station is no longer registered: its connection goes, and who is on the way in is judged again."""
        self._ground.shifted(identity)
        session = self._sessions.get(identity)
        if session is not None:
            session.close(1008, "the station was removed")

    def closed(self, session: Session) -> None:
        if not self._sessions.leave(session):
            return  # somebody newer has the place (LESSONS 16)
        reason = session.link.close_reason if session.link is not None else ""
        self._emit(StationDisconnected(identity=session.identity, reason=reason))
        self._upgrader.lost(session.identity)
        self._renewer.lost(session.identity)

    # -- not in -----------------------------------------------------------------------------------------
    def door_saw(self, event: Event) -> None:
        """Keep a failed handshake, and tell the upgrades of stations that connect from there."""
        self._emit(event)
        if not isinstance(event, HandshakeFailed):
            return
        attempt = Attempt(
            at=self._now(),
            outcome=AttemptOutcome.HANDSHAKE_FAILED,
            door=event.door,
            address=event.address,
            identity=None,
            profile=None,
            reason=event.reason,
            advice=event.advice,
        )
        self._write(self._store.record_attempt(attempt))
        words = f"{event.reason} ({event.advice})"
        for identity in self.sightings.whose(event.address, words):
            self._upgrader.door_saw(identity, words)

    def refused(self, attempt: Attempt) -> None:
        """Admission said no, and has kept that."""
        identity, words = attempt.identity, f"{attempt.reason}, presented {attempt.presented}"
        if identity is None or not self.sightings.is_of(identity, attempt.address, words):
            return
        if attempt.reason == RefusalReason.STORE_UNAVAILABLE:
            self._upgrader.turned_away(identity)
        else:
            self._upgrader.door_saw(identity, words)

    async def _remember(self, attempt: Attempt, facts: Facts) -> None:
        await self._store.record_attempt(attempt)
        if facts.pending is not Pending.ONBOARDING:  # what it came with is not what it is on
            await self._store.record_connected(facts.identity, facts.profile, facts.since)

    def _write(self, writing: Coroutine[Any, Any, None]) -> None:
        """Write something that nobody waits for."""
        task = asyncio.get_running_loop().create_task(writing)
        self._writing.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, StoreIsAway):
            raise error
        self._emit(StoreUnavailable(doing="keeping what a door saw", reason=str(error)))


def _new_id() -> str:
    return secrets.token_hex(12)


def _handshake(facts: Facts) -> str:
    """What was agreed and shown, as evidence; empty without TLS."""
    if facts.tls_version is None:
        return ""
    shown = f", certificate {facts.certificate.fingerprint}" if facts.certificate is not None else ""
    pending = f", kept in Pending ({facts.pending})" if facts.pending is not None else ""
    return f"{facts.tls_version} {facts.cipher}{shown}{pending}"
