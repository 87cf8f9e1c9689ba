"""Asks a station what an upgrade asks first, and stops there: nothing is changed, nothing of it is kept but for its kind.

The questions, what the answers mean and what speaks against going on are the upgrade's own (`ocppsec.upgrades.preflight`):
here its machine is run until it would write something for the first time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from ocppsec.csms.asking import ask
from ocppsec.csms.errors import Busy, NotConnected
from ocppsec.csms.session import Session
from ocppsec.ocppj.messages import NotifyReportRequest
from ocppsec.upgrades import workflow
from ocppsec.upgrades.exchange import DeadlinePassed, Event, LinkLost, ReportReceived
from ocppsec.upgrades.facts import summary
from ocppsec.upgrades.kinds import NOTICED_NOTHING, KindFacts, in_words, notice
from ocppsec.upgrades.plan import Plan, StationAtStart
from ocppsec.upgrades.requests import request_of
from ocppsec.upgrades.states import (
    AskingForReport,
    AskingForRoots,
    AskingVariables,
    AwaitingReport,
    Failed,
    OpenState,
    State,
)

Reading = AskingVariables | AskingForReport | AwaitingReport | AskingForRoots
"""The steps that change nothing."""
_REPORT_ID: Final = 2
"""Not that of an upgrade: neither takes the other's report for its own."""
_ANSWER_SECONDS: Final = 10.0

Saw = Callable[[str, KindFacts], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    identity: str
    to: int
    objection: str
    """Why an upgrade would end before it changes anything; empty when it would go on."""
    told: str
    """What the station has said of itself, in a line."""
    quirks: tuple[str, ...]
    """What the next of its kind is asked first by."""


class PreflightDesk:
    def __init__(
        self,
        session_of: Callable[[str], Session | None],
        busy: Callable[[], frozenset[str]],
        saw: Saw,
        *,
        seconds: float = _ANSWER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*saw* keeps what was found out for the station's kind."""
        self._session_of = session_of
        self._busy = busy
        self._saw = saw
        self._seconds = seconds
        self._clock = clock
        self._reports: dict[str, asyncio.Queue[NotifyReportRequest]] = {}

    def report_received(self, identity: str, report: NotifyReportRequest) -> None:
        if identity in self._reports:
            self._reports[identity].put_nowait(report)

    async def ask(self, identity: str, plan: Plan, start: StationAtStart) -> Preflight:
        """Raises `NotConnected`, `Busy`, `StoreUnavailable`."""
        session = self._session_of(identity)
        if session is None or session.link is None or not session.accepted:
            raise NotConnected(
                f"{identity} is not connected, or has not booted yet", f"ocppsec station why {identity}"
            )
        if identity in self._busy() or identity in self._reports:
            raise Busy(f"{identity} is being changed or asked already", "wait until that has ended")
        reports = self._reports[identity] = asyncio.Queue()
        try:
            state, found = await self._run(session, replace(plan, report_id=_REPORT_ID), start, reports)
        finally:
            del self._reports[identity]
        await self._saw(identity, found)
        return Preflight(
            identity=identity,
            to=plan.target,
            objection=state.reason if isinstance(state, Failed) else "",
            told=summary(state.progress.facts) if isinstance(state, OpenState) else "",
            quirks=tuple(in_words(found)),
        )

    async def _run(
        self,
        session: Session,
        plan: Plan,
        start: StationAtStart,
        reports: "asyncio.Queue[NotifyReportRequest]",
    ) -> tuple[State, KindFacts]:
        state, _ = workflow.begin(plan, start)
        noticed = NOTICED_NOTHING
        while isinstance(state, Reading):
            event = await self._next(state, session, reports)
            if isinstance(event, LinkLost):
                raise NotConnected(f"{session.identity} went away while it was asked", "ask again")
            noticed = notice(noticed, state, event, self._clock())
            state, _ = workflow.decide(state, event)
        return state, noticed.facts

    async def _next(
        self, state: Reading, session: Session, reports: "asyncio.Queue[NotifyReportRequest]"
    ) -> Event:
        if not isinstance(state, AwaitingReport):
            return await ask(session, request_of(state), timeout=self._seconds)
        try:
            async with asyncio.timeout(self._seconds):
                return ReportReceived(await reports.get())
        except TimeoutError:
            return DeadlinePassed()
