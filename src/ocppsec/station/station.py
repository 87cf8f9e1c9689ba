"""The station as a process: it dials, boots, answers, and carries out what follows, until it is stopped.

One task does everything in order; only the answers to the CSMS are given in the callback that brings the question.
The memory is saved before an answer leaves, so that nothing the CSMS was told is forgotten over a restart.
Saving waits for the disk; that is right for one station, and fleets keep their memory in RAM.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

from ocppsec.link.errors import LinkClosed
from ocppsec.link.link import Link
from ocppsec.ocppj.messages import BootReason, RegistrationStatus, to_payload
from ocppsec.ocppj.received import CallReceived
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station import happenings as told
from ocppsec.station.behaviour import STANDARD, Behaviour, reply_to
from ocppsec.station.config import Edition, StationConfig
from ocppsec.station.conversation import Conversation, Ended, Wake
from ocppsec.station.dialling import Dialler, dial
from ocppsec.station.duties import Duties
from ocppsec.station.happenings import Happening
from ocppsec.station.inner import Inner
from ocppsec.station.memory import Memory
from ocppsec.station.own_certificates import after_connection
from ocppsec.station.reaching import Reached, Reaching
from ocppsec.station.remembered import Remembered
from ocppsec.station.reply import Reboot, Reconnect, Refusal, SendLog, SendReport, SendTriggered, StopAsking
from ocppsec.station.security_events import raised
from ocppsec.station.signing import RequestMaker, new_request
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
        request: RequestMaker = new_request,
        leftovers: Sequence[Link] = (),
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        """*clock* gives aware times, *random* numbers from [0, 1).

        *behaviour*, *dialler* and *request* are where a manner changes what is answered, how connections are
        made, and how signing requests are.  *leftovers* are links it left standing; they are dropped at the end.
        """
        self.config = config
        self._observe = observe
        self._waiters: list[tuple[Callable[[Station], bool], asyncio.Future[None]]] = []
        self._inner = Inner(config, memory, clock=clock, tell=self._tell, new_id=new_id, request=request)
        self._reaching = Reaching(self._inner, answer=self._answer, dialler=dialler, random=random)
        self._behaviour = behaviour
        self._leftovers = leftovers
        self._reached: Reached | None = None
        self._confirmed = False

    # -- what an onlooker may ask -------------------------------------------------------------------------
    @property
    def connected(self) -> bool:
        return self._reached is not None and not self._reached.link.closed

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
        return self._inner.profile

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
            while (reached := await self._reaching.connect()) is not None:
                self._reached, link = reached, reached.link
                ending = await self._converse(reached)
                self._tell(told.Disconnected(code=link.close_code, reason=link.close_reason))
                await self._go_on_after(ending)
        finally:
            if self._reached is not None:
                self._reached.link.abort("the station is switched off")
            for link in self._leftovers:
                link.abort("the station is switched off")
            self._tell(told.Stopped())

    def stop(self) -> None:
        """Hang up and let `run` return; harmless when repeated."""
        self._reaching.stop()
        if self._reached is not None:
            self._reached.link.close(1001, "the station is stopped")

    def cut(self) -> None:
        """Lose the connection without a word, as when the network fails; the station comes back by its rules."""
        if self._reached is not None:
            self._reached.link.abort("the network failed")

    async def _go_on_after(self, ending: _END) -> None:
        match ending:
            case Reboot(reason=reason):
                await self._reboot(reason)
            case Reconnect():
                self._reaching.at_once_again()
            case Ended() if self._confirmed:
                self._reaching.after_loss()
            case Ended():  # connected, but never booted: the slot did not work
                self._reaching.in_vain()
            case _:
                assert_never(ending)

    async def _reboot(self, reason: BootReason) -> None:
        self._tell(told.Rebooting(reason=reason))
        inner = self._inner
        inner.keep(raised(inner.kept.but(boot_reason=str(reason)), "ResetOrReboot", inner.now(), reason))
        inner.boot_reason = reason
        await self._reaching.pause(self.config.reboot_seconds)
        inner.reload()
        self._reaching.after_reboot()

    # -- conversing ---------------------------------------------------------------------------------------
    async def _converse(self, reached: Reached) -> _END:
        """Work the connection off until it ends, or has to be ended."""
        link, talk, self._confirmed = reached.link, reached.talk, False
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
                        duties.certification.stop_asking()
                    case SendReport() as report:
                        await duties.report(report)
                    case SendLog() as log:
                        await duties.log(log)
                    case SendTriggered(message=message):
                        await duties.triggered(message)
                    case Wake():
                        pass
        except LinkClosed:
            return await _last_words(talk)

    def _answer(self, talk: Conversation, link: Link, call: CallReceived) -> None:
        inner = self._inner
        self._tell(told.Received(action=call.action))
        reply = reply_to(call.action, call.payload, inner.kept, inner.situation(), self._behaviour)
        inner.keep(reply.kept)
        # Put first, worked off later: answering may bring the next CALL at once.
        talk.put(*reply.effects, Wake())
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
        assert self._reached is not None
        inner, reached, profile = self._inner, self._reached, self.profile
        before = inner.kept
        kept = after_success(before, inner.slot, profile, floor=inner.floor)  # A05.FR.06
        if kept.security_profile != before.security_profile:
            kept = raised(
                kept, "ReconfigurationOfSecurityParameters", inner.now(), f"SecurityProfile {profile}"
            )
        if reached.presented is not None:
            kept, discarded = after_connection(kept, reached.presented)  # A02.FR.10
            if discarded and self.config.traits.edition == Edition.ERRATA:  # A02.FR.29
                kept = raised(kept, "DiscardedRenewedClientCertificate", inner.now())
        if not reached.on_fallback_root and profile >= SecurityProfile.TLS_BASIC:
            kept = without_fallback(kept)  # M05.FR.13
        inner.keep(kept)
        risen = kept.security_profile > before.security_profile
        # Where it may go down again the floor is lower than what it has risen to; the lower slots are gone all the same.
        inner.prune(kept.security_profile if risen else inner.floor)
        if risen:
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
