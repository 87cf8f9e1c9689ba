"""``ocppsec station rescue``: what to do for a station that has not come back, and doing it."""

import getpass
from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json, print_table, printable
from ocppsec.cli.state import state_directory
from ocppsec.csms.rescue import WHAT_IT_DOES, Action
from ocppsec.upgrades.campaign.durations import BadDuration, seconds


def explain(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        told = api.get(station_path(identity, "rescue"))
    if as_json:
        print_json(told)
    else:
        print("\n".join(rescue_lines(told)))
    if told["lost_contact"]:
        raise Failure(f"contact with {identity} is lost", next="do what is told above, from the top")


def rescue_lines(told: dict[str, Any]) -> list[str]:
    lines = [told["summary"], ""]
    lines.append(f"admitted on profile {' and '.join(str(profile) for profile in told['open_doors'])}")
    for attempt in told["seen_since"][:5]:
        reason = f", {attempt['reason']}" if attempt["reason"] else ""
        lines.append(f"{attempt['at']}  {attempt['outcome']}{reason}  at door {attempt['door']}")
    lines += ["", "what to do:", *(f"  {number}. {step}" for number, step in enumerate(told["steps"], 1))]
    if told["actions"]:
        lines += ["", f"from here: ocppsec station rescue {told['identity']} --reason TEXT --do"]
        lines += [f"  {action:<13} {WHAT_IT_DOES[Action(action)]}" for action in told["actions"]]
    return [printable(line) for line in lines]


def do(
    identity: str,
    what: str,
    *,
    reason: str,
    time: str | None,
    profile: int | None,
    as_json: bool,
    state: Path | None,
) -> None:
    if what not in set(Action):
        raise Failure(
            f"--do takes {', '.join(Action)}, not {what}",
            next=f"ocppsec station rescue {identity} tells what makes sense",
            code=ExitCode.USAGE,
        )
    if not reason.strip():
        raise Failure("--do needs --reason TEXT", why="it is kept with what is done", code=ExitCode.USAGE)
    body: dict[str, Any] = {"do": what, "reason": reason, "by": who()}
    if time is not None:
        body["seconds"] = _seconds(time)
    if profile is not None:
        body["profile"] = profile
    with Api.find(state_directory(state)) as api:
        told = api.post(station_path(identity, "rescue"), body)
    if as_json:
        print_json(told)
        return
    print(printable(f"{identity}: {told['detail']}"))
    if told["password"]:
        print_facts([("password", told["password"])])
        print("The password is shown this once: only a keyed hash of it is kept.")


def interventions(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        told = api.get(station_path(identity, "interventions"))
    if as_json:
        print_json(told)
    elif not told["interventions"]:
        print(f"nothing was done to {identity} outside of the ordinary way")
    else:
        rows = [
            [one["at"], one["what"], one["by"] or "-", one["reason"], one["detail"]]
            for one in told["interventions"]
        ]
        print_table(["AT", "WHAT", "BY", "REASON", "DETAIL"], rows)


def who() -> str:
    """Who asks, as far as this machine knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _seconds(time: str) -> float:
    try:
        return seconds(time, "--for")
    except BadDuration as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error
