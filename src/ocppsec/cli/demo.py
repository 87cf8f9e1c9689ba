"""``ocppsec demo``: the whole story in one process, over real sockets.

A CSMS with its API on free ports; simulated stations that start on profile 1 and are upgraded to 3; then somebody
who knows the right password of one of them and tries profiles 1 and 2.  What is told is what happened: steps come
from the CSMS's own events, refusals from the stranger's side of the wire.
"""

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TextIO

from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.serve import Served, new_loop, served
from ocppsec.cli.settings import Settings
from ocppsec.cli.signals import end_on_signals
from ocppsec.cli.story import Attempted, JsonStory, Ride, SpokenStory, Story
from ocppsec.events import Event, UpgradeEnded, UpgradeStepped
from ocppsec.station.config import StationConfig
from ocppsec.station.happenings import Answered, Connected, ConnectFailed, Happening, Refused
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station

AT_ONCE = 4
"""Upgrades under way at the same time."""
PACE = 0.1
"""The stations' clockwork runs ten times as fast: a reboot takes half a second."""
PATIENCE = 60.0
SETTINGS = Settings.model_validate(
    {
        "csms": {"ws_port": 0, "wss_port": 0, "mtls_port": 0},
        "api": {"port": 0},
        "log": {"format": "json"},
    }
)


@dataclass(slots=True, kw_only=True)
class Climber:
    """A station on its way up."""

    identity: str
    password: str = field(repr=False)
    station: Station


def run_demo(*, stations: int, once: bool, as_json: bool, state: Path | None) -> None:
    story: Story = JsonStory() if as_json else SpokenStory()
    os.umask(0o077)  # whatever this process writes is its own
    directory = _directory(state)
    try:
        with (
            (directory / "demo.log").open("w", encoding="utf-8") as log,
            asyncio.Runner(loop_factory=partial(new_loop, SETTINGS.csms.loop)) as runner,
        ):
            good = runner.run(_demo(directory, log, story, stations=stations, once=once))
    finally:
        if state is None:
            shutil.rmtree(directory, ignore_errors=True)
    if not good:
        raise Failure("the demonstration did not go as it should", why="see what is told above")


