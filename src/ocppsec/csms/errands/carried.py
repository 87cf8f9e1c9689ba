"""Carries out errands of the kinds that have no workflow with rows of its own: roots, passwords, renewals.

An errand is a row and an attempt.  The attempt may be made any number of times: it looks first how far the station is.
What interrupts it, a kill as well as a lost connection, leaves the row open, and it is made again when the station is
there, until the time for it is over.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ocppsec.csms.errands.doing import Fleet, is_there
from ocppsec.csms.errands.notes import Notes, decode, encode
from ocppsec.csms.errors import BadInput, NotConnected, NotNow
from ocppsec.events import Emit, ErrandEnded, ErrandStepped, StoreUnavailable
from ocppsec.link.errors import CallFailed, CallRefused
from ocppsec.ocppj.errors import OcppError
from ocppsec.registry.records import Errand, ErrandStatus, Station
from ocppsec.registry.store import NotRegistered, RegistryError, Superseded, UpgradeInProgress
from ocppsec.upgrades.campaign.happenings import Ended, Gone, Outcome
from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.states import UnreadableState
from ocppsec.upgrades.words import duration

PAUSE: Final = timedelta(seconds=2)
"""Between two attempts."""
RETURN: Final = timedelta(minutes=10)
"""For a station to come back after an outage of ours."""
_OUTCOME: Final = {
    ErrandStatus.DONE: Outcome.DONE,
    ErrandStatus.FAILED: Outcome.FAILED,
    ErrandStatus.LOST: Outcome.LOST,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an errand ended."""

    status: ErrandStatus
    reason: str = ""


DONE: Final = Verdict(ErrandStatus.DONE)


def failed(reason: str) -> Verdict:
    return Verdict(ErrandStatus.FAILED, reason)


@dataclass(slots=True)
class Open:
    """An open errand as this process holds it; the row is the truth."""

    errand: Errand
    notes: Notes
    until: datetime
    """When its time is over."""
    task: asyncio.Task[None] | None = None
    not_before: datetime | None = None


