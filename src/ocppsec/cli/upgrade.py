"""``ocppsec station upgrade``: begin, and with ``--wait`` tell the steps until it has ended.

The upgrade belongs to the server: this command only watches, so its end, Ctrl-C or a restart of the server in
between change nothing about it.
"""

import time
from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, Problem, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json, printable
from ocppsec.cli.state import state_directory

POLL = 0.2


def run(identity: str, *, to: int, wait: bool, timeout: float, as_json: bool, state: Path | None) -> None:
    directory = state_directory(state)
    with Api.find(directory) as api:
        upgrade = api.post(station_path(identity, "upgrades"), {"to": to})
    if not wait:
        if as_json:
            print_json(upgrade)
        else:
            print(f"upgrade {upgrade['id']} of {identity} to profile {to} has begun")
            print(f"next: ocppsec station show {identity}")
        return
    watch(directory, upgrade["id"], timeout=timeout, as_json=as_json)


def watch(directory: Path, upgrade_id: str, *, timeout: float, as_json: bool) -> None:
    """Tell the steps as they come; raises `Failure` when it failed or is not done in time."""
    until = time.monotonic() + timeout
    told = 0
    upgrade: dict[str, Any] | None = None
    while True:
        seen = _look(directory, upgrade_id)
        if seen is not None:
            upgrade = seen
            if not as_json:
                _tell(upgrade["steps"][told:])
            told = len(upgrade["steps"])
            if upgrade["status"] != "open":
                break
        if time.monotonic() >= until:
            raise _too_late(upgrade_id, upgrade, timeout, as_json=as_json)
        time.sleep(POLL)
    if as_json:
        print_json(upgrade)
    if upgrade["status"] == "failed":
        raise Failure(
            f"the upgrade of {upgrade['identity']} to profile {upgrade['target']} failed",
            why=printable(upgrade["reason"]),
            next="mend that and run the same command again; the station is still admitted as before",
        )
    if not as_json:
        print(f"done: {upgrade['identity']} is on profile {upgrade['target']}; lower is refused from now on")


def _look(directory: Path, upgrade_id: str) -> dict[str, Any] | None:
    """None while the server is away: it may be restarting, and goes on with the upgrade when it is back."""
    try:
        with Api.find(directory) as api:
            found: dict[str, Any] = api.get(f"/upgrades/{upgrade_id}")
            return found
    except Failure as failure:
        if failure.code is ExitCode.NOT_REACHABLE or (
            isinstance(failure, Problem) and failure.code is ExitCode.NOT_ALLOWED
        ):
            return None
        raise


def _tell(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        clock = step["at"][11:19]
        detail = f": {step['detail']}" if step["detail"] else ""
        print(printable(f"{clock}  {step['step']}{detail}"), flush=True)


def _too_late(upgrade_id: str, upgrade: dict[str, Any] | None, timeout: float, *, as_json: bool) -> Failure:
    if as_json and upgrade is not None:
        print_json(upgrade)
    where = f"it stands at: {upgrade['step']}" if upgrade else "the server could not be reached"
    return Failure(
        f"upgrade {upgrade_id} is not done after {timeout:g} s",
        why=printable(where),
        next="it goes on in the server; look with: ocppsec station show",
        code=ExitCode.TIMED_OUT,
    )
