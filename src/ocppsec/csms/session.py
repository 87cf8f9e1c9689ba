"""One admitted station: what it may say when, and who answers.

Before its BootNotification was answered Accepted a station may say nothing else (B01.FR.08, answered with
SecurityError by B01.FR.10).  A station that was accepted before and only reconnects need not boot again
(Part 4, 5.3), unless it came on another profile (B10.FR.10).

One that is admitted for this once, to get credentials of its own, is never accepted on that connection: it is kept in
Pending, may be called, and may say nothing but the request it was asked for (B02.FR.02, B02.FR.09).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ocppsec.certificates.facts import ClientCertificate
from ocppsec.csms.application import Application
from ocppsec.csms.charging import Charging
from ocppsec.events import ApplicationFailed, Emit, MessageDropped
from ocppsec.link.link import Link
from ocppsec.ocppj.connection import CallReceived
from ocppsec.ocppj.errors import ErrorCode, LocalError, RemoteError
from ocppsec.ocppj.times import to_wire
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding
from ocppsec.registry.store import RegistryError

Payload = dict[str, Any]

_DROP_SECONDS = 0.5


class SecurityMessages(Protocol):
    """Answers the messages that are ours; see `ocppsec.csms.security`."""

    async def boot(self, session: "Session", call: CallReceived) -> None: ...
    async def sign(self, session: "Session", call: CallReceived) -> None: ...
    async def event(self, session: "Session", call: CallReceived) -> None: ...
    async def certificate_status(self, session: "Session", call: CallReceived) -> None: ...
    def report(self, session: "Session", call: CallReceived) -> None: ...
    def ready(self, session: "Session") -> None: ...
    def held(self, session: "Session") -> None: ...
    def awaits_request(self, session: "Session") -> bool: ...


_BELIEVED_AFTER = 0.25
"""Of the time a new station has to boot in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What every session shares."""

    security: SecurityMessages
    application: Application
    emit: Emit
    now: Callable[[], datetime]
    opened: Callable[["Session"], None]
    closed: Callable[["Session"], None]
    boot_seconds: float = 60.0
    """A station that has to boot and does not is sent away; it may come back."""
    charging: Charging = field(default_factory=Charging)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a connection when it is admitted."""

    identity: str
    profile: SecurityProfile
    floor: SecurityProfile
    registered: bool
    registered_serial_number: str
    door: str
    address: str
    since: datetime
    certificate: ClientCertificate | None
    certificate_is_new: bool = False
    """No connection has stood on it so far."""
    tls_version: str | None
    cipher: str | None
    pending: Pending | None = None
    """Why it is kept in Pending; None for everybody else."""
    pending_until: datetime | None = None
    onboarding: Onboarding | None = None
    """How it comes, or came, in as new."""


