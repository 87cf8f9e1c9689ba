"""``ocppsec sim fleet``: many stations in one process, told as they go, with a report at the end."""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from ocppsec.cli.failure import ExitCode, Failure, unreadable
from ocppsec.cli.fleet_progress import Show, figures, most_frequent, progress
from ocppsec.cli.output import printable
from ocppsec.cli.serve import new_loop
from ocppsec.cli.signals import end_on_signals
from ocppsec.cli.sim import csms_url, factory_certificate, pem_in, traits_of
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.fleet import Fleet, Kind
from ocppsec.station.ledger import RIGHT, Report
from ocppsec.station.manners import UnknownManner
from ocppsec.station.members import BadMembers, Member, numbered, read_members, read_share, with_shares
from ocppsec.station.memory import MemoryDamaged
from ocppsec.upgrades.counted import counted

_DESCRIPTORS_BESIDE: Final = 200
"""Files and pipes a process has open beside its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options as they were given."""

    url: str
    count: int | None
    prefix: str
    passwords: Path | None
    password_pattern: str | None
    certificates: Path | None
    profile: int | None
    roots: list[Path]
    organization: str
    edition: str
    manners: list[str]
    ramp: float
    storm: float | None
    duration: float | None
    pace: float
    state: Path | None
    as_json: bool
    report: Path | None
    each: bool = False
    meter: float = 0.0
    source: str | None = None


def run(wanted: Wanted) -> None:
    members = members_of(wanted)
    kind = Kind(
        url=csms_url(wanted.url),
        profile=None if wanted.profile is None else SecurityProfile(wanted.profile),
        roots=tuple(pem_in(root) for root in wanted.roots),
        traits=replace(traits_of(wanted.organization, wanted.edition), meter_seconds=wanted.meter),
        pace=wanted.pace,
        source=wanted.source,
        state=wanted.state.expanduser() if wanted.state else None,
    )
    os.umask(0o077)
    make_room_for(len(members))
    with asyncio.Runner(loop_factory=partial(new_loop, "uvloop")) as runner:
        try:
            report = runner.run(_run(Fleet(kind, members, each=wanted.each), wanted))
        except* (MemoryDamaged, OSError) as errors:
            raise Failure(
                f"a station cannot use its memory in {kind.state}",
                why=str(_first(errors)),
                code=ExitCode.NOT_ALLOWED,
            ) from errors
    tell(report, wanted)
    if report.failed:
        raise Failure(
            "not every station without a manner was let in",
            why=most_frequent(report.manners.get(RIGHT, report.total)),
            next="the report above counts the reasons; ocppsec station why ID explains one of our own CSMS",
        )


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors


# -- who ----------------------------------------------------------------------------------------------------
def members_of(wanted: Wanted) -> tuple[Member, ...]:
    """Raises `Failure` in words."""
    try:
        members = _listed(wanted)
        if wanted.certificates is not None:
            members = tuple(_certified(member, wanted.certificates) for member in members)
        return with_shares(members, [read_share(text) for text in wanted.manners])
    except UnknownManner as error:
        raise Failure(str(error), next="ocppsec sim manners lists them", code=ExitCode.USAGE) from error
    except BadMembers as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error


def _listed(wanted: Wanted) -> tuple[Member, ...]:
    if wanted.passwords is None:
        return numbered(wanted.prefix, wanted.count or 100, wanted.password_pattern)
    if wanted.password_pattern is not None:
        raise BadMembers("--passwords and --password-pattern exclude each other")
    try:
        members = read_members(wanted.passwords.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(
            f"{wanted.passwords} cannot be read", why=unreadable(error), code=ExitCode.USAGE
        ) from error
    if wanted.count is not None and wanted.count > len(members):
        raise BadMembers(f"{wanted.passwords} has {len(members)} stations, not {wanted.count}")
    if not members:
        raise BadMembers(f"{wanted.passwords} names no station")
    return members[: wanted.count]


def _certified(member: Member, directory: Path) -> Member:
    return replace(member, certificate=factory_certificate(directory / f"{member.identity}.pem"))


def make_room_for(connections: int) -> None:
    """One descriptor each; up to the hard limit this is ours to raise."""
    needed = connections + _DESCRIPTORS_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise Failure(
            f"{connections} connections are more than this process may open",
            why=f"the limit is {hard} open files (ulimit -Hn)",
            next="raise the limit, or run several fleets with different prefixes",
            code=ExitCode.USAGE,
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


# -- running ------------------------------------------------------------------------------------------------
async def _run(fleet: Fleet, wanted: Wanted) -> Report:
    told_to_end = end_on_signals()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, fleet.storm)
    if wanted.storm is not None:
        loop.call_later(wanted.storm, fleet.storm)
    with progress() as show:
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run(ramp=wanted.ramp))
            try:
                async with asyncio.timeout(wanted.duration):
                    await _watch(fleet, show, told_to_end)
            except TimeoutError:
                pass  # the time is over
            report = fleet.report()
            fleet.stop()
    return report


async def _watch(fleet: Fleet, show: Show, told_to_end: asyncio.Event) -> None:
    while not told_to_end.is_set():
        show(fleet, fleet.report())
        try:
            async with asyncio.timeout(show.seconds):
                await told_to_end.wait()
        except TimeoutError:
            continue


# -- the report ---------------------------------------------------------------------------------------------
def tell(report: Report, wanted: Wanted) -> None:
    document = msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
    if wanted.report is not None:
        try:
            wanted.report.write_bytes(document)
        except OSError as error:
            raise Failure(f"{wanted.report} cannot be written", why=str(error.strerror)) from error
    if wanted.as_json:
        print(document.decode(), end="")
    else:
        print("\n".join(in_words(report)))


def in_words(report: Report) -> Iterator[str]:
    for label, group in report.manners.items():
        _, connected, let_in, _ = figures(group)
        yield (
            f"{label}: {counted(group.stations, 'station')}, {connected} connected and {let_in} let in at the end,"
            f" {group.ever_accepted} let in at some time"
        )
        for reason, times in list(group.refused.items())[:5]:
            yield printable(f"  {times} x {reason}")
        for error, times in group.crashed.items():
            yield f"  {times} x a bug of the simulator: {error}"
    for name, latency in (("connected", report.connect), ("let in", report.boot)):
        if latency.count:
            yield (
                f"from dialling to {name}: p50 {latency.p50:.0f} ms, p99 {latency.p99:.0f} ms,"
                f" longest {latency.longest:.0f} ms ({latency.count} times)"
            )
    for storm in report.storms:
        yield (
            f"storm at {storm.at:.0f} s: {storm.cut} cut off, {storm.back} back,"
            f" p50 {storm.recovery.p50 / 1000:.1f} s, p99 {storm.recovery.p99 / 1000:.1f} s,"
            f" longest {storm.recovery.longest / 1000:.1f} s"
        )
