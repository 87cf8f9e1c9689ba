"""Takes roots into stations and out of them: what happens to stations is taken to their part of the rollover.

So many stations at once as the settings say have work with it; the others wait their turn.  Whatever was under way when
a connection or a process ended begins again with a look at what the station has, for that is the only proof.  How a part
is saved and done: `ocppsec.csms.root_conduct`, within the shell of `ocppsec.csms.under_way`.
"""

import asyncio
from collections.abc import Callable, Collection, Container
from dataclasses import dataclass, field, replace
from datetime import datetime

from ocppsec.csms.root_conduct import RootConduct, Turns
from ocppsec.csms.session import Session
from ocppsec.csms.trust import TrustBook
from ocppsec.csms.under_way import UnderWay
from ocppsec.events import Emit
from ocppsec.registry.records import RolloverStation
from ocppsec.registry.store import Store
from ocppsec.upgrades import exchange
from ocppsec.upgrades.rollover import station as workflow
from ocppsec.upgrades.rollover.roots import Roots, Which
from ocppsec.upgrades.rollover.station import (
    Effect,
    Event,
    Goal,
    LookAgain,
    NewGoal,
    Ready,
    Settled,
    State,
    Stuck,
    Terms,
)
from ocppsec.upgrades.states import UnreadableState


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloverSettings:
    terms: Terms = field(default_factory=Terms)
    check_seconds: float = 10.0
    """How often it is looked who has come to it, and whether a phase has ended."""
    most_at_once: int = 20
    """Stations that are called, or sent away, at the same time."""
    proof_seconds: float = 60.0
    """How long the stations have to show once more what they have, before something relies on it."""
    return_seconds: float = 5.0
    """How long one of these that hangs up meanwhile has to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How it stands with one station."""

    step: str
    shows: frozenset[Which] | None
    believed: frozenset[Which] | None
    """What it listed last, also while that is in doubt."""
    stuck: str
    """Why; empty when it is not."""
    settled: bool
    met_at: datetime | None
    goal: Goal


