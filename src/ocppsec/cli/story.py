"""How the demonstration is told: in words for people, as JSON lines for programs."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ocppsec.csms.explain import Explanation


@dataclass(frozen=True, slots=True, kw_only=True)
class Ride:
    """One station's way up, as it ended."""

    identity: str
    floor: int
    observed: int | None
    connected: bool
    """Connected on profile 3 right now."""
    seconds: float
    reason: str
    """Why it failed; empty otherwise."""

    @property
    def good(self) -> bool:
        return self.floor == 3 and self.observed == 3 and self.connected


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One attempt to get in lower, as the wire answered it."""

    profile: int
    refused: bool
    status: int | None
    said: str


class Story(Protocol):
    def opens(self, doors: Mapping[str, str], root_sha256: str, stations: int) -> None: ...
    def all_there(self, first: str, stations: int) -> None: ...
    def stepped(self, step: str, detail: str) -> None: ...
    def station_answered(self, action: str, status: str) -> None: ...
    def station_connected(self, profile: int) -> None: ...
    def first_done(self, ride: Ride, others: int) -> None: ...
    def another_done(self, ride: Ride) -> None: ...
    def downgrade_begins(self, identity: str) -> None: ...
    def downgrade_tried(self, attempt: Attempted) -> None: ...
    def explained(self, explanation: Explanation) -> None: ...
    def ends(self, rides: Sequence[Ride], attempts: Sequence[Attempted], *, good: bool) -> None: ...
    def stays(self, api: str, state: Path, identity: str) -> None: ...


class JsonStory:
    """One JSON object a line."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def _line(self, event: str, **facts: Any) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        print(json.dumps({"event": event, "at": seconds, **facts}), flush=True)

    def opens(self, doors: Mapping[str, str], root_sha256: str, stations: int) -> None:
        self._line("ready", doors=dict(doors), root_sha256=root_sha256, stations=stations)

    def all_there(self, first: str, stations: int) -> None:
        self._line("stations-connected", profile=1, stations=stations, told_in_full=first)

    def stepped(self, step: str, detail: str) -> None:
        self._line("upgrade-stepped", step=step, detail=detail)

    def station_answered(self, action: str, status: str) -> None:
        self._line("station-answered", action=action, status=status)

    def station_connected(self, profile: int) -> None:
        self._line("station-connected", profile=profile)

    def first_done(self, ride: Ride, others: int) -> None:
        self._line("upgrade-ended", good=ride.good, left=others, **asdict(ride))

    def another_done(self, ride: Ride) -> None:
        self._line("upgrade-ended", good=ride.good, **asdict(ride))

    def downgrade_begins(self, identity: str) -> None:
        self._line("downgrade-begins", identity=identity)

    def downgrade_tried(self, attempt: Attempted) -> None:
        self._line("downgrade-tried", **asdict(attempt))

    def explained(self, explanation: Explanation) -> None:
        self._line(
            "why", identity=explanation.identity, summary=explanation.summary, advice=explanation.advice
        )

    def ends(self, rides: Sequence[Ride], attempts: Sequence[Attempted], *, good: bool) -> None:
        self._line(
            "demo-ended",
            ok=good,
            stations=len(rides),
            on_profile_3=sum(ride.good for ride in rides),
            downgrades_refused=sum(attempt.refused for attempt in attempts),
        )

    def stays(self, api: str, state: Path, identity: str) -> None:
        self._line("staying", api=api, state=str(state), identity=identity)


