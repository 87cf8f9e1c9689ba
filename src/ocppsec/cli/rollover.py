"""``ocppsec ca rotate`` and ``ocppsec trust``: one CSMS root follows another, and who trusts which."""

import time
from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json, print_table
from ocppsec.cli.state import state_directory
from ocppsec.upgrades.counted import are
from ocppsec.upgrades.rollover.phases import Phase

_CURRENT = "/ca/rollovers/current"
_MINUTES = 600.0
"""Stations are asked once more before something relies on what they have."""
_POLL = 0.5
_IN_ORDER = ("prepared", "distribute", "serve", "issue", "alone", "withdraw")
_MEANING = {
    "prepared": "the new root lies beside the old one; no station knows of it",
    "distribute": "stations get the new root and prove it; the old one is served",
    "serve": "the new root is served, and the cross certificate for those with the old one",
    "issue": "stations get their certificates under the new root",
    "alone": "the new root is served alone; stations come back and meet it",
    "withdraw": "the old root is taken out of the stations; there is no way back",
    "conclude": "the new CA takes the place of the old one",
    "done": "the new root is in force",
    "take-back": "given up: the new root is taken out of the stations",
    "discard": "the new CA is thrown away",
    "aborted": "given up; the old root is in force",
}


def begin(*, keep_old_keys: bool, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        _show(api.post("/ca/rollovers", {"keep_old_keys": keep_old_keys}, timeout=_MINUTES), as_json=as_json)


def go_on(
    *,
    to: str | None,
    exceptions: list[str],
    accept_missing: int,
    yes: bool,
    as_json: bool,
    state: Path | None,
) -> None:
    if to is not None and to not in set(Phase):
        raise Failure(
            f"{to[:40]} is no phase",
            why=f"they are, in this order: {', '.join(_IN_ORDER)}",
            next="ocppsec ca rotate status tells where it stands, and what follows",
            code=ExitCode.USAGE,
        )
    body = {"to": to, "exceptions": exceptions, "accept_missing": accept_missing, "confirmed": yes}
    with Api.find(state_directory(state)) as api:
        _show(api.post(f"{_CURRENT}/next", body, timeout=_MINUTES), as_json=as_json)


def back(*, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        _show(api.post(f"{_CURRENT}/back", None, timeout=_MINUTES), as_json=as_json)


def abort(*, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        _show(api.post(f"{_CURRENT}/abort", None, timeout=_MINUTES), as_json=as_json)


# -- how it stands ------------------------------------------------------------------------------------------
def status(*, everybody: bool, wait: bool, timeout: float, as_json: bool, state: Path | None) -> None:
    directory = state_directory(state)
    until = time.monotonic() + timeout
    while True:
        rollover, stations = _look(directory, with_stations=everybody or not wait)
        if not rollover["open"]:
            _show_ended(rollover, as_json=as_json)
            return
        if not wait or not rollover["open"] or not rollover["in_the_way"]:
            break
        if time.monotonic() >= until:
            raise Failure(
                f"after {timeout:g} s {are(rollover['in_the_way'], 'station')} still in the way",
                why=f"the rollover stands at {rollover['phase']}",
                next="ocppsec ca rotate status",
                code=ExitCode.TIMED_OUT,
            )
        time.sleep(_POLL)
    if as_json:
        print_json({**rollover, "each": stations})
        return
    _show(rollover, as_json=False)
    told = [one for one in stations if everybody or one["in_the_way"] or one["reason"] or one["excepted"]]
    if told:
        print_table(
            ["STATION", "CONNECTED", "ROOTS", "CERTIFICATE", "STEP", "IN THE WAY OF THE NEXT PHASE"],
            [_row(one) for one in told],
        )


def _look(directory: Path, *, with_stations: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    with Api.find(directory) as api:
        rollovers = api.get("/ca/rollovers", limit=1)["rollovers"]
        if not rollovers:
            raise Failure(
                "no root is being replaced, and none ever was",
                next="ocppsec ca rotate begin",
                code=ExitCode.NOT_FOUND,
            )
        if not rollovers[0]["open"]:
            return rollovers[0], []
        rollover: dict[str, Any] = api.get(_CURRENT)
        stations = list(api.pages(f"{_CURRENT}/stations", "stations")) if with_stations else []
        return rollover, stations


def _row(one: dict[str, Any]) -> list[str]:
    way = one["in_the_way"] or one["reason"] or "-"
    return [
        one["identity"],
        "yes" if one["connected"] else "no",
        "not asked yet" if one["roots"] is None else ", ".join(one["roots"]) or "neither",
        ", ".join(one["certificates"]) or "-",
        one["step"] or "-",
        f"let behind: {way}" if one["excepted"] else way,
    ]


def _show_ended(rollover: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({**rollover, "each": []})
        return
    print_facts(
        [
            ("phase", f"{rollover['phase']}: {_MEANING[rollover['phase']]}"),
            ("began", rollover["started_at"]),
            ("ended", rollover["ended_at"]),
        ]
    )


def _show(rollover: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(rollover)
        return
    print_facts(
        [
            ("phase", f"{rollover['phase']}: {_MEANING[rollover['phase']]}"),
            ("old root", rollover["old_sha256"] if rollover["open"] else None),
            ("new root", rollover["new_sha256"] or (None if rollover["open"] else rollover["old_sha256"])),
            ("stations", f"{rollover['stations']}, {rollover['in_the_way']} in the way of the next phase"),
            ("let behind", ", ".join(rollover["exceptions"])),
            ("next phase", rollover["following"]),
        ]
    )
    for line in rollover["history"]:
        detail = f": {line['detail']}" if line["detail"] else ""
        print(f"  {line['at'][:19]}  {line['what']}{detail}")


# -- trust --------------------------------------------------------------------------------------------------
def trust(identity: str | None, *, ask: bool, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        if identity is not None and ask:
            found = [api.post(station_path(identity, "trust"), None, timeout=60.0)]
        else:
            found = [
                one
                for one in api.pages("/trust", "stations")
                if identity is None or one["identity"] == identity
            ]
        if identity is not None and not found:
            api.check_known(identity)
    if identity is not None and not found:
        raise Failure(
            f"{identity} was never asked which roots it has",
            next=f"ocppsec trust {identity} --ask",
            code=ExitCode.NOT_FOUND,
        )
    if as_json:
        print_json({"stations": found})
    elif not found:
        print("no station was asked yet; next: ocppsec trust ID --ask")
    else:
        print_table(
            ["STATION", "SAID AT", "ROOT", "SHA-256, OR SERIAL NUMBER"],
            [
                [one["identity"], one["at"][:19], root["role"], root["sha256"] or root["serial_number"]]
                for one in found
                for root in one["roots"] or [{"role": "none", "sha256": "-", "serial_number": ""}]
            ],
        )
