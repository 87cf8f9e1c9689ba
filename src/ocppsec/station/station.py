"""The station as a process: it dials, boots, answers, and carries out what follows, until it is stopped.

One task does everything in order; only the answers to the CSMS are given in the callback that brings the question.
The memory is saved before an answer leaves, so that nothing the CSMS was told is forgotten over a restart.
Saving waits for the disk; that is right for one station, and fleets keep their memory in RAM.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from ocppsec.link.errors import LinkClosed
from ocppsec.link.link import Link
from ocppsec.ocppj.messages import BootReason, RegistrationStatus, to_payload
from ocppsec.ocppj.received import CallReceived
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station import happenings as told
from ocppsec.station.attempts import Attempts, after_loss, after_reboot, own_reconnect
from ocppsec.station.behaviour import STANDARD, Behaviour, reply_to
from ocppsec.station.config import StationConfig
from ocppsec.station.conversation import Conversation, Ended, Wake
from ocppsec.station.dialling import Dial, Dialler, Failure, dial
from ocppsec.station.duties import Duties
from ocppsec.station.happenings import Happening
from ocppsec.station.inner import Inner
from ocppsec.station.memory import Memory
from ocppsec.station.own_certificates import after_connection
from ocppsec.station.remembered import OwnCertificate, Remembered
from ocppsec.station.reply import Reboot, Reconnect, Refusal, SendReport, SendTriggered, StopAsking
from ocppsec.station.security_events import raised, raised_once
from ocppsec.station.slots import after_success
from ocppsec.station.trust import without_fallback

_END = Ended | Reboot | Reconnect
_GOODBYE_SECONDS = 4.0
"""A little more than a link gives the peer to answer a close frame."""


class Station:
    """A simulated charging station.  `run` it in a task of yours; `stop` ends that."""

    def __init__(
        self,
        config: StationConfig,
        memory: Memory,
        *,
        clock: Callable[[], datetime],
        random: Callable[[], float],
        observe: Callable[[Happening], None] = lambda _happening: None,
        behaviour: Behaviour = STANDARD,
        dialler: Dialler = dial,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """*clock* gives aware times, *random* numbers from [0, 1).

        *behaviour* and *dialler* are where a manner changes what is answered and how connections are made.
        """
        self.config = config
        self._observe = observe
        self._waiters: list[tuple[Callable[[Station], bool], asyncio.Future[None]]] = []
        self._inner = Inner(config, memory, clock=clock, tell=self._tell, new_id=new_id)
        self._random = random
        self._behaviour = behaviour
        self._dialler = dialler
        self._stopping = asyncio.Event()
        self._attempts = self._from_the_first()
        self._dialling: asyncio.Timeout | None = None
        """Ends an attempt under way when the station is stopped."""
        self._talk: Conversation | None = None
        self._link: Link | None = None
        self._presented: OwnCertificate | None = None
        self._on_fallback_root = False
        self._confirmed = False

    # -- what an onlooker may ask -------------------------------------------------------------------------
    @property
    def connected(self) -> bool:
        return self._link is not None and not self._link.closed

    @property
    def registration(self) -> RegistrationStatus | None:
        return self._inner.registration

    @property
    def accepted(self) -> bool:
        """Connected, and the CSMS accepted the BootNotification."""
        return self.connected and self._confirmed and self.registration == RegistrationStatus.ACCEPTED

    @property
    def slot(self) -> int:
        """In use or being dialled."""
        return self._inner.slot

    @property
    def profile(self) -> int:
        """The security profile of the connection that stands or is being made."""
        return self._inner.connection.security_profile

    @property
    def remembered(self) -> Remembered:
        return self._inner.kept

    async def until(self, condition: Callable[["Station"], bool], *, timeout: float) -> None:
        """Wait until *condition* holds; looked at with each happening.  Raises TimeoutError."""
        if condition(self):
            return
        waiter = (condition, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter[1]
        finally:
            self._waiters.remove(waiter)

    def _tell(self, happening: Happening) -> None:
        self._observe(happening)
        for condition, future in self._waiters:
            if not future.done() and condition(self):
                future.set_result(None)

    # -- its life -----------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Dial and converse until `stop`.  A station never gives up (B10.FR.09)."""
        try:
            while (link := await self._connect()) is not None:
                ending = await self._converse(link)
                self._tell(told.Disconnected(code=link.close_code, reason=link.close_reason))
                await self._go_on_after(ending)
        finally:
            if self._link is not None:
                self._link.abort("the station is switched off")
            self._tell(told.Stopped())

    def stop(self) -> None:
        """Hang up and let `run` return; harmless when repeated."""
        self._stopping.set()
        if self._dialling is not None:
            self._dialling.reschedule(asyncio.get_running_loop().time())
        if self._link is not None:
            self._link.close(1001, "the station is stopped")

    async def _pause(self, seconds: float) -> None:
        """Wait, at this station's pace; not at all once it is being stopped."""
        try:
            async with asyncio.timeout(seconds * self.config.pace):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _go_on_after(self, ending: _END) -> None:
        match ending:
            case Reboot(reason=reason):
                await self._reboot(reason)
            case Reconnect():
                self._attempts = self._again(own_reconnect)
            case Ended() if self._confirmed:
                self._attempts = self._again(after_loss)
            case Ended():  # connected, but never booted: the slot did not work
                self._attempts = self._attempts.failed()
            case _:
                assert_never(ending)

    async def _reboot(self, reason: BootReason) -> None:
        self._tell(told.Rebooting(reason=reason))
        inner = self._inner
        inner.keep(raised(inner.kept.but(boot_reason=str(reason)), "ResetOrReboot", inner.now(), reason))
        inner.boot_reason = reason
        await self._pause(self.config.reboot_seconds)
        inner.reload()
        self._attempts = self._from_the_first()

    def _from_the_first(self) -> Attempts:
        inner = self._inner
        return after_reboot(
            inner.booted_priority, last_good=inner.kept.last_good_slot, per_slot=inner.attempts_per_slot()
        )

    def _again(self, how: Callable[..., Attempts]) -> Attempts:
        inner = self._inner
        return how(inner.booted_priority, active=inner.slot, per_slot=inner.attempts_per_slot())

    # -- connecting ---------------------------------------------------------------------------------------
    async def _connect(self) -> Link | None:
        """A connection on some slot; None when the station is being stopped."""
        while not self._stopping.is_set():
            step = self._attempts.back_off_step
            if step > 0:
                await self._pause(self._inner.back_off().wait(step, self._random()))
            if self._stopping.is_set():
                return None
            link = await self._attempt()
            if link is not None:
                return link
            self._attempts = self._attempts.failed()
        return None

    async def _attempt(self) -> Link | None:
        inner = self._inner
        self._dial_slot(self._attempts.slot)
        attempt = Dial(
            config=self.config,
            kept=inner.kept,
            connection=inner.connection,
            # B10.FR.08 for certificates: the old one first, then both in turn; never stuck with one (A02.FR.28).
            recovering=self._attempts.recovering and self._attempts.failures % 2 == 0,
            wildcards=inner.is_on("SecurityCtrlr", "AllowCSMSTLSWildcards"),
        )
        inner.tell(told.Dialling(slot=inner.slot, profile=self.profile, url=attempt.url))
        outcome = await self._dial(attempt)
        if isinstance(outcome, Failure) and self._root_may_be_old(outcome):
            attempt = replace(attempt, fallback_root=True)
            outcome = await self._dial(attempt)
        if isinstance(outcome, Failure):
            self._note(outcome)
            return None
        self._link = outcome
        self._presented, self._on_fallback_root = attempt.own_certificate, attempt.fallback_root
        inner.tell(told.Connected(slot=inner.slot, profile=self.profile))
        return outcome

    def _dial_slot(self, slot: int) -> None:
        """B10.FR.10: another slot than the last means a BootNotification even without a reboot."""
        if slot != self._inner.slot:
            self._inner.slot = slot
            self._inner.registration = None

    def _root_may_be_old(self, failure: Failure) -> bool:
        """M05.FR.14, 16: where it worked before, the root that was replaced may still be the right one."""
        kept = self._inner.kept
        return (
            failure.event == "InvalidCsmsCertificate"
            and kept.fallback_root is not None
            and self._inner.slot == kept.last_good_slot
        )

    async def _dial(self, attempt: Dial) -> Link | Failure:
        if attempt.connection.security_profile < self._inner.kept.security_profile:  # A00.FR.005
            return Failure(stage="tcp", reason="a lower security profile than before", event=None)
        self._talk = Conversation(self._answer, lambda reason: self._tell(told.Dropped(reason=reason)))
        try:
            async with asyncio.timeout(None) as self._dialling:
                return await self._dialler(
                    attempt, self._talk, memory=self._inner.memory, new_id=self._inner.new_id
                )
        except TimeoutError:
            return Failure(stage="tcp", reason="the station is being stopped", event=None)
        finally:
            self._dialling = None

    def _note(self, failure: Failure) -> None:
        inner = self._inner
        if failure.event is not None:
            inner.keep(raised_once(inner.kept, failure.event, inner.now(), failure.reason))
        if failure.status is not None:
            self._tell(
                told.Refused(
                    slot=inner.slot, profile=self.profile, status=failure.status, body=failure.reason
                )
            )
        else:
            self._tell(
                told.ConnectFailed(
                    slot=inner.slot, profile=self.profile, stage=failure.stage, reason=failure.reason
                )
            )

    # -- conversing ---------------------------------------------------------------------------------------
    async def _converse(self, link: Link) -> _END:
        """Work the connection off until it ends, or has to be ended."""
        assert self._talk is not None
        talk, self._confirmed = self._talk, False
        duties = Duties(self._inner, link, self._confirm)
        talk.begin()
        duties.begin()
        try:
            while True:
                await duties.do_what_is_due()
                match await talk.next(duties.until_next()):
                    case Ended() as ended:
                        return ended
                    case Reboot() | Reconnect() as ending:
                        await _hang_up(link, talk)
                        return ending
                    case StopAsking():
                        duties.stop_asking()
                    case SendReport() as report:
                        await duties.report(report)
                    case SendTriggered(message=message):
                        await duties.triggered(message)
                    case Wake():
                        pass
        except LinkClosed:
            return await _last_words(talk)

    def _answer(self, link: Link, call: CallReceived) -> None:
        inner = self._inner
        self._tell(told.Received(action=call.action))
        reply = reply_to(call.action, call.payload, inner.kept, inner.situation(), self._behaviour)
        inner.keep(reply.kept)
        assert self._talk is not None
        # Put first, worked off later: answering may bring the next CALL at once.
        self._talk.put(*reply.effects, Wake())
        if isinstance(reply.answer, Refusal):
            self._tell(told.Answered(action=call.action, status=reply.answer.code))
            link.refuse(call.id, reply.answer.code, reply.answer.description)
        else:
            payload = to_payload(reply.answer)
            self._tell(told.Answered(action=call.action, status=told.status_in(payload)))
            link.answer(call.id, payload)

    def _confirm(self) -> None:
        """The CSMS has let us in and knows who we are: what waited for this becomes final."""
        if self._confirmed:
            return
        self._confirmed = True
        inner, profile = self._inner, self.profile
        before = inner.kept
        kept = after_success(before, inner.slot, profile)  # A05.FR.06
        if kept.security_profile > before.security_profile:
            kept = raised(
                kept, "ReconfigurationOfSecurityParameters", inner.now(), f"SecurityProfile {profile}"
            )
        if self._presented is not None:
            kept, discarded = after_connection(kept, self._presented)  # A02.FR.10
            if discarded:  # A02.FR.29
                kept = raised(kept, "DiscardedRenewedClientCertificate", inner.now())
        if not self._on_fallback_root and profile >= SecurityProfile.TLS_BASIC:
            kept = without_fallback(kept)  # M05.FR.13
        inner.keep(kept)
        inner.prune()
        if kept.security_profile > before.security_profile:
            removed = tuple(sorted(before.slots.keys() - kept.slots.keys()))
            self._tell(
                told.ProfileRaised(old=before.security_profile, new=kept.security_profile, removed=removed)
            )
        self._tell(told.Confirmed(slot=inner.slot, profile=profile))


async def _hang_up(link: Link, talk: Conversation) -> None:
    """Close in good order, what was answered before still reaches the CSMS; then the old CSMS is left (B10.FR.06)."""
    link.close(1000, "")
    try:
        async with asyncio.timeout(_GOODBYE_SECONDS):
            while not isinstance(await talk.next(None), Ended):
                pass
    except TimeoutError:
        link.abort("no answer to the close frame")


async def _last_words(talk: Conversation) -> _END:
    """How it ended, when the connection broke under a CALL of ours; a Reset answered before still counts."""
    while True:
        match await talk.next(0):
            case Ended() | Reboot() | Reconnect() as ending:
                return ending
            case Wake():
                return Ended(code=None, reason="the connection broke")
            case _:
                continue
