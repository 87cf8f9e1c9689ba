"""``ocppsec station upgrade``: begin, and with ``--wait`` tell the steps until it has ended.

The upgrade belongs to the server: this command only watches, so its end, Ctrl-C or a restart of the server in
between change nothing about it.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, Problem, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json, printable
from ocppsec.cli.rescue import who
from ocppsec.cli.state import state_directory

POLL = 0.2

Look = Callable[[], dict[str, Any] | None]
"""The upgrade with its steps; None while the server is away."""


def run(identity: str, *, to: int, wait: bool, timeout: float, as_json: bool, state: Path | None) -> None:
    directory = state_directory(state)
    with Api.find(directory) as api:
        try:
            upgrade = api.post(station_path(identity, "upgrades"), {"to": to})
        except Problem as problem:
            upgrade = under_way(api, identity, to) if wait and problem.kind == "upgrade-in-progress" else None
            if upgrade is None:
                raise
    _follow(upgrade, directory, wait=wait, timeout=timeout, as_json=as_json)


def ask_first(identity: str, *, to: int, as_json: bool, state: Path | None) -> None:
    """Exit code 1 when an upgrade would fail."""
    with Api.find(state_directory(state)) as api:
        found = api.post(station_path(identity, "preflights"), {"to": to}, timeout=300.0)
    if as_json:
        print_json(found)
    else:
        print(printable(f"{identity} said: {found['told'] or 'nothing that counts'}"))
        for line in found["quirks"]:
            print(printable(f"  {line}"))
        print("nothing was changed")
    if found["objection"]:
        raise Failure(f"{identity} cannot be raised to profile {to}", why=printable(found["objection"]))


def lower(
    identity: str, *, to: int, reason: str, wait: bool, timeout: float, as_json: bool, state: Path | None
) -> None:
    directory = state_directory(state)
    with Api.find(directory) as api:
        body = {"to": to, "reason": reason, "by": who()}
        upgrade = api.post(station_path(identity, "downgrades"), body)
    _follow(upgrade, directory, wait=wait, timeout=timeout, as_json=as_json, down=True)


def _follow(
    upgrade: dict[str, Any],
    directory: Path,
    *,
    wait: bool,
    timeout: float,
    as_json: bool,
    down: bool = False,
) -> None:
    identity, to = upgrade["identity"], upgrade["target"]
    if wait:
        look = partial(look_at, directory, upgrade["id"])
        watch(look, timeout=timeout, as_json=as_json, clock=time.monotonic, pause=time.sleep, down=down)
    elif as_json:
        print_json(upgrade)
    else:
        step = "step down" if down else "upgrade"
        print(f"{step} {upgrade['id']} of {identity} to profile {to} has begun")
        print(f"next: ocppsec station show {identity}")


def under_way(api: Api, identity: str, to: int) -> dict[str, Any] | None:
    """The open upgrade to the same profile: who asks again to wait for it, waits for that one."""
    newest = api.get(station_path(identity, "upgrades"), limit=1)["upgrades"]
    return next((one for one in newest if one["status"] == "open" and one["target"] == to), None)


def look_at(directory: Path, upgrade_id: str) -> dict[str, Any] | None:
    """A server that restarts goes on with the upgrade, and has a new address and token then."""
    try:
        with Api.find(directory) as api:
            found: dict[str, Any] = api.get(f"/upgrades/{upgrade_id}")
            return found
    except Failure as failure:
        if failure.code in {ExitCode.NOT_REACHABLE, ExitCode.TIMED_OUT}:
            return None
        raise


def watch(
    look: Look,
    *,
    timeout: float,
    as_json: bool,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    down: bool = False,
) -> None:
    """Tell the steps as they come; raises `Failure` when it failed or is not done in time."""
    until = clock() + timeout
    seen, told = None, 0
    while True:
        seen = look() or seen
        if seen is not None:
            if not as_json:
                _tell(seen["steps"][told:])
            told = len(seen["steps"])
            if seen["status"] != "open":
                break
        if clock() >= until:
            raise _too_late(seen, timeout, as_json=as_json)
        pause(POLL)
    _tell_end(seen, as_json=as_json, down=down)


def _tell(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        detail = f": {step['detail']}" if step["detail"] else ""
        print(printable(f"{step['at'][11:19]}  {step['step']}{detail}"), flush=True)


def _tell_end(upgrade: dict[str, Any], *, as_json: bool, down: bool) -> None:
    if as_json:
        print_json(upgrade)
    if upgrade["status"] == "failed":
        raise Failure(
            f"the {'step down' if down else 'upgrade'} of {upgrade['identity']} to profile {upgrade['target']} failed",
            why=printable(upgrade["reason"]),
            next="mend that and run the same command again; the station is still admitted as before",
        )
    if not as_json:
        then = "profile 3 stays open to it" if down else "lower is refused from now on"
        print(f"done: {upgrade['identity']} is on profile {upgrade['target']}; {then}")


def _too_late(upgrade: dict[str, Any] | None, timeout: float, *, as_json: bool) -> Failure:
    if as_json and upgrade is not None:
        print_json(upgrade)
    where = f"it stands at: {upgrade['step']}" if upgrade else "the server could not be reached"
    identity = upgrade["identity"] if upgrade else "ID"
    return Failure(
        f"the upgrade is not done after {timeout:g} s",
        why=printable(where),
        next=f"it goes on in the server; look with: ocppsec station show {identity}",
        code=ExitCode.TIMED_OUT,
    )