def _directory(state: Path | None) -> Path:
    """A new one: the demonstration never plays with anybody's stations."""
    if state is None:
        return Path(tempfile.mkdtemp(prefix="ocppsec-demo-"))
    directory = state.expanduser().absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Failure(
            f"{directory} is {'not empty' if directory.is_dir() else 'a file'}",
            next="name a new directory, or leave --state out",
            code=ExitCode.USAGE,
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory


async def _demo(directory: Path, log: TextIO, story: Story, *, stations: int, once: bool) -> bool:
    """True when the story ended as it should; cut short with *once*, it did not."""
    told_to_end = end_on_signals()
    async with served(SETTINGS, directory, log=log) as running, asyncio.TaskGroup() as group:
        telling = group.create_task(_tell(running, story, stations, once=once))
        ending = group.create_task(told_to_end.wait())
        await asyncio.wait({telling, ending}, return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            ending.cancel()
            return telling.result()
        telling.cancel()
        return not once


async def _tell(running: Served, story: Story, count: int, *, once: bool) -> bool:
    story.opens(running.door_urls(), running.csms.authority.root_sha256, count)
    async with _stations(running, story, count) as climbers:
        story.all_there(climbers[0].identity, count)
        rides = await _upgrade_all(running, story, climbers)
        attempts = await _downgrades(running, story, climbers[0])
        story.explained(await running.csms.why(climbers[0].identity))
        good = all(ride.good for ride in rides) and all(one.refused for one in attempts)
        story.ends(rides, attempts, good=good)
        if not once:
            story.stays(running.api_url, running.directory, climbers[0].identity)
            await asyncio.Event().wait()
    return good


# -- the stations -------------------------------------------------------------------------------------------
@asynccontextmanager
async def _stations(running: Served, story: Story, count: int) -> AsyncIterator[list[Climber]]:
    """Registered, connected and booted on profile 1; stopped at the end."""
    climbers = [await _enlist(running, story, number) for number in range(1, count + 1)]
    async with asyncio.TaskGroup() as group:
        for climber in climbers:
            group.create_task(climber.station.run(), name=climber.identity)
        try:
            await _all_accepted(climbers)
            yield climbers
        finally:
            for climber in climbers:
                climber.station.stop()


async def _all_accepted(climbers: list[Climber]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            for climber in climbers:
                await climber.station.until(lambda station: station.accepted, timeout=PATIENCE)
    except TimeoutError as error:
        raise Failure(
            f"the stations did not all boot within {PATIENCE:g} s", why="is this machine busy?"
        ) from error


async def _enlist(running: Served, story: Story, number: int) -> Climber:
    identity = f"CS{number:03}"
    added = await running.csms.add_station(identity, serial_number=f"SN-{number:06}", profile=1)
    assert added.generated_password is not None  # profile 1, and none was given
    config = StationConfig(
        identity=identity,
        serial_number=added.station.serial_number,
        url=running.door_urls()["1"],
        password=added.generated_password,
        pace=PACE,
    )
    observe = partial(_overheard, story) if number == 1 else lambda _happening: None
    station = Station(config, PassingMemory(), clock=_now, random=random.random, observe=observe)
    return Climber(identity=identity, password=added.generated_password, station=station)


def _overheard(story: Story, happening: Happening) -> None:
    """What the first station says of itself."""
    match happening:
        case Answered(action=action, status=status):
            story.station_answered(action, status)
        case Connected(profile=profile):
            story.station_connected(profile)
        case _:
            pass


def _now() -> datetime:
    return datetime.now(UTC)


# -- the way up ---------------------------------------------------------------------------------------------
async def _upgrade_all(running: Served, story: Story, climbers: list[Climber]) -> list[Ride]:
    """The first alone, told in full; the others a few at a time."""
    first, *others = climbers
    rides = [await _upgrade(running, story, first, in_full=True)]
    story.first_done(rides[0], len(others))
    turn = asyncio.Semaphore(AT_ONCE)

    async def in_turn(climber: Climber) -> Ride:
        async with turn:
            ride = await _upgrade(running, story, climber, in_full=False)
        story.another_done(ride)
        return ride

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_turn(climber)) for climber in others]
    return rides + [task.result() for task in tasks]


async def _upgrade(running: Served, story: Story, climber: Climber, *, in_full: bool) -> Ride:
    ended: asyncio.Future[UpgradeEnded] = asyncio.get_running_loop().create_future()

    def watch(event: Event) -> None:
        match event:
            case UpgradeStepped(identity=climber.identity, step=step, detail=detail) if in_full:
                story.stepped(step, detail)
            case UpgradeEnded(identity=climber.identity) if not ended.done():
                ended.set_result(event)
            case _:
                pass

    began = time.monotonic()
    with running.observer.listening(watch):
        await running.csms.begin_upgrade(climber.identity, 3)
        try:
            async with asyncio.timeout(PATIENCE):
                reason = (await ended).reason
        except TimeoutError:
            reason = f"not done after {PATIENCE:g} s"
    station = await running.csms.store.station(climber.identity)
    assert station is not None  # registered above
    return Ride(
        identity=climber.identity,
        floor=int(station.floor),
        observed=None if station.observed is None else int(station.observed),
        connected=climber.station.connected and climber.station.profile == 3,
        seconds=time.monotonic() - began,
        reason=reason,
    )


# -- the way down -------------------------------------------------------------------------------------------
async def _downgrades(running: Served, story: Story, climber: Climber) -> list[Attempted]:
    """Somebody with the station's identity and its right password tries what the station has left behind."""
    story.downgrade_begins(climber.identity)
    attempts = []
    for profile in (1, 2):
        attempt = await _intrude(running, climber, profile)
        story.downgrade_tried(attempt)
        attempts.append(attempt)
    return attempts


async def _intrude(running: Served, climber: Climber, profile: int) -> Attempted:
    answered: asyncio.Future[Happening] = asyncio.get_running_loop().create_future()

    def observe(happening: Happening) -> None:
        if isinstance(happening, Refused | Connected | ConnectFailed) and not answered.done():
            answered.set_result(happening)

    config = StationConfig(
        identity=climber.identity,
        serial_number=climber.station.config.serial_number,
        url=running.door_urls()[str(profile)],
        password=climber.password,
        roots=(running.csms.authority.root_pem,),
        pace=PACE,
    )
    stranger = Station(config, PassingMemory(), clock=_now, random=random.random, observe=observe)
    async with asyncio.TaskGroup() as group:
        group.create_task(stranger.run())
        async with asyncio.timeout(PATIENCE):
            happening = await answered
        stranger.stop()
    match happening:
        case Refused(status=status, body=body):
            return Attempted(profile=profile, refused=True, status=status, said=body)
        case _:
            return Attempted(profile=profile, refused=False, status=None, said=type(happening).__name__)
