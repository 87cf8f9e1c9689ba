"""``ocppsec campaign``: plan, start, watch, steer.

The plan is one grammar: a TOML file, the same keys with ``--set``, the same as JSON in the API.
"""

import json
import time
import tomllib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, campaign_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json, print_table, printable
from ocppsec.cli.state import state_directory
from ocppsec.upgrades.counted import counted

POLL = 0.5
STANDING_STILL = frozenset({"paused", "stopped", "waiting"})
ENDED = frozenset({"done", "aborted"})
_NEXT = {
    "paused": "ocppsec campaign resume {id}",
    "stopped": "mend it, then: ocppsec campaign resume {id}, or retry, or abort",
    "waiting": "ocppsec campaign approve {id}",
}

Look = Callable[[], dict[str, Any] | None]
"""The campaign with its history; None while the server is away."""


# -- the plan -----------------------------------------------------------------------------------------------
def read_plan(
    file: Path | None,
    select: str | None,
    to: int | None,
    settings: list[str],
    *,
    kind: str | None = None,
    root: Path | None = None,
) -> dict[str, Any]:
    """File first, then what the command line says over it.  The server says what is wrong with it."""
    plan: dict[str, Any] = {}
    if file is not None:
        try:
            plan = tomllib.loads(_text(file))
        except tomllib.TOMLDecodeError as error:
            raise Failure(f"{file} is not TOML", why=str(error), code=ExitCode.USAGE) from error
    said = (("kind", kind), ("select", select), ("to", to))
    plan |= {name: value for name, value in said if value is not None}
    for setting in settings:
        _set(plan, setting)
    if root is not None:
        _set(plan, f"root.file={json.dumps(str(root.absolute()))}")
    _read_root(plan, Path() if file is None else file.parent)
    if isinstance(plan.get("until"), datetime):
        plan["until"] = plan["until"].isoformat()
    return plan


def _read_root(plan: dict[str, Any], where: Path) -> None:
    """``root.file`` is read here, beside the plan: the server takes the certificate itself."""
    root = plan.get("root")
    if isinstance(root, dict) and isinstance(name := root.get("file"), str):
        pem = _text(where / name)
        plan["root"] = {**{key: value for key, value in root.items() if key != "file"}, "pem": pem}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", code=ExitCode.USAGE) from error
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is no text", why=str(error), code=ExitCode.USAGE) from error


