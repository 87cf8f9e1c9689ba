"""``ocppsec sim run``: one simulated station, told as it happens."""

import asyncio
import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import printable
from ocppsec.cli.serve import new_loop
from ocppsec.cli.signals import end_on_signals
from ocppsec.cli.station import read_password
from ocppsec.station.config import StationConfig
from ocppsec.station.happenings import Happening
from ocppsec.station.memory import FileMemory, MemoryDamaged
from ocppsec.station.station import Station


def run(
    *,
    url: str,
    identity: str,
    serial: str | None,
    password_file: Path,
    roots: list[Path],
    as_json: bool,
    state: Path | None,
) -> None:
    config = StationConfig(
        identity=identity,
        serial_number=serial or identity,
        url=url.rstrip("/"),
        password=read_password(password_file, from_stdin=False),
        roots=tuple(_pem_in(root) for root in roots),
    )
    os.umask(0o077)  # whatever this process writes is its own
    directory = state.expanduser() if state else default_directory(identity)
    with asyncio.Runner(loop_factory=partial(new_loop, "uvloop")) as runner:
        runner.run(_run(config, directory, told_as_json if as_json else told_in_words))


async def _run(config: StationConfig, directory: Path, observe: Callable[[Happening], None]) -> None:
    told_to_end = end_on_signals()
    try:
        memory = FileMemory(directory)
        station = Station(
            config, memory, clock=lambda: datetime.now(UTC), random=random.random, observe=observe
        )
    except (MemoryDamaged, OSError) as error:
        raise Failure(
            f"the station cannot use {directory}", why=str(error), code=ExitCode.NOT_ALLOWED
        ) from error
    async with asyncio.TaskGroup() as group:
        group.create_task(station.run())
        await told_to_end.wait()
        station.stop()


def told_as_json(happening: Happening) -> None:
    print(json.dumps({"happening": type(happening).__name__, **asdict(happening)}, default=str), flush=True)


def told_in_words(happening: Happening) -> None:
    facts = " ".join(f"{name}={value}" for name, value in asdict(happening).items())
    print(printable(f"{datetime.now(UTC):%H:%M:%S}  {type(happening).__name__:<20} {facts}"), flush=True)


def default_directory(identity: str) -> Path:
    """One for each station; whatever else its identity is, it is one plain file name here."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    name = "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in identity)
    return Path(base).expanduser() / "ocppsec-sim" / name


def _pem_in(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read as PEM", why=str(error), code=ExitCode.USAGE) from error
