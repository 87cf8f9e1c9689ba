"""``ocppsec sim run``: one simulated station, told as it happens; ``sim manners``: how it may misbehave."""

import asyncio
import json
import os
import random
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from ocppsec.cli.failure import ExitCode, Failure, unreadable
from ocppsec.cli.output import print_json, print_table, printable
from ocppsec.cli.serve import new_loop
from ocppsec.cli.signals import end_on_signals
from ocppsec.cli.station import read_password
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.conduct import Conduct
from ocppsec.station.config import Edition, FactoryCertificate, StationConfig, Traits
from ocppsec.station.happenings import Happening
from ocppsec.station.manners import MANNERS, Kind, UnknownManner, with_manners
from ocppsec.station.memory import FileMemory, MemoryDamaged


def run(
    *,
    url: str,
    identity: str,
    serial: str | None,
    password_file: Path | None,
    certificate: Path | None,
    profile: int | None,
    roots: list[Path],
    organization: str,
    edition: str,
    manners: list[str],
    as_json: bool,
    state: Path | None,
) -> None:
    config = StationConfig(
        identity=identity,
        serial_number=serial or identity,
        url=csms_url(url),
        password=read_password(password_file, from_stdin=False),
        roots=tuple(pem_in(root) for root in roots),
        certificate=None if certificate is None else factory_certificate(certificate),
        profile=None if profile is None else SecurityProfile(profile),
        traits=traits_of(organization, edition),
    )
    try:
        conduct = with_manners(Conduct(config=config, clock=lambda: datetime.now(UTC)), manners)
    except UnknownManner as error:
        raise Failure(str(error), next="ocppsec sim manners lists them", code=ExitCode.USAGE) from error
    os.umask(0o077)  # whatever this process writes is its own
    directory = state.expanduser() if state else default_directory(identity)
    with asyncio.Runner(loop_factory=partial(new_loop, "uvloop")) as runner:
        runner.run(_run(conduct, directory, told_as_json if as_json else told_in_words))


async def _run(conduct: Conduct, directory: Path, observe: Callable[[Happening], None]) -> None:
    told_to_end = end_on_signals()
    try:
        station = conduct.station(FileMemory(directory), random=random.random, observe=observe)
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


def show_manners(*, as_json: bool) -> None:
    if as_json:
        print_json(
            {"manners": [{"name": one.name, "kind": one.kind, "says": one.says} for one in MANNERS.values()]}
        )
        return
    for kind in Kind:
        print_table(
            [kind.upper(), ""], [(one.name, one.says) for one in MANNERS.values() if one.kind == kind]
        )
        print()


def traits_of(organization: str, edition: str) -> Traits:
    try:
        return Traits(organization=organization, edition=Edition(edition))
    except ValueError:
        known = " or ".join(Edition)
        raise Failure(f"--edition is {known}, not {edition}", code=ExitCode.USAGE) from None


def factory_certificate(path: Path) -> FactoryCertificate:
    """Private key and chain from one PEM file; nothing of the key is told when it cannot be used."""
    key, begin, chain = pem_in(path).partition("-----BEGIN CERTIFICATE-----")
    if not begin or "PRIVATE KEY-----" not in key:
        raise Failure(
            f"{path} is not a private key with its certificate chain behind it",
            next="cat station.key chain.pem > station.pem",
            code=ExitCode.USAGE,
        )
    return FactoryCertificate(chain_pem=begin + chain, key_pem=key.encode("ascii"))


def csms_url(url: str) -> str:
    """As given, without a slash at its end."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise Failure(
            f"{url} is no ws:// or wss:// URL",
            next="ocppsec up says under which URLs it is reached",
            code=ExitCode.USAGE,
        )
    return url.rstrip("/")


def pem_in(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read as PEM", why=unreadable(error), code=ExitCode.USAGE) from error
