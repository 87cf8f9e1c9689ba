"""How a station gets to a CSMS: from slot to slot, with waits in between, until a connection stands.

The one who knows which slot is next and what each failure leaves behind; what is said on a connection is not its
business.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from ocppsec.link.link import Link
from ocppsec.ocppj.received import CallReceived
from ocppsec.station import attempts
from ocppsec.station import happenings as told
from ocppsec.station.attempts import Attempts
from ocppsec.station.config import Edition
from ocppsec.station.conversation import Conversation
from ocppsec.station.dialling import Dial, Dialler, Failure
from ocppsec.station.inner import Inner
from ocppsec.station.remembered import OwnCertificate
from ocppsec.station.security_events import raised_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A connection that stands, and what it stands on."""

    link: Link
    talk: Conversation
    presented: OwnCertificate | None
    on_fallback_root: bool


class Reaching:
    """Keeps count of the attempts.  After each end of a connection it is told how to go on."""

    def __init__(
        self,
        inner: Inner,
        *,
        answer: Callable[[Conversation, Link, CallReceived], None],
        dialler: Dialler,
        random: Callable[[], float],
    ) -> None:
        self._inner = inner
        self._answer = answer
        self._dialler = dialler
        self._random = random
        self._stopping = asyncio.Event()
        self._dialling: asyncio.Timeout | None = None
        """Ends an attempt under way when the station is stopped."""
        self._attempts: Attempts
        self.after_reboot()

    # -- how to go on -------------------------------------------------------------------------------------
    def after_reboot(self) -> None:
        inner = self._inner
        self._attempts = attempts.after_reboot(
            inner.booted_priority, last_good=inner.kept.last_good_slot, per_slot=inner.attempts_per_slot()
        )

    def after_loss(self) -> None:
        self._attempts = self._from_here(attempts.after_loss)

    def at_once_again(self) -> None:
        self._attempts = self._from_here(attempts.own_reconnect)

    def in_vain(self) -> None:
        self._attempts = self._attempts.failed()

    def _from_here(self, how: Callable[..., Attempts]) -> Attempts:
        inner = self._inner
        return how(inner.booted_priority, active=inner.slot, per_slot=inner.attempts_per_slot())

    # -- time ---------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """No more attempts, no more waiting."""
        self._stopping.set()
        if self._dialling is not None:
            self._dialling.reschedule(asyncio.get_running_loop().time())

    async def pause(self, seconds: float) -> None:
        """Wait, at this station's pace; not at all once it is being stopped."""
        try:
            async with asyncio.timeout(seconds * self._inner.config.pace):
                await self._stopping.wait()
        except TimeoutError:
            return

    # -- connecting ---------------------------------------------------------------------------------------
    async def connect(self) -> Reached | None:
        """A connection on some slot; None when the station is being stopped."""
        while not self._stopping.is_set():
            step = self._attempts.back_off_step
            if step > 0:
                await self.pause(self._inner.back_off().wait(step, self._random()))
            if self._stopping.is_set():
                return None
            reached = await self._attempt()
            if reached is not None and self._stopping.is_set():
                reached.link.close(1001, "the station is stopped")
                return None
            if reached is not None:
                return reached
            self.in_vain()
        return None

    async def _attempt(self) -> Reached | None:
        inner = self._inner
        self._dial_slot(self._attempts.slot)
        attempt = Dial(
            config=inner.config,
            kept=inner.kept,
            connection=inner.connection,
            # B10.FR.08 for certificates: the old one first, then both in turn; never stuck with one (A02.FR.28).
            recovering=self._attempts.recovering and self._attempts.failures % 2 == 0,
            wildcards=inner.is_on("SecurityCtrlr", "AllowCSMSTLSWildcards"),
        )
        inner.tell(told.Dialling(slot=inner.slot, profile=inner.profile, url=attempt.url))
        talk, outcome = await self._dial(attempt)
        if isinstance(outcome, Failure) and self._root_may_be_old(outcome):
            attempt = replace(attempt, fallback_root=True)
            talk, outcome = await self._dial(attempt)
        if isinstance(outcome, Failure):
            self._note(outcome)
            return None
        inner.tell(told.Connected(slot=inner.slot, profile=inner.profile))
        return Reached(
            link=outcome,
            talk=talk,
            presented=attempt.own_certificate,
            on_fallback_root=attempt.fallback_root,
        )

    def _dial_slot(self, slot: int) -> None:
        """B10.FR.10, E201: another slot than the last means a BootNotification even without a reboot."""
        if slot != self._inner.slot:
            self._inner.slot = slot
            if self._inner.config.traits.edition == Edition.ERRATA:
                self._inner.registration = None

    def _root_may_be_old(self, failure: Failure) -> bool:
        """M05.FR.14, 16: where it worked before, the root that was replaced may still be the right one."""
        kept = self._inner.kept
        return (
            failure.event == "InvalidCsmsCertificate"
            and kept.fallback_root is not None
            and self._inner.slot == kept.last_good_slot
        )

    async def _dial(self, attempt: Dial) -> tuple[Conversation, Link | Failure]:
        talk = Conversation(self._answer, lambda reason: self._inner.tell(told.Dropped(reason=reason)))
        if attempt.connection.security_profile < self._inner.floor:  # A00.FR.005
            return talk, Failure(stage="tcp", reason="a lower security profile than before", event=None)
        try:
            async with asyncio.timeout(None) as self._dialling:
                link = await self._dialler(
                    attempt, talk, memory=self._inner.memory, new_id=self._inner.new_id
                )
                return talk, link
        except TimeoutError:
            return talk, Failure(stage="tcp", reason="the station is being stopped", event=None)
        finally:
            self._dialling = None

    def _note(self, failure: Failure) -> None:
        inner = self._inner
        if failure.event is not None:
            inner.keep(raised_once(inner.kept, failure.event, inner.now(), failure.reason))
        if failure.status is not None:
            inner.tell(
                told.Refused(
                    slot=inner.slot, profile=inner.profile, status=failure.status, body=failure.reason
                )
            )
        else:
            inner.tell(
                told.ConnectFailed(
                    slot=inner.slot, profile=inner.profile, stage=failure.stage, reason=failure.reason
                )
            )