class Carried(ABC):
    """What three kinds have in common; `_attempt` is what they differ in."""

    def __init__(self, fleet: Fleet, plan: CampaignPlan, *, emit: Emit, now: Callable[[], datetime]) -> None:
        self._fleet = fleet
        self._plan = plan
        self._emit = emit
        self._now = now
        self._open: dict[str, Open] = {}

    @abstractmethod
    async def _attempt(self, held: Open) -> Verdict | None:
        """Do what is still to be done; None when it has to be looked at again."""

    @abstractmethod
    async def objections(self, stations: Sequence[Station]) -> Mapping[str, str]:
        """As `Doing.objections`."""

    def _is_away(self, held: Open) -> Verdict:
        """The time is over, and the station is not there."""
        del held
        return failed(f"was away for {self._time}, and nothing could be done")

    # -- what a campaign asks ---------------------------------------------------------------------------
    @abstractmethod
    def check(self) -> None:
        """As `Doing.check`."""

    def busy(self) -> Container[str]:
        return self._fleet.upgrading

    async def begin(self, identity: str, errand_id: str) -> None:
        if identity in self._fleet.upgrading:
            raise UpgradeInProgress(identity)
        wanted = Errand(
            id=errand_id,
            identity=identity,
            kind=self._plan.kind,
            status=ErrandStatus.OPEN,
            reason="",
            state=encode(Notes()),
            version=0,
            started_at=self._now(),
        )
        await self._fleet.store.begin_errand(wanted)

    async def ended(self, identity: str, errand_id: str) -> Ended | Gone | None:
        held = self._open.get(errand_id)
        if held is None:
            errand = await self._fleet.store.errand(errand_id)
            if errand is None:
                return Gone(identity)
            if errand.status is not ErrandStatus.OPEN:
                return Ended(identity, _OUTCOME[errand.status], errand.reason)
            try:
                held = Open(errand, decode(errand.state), self._until(errand))
            except UnreadableState as error:
                await self._close(Open(errand, Notes(), self._now()), failed(str(error)))
                return None
            self._open[errand_id] = held
        if held.task is None:
            try:
                await self._go_on(held)
            except Superseded:
                self._open.pop(errand_id, None)
        return None

    async def came_after_all(self, identity: str, errand_id: str) -> bool:
        del identity, errand_id
        return False

    async def stop(self) -> None:
        tasks = [held.task for held in self._open.values() if held.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- attempts ---------------------------------------------------------------------------------------
    @property
    def _time(self) -> str:
        return duration(self._plan.wait.answer)

    def _until(self, errand: Errand) -> datetime:
        """Not at once after a start of ours: the stations have to find their way back, and we shut them out."""
        time = timedelta(seconds=self._plan.wait.answer)
        return max(errand.started_at + time, self._now() + min(time, RETURN))

    async def _go_on(self, held: Open) -> None:
        now, identity = self._now(), held.errand.identity
        there = is_there(self._fleet, identity)
        if now >= held.until:
            late = failed(f"did not come to its end within {self._time}{_last(held)}")
            await self._close(held, late if there else self._is_away(held))
        elif held.not_before is not None and now < held.not_before:
            return
        elif not there:
            held.not_before = now + PAUSE
            if await self._fleet.store.errand(held.errand.id) is None:
                raise Superseded(held.errand.id)
        elif identity not in self._fleet.upgrading:
            held.not_before = now + PAUSE
            held.task = asyncio.get_running_loop().create_task(self._try(held))

    async def _try(self, held: Open) -> None:
        try:
            verdict = await self._judged(held)
            if verdict is not None:
                await self._close(held, verdict)
        except Superseded:
            self._open.pop(held.errand.id, None)  # somebody else goes on with it, or its station is gone
        except RegistryError as error:
            self._emit(StoreUnavailable(doing="an errand of a campaign", reason=str(error)))
        except Exception as error:  # noqa: BLE001  one station's bug must not stop the others
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"error in errand {held.errand.id}", "exception": error}
            )
        finally:
            held.task = None

    async def _judged(self, held: Open) -> Verdict | None:
        try:
            return await self._attempt(held)
        except NotRegistered:
            self._open.pop(held.errand.id, None)  # its row is gone as well
            return None
        except (NotConnected, NotNow):
            return None
        except BadInput as error:
            return failed(error.reason)
        except CallRefused as error:
            return failed(f"CALLERROR {error.code}")
        except CallFailed as error:
            await self._note(held, "interrupted", str(error))
            return None
        except OcppError as error:
            return failed(f"an answer that cannot be read: {error}")

    # -- rows -------------------------------------------------------------------------------------------
    async def _note(self, held: Open, step: str, detail: str = "", **values: object) -> None:
        """Saved when this returns."""
        await self._save(held, held.notes.noted(self._now(), step, detail, **values))
        errand = held.errand
        self._emit(
            ErrandStepped(
                identity=errand.identity, errand=errand.id, kind=errand.kind, step=step, detail=detail
            )
        )

    async def _close(self, held: Open, verdict: Verdict) -> None:
        errand = replace(held.errand, status=verdict.status, reason=verdict.reason, ended_at=self._now())
        notes = held.notes.noted(self._now(), verdict.status, verdict.reason)
        saved = await self._fleet.store.save_errand(replace(errand, state=encode(notes)))
        self._open.pop(saved.id, None)
        self._emit(
            ErrandEnded(
                identity=saved.identity,
                errand=saved.id,
                kind=saved.kind,
                outcome=saved.status,
                reason=saved.reason,
            )
        )

    async def _kept(self, errand_id: str) -> Notes:
        """What is known of an errand that has ended."""
        errand = await self._fleet.store.errand(errand_id)
        try:
            return Notes() if errand is None else decode(errand.state)
        except UnreadableState:
            return Notes()

    async def _save(self, held: Open, notes: Notes) -> None:
        held.errand = await self._fleet.store.save_errand(replace(held.errand, state=encode(notes)))
        held.notes = notes


def _last(held: Open) -> str:
    if not held.notes.steps:
        return ""
    last = held.notes.steps[-1]
    return f"; last: {last.step}{f', {last.detail}' if last.detail else ''}"
