"""What our small CSMS says on one connection, and everything the station says on it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ocppsec.link.link import Link
from ocppsec.ocppj.errors import ErrorCode, LocalError
from ocppsec.ocppj.received import CallReceived

_EMPTY = frozenset(
    {
        "StatusNotification",
        "SecurityEventNotification",
        "NotifyReport",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "TransactionEvent",
        "MeterValues",
    }
)


class Conversation:
    """The handler of one link.  `calls` are those of the station, in order."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.moments: list[float] = []
        """When each of them came, by the clock of the loop."""
        self.registration = "Accepted"
        """What the next BootNotification is answered."""
        self.interval = 300
        self.booted = False
        self.heard = asyncio.Event()
        self.tell: Callable[[], None] = lambda: None

    @property
    def open(self) -> bool:
        return self.link is not None and not self.link.closed

    def count(self, action: str) -> int:
        return sum(one == action for one, _ in self.calls)

    def last(self, action: str) -> dict[str, Any] | None:
        return next((payload for one, payload in reversed(self.calls) if one == action), None)

    async def until(self, condition: Callable[["Conversation"], bool], *, seconds: float) -> bool:
        """Whether *condition* came true in time, looked at with each message; False too when the link ends."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(self):
                    if self.link is not None and self.link.closed:
                        return False
                    self.heard.clear()
                    await self.heard.wait()
        except TimeoutError:
            return condition(self)
        return True

    def drop(self) -> None:
        if self.link is not None:
            self.link.abort("the audit goes on")

    # -- what the link calls --------------------------------------------------------------------------------
    def on_open(self, link: Link) -> None:
        self.link = link
        self._wake()

    def on_call(self, link: Link, call: CallReceived) -> None:
        self.calls.append((call.action, call.payload))
        self.moments.append(asyncio.get_running_loop().time())
        try:
            answer = self._answer(call.action)
            if answer is None:
                link.refuse(call.id, ErrorCode.NOT_SUPPORTED, "an audit is on this connection")
            else:
                link.answer(call.id, answer)
        except LocalError:
            pass  # the station has got InternalError already
        self._wake()

    def on_dropped(self, link: Link, reason: str) -> None:
        pass

    def on_closed(self, link: Link) -> None:  # noqa: ARG002
        self._wake()

    def _wake(self) -> None:
        self.heard.set()
        self.tell()

    def _answer(self, action: str) -> dict[str, Any] | None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if action == "BootNotification":
            self.booted = self.registration == "Accepted"
            return {"currentTime": now, "interval": self.interval, "status": self.registration}
        if action == "Heartbeat":
            return {"currentTime": now}
        if action == "SignCertificate":
            return {"status": "Accepted"}
        if action == "Authorize":
            return {"idTokenInfo": {"status": "Accepted"}}
        return {} if action in _EMPTY else None
