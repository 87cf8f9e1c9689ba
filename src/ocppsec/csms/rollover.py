"""The replacement of the CSMS root as an operation: from phase to phase at the operator's word, and back.

Whose CA signs, what stations are to have and who is in the way follow from the phase (`ocppsec.csms.rollover_phase`) and
from what the stations show.
"""

import asyncio
import contextlib
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec.structs

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Generation, Turn
from ocppsec.csms.errors import BadInput
from ocppsec.csms.rollover_phase import Files, KeptPhase, Serves, allowed
from ocppsec.csms.rollover_standings import Standings
from ocppsec.csms.rollover_view import ADVICE, View, in_the_way, roots_of, view_of
from ocppsec.csms.root_carrier import RolloverSettings, RootCarrier
from ocppsec.csms.session import Session
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.trust import TrustBook
from ocppsec.events import Emit, ServerCertificatesRefused, StoreUnavailable
from ocppsec.registry.records import Renewal
from ocppsec.registry.store import NotRegistered, RegistryError, RolloverInProgress, Store
from ocppsec.registry.store import StoreUnavailable as StoreIsAway
from ocppsec.upgrades.rollover import phases
from ocppsec.upgrades.rollover.phases import Operation, Phase, Standing
from ocppsec.upgrades.rollover.roots import Which


class Renews(Protocol):
    def open(self, identity: str) -> Renewal | None: ...
    async def renew(self, identity: str) -> Renewal: ...


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
        self._serves = serves
        self._renews = renews
        self._settings = settings
        self._own_hierarchy = own_hierarchy
        self._emit = emit
        self._upgrading = upgrading
        self.carrier = RootCarrier(
            store, sessions.get, book, upgrading, settings=settings, emit=emit, now=now
        )
        self._standings = Standings(
            store, sessions, self.carrier, upgrading, lambda: serves().authority, now=now
        )
        self._kept = KeptPhase(
            store,
            files,
            serves,
            last_end=self._standings.last_end,
            ended=self.carrier.drop_all,
            emit=emit,
            now=now,
        )
        self._renewed_in = ""
        """When the phase began in which certificates were last seen to."""
        self._lock = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    @property
    def phase(self) -> Phase | None:
        return None if self._kept.operation is None else self._kept.operation.phase

    @property
    def turn(self) -> Turn | None:
        """What is used of the coming hierarchy; None when no root follows another."""
        return self._kept.turn

    # -- life -------------------------------------------------------------------------------------------
    async def load(self) -> AuthorityFiles:
        """Read where it stands, finish an end that was interrupted, and give what is to be served."""
        return await self._kept.load()

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
        if self._kept.row is not None and self._kept.operation is not None and authority.coming is not None:
            await self.carrier.take_up(self._kept.row.id, roots_of(authority.present, authority.coming))
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
        operation = self._kept.operation
        if operation is None:
            return
        if operation.phase in phases.LAST_ACTS:
            async with self._lock:
                await self._kept.end()
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
        following = allowed(phases.forward(operation))
        standings = await self._standings.all(operation, explained=False)
        if self._kept.operation is operation and not phases.obstacles(
            following, standings, operation.exceptions
        ):
            await self._enter(operation, following, detail="nobody is in the way")

    # -- what follows from the phase --------------------------------------------------------------------
    def generation_for(self, identity: str) -> Generation:
        """Under which root a station gets its certificate, and which root an upgrade installs."""
        authority = self._serves().authority
        if self._kept.operation is None:
            return authority.present
        part = self.carrier.part(identity)
        under = phases.issues_under(self._kept.operation, identity, None if part is None else part.believed)
        return authority.generation(coming=under is Which.NEW)

    async def settle(self, identity: str) -> None:
        """Let its part come to an end before an upgrade is planned by the roots it has, if it is there."""
        if self._kept.operation is None or phases.goal_of(self._kept.operation.phase) is None:
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
            await self._read_again()
            if self._kept.operation is not None:
                raise RolloverInProgress("a root is being replaced already")
            with self._looked_after():
                await self._kept.prepare(keep_keys=keep_keys)
            await self._take_up()
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
            operation = self._kept.open()
            if to is not None and operation.phase is to:
                return await self.status()
            following = allowed(phases.forward(operation))
            if to not in (None, following):
                raise BadInput(
                    f"from {operation.phase} the way leads to {following}, not to {to}",
                    "ocppsec ca rotate status",
                )
            if following in phases.ENDED:
                await self._kept.end()
                return await self._ended_or_status()
            if following is Phase.WITHDRAW and not confirmed:
                raise BadInput(
                    "from withdraw there is no way back: the old root is taken out of the stations",
                    "say that it is meant: ocppsec ca rotate next --yes",
                )
            await self._aim()
            if following in phases.RELIES_ON_PROOF:
                await self.carrier.look_again(await self._standings.members())
            standings = await self._standings.all(self._kept.open())
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
            operation = self._kept.open()
            await self._enter(operation, allowed(phases.back(operation)), detail="back")
        return await self.status()

    async def abort(self) -> View:
        """Give it up: the new root is taken out of the stations, then thrown away; raises `BadInput`."""
        async with self._lock:
            await self._read_again()
            operation = self._kept.open()
            following = allowed(phases.abort(operation))
            operation = msgspec.structs.replace(operation, exceptions=())
            await self._enter(operation, following, detail="given up")
        return await self._ended_or_status()

    # -- how it stands ----------------------------------------------------------------------------------
    async def status(self) -> View:
        """Raises `BadInput` when no root is being replaced."""
        operation, row = self._kept.open(), self._kept.row
        assert row is not None
        return view_of(
            row, operation, await self._standings.all(operation), self._serves().authority, self.carrier
        )

    # -- doing ------------------------------------------------------------------------------------------
    async def _enter(self, operation: Operation, phase: Phase, *, detail: str = "") -> None:
        """Nothing has changed when it raises."""
        with self._looked_after():
            await self._kept.enter(operation, phase, detail=detail)
        if self._kept.operation is not None:
            await self._aim()
            self.carrier.calm.set()

    async def _read_again(self) -> None:
        if await self._kept.read_again():
            await self._take_up()

    @contextlib.contextmanager
    def _looked_after(self) -> Iterator[None]:
        """A store that fails may have kept it: that is looked at as soon as it answers."""
        try:
            yield
        except StoreIsAway:
            self.carrier.calm.set()
            raise

    async def _aim(self) -> None:
        if self._kept.operation is not None:
            await self.carrier.aim(
                phases.goal_of(self._kept.operation.phase), await self._standings.members()
            )

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
            operation = self._kept.operation
            if operation is None or operation.phase is not Phase.DISTRIBUTE or operation.both_ways:
                return
            if self.carrier.somebody_shows(frozenset({Which.NEW})):
                await self._kept.serve_both_ways()

    async def _ended_or_status(self) -> View:
        if self._kept.operation is not None:
            return await self.status()
        (row,) = await self._store.rollovers(limit=1)
        return view_of(row, phases.decode_operation(row.state), [], self._serves().authority, self.carrier)
