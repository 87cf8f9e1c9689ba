"""``ocppsec station import``: many stations from a file, one request each."""

import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType

from ocppsec.cli.client import Api, Problem
from ocppsec.cli.failure import ExitCode, Failure, unreadable
from ocppsec.cli.output import print_json, printable
from ocppsec.cli.state import state_directory
from ocppsec.cli.station import read_labels
from ocppsec.station.members import BadMembers, Member, read_members
from ocppsec.upgrades.counted import are

_TELL_EVERY = 250
_AT_ONCE = 16
"""Requests under way: the server commits together what comes together."""


def run(file: Path, *, profile: int, labels: list[str], as_json: bool, state: Path | None) -> None:
    """Stations that are registered already stay as they are; anything else that is refused ends it."""
    members, all_get = members_in(file), read_labels(labels)
    with Api.find(state_directory(state)) as api:
        known = register(api, members, profile, all_get)
    registered = len(members) - len(known)
    if as_json:
        print_json({"registered": registered, "already_registered": known})
        return
    print(f"{are(registered, 'station')} registered")
    if known:
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        print(printable(f"{len(known)} were registered before: {', '.join(known[:5])}{more}"))


def register(
    api: Api, members: Sequence[Member], profile: int, labels: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The identities that were registered before: those get no *labels*."""
    known = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for number, added in enumerate(pool.map(partial(_add, api, profile, labels), members), 1):
                if not added:
                    known.append(members[number - 1].identity)
                if number % _TELL_EVERY == 0 and sys.stderr.isatty():
                    print(f"{number} of {len(members)}", file=sys.stderr)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return known


def members_in(file: Path) -> Sequence[Member]:
    """Every station with a password: one that the server made up would be known to nobody."""
    try:
        members = read_members(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read", why=unreadable(error), code=ExitCode.USAGE) from error
    except BadMembers as error:
        raise Failure(f"{file}: {error}", code=ExitCode.USAGE) from error
    without = [member.identity for member in members if member.password is None]
    if without:
        raise Failure(
            f"{file}: {without[0]} has no password",
            next="give each one; ocppsec station add ID makes one up and shows it",
            code=ExitCode.USAGE,
        )
    return members


def _add(api: Api, profile: int, labels: Mapping[str, str], member: Member) -> bool:
    """False when the identity or the serial number is registered already."""
    body = {
        "identity": member.identity,
        "serial_number": member.serial_number,
        "profile": profile,
        "password": member.password,
        "labels": dict(labels),
    }
    try:
        api.post("/stations", body)
    except Problem as problem:
        if problem.kind == "already-registered":
            return False
        raise Failure(
            f"{member.identity} was refused: {problem.what}",
            why=problem.why,
            next=problem.next,
            code=problem.code,
        ) from problem
    return True