class RootCarrier:
    def __init__(
        self,
        store: Store,
        session_of: Callable[[str], Session | None],
        book: TrustBook,
        upgrading: Callable[[], Container[str]],
        *,
        settings: RolloverSettings,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._session_of = session_of
        self._upgrading = upgrading
        self._settings = settings
        self._rollover = ""
        self._turns = Turns(settings.most_at_once)
        self._conduct = RootConduct(
            store,
            book,
            self._turns,
            message_timeout=settings.terms.message,
            may_be_called=self._may_be_called,
            settled=self._has_settled,
            emit=emit,
            now=now,
        )
        self._under_way = UnderWay[RolloverStation, State, Event, Effect](
            self._conduct, session_of, emit=emit, now=now
        )
        self._dismissed: dict[str, Session] = {}
        """Connections of stations that were removed, while they last."""
        self.calm = asyncio.Event()
        """The last station that had work with it has none any more; cleared by who has seen it."""

    # -- life -------------------------------------------------------------------------------------------
    async def take_up(self, rollover: str, roots: Roots) -> None:
        """A rollover has begun, or was found open at the start."""
        self.drop_all()
        self._rollover, self._conduct.roots = rollover, roots
        for row in await self._store.rollover_stations(rollover):
            try:
                self._under_way.hold(row, self._conduct.decode(row))
            except UnreadableState as error:
                await self._conduct.give_up(row, str(error))

    def drop_all(self) -> None:
        for running in self._under_way:
            self.forget(running.identity)
        self._rollover, self._conduct.roots = "", None

    async def stop(self) -> None:
        """May be called twice."""
        await self._under_way.stop()

    async def aim(self, goal: Goal | None, members: Collection[str]) -> None:
        """From now on these stations, and no others, are to come to *goal*; None leaves them as they are."""
        for identity in self._under_way.identities.difference(members):
            self.forget(identity)
        if goal is None or not self._rollover:
            return
        for identity in members:
            if identity not in self._under_way:
                row = RolloverStation(
                    rollover=self._rollover, identity=identity, step="", reason="", state=""
                )
                self._under_way.hold(row, workflow.begin(goal, self._settings.terms))
            await self._under_way.feed_now(identity, NewGoal(goal))
        self.wake()

    # -- what is known ----------------------------------------------------------------------------------
    def part(self, identity: str) -> Part | None:
        running = self._under_way.get(identity)
        if running is None:
            return None
        state = running.state
        shows, believed = state.course.shows, state.course.believed
        return Part(
            step=workflow.describe(state),
            shows=None if shows is None else frozenset(shows),
            believed=None if believed is None else frozenset(believed),
            stuck=state.reason if isinstance(state, Stuck) else "",
            settled=isinstance(state, Settled),
            met_at=running.row.met_at,
            goal=state.course.goal,
        )

    def somebody_shows(self, roots: frozenset[Which]) -> bool:
        """True when some station has these of the two and no other."""
        shown = (running.state.course.shows for running in self._under_way)
        return any(shows is not None and frozenset(shows) == roots for shows in shown)

    # -- what happens to stations -----------------------------------------------------------------------
    def connected(self, session: Session) -> None:
        """Admitted; its handshake took what we serve."""
        if session.identity in self._under_way and session.facts.tls_version is not None:
            self._under_way.spawn(self._met(session.identity, session.facts.since))

    def ready(self, session: Session) -> None:
        """The station can be called."""
        if session.identity in self._under_way:
            self._under_way.spawn(self._resume(session.identity))

    def booted(self, session: Session) -> None:
        """What it had before it may have lost: somebody may have set it back, or put another controller in."""
        if session.identity in self._under_way:
            self._under_way.spawn(self._doubt(session.identity))

    def removed(self, identity: str) -> None:
        """Its connection may last a moment longer; what is said there proves nothing for who comes in its place."""
        session = self._session_of(identity)
        if session is not None:
            self._dismissed[identity] = session
        self.forget(identity)

    def lost(self, identity: str) -> None:
        self._dismissed.pop(identity, None)
        self._conduct.changed.set()
        self._under_way.feed(identity, exchange.LinkLost())

    def forget(self, identity: str) -> None:
        self._under_way.forget(identity)

    async def look_again(self, identities: Collection[str]) -> None:
        """Ask those that are there once more, and wait for what they say; not for longer than the settings allow."""
        upgrading = self._upgrading()
        asked = [
            identity
            for identity in identities
            if identity in self._under_way and self._can_be_called(identity) and identity not in upgrading
        ]
        for identity in asked:
            await self._under_way.feed_now(identity, LookAgain())
        await self.settle(asked)

    async def settle(self, identities: Collection[str]) -> None:
        """Wait until nothing is under way with these; not for longer than the settings allow."""
        self.wake()
        try:
            async with asyncio.timeout(self._settings.proof_seconds):
                while unproven := [identity for identity in identities if self._is_unproven(identity)]:
                    self._conduct.changed.clear()
                    there = any(self._can_be_called(identity) for identity in unproven)
                    async with asyncio.timeout(None if there else self._settings.return_seconds):
                        await self._conduct.changed.wait()
        except TimeoutError:
            return

    def _is_unproven(self, identity: str) -> bool:
        running = self._under_way.get(identity)
        return running is not None and not isinstance(running.state, Settled | Stuck)

    # -- whose turn it is -------------------------------------------------------------------------------
    def wake(self) -> None:
        """Let those that wait go on, as many as there is room for."""
        upgrading = self._upgrading()  # its root is the upgrade's business until that has ended
        for identity in self._turns.given(
            lambda identity: self._can_be_called(identity) and identity not in upgrading
        ):
            self._under_way.spawn(self._begin(identity))

    async def _begin(self, identity: str) -> None:
        await self._under_way.feed_now(identity, Ready())
        running = self._under_way.get(identity)
        if running is not None:
            self._turns.stands(identity, running.state)

    def _has_settled(self) -> None:
        self.wake()  # there is room for one more
        if self._turns.nobody_is_at_work:
            self.calm.set()

    def _can_be_called(self, identity: str) -> bool:
        session = self._session_of(identity)
        return session is not None and session.link is not None and self._may_be_called(session)

    def _may_be_called(self, session: Session) -> bool:
        return session.accepted and session is not self._dismissed.get(session.identity)

    # -- going on ---------------------------------------------------------------------------------------
    async def _doubt(self, identity: str) -> None:
        await self._under_way.feed_now(identity, LookAgain())
        self.wake()

    async def _resume(self, identity: str) -> None:
        await self._under_way.go_on(identity, lambda running: (workflow.resume(running.state), ()))
        self.wake()

    async def _met(self, identity: str, at: datetime) -> None:
        async with self._under_way.alone(identity):
            running = self._under_way.get(identity)
            if running is not None:
                # A handshake has shown it, kept or not: the next save keeps it as well.
                running.row = replace(running.row, met_at=at, state=workflow.encode_state(running.state))
                with self._under_way.doubted(identity):
                    await self._store.save_rollover_station(running.row)