def _set(plan: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    *parts, name = key.strip().split(".")
    if not equals or not name:
        raise Failure(f"--set takes KEY=VALUE, not {setting}", code=ExitCode.USAGE)
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a word such as 10m
    where = plan
    for part in parts:
        where = where.setdefault(part, {})
        if not isinstance(where, dict):
            raise Failure(f"--set {key}: {part} has no keys of its own", code=ExitCode.USAGE)
    where[name] = value


def plan(body: dict[str, Any], *, as_json: bool, state: Path | None, ask: bool = False) -> None:
    with Api.find(state_directory(state)) as api:
        planned = api.post(
            f"/campaigns/plan{'?ask=true' if ask else ''}", body, timeout=600.0 if ask else 120.0
        )
    if as_json:
        print_json(planned)
        return
    stations = planned["stations"]
    if not stations:
        print("no station matches the selection: nothing was changed")
        print("what can be compared: ocppsec station show ID tells one station's labels and facts")
        return
    print_table(
        ["STATION", "KIND", "ON", "CONNECTED", "PHASE", "CAN", "WHY NOT, OR WHAT TO WATCH"],
        [_planned(one) for one in stations],
    )
    for kind, note in planned["known"].items():
        print(printable(f"{kind}: {note}"))
    can = sum(one["can"] for one in stations)
    print(
        f"{counted(len(stations), 'station')} chosen: {can} can be {planned['goal']}, {len(stations) - can} not"
    )
    phases = ", then ".join(str(end) for end in planned["phases"])
    print(f"phases: {phases} stations; nothing was changed")


def _planned(station: dict[str, Any]) -> list[str]:
    return [
        station["identity"],
        station["kind"] or "-",
        "-" if station["observed"] is None else str(station["observed"]),
        "yes" if station["connected"] else "no",
        "-" if station["phase"] is None else str(station["phase"]),
        "yes" if station["can"] else "no",
        station["reason"] or station["note"],
    ]


# -- start and watch ----------------------------------------------------------------------------------------
def start(body: dict[str, Any], *, wait: bool, timeout: float, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        campaign = api.post("/campaigns", body, timeout=120.0)
    if wait:
        wait_for(campaign["id"], timeout=timeout, as_json=as_json, state=state)
    elif as_json:
        print_json(campaign)
    else:
        print(f"campaign {campaign['id']} has begun: {_counts(campaign)}")
        print(f"next: ocppsec campaign show {campaign['id']} --wait")


def wait_for(campaign_id: str, *, timeout: float, as_json: bool, state: Path | None) -> None:
    look = partial(_look_at, state_directory(state), campaign_id)
    watch(look, timeout=timeout, as_json=as_json, clock=time.monotonic, pause=time.sleep)


def _look_at(directory: Path, campaign_id: str) -> dict[str, Any] | None:
    """A server that restarts goes on with the campaign, and has a new address and token then."""
    try:
        with Api.find(directory) as api:
            found: dict[str, Any] = api.get(campaign_path(campaign_id))
            return found
    except Failure as failure:
        if failure.code in {ExitCode.NOT_REACHABLE, ExitCode.TIMED_OUT}:
            return None
        raise


def watch(
    look: Look, *, timeout: float, as_json: bool, clock: Callable[[], float], pause: Callable[[float], None]
) -> None:
    """Tell history and counts as they change; raises `Failure` unless all were raised in time."""
    until = clock() + timeout
    told, counted, seen = 0, "", None
    while True:
        seen = look() or seen
        if seen is not None:
            if not as_json:
                for line in seen["history"][told:]:
                    print(_line(line), flush=True)
                if (now := _counts(seen)) != counted:
                    print(f"          {now}", flush=True)
                    counted = now
            told = len(seen["history"])
            if seen["status"] in ENDED | STANDING_STILL:
                break
        if clock() >= until:
            raise Failure(
                f"the campaign has not ended after {timeout:g} s",
                why=_counts(seen) if seen else "the server could not be reached",
                next="it goes on in the server; look with: ocppsec campaign list",
                code=ExitCode.TIMED_OUT,
            )
        pause(POLL)
    if as_json:
        print_json(seen)
    _judge(seen)


def _judge(campaign: dict[str, Any]) -> None:
    status, stations = campaign["status"], campaign["stations"]
    where = f"ocppsec campaign show {campaign['id']} --stations"
    if status in STANDING_STILL:
        next_step = _NEXT[status].format(id=campaign["id"])
        raise Failure(f"the campaign is {status}", why=printable(campaign["reason"]), next=next_step)
    if status == "aborted":
        raise Failure("the campaign was aborted", why=_counts(campaign), next=where)
    if any(stations[name] for name in ("failed", "lost", "away")):
        raise Failure(
            f"not all stations were {campaign['goal']}",
            why=_counts(campaign),
            next=f"{where}, then: campaign retry",
        )


# -- look and steer -----------------------------------------------------------------------------------------
def show_all(*, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        campaigns = api.get("/campaigns")["campaigns"]
    if as_json:
        print_json({"campaigns": campaigns})
    elif not campaigns:
        print("no campaign has begun yet; next: ocppsec campaign plan --select all --to 2")
    else:
        rows = [
            [
                one["id"],
                one["name"],
                one["kind"] if one["to"] is None else f"{one['kind']} to {one['to']}",
                one["status"],
                _phase(one),
                _counts(one),
                one["started_at"][:19],
            ]
            for one in campaigns
        ]
        print_table(["ID", "NAME", "WHAT", "STATUS", "PHASE", "STATIONS", "BEGUN"], rows)


def show(campaign_id: str, *, stations: bool, status: str | None, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        campaign = api.get(campaign_path(campaign_id))
        query: dict[str, str | int] = {"status": status} if status else {}
        listed = (
            list(api.pages(campaign_path(campaign_id, "stations"), "stations", **query)) if stations else []
        )
    if as_json:
        print_json({**campaign, **({"each": listed} if stations else {})})
        return
    print_facts(
        [
            ("campaign", f"{campaign['id']} {campaign['name']}".strip()),
            ("stations", campaign["select"]),
            ("to be", campaign["goal"]),
            ("status", campaign["status"]),
            ("late comers", _late_comers(campaign)),
            ("because", campaign["reason"]),
            ("phase", _phase(campaign)),
            ("a minute", f"{campaign['per_minute']:g}"),
            ("now", _counts(campaign)),
            ("progress", _progress(campaign)),
        ]
    )
    for line in campaign["history"]:
        print(_line(line))
    if stations:
        rows = [
            [
                one["identity"],
                one["kind"] or "-",
                one["status"],
                str(one["tries"]),
                one["errand"] or "-",
                one["reason"],
            ]
            for one in listed
        ]
        print_table(["STATION", "KIND", "STATUS", "TRIES", "ERRAND", "REASON"], rows)


def tell(campaign_id: str, command: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        campaign = api.post(campaign_path(campaign_id, command), None)
    if as_json:
        print_json(campaign)
    else:
        print(f"campaign {campaign['id']} is {campaign['status']}: {_counts(campaign)}")


def _progress(campaign: dict[str, Any]) -> str:
    stations = campaign["stations"]
    able = sum(stations.values()) - stations["skipped"]
    ended = sum(stations[status] for status in ("done", "failed", "lost", "away"))
    return f"{ended} of {able} have ended" + (f", {100 * ended // able} percent" if able else "")


def _late_comers(campaign: dict[str, Any]) -> str | None:
    if not campaign["late_comers"]:
        return None
    until = campaign["until"]
    return f"join until {until}" if until else "join until: ocppsec campaign finish"


def _phase(campaign: dict[str, Any]) -> str:
    name = f" ({campaign['phase_name']})" if campaign["phase_name"] else ""
    return printable(f"{campaign['phase']} of {campaign['phases']}{name}")


def _counts(campaign: dict[str, Any]) -> str:
    found = [f"{count} {status}" for status, count in campaign["stations"].items() if count]
    return ", ".join(found) or "no stations"


def _line(line: dict[str, Any]) -> str:
    detail = f": {line['detail']}" if line["detail"] else ""
    return printable(f"{line['at'][11:19]}  {line['what']}{detail}")
