"""What one workflow differs in from another, for the shell that carries them out (`ocppsec.csms.under_way`).

A conduct decides, saves and acts for one row at a time; it knows of no lock, timer or task.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from ocppsec.csms.session import Session
from ocppsec.ocppj.messages import Request
from ocppsec.upgrades import exchange


class Row(Protocol):
    @property
    def identity(self) -> str: ...
    @property
    def deadline(self) -> datetime | None: ...


AnyRow = TypeVar("AnyRow", bound=Row)
State = TypeVar("State")
Event = TypeVar("Event")
Effect = TypeVar("Effect")


@dataclass(slots=True)
class Running(Generic[AnyRow, State]):
    """An open row as this process holds it; the row is the truth."""

    row: AnyRow
    state: State
    errand: int = 0
    """Number of what is waited for: what comes of an earlier one has no meaning."""
    timer: asyncio.TimerHandle | None = None
    asked: tuple[int, Session] | None = None
    """Errand and session of a CALL that is under way."""
    at_work: int = 0
    """Errand that is no CALL and is under way."""

    @property
    def identity(self) -> str:
        return self.row.identity


class Conduct(Protocol[AnyRow, State, Event, Effect]):
    """What one workflow differs in from another.  Nothing here is called for a row twice at the same time."""

    doing: str
    """For who is told that the store was away."""

    def decode(self, row: AnyRow) -> State:
        """Raises `UnreadableState`."""

    async def read(self, running: Running[AnyRow, State] | None, identity: str) -> AnyRow | None:
        """The open row as it is kept; None when there is none."""

    async def give_up(self, row: AnyRow, reason: str) -> None:
        """It was written by another version, and cannot be read."""

    def decide(
        self, running: Running[AnyRow, State], event: Event | exchange.Event
    ) -> tuple[State, tuple[Effect, ...]]: ...

    async def again(
        self, running: Running[AnyRow, State], *, asked: bool
    ) -> tuple[State, tuple[Effect, ...]]:
        """How it goes on after a start of ours, or after the store was away; safe to repeat.

        *asked*: its errand is under way, a CALL on the connection that is there, and what comes of it will be fed.
        """

    async def save(
        self, running: Running[AnyRow, State], state: State, effects: tuple[Effect, ...], *, same_step: bool
    ) -> AnyRow:
        """Keep *state*, its deadline and what the effects have to keep with it."""

    def saved(self, running: Running[AnyRow, State], before: State, effects: tuple[Effect, ...]) -> None:
        """It was saved: tell it.  Who is over is not held any more."""

    def act(
        self, running: Running[AnyRow, State], effect: Effect
    ) -> Callable[[], Awaitable[Event | exchange.Event]] | None:
        """Carry out what is no CALL; an errand, when it takes a while and something comes of it."""

    def same_step(self, before: State, after: State) -> bool:
        """Whether the deadline that runs goes on running, and an answer that is waited for still counts."""

    def step_number(self, state: State) -> int | None:
        """Which the timer of a step is marked with."""

    def is_over(self, state: State) -> bool: ...

    def stands(self, identity: str, state: State | None) -> None:
        """It is held in this state from now on; None: it is not held any more."""

    def may_be_called(self, session: Session) -> bool: ...

    async def ask(self, session: Session, state: State, request: Request) -> exchange.Event:
        """Send one CALL and wait for what comes of it."""
