"""The replacement of the CSMS root as an operation: from phase to phase at the operator's word, and back.

The row says in which phase it is; what the doors serve, whose CA signs and what stations are to have follow from that
alone, at every start anew.  Before a phase is kept, what it serves is loaded and rehearsed as stations would meet it,
each of them with the roots it may have.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec.structs

from ocppsec.certificates.authority_directory import AuthorityDamaged
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Generation, Turn
from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.csms.errors import BadInput
from ocppsec.csms.rollover_standings import Standings
from ocppsec.csms.rollover_view import ADVICE, View, in_the_way, roots_of, view_of
from ocppsec.csms.root_carrier import RolloverSettings, RootCarrier
from ocppsec.csms.session import Session
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.tls import BadMaterial
from ocppsec.csms.trust import TrustBook
from ocppsec.events import Emit, RolloverMoved, ServerCertificatesRefused, StoreUnavailable
from ocppsec.registry.records import Renewal, Rollover
from ocppsec.registry.store import NotRegistered, RegistryError, RolloverInProgress, Store
from ocppsec.upgrades.rollover import phases
from ocppsec.upgrades.rollover.phases import Operation, Phase, Refused, Standing
from ocppsec.upgrades.rollover.roots import Which
from ocppsec.upgrades.states import UnreadableState

T = TypeVar("T")


class Renews(Protocol):
    def open(self, identity: str) -> Renewal | None: ...
    async def renew(self, identity: str) -> Renewal: ...


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


class RootRollover:
    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        files: Files,
        serves: Callable[[], Serves],
        renews: Callable[[], Renews],
        book: TrustBook,
        upgrading: Callable[[], Container[str]],
        *,
        settings: RolloverSettings,
        own_hierarchy: str,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*own_hierarchy*: why the certificates are not all ours, so that no root of ours can follow another; empty
        when they are.
        """
        self._store = store
        self._sessions = sessions
        self._files = files
        self._serves = serves
        self._renews = renews
        self._settings = settings
        self._own_hierarchy = own_hierarchy
        self._emit = emit
        self._now = now
        self._upgrading = upgrading
        self.carrier = RootCarrier(
            store, sessions.get, book, upgrading, settings=settings, emit=emit, now=now
        )
        self._standings = Standings(
            store, sessions, self.carrier, upgrading, lambda: serves().authority, now=now
        )
        self._row: Rollover | None = None
        self._operation: Operation | None = None
        self._renewed_in = ""
        """When the phase began in which certificates were last seen to."""
        self._lock = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    # -- life -------------------------------------------------------------------------------------------
    async def load(self) -> AuthorityFiles:
        """Read where it stands, finish an end that was interrupted, and give what is to be served."""
        self._row = await self._store.open_rollover()
        if self._row is None:
            await _in_thread(lambda: self._files.set_aside(keep=True))
            return await _in_thread(lambda: self._files.load(None))
        self._operation = self._read(self._row)
        if self._operation.phase in phases.LAST_ACTS:
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

    async def _read_again(self) -> None:
        """A change may have been kept though its answer was lost: then what is served has to follow it."""
        row = await self._store.open_rollover()
        if row is None or self._row is None or row.version == self._row.version:
            return
        operation = self._read(row)

        async def kept() -> None:
            self._row, self._operation = row, operation

        if operation.phase in phases.LAST_ACTS:
            await kept()
        else:
            await self._switch(phases.turn_of(operation), kept)

    async def start(self) -> None:
        """Take up the stations' parts; the certificates are served already."""
        await self._take_up()
        self._loop = asyncio.create_task(self._watch(), name="root rollover")

    async def stop(self) -> None:
        """May be called twice."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None
        await self.carrier.stop()

    async def _take_up(self) -> None:
        authority = self._serves().authority
        if self._row is not None and self._operation is not None and authority.coming is not None:
            await self.carrier.take_up(self._row.id, roots_of(authority.present, authority.coming))
            await self._aim()

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.check_seconds):
                    await self.carrier.calm.wait()
            self.carrier.calm.clear()
            try:
                await self.check()
            except RegistryError as error:
                self._emit(StoreUnavailable(doing="a root rollover", reason=str(error)))
            except BadInput as error:
                self._emit(ServerCertificatesRefused(reason=error.reason))

    async def check(self) -> None:
        """See who has come to it, renew what hangs under the wrong root, and end a phase that ends by itself."""
        async with self._lock:
            await self._read_again()
        operation = self._operation
        if operation is None:
            return
        if operation.phase in phases.LAST_ACTS:
            async with self._lock:
                await self._end()
            return
        await self._aim()
        standings = await self._standings.all(operation, explained=False)
        await self._renew(operation, standings)
        self._renewed_in = operation.entered_at
        if operation.phase is Phase.ALONE:
            self._send_away(standings)
        await self._serve_both_ways()
        if operation.phase in phases.BY_ITSELF:
            async with self._lock:
                await self._go_on_if_nobody_is_in_the_way(operation)

    async def _go_on_if_nobody_is_in_the_way(self, operation: Operation) -> None:
        following = _allowed(phases.forward(operation))
        standings = await self._standings.all(operation, explained=False)
        if self._operation is operation and not phases.obstacles(following, standings, operation.exceptions):
            await self._enter(operation, following, detail="nobody is in the way")

    # -- what follows from the phase --------------------------------------------------------------------
    @property
    def turn(self) -> Turn | None:
        """What is used of the coming hierarchy; None when no root follows another."""
        return None if self._operation is None else phases.turn_of(self._operation)

    def generation_for(self, identity: str) -> Generation:
        """Under which root a station gets its certificate, and which root an upgrade installs."""
        authority = self._serves().authority
        if self._operation is None:
            return authority.present
        part = self.carrier.part(identity)
        under = phases.issues_under(self._operation, identity, None if part is None else part.believed)
        return authority.generation(coming=under is Which.NEW)

    async def settle(self, identity: str) -> None:
        """Let its part come to an end before an upgrade is planned by the roots it has, if it is there."""
        if self._operation is None or phases.goal_of(self._operation.phase) is None:
            return
        await self._aim()
        session = self._sessions.get(identity)
        if session is not None and session.accepted:
            await self.carrier.settle([identity])
            await self._serve_both_ways()

    # -- what happens to stations -----------------------------------------------------------------------
    def connected(self, session: Session) -> None:
        self.carrier.connected(session)
        if session.accepted:
            self.carrier.ready(session)

    def booted(self, session: Session) -> None:
        self.carrier.ready(session)
        self.carrier.booted(session)

    def lost(self, identity: str) -> None:
        self.carrier.lost(identity)

    def removed(self, identity: str) -> None:
        self.carrier.removed(identity)

    # -- what an operator says --------------------------------------------------------------------------
    async def begin(self, *, keep_keys: bool = False) -> View:
        """Make the new root beside the old one, rehearsed; no station hears of it.

        Raises `BadInput`, `RolloverInProgress`, and what `certificates.files.prepare` raises.
        """
        async with self._lock:
            if self._own_hierarchy:
                raise BadInput(self._own_hierarchy, "replace that root where it is made")
            if self._operation is not None:
                raise RolloverInProgress("a root is being replaced already")
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
                self._row = await self._store.begin_rollover(row)
                self._operation = operation

            await self._switch(phases.turn_of(operation), keep)
            await self._take_up()
            self._emit(RolloverMoved(phase=operation.phase, before="", detail=""))
        return await self.status()

    async def forward(
        self,
        *,
        to: Phase | None = None,
        exceptions: Sequence[str] = (),
        accept_missing: int = 0,
        confirmed: bool = False,
    ) -> View:
        """Into the next phase; raises `BadInput` with everybody who is in the way.

        *to* names it, so that who repeats a command whose answer was lost does not go one phase further.
        """
        async with self._lock:
            await self._read_again()
            operation = self._open()
            if to is not None and operation.phase is to:
                return await self.status()
            following = _allowed(phases.forward(operation))
            if to not in (None, following):
                raise BadInput(
                    f"from {operation.phase} the way leads to {following}, not to {to}",
                    "ocppsec ca rotate status",
                )
            if following in phases.ENDED:
                await self._end()
                return await self._ended_or_status()
            if following is Phase.WITHDRAW and not confirmed:
                raise BadInput(
                    "from withdraw there is no way back: the old root is taken out of the stations",
                    "say that it is meant: ocppsec ca rotate next --yes",
                )
            await self._aim()
            if following in phases.RELIES_ON_PROOF:
                await self.carrier.look_again(await self._standings.members())
            standings = await self._standings.all(self._open())
            unknown = sorted(set(exceptions) - {standing.identity for standing in standings})
            if unknown:
                raise BadInput(
                    f"{', '.join(unknown)[:200]}: no station that must trust us", "ocppsec ca rotate status"
                )
            let_behind = {*operation.exceptions, *exceptions}
            found = phases.obstacles(following, standings, let_behind)
            if len(found) > accept_missing:
                raise BadInput(in_the_way(following, found), ADVICE[following])
            let_behind |= {obstacle.identity for obstacle in found}
            operation = msgspec.structs.replace(operation, exceptions=tuple(sorted(let_behind)))
            detail = f"let behind: {', '.join(operation.exceptions)}" if let_behind else ""
            await self._enter(operation, following, detail=detail)
        return await self._ended_or_status()

    async def back(self) -> View:
        """Into the phase before; raises `BadInput` where there is no way back."""
        async with self._lock:
            await self._read_again()
            operation = self._open()
            await self._enter(operation, _allowed(phases.back(operation)), detail="back")
        return await self.status()

    async def abort(self) -> View:
        """Give it up: the new root is taken out of the stations, then thrown away; raises `BadInput`."""
        async with self._lock:
            await self._read_again()
            operation = self._open()
            following = _allowed(phases.abort(operation))
            operation = msgspec.structs.replace(operation, exceptions=())
            await self._enter(operation, following, detail="given up")
        return await self._ended_or_status()

    # -- how it stands ----------------------------------------------------------------------------------
    @property
    def phase(self) -> Phase | None:
        return None if self._operation is None else self._operation.phase

    async def status(self) -> View:
        """Raises `BadInput` when no root is being replaced."""
        operation, row = self._open(), self._row
        assert row is not None
        return view_of(
            row, operation, await self._standings.all(operation), self._serves().authority, self.carrier
        )

    # -- doing ------------------------------------------------------------------------------------------
    async def _enter(self, operation: Operation, phase: Phase, *, detail: str = "") -> None:
        """Rehearse what *phase* serves, keep that it has begun, then serve it.  Nothing has changed when it raises."""
        assert self._row is not None
        before = operation.phase
        entered = phases.enter(operation, phase, at=self._now().isoformat(), detail=detail)
        if phase in phases.LAST_ACTS:
            await self._keep(entered)
            self._emit(RolloverMoved(phase=phase, before=before, detail=detail))
            await self._end()
            return
        await self._switch(phases.turn_of(entered), lambda: self._keep(entered))
        self._emit(RolloverMoved(phase=phase, before=before, detail=detail))
        await self._aim()
        self.carrier.calm.set()

    async def _switch(self, turn: Turn, kept: Callable[[], Awaitable[None]]) -> None:
        with _told("nothing has changed"):
            await self._serves().switch(_loading(self._files, turn), kept)

    async def _keep(self, operation: Operation, *, ended: bool = False) -> None:
        assert self._row is not None
        self._row = await self._store.save_rollover(
            replace(
                self._row,
                phase=operation.phase,
                open=not ended,
                state=phases.encode_operation(operation),
                ended_at=self._now() if ended else None,
            )
        )
        self._operation = operation

    async def _end(self) -> None:
        """The last act, which may be repeated: what a kill or a full disk interrupts is done again."""
        last_act, files = await self._last_act(), self._files

        def load() -> AuthorityFiles:
            last_act()
            return files.load(None)

        with _told("it is tried again"):
            await self._serves().switch(load, self._ended)

    async def _last_act(self) -> Callable[[], None]:
        operation, files = self._open(), self._files
        if operation.phase is Phase.DISCARD:
            return lambda: files.set_aside(keep=False)
        until = await self._standings.last_end()
        return lambda: files.promote(until=until, keep_keys=operation.keep_keys)

    async def _ended(self) -> None:
        operation = self._open()
        following = _allowed(phases.forward(operation))
        await self._keep(phases.enter(operation, following, at=self._now().isoformat()), ended=True)
        self.carrier.drop_all()
        self._operation, self._row = None, None
        self._emit(RolloverMoved(phase=following, before=operation.phase, detail=""))

    async def _aim(self) -> None:
        if self._operation is not None:
            await self.carrier.aim(phases.goal_of(self._operation.phase), await self._standings.members())

    async def _renew(self, operation: Operation, standings: Sequence[Standing]) -> None:
        """Begin what the renewer then carries out; it bounds how many at once have work with it."""
        renews = self._renews()
        at_once = (
            self._renewed_in != operation.entered_at
        )  # a stuck one may find in a new phase what it lacked
        for standing in standings:
            if phases.must_renew(operation, standing) and (at_once or renews.open(standing.identity) is None):
                with contextlib.suppress(BadInput, NotRegistered):
                    await renews.renew(standing.identity)

    def _send_away(self, standings: Sequence[Standing]) -> None:
        """Who has not met the new root alone comes back and meets it; a few at a time."""
        sent, upgrading = 0, self._upgrading()
        for standing in standings:
            session = self._sessions.get(standing.identity)
            if standing.met or standing.identity in upgrading:
                continue
            if session is None or session.facts.tls_version is None:
                continue
            session.close(1000, "come back: the certificates of the CSMS have changed")
            sent += 1
            if sent >= self._settings.most_at_once:
                return

    async def _serve_both_ways(self) -> None:
        """M05.FR.15: a station that has replaced its root cannot move to another slot while the old one is served."""
        async with self._lock:
            operation = self._operation
            if operation is None or operation.phase is not Phase.DISTRIBUTE or operation.both_ways:
                return
            if self.carrier.somebody_shows(frozenset({Which.NEW})):
                crossed = msgspec.structs.replace(operation, both_ways=True)
                await self._switch(phases.turn_of(crossed), lambda: self._keep(crossed))

    def _open(self) -> Operation:
        if self._operation is None:
            raise BadInput("no root is being replaced", "begin with: ocppsec ca rotate begin")
        return self._operation

    async def _ended_or_status(self) -> View:
        if self._operation is not None:
            return await self.status()
        (row,) = await self._store.rollovers(limit=1)
        return view_of(row, phases.decode_operation(row.state), [], self._serves().authority, self.carrier)


def _allowed(found: Phase | Refused) -> Phase:
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
