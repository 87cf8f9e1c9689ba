"""In which phase a root rollover is: a row, and what the doors serve follows from it alone, at every start anew.

Before a phase is kept, what it serves is loaded and rehearsed as stations would meet it, each of them with the roots it
may have.  Who asks for a phase holds the rollover's lock.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec.structs

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Turn
from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.csms.errors import BadInput
from ocppsec.csms.tls import BadMaterial
from ocppsec.events import Emit, RolloverMoved
from ocppsec.registry.records import Rollover
from ocppsec.registry.store import Store
from ocppsec.upgrades.rollover import phases
from ocppsec.upgrades.rollover.phases import Operation, Phase, Refused
from ocppsec.upgrades.states import UnreadableState

T = TypeVar("T")


class Files(Protocol):
    """The CA on the disk; each call may take a while and is made in a thread."""

    def load(self, turn: Turn | None) -> AuthorityFiles: ...
    def prepare(self) -> None: ...
    def promote(self, *, until: datetime, keep_keys: bool) -> None: ...
    def set_aside(self, *, keep: bool) -> None: ...


class Serves(Protocol):
    @property
    def authority(self) -> AuthorityFiles: ...
    async def rehearse(self, load: Callable[[], AuthorityFiles]) -> None: ...
    async def switch(
        self, load: Callable[[], AuthorityFiles], kept: Callable[[], Awaitable[None]]
    ) -> None: ...


class KeptPhase:
    def __init__(
        self,
        store: Store,
        files: Files,
        serves: Callable[[], Serves],
        *,
        last_end: Callable[[], Awaitable[datetime]],
        ended: Callable[[], None],
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*last_end*: when the last certificate ends that the old root's CAs have issued.  *ended*: nothing is left to do."""
        self._store = store
        self._files = files
        self._serves = serves
        self._last_end = last_end
        self._when_ended = ended
        self._emit = emit
        self._now = now
        self.row: Rollover | None = None
        self.operation: Operation | None = None

    def open(self) -> Operation:
        """Raises `BadInput` when no root is being replaced."""
        if self.operation is None:
            raise BadInput("no root is being replaced", "begin with: ocppsec ca rotate begin")
        return self.operation

    @property
    def turn(self) -> Turn | None:
        """What is used of the coming hierarchy; None when no root follows another."""
        return None if self.operation is None else phases.turn_of(self.operation)

    async def load(self) -> AuthorityFiles:
        """Read where it stands, finish an end that was interrupted, and give what is to be served."""
        self.row = await self._store.open_rollover()
        if self.row is None:
            await _in_thread(lambda: self._files.set_aside(keep=True))
            return await _in_thread(lambda: self._files.load(None))
        self.operation = self._read(self.row)
        if self.operation.phase in phases.LAST_ACTS:
            await _in_thread(await self._last_act())
            await self._ended()
            return await _in_thread(lambda: self._files.load(None))
        turn = self.turn
        return await _in_thread(lambda: self._files.load(turn))

    def _read(self, row: Rollover) -> Operation:
        """What was kept; of another version the phase alone, from which all that is served follows."""
        try:
            return phases.decode_operation(row.state)
        except UnreadableState as error:
            self._emit(RolloverMoved(phase=row.phase, before=row.phase, detail=str(error)))
            return Operation(phase=Phase(row.phase), entered_at=self._now().isoformat(), both_ways=True)

    async def read_again(self) -> bool:
        """A change may have been kept though its answer was lost: then what is served has to follow it.

        True when a rollover was found that nobody here knew of.
        """
        row = await self._store.open_rollover()
        if row is None:
            await self._read_that_it_ended()
            return False
        if self.row is not None and row.version == self.row.version:
            return False
        new, operation = self.row is None, self._read(row)

        async def kept() -> None:
            self.row, self.operation = row, operation

        if operation.phase in phases.LAST_ACTS:
            await kept()
        else:
            await self._switch(phases.turn_of(operation), kept)
        return new

    async def _read_that_it_ended(self) -> None:
        """Its last act is done before its end is kept; what is served is still that of before."""
        if self.row is None:
            return
        (ended,) = await self._store.rollovers(limit=1)
        before = self.row.phase

        async def kept() -> None:
            self._over(ended.phase, before)

        with _told("it is tried again"):
            await self._serves().switch(_loading(self._files, None), kept)

    async def prepare(self, *, keep_keys: bool) -> None:
        """Make the new root beside the old one, rehearsed; raises `BadInput`, and what `certificates.files.prepare` raises."""
        with _told("no new root can be made"):
            await _in_thread(self._files.prepare)
        for turn in (Turn(serve_coming=True), Turn(serve_coming=True, crossed=True)):
            with _told("stations would refuse the new certificates"):
                await self._serves().rehearse(_loading(self._files, turn))
        at = self._now()
        operation = phases.enter(
            Operation(entered_at=at.isoformat(), keep_keys=keep_keys), Phase.PREPARED, at=at.isoformat()
        )
        row = Rollover(
            id=secrets.token_hex(8),
            phase=operation.phase,
            open=True,
            state=phases.encode_operation(operation),
            version=0,
            started_at=at,
        )

        async def keep() -> None:
            self.row = await self._store.begin_rollover(row)
            self.operation = operation

        await self._switch(phases.turn_of(operation), keep)
        self._emit(RolloverMoved(phase=operation.phase, before="", detail=""))

    async def enter(self, operation: Operation, phase: Phase, *, detail: str = "") -> None:
        """Rehearse what *phase* serves, keep that it has begun, then serve it.  Nothing has changed when it raises."""
        assert self.row is not None
        before = operation.phase
        entered = phases.enter(operation, phase, at=self._now().isoformat(), detail=detail)
        if phase in phases.LAST_ACTS:
            await self._keep(entered)
            self._emit(RolloverMoved(phase=phase, before=before, detail=detail))
            await self.end()
            return
        await self._switch(phases.turn_of(entered), lambda: self._keep(entered))
        self._emit(RolloverMoved(phase=phase, before=before, detail=detail))

    async def serve_both_ways(self) -> None:
        """M05.FR.15: a station that has replaced its root cannot move to another slot while the old one is served."""
        crossed = msgspec.structs.replace(self.open(), both_ways=True)
        await self._switch(phases.turn_of(crossed), lambda: self._keep(crossed))

    async def _switch(self, turn: Turn, kept: Callable[[], Awaitable[None]]) -> None:
        with _told("nothing has changed"):
            await self._serves().switch(_loading(self._files, turn), kept)

    async def _keep(self, operation: Operation, *, ended: bool = False) -> None:
        assert self.row is not None
        self.row = await self._store.save_rollover(
            replace(
                self.row,
                phase=operation.phase,
                open=not ended,
                state=phases.encode_operation(operation),
                ended_at=self._now() if ended else None,
            )
        )
        self.operation = operation

    async def end(self) -> None:
        """The last act, which may be repeated: what a kill or a full disk interrupts is done again."""
        last_act, files = await self._last_act(), self._files

        def load() -> AuthorityFiles:
            last_act()
            return files.load(None)

        with _told("it is tried again"):
            await self._serves().switch(load, self._ended)

    async def _last_act(self) -> Callable[[], None]:
        operation, files = self.open(), self._files
        if operation.phase is Phase.DISCARD:
            return lambda: files.set_aside(keep=False)
        until = await self._last_end()
        return lambda: files.promote(until=until, keep_keys=operation.keep_keys)

    async def _ended(self) -> None:
        operation = self.open()
        following = allowed(phases.forward(operation))
        await self._keep(phases.enter(operation, following, at=self._now().isoformat()), ended=True)
        self._over(following, operation.phase)

    def _over(self, phase: str, before: str) -> None:
        self._when_ended()
        self.operation, self.row = None, None
        self._emit(RolloverMoved(phase=phase, before=before, detail=""))


def allowed(found: Phase | Refused) -> Phase:
    if isinstance(found, Refused):
        raise BadInput(found.reason, found.advice)
    return found


def _loading(files: Files, turn: Turn | None) -> Callable[[], AuthorityFiles]:
    return lambda: files.load(turn)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """What is wrong with the CA's files or the new certificates, as an operator is told it."""
    try:
        yield
    except (IssueFailed, KeyUnusable, AuthorityDamaged, BadMaterial, OSError) as error:
        raise BadInput(
            f"{what}: {error}", "docs/howto/root-rollover.md says what each phase needs"
        ) from error


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)