class Session:
    """The handler of one link."""

    __slots__ = ("_boot_timer", "_house", "_tasks", "accepted", "boots", "facts", "held", "link")

    def __init__(self, house: House, facts: Facts) -> None:
        self._house = house
        self._tasks: set[asyncio.Task[None]] | None = None
        self._boot_timer: asyncio.TimerHandle | None = None
        self.facts = facts
        self.link: Link | None = None
        # B10.FR.10: on a profile it has not been seen on before, it has to boot.
        self.accepted = facts.pending is None and facts.registered and facts.profile <= facts.floor
        self.held = False
        """Its BootNotification was answered Pending."""
        self.boots = False
        """A BootNotification has come on this connection."""

    @property
    def identity(self) -> str:
        return self.facts.identity

    @property
    def profile(self) -> SecurityProfile:
        return self.facts.profile

    @property
    def may_be_called(self) -> bool:
        """In Pending too: settings and certificates are put right there (B02)."""
        return self.accepted or self.held

    def accept(self) -> None:
        """The BootNotification is being answered Accepted."""
        self.accepted = True
        self._stop_timer()

    def hold(self) -> None:
        """The BootNotification is being answered Pending.  The connection ends with the time it is let in for."""
        self.held = True
        self._stop_timer()
        until = self.facts.pending_until
        if until is not None:
            seconds = max(0.0, (until - self._house.now()).total_seconds())
            loop = asyncio.get_running_loop()
            self._boot_timer = loop.call_later(seconds, self.drop, "the time it was let in for has passed")

    def _stop_timer(self) -> None:
        if self._boot_timer is not None:
            self._boot_timer.cancel()
            self._boot_timer = None

    def close(self, code: int, reason: str) -> None:
        if self.link is not None:
            self.link.close(code, reason)

    def drop(self, reason: str) -> None:
        """Close, and do not wait long for the station's consent."""
        if self.link is not None:
            self.link.close(1008, reason)
            asyncio.get_running_loop().call_later(_DROP_SECONDS, self.link.abort, reason)

    # -- what the link calls ----------------------------------------------------------------------------
    def on_open(self, link: Link) -> None:
        self.link = link
        if not self.accepted:
            loop, seconds = asyncio.get_running_loop(), self._house.boot_seconds
            if self.facts.registered:
                self._boot_timer = loop.call_later(seconds * _BELIEVED_AFTER, self._believe)
            else:
                self._boot_timer = loop.call_later(seconds, self.close, 1008, "no BootNotification in time")
        self._house.opened(self)

    def _believe(self) -> None:
        """On a new profile, registered, and it does not boot: it did before, and we ended before we could tell.

        It does not boot again for a mere reconnect (Part 4, 5.3).  It may speak and be called; nothing rises.  One
        that is kept in Pending may only be called.
        """
        if self.facts.pending is None:
            self.accept()
            self._house.security.ready(self)
        else:
            self.hold()
            self._house.security.held(self)

    def on_call(self, link: Link, call: CallReceived) -> None:
        action = call.action
        if action == "BootNotification":
            self.boots = True
            self._house.charging.forget(self.identity)
            self.run(self._house.security.boot(self, call))
        elif action == "SignCertificate" and self.held and self._house.security.awaits_request(self):
            self.run(self._house.security.sign(self, call))  # B02.FR.02: it was asked for
        elif not self.accepted:
            link.refuse(
                call.id, ErrorCode.SECURITY_ERROR, "a BootNotification has to be accepted first (B01.FR.10)"
            )
        elif action == "Heartbeat":
            link.answer(call.id, {"currentTime": to_wire(self._house.now())})
        elif action == "SignCertificate":
            self.run(self._house.security.sign(self, call))
        elif action == "SecurityEventNotification":
            self.run(self._house.security.event(self, call))
        elif action == "GetCertificateStatus":
            self.run(self._house.security.certificate_status(self, call))
        else:
            if action == "TransactionEvent":
                self._house.charging.transaction(self.identity, call.payload)
            elif action == "StatusNotification":
                self._house.charging.status(self.identity, call.payload)
            elif action == "NotifyReport":
                self._house.security.report(self, call)
            self._ask_application(link, call)

    def on_dropped(self, link: Link, reason: str) -> None:  # noqa: ARG002
        self._house.emit(MessageDropped(identity=self.identity, reason=reason))

    def on_closed(self, link: Link) -> None:  # noqa: ARG002
        self._stop_timer()
        self._house.closed(self)

    # -- the application --------------------------------------------------------------------------------
    def _ask_application(self, link: Link, call: CallReceived) -> None:
        try:
            answer = self._house.application.on_call(self.identity, call.action, call.payload)
            if isinstance(answer, dict):
                link.answer(call.id, answer)
                return
        except Exception as error:  # noqa: BLE001  somebody else's code; its station gets an answer
            self._application_failed(link, call, error)
            return
        self.run(self._await_application(link, call, answer))

    async def _await_application(self, link: Link, call: CallReceived, answer: Awaitable[Payload]) -> None:
        try:
            link.answer(call.id, await answer)
        except Exception as error:  # noqa: BLE001
            self._application_failed(link, call, error)

    def _application_failed(self, link: Link, call: CallReceived, error: Exception) -> None:
        if isinstance(error, RemoteError):
            link.refuse(call.id, ErrorCode(error.code), error.description)
            return
        if not isinstance(error, LocalError):  # an answer the schema forbids has become InternalError already
            link.refuse(call.id, ErrorCode.INTERNAL_ERROR)
        self._house.emit(
            ApplicationFailed(identity=self.identity, action=call.action, error=type(error).__name__)
        )

    # -- work that takes time ---------------------------------------------------------------------------
    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* as a task of this session; what goes wrong in it ends in a CALLERROR or the loop's handler."""
        if self._tasks is None:
            self._tasks = set()
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, RegistryError):
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"error while answering {self.identity}", "exception": error}
            )
        self.close(1011, "internal error")

    async def finish(self) -> None:
        """Let what was begun come to its end; for an orderly stop."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
