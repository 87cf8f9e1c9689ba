"""Who is let in and yet kept in Pending (B02): what happens to it, and what ends that.

Nobody is accepted on such a connection.  It is given credentials, and comes back with them as a station like any other;
so what let it in is worth nothing from the moment on in which it is not needed any more.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from ocppsec.csms.allowances import Allowances
from ocppsec.csms.gate import Entry
from ocppsec.csms.ground import Overtaken
from ocppsec.csms.onboarding import OnboardingOffice
from ocppsec.csms.renewer import Renewer
from ocppsec.csms.session import Session
from ocppsec.csms.sessions import Sessions
from ocppsec.events import Emit, OnboardingDisputed, StationPending
from ocppsec.profiles import onboarding as rules
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.store import Superseded

_SIGN_OF_LIFE_SECONDS = 20.0


class PendingDesk:
    def __init__(
        self,
        onboarding: OnboardingOffice,
        allowances: Allowances,
        renewer: Renewer,
        sessions: Sessions,
        *,
        interval: int,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*interval*: seconds until the next BootNotification, each of which tries again what did not work."""
        self.interval = interval
        self._onboarding = onboarding
        self._allowances = allowances
        self._renewer = renewer
        self._sessions = sessions
        self._emit = emit
        self._now = now

    # -- for the gate -----------------------------------------------------------------------------------
    def in_use(self, identity: str) -> bool:
        """Somebody is connected at this moment who came in as new."""
        session = self._sessions.get(identity)
        return session is not None and session.facts.pending is Pending.ONBOARDING

    def disputed(self, identity: str, address: str) -> None:
        """Somebody else was refused for that.  Perhaps the first one is dead: it has to show that it lives."""
        self._emit(OnboardingDisputed(identity=identity, address=address))
        session = self._sessions.get(identity)
        if session is not None and session.link is not None:
            session.link.sweep(asyncio.get_running_loop().time(), idle=0.0, reply=_SIGN_OF_LIFE_SECONDS)

    def came_without(self, entry: Onboarding | None) -> None:
        """Somebody was refused who showed no password; *entry* is how the station came in as new, if it did."""
        self._onboarding.came_without(entry)

    # -- on the way in ----------------------------------------------------------------------------------
    async def enter(self, entry: Entry) -> None:
        """What has to be written before anything is sent; raises `Overtaken`, `StoreUnavailable`."""
        record, admitted = entry.record, entry.admitted
        expected = record.onboarding
        try:
            if admitted.pending is Pending.ONBOARDING:
                assert expected is not None
                await self._onboarding.came_in(expected)
            elif expected is not None and admitted.pending is None:
                proof = "certificate" if admitted.certificate else "password"
                await self._onboarding.on_its_own(expected, f"it came with a {proof} of its own")
        except Superseded:
            raise Overtaken from None
        if admitted.expired:
            assert entry.certificate is not None
            if not await self._allowances.used(record.identity, entry.certificate.not_after):
                raise Overtaken
        elif admitted.certificate is not None and record.expired_until is not None:
            await self._allowances.renewed(record.identity)

    def check(self, entry: Entry) -> None:
        """Raises `Overtaken` when another one came in while this one was being written down.

        Call it with no await before 101.
        """
        expected = entry.record.onboarding
        alone = expected is not None and expected.way is not Way.CERTIFICATE
        new = entry.admitted.pending is Pending.ONBOARDING
        if new and alone and self.in_use(entry.record.identity):
            raise Overtaken

    async def back_out(self, entry: Entry) -> None:
        """It was overtaken behind `enter`: what is decided again is counted again."""
        if entry.admitted.pending is Pending.ONBOARDING:
            await self._onboarding.was_not_in(entry.record.identity)

    # -- in Pending -------------------------------------------------------------------------------------
    def is_meant(self, session: Session, reported: str | None) -> bool:
        """Does the serial number of its BootNotification say that this is the new station?"""
        entry = session.facts.onboarding
        if session.facts.pending is not Pending.ONBOARDING or entry is None:
            return True
        return rules.serial_number_fits(entry, reported, session.facts.registered_serial_number)

    def held(self, session: Session) -> None:
        """Its BootNotification was answered Pending, now or again: it can be called."""
        facts = session.facts
        assert facts.pending is not None
        until = facts.pending_until or facts.since
        self._emit(
            StationPending(
                identity=session.identity,
                profile=int(session.profile),
                because=facts.pending,
                until=f"{until:%Y-%m-%dT%H:%M:%SZ}",
            )
        )
        if facts.pending is Pending.ONBOARDING:
            self._onboarding.provide(session)
        elif facts.certificate is not None:
            session.run(self._renewer.replace(session.identity, facts.certificate.fingerprint))
        self._renewer.ready(session)

    def awaits_request(self, session: Session) -> bool:
        return self._renewer.awaits_request(session.identity)

    # -- after it ---------------------------------------------------------------------------------------
    def accepted(self, session: Session) -> None:
        """A BootNotification was answered Accepted, or the station was accepted before."""
        entry = session.facts.onboarding
        if entry is not None and entry.stage is not Stage.DONE:
            self._onboarding.accepted(session)