class SpokenStory:
    """Words, a progress bar on a terminal, and a table at the end."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self._out = Console(highlight=False, width=None if terminal else 160)
        self._began = time.monotonic()
        self._progress: Progress | None = None
        self._bar = Progress(
            TextColumn("  stations on profile 3"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=self._out,
        )  # fmt: skip
        self._bar_shows = terminal

    def _say(self, text: str = "") -> None:
        self._out.print(text)

    def _chapter(self, text: str) -> None:
        self._say()
        self._say(f"[bold]{escape(text)}[/bold]")

    def _clock(self) -> str:
        return f"[dim]{time.monotonic() - self._began:6.2f} s[/dim]"

    def opens(self, doors: Mapping[str, str], root_sha256: str, stations: int) -> None:
        self._say(
            f"[bold]A CSMS with its own certificate authority, and {stations} stations, on this machine:[/bold]"
        )
        for profile, url in doors.items():
            self._say(f"  security profile {profile}  {escape(url)}/<identity>")
        self._say(f"  root certificate    sha-256 {root_sha256}")

    def all_there(self, first: str, stations: int) -> None:
        self._chapter(f"{stations} stations are registered, and have connected and booted on profile 1.")
        self._say(f"{escape(first)} goes first, step by step, to profile 3:")

    def stepped(self, step: str, detail: str) -> None:
        self._say(f"{self._clock()}  CSMS     {escape(step)}{escape(f': {detail}') if detail else ''}")

    def station_answered(self, action: str, status: str) -> None:
        self._say(f"{self._clock()}  station  [cyan]{escape(action)}: {escape(status)}[/cyan]")

    def station_connected(self, profile: int) -> None:
        self._say(f"{self._clock()}  station  [green]connected on security profile {profile}[/green]")

    def first_done(self, ride: Ride, others: int) -> None:
        self.another_done(ride)
        if others:
            self._chapter(f"The other {others} follow, a few at a time:")
            if self._bar_shows:
                self._bar.add_task("up", total=others)
                self._bar.start()

    def another_done(self, ride: Ride) -> None:
        verdict = (
            "[green]is on profile 3[/green]" if ride.good else f"[red]failed: {escape(ride.reason)}[/red]"
        )
        self._say(f"{self._clock()}  {escape(ride.identity)} {verdict} after {ride.seconds:.2f} s")
        for task in self._bar.task_ids:
            self._bar.advance(task)

    def downgrade_begins(self, identity: str) -> None:
        self._bar.stop()
        self._chapter(
            f"Now somebody comes as {identity}, with its right password, on what it has left behind:"
        )

    def downgrade_tried(self, attempt: Attempted) -> None:
        verdict = "[green]refused[/green]" if attempt.refused else "[red]NOT refused[/red]"
        self._say(f"{self._clock()}  profile {attempt.profile}: {verdict}, HTTP {attempt.status}")
        self._say(f"            {escape(attempt.said.strip())}")

    def explained(self, explanation: Explanation) -> None:
        self._chapter(f"ocppsec station why {explanation.identity}")
        self._say(f"  {escape(explanation.summary)}")
        for attempt in explanation.attempts[:2]:
            self._say(f"  {attempt.outcome}, {escape(attempt.reason)} at door {escape(attempt.door)}")
            facts = Table.grid(padding=(0, 2))
            for name in ("presented", "expected", "advice"):
                facts.add_row(f"    {name}", escape(getattr(attempt, name)))
            self._out.print(facts)

    def ends(self, rides: Sequence[Ride], attempts: Sequence[Attempted], *, good: bool) -> None:
        self._say()
        table = Table("station", "profile", "floor", "seconds", "result", box=None, header_style="bold")
        for ride in rides:
            table.add_row(
                escape(ride.identity), str(ride.observed), str(ride.floor), f"{ride.seconds:.2f}",
                "done" if ride.good else escape(ride.reason) or "not there",
            )  # fmt: skip
        self._out.print(table)
        up = sum(ride.good for ride in rides)
        down = sum(attempt.refused for attempt in attempts)
        self._say()
        colour = "green" if good else "red"
        self._say(
            f"[bold {colour}]{up} of {len(rides)} stations are on profile 3; {down} of {len(attempts)} downgrades"
            f" were refused; {time.monotonic() - self._began:.1f} s in all.[/bold {colour}]"
        )

    def stays(self, api: str, state: Path, identity: str) -> None:
        self._chapter("It stays up until Ctrl-C. In another terminal:")
        self._say(f"  export OCPPSEC_STATE={escape(str(state))}")
        report = '{"requestId": 1, "reportBase": "SummaryInventory"}'
        call = f"call {identity} GetBaseReport '{report}'"
        for command in ("list", f"show {identity}", f"why {identity}", call):
            self._say(f"  ocppsec station {escape(command)}")
        self._say(f"  API: {escape(api)}/api/v1, logs: {escape(str(state))}/demo.log")
