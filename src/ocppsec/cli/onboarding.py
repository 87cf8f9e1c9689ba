"""New stations on the command line, and expired certificates that are let in."""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, Problem, onboarding_path, station_path
from ocppsec.cli.failure import ExitCode, Failure, unreadable
from ocppsec.cli.output import print_facts, print_json, print_table, printable
from ocppsec.cli.state import state_directory
from ocppsec.cli.station import read_labels
from ocppsec.upgrades.campaign.durations import BadDuration, seconds
from ocppsec.upgrades.counted import are


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What many new stations have in common."""

    by: str
    target: int
    profile: int
    time: str
    connections: int
    manufacturer: str | None
    labels: Sequence[str]

    def body(self) -> dict[str, Any]:
        return {
            "by": self.by,
            "target": self.target,
            "profile": self.profile,
            "seconds": duration(self.time),
            "connections": self.connections,
            "manufacturer": self.manufacturer,
            "labels": read_labels(list(self.labels)),
        }


@dataclass(frozen=True, slots=True)
class Line:
    identity: str
    serial_number: str | None
    password: str | None = field(default=None, repr=False)


def duration(text: str) -> float:
    try:
        return seconds(text, "--for")
    except BadDuration as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error


def add(
    identity: str,
    terms: Terms,
    *,
    serial: str | None,
    password: str | None,
    as_json: bool,
    state: Path | None,
) -> None:
    body = {**terms.body(), "identity": identity, "serial_number": serial, "password": password}
    with Api.find(state_directory(state)) as api:
        added = api.post("/onboarding", body)
    if as_json:
        print_json(added)
        return
    facts = [(name.replace("_", " "), added[name]) for name in ("identity", "serial_number", "way", "target")]
    facts += [("until", added["until"]), ("connections", f"at most {added['most_connections']}")]
    comes_on = {3} if added["way"] == "certificate" else range(terms.profile, min(terms.target, 2) + 1)
    facts += [(f"URL for profile {on}", url) for on, url in added["urls"].items() if int(on) in comes_on]
    if added["password"]:
        facts.append(("password, for once", added["password"]))
    print_facts(facts)
    if added["password"]:
        print("The password is shown this once; the first login replaces it.")


def import_all(file: Path, terms: Terms, *, as_json: bool, state: Path | None) -> None:
    """Those that are registered already stay as they are; anything else that is refused ends it."""
    lines, common = read_lines(file), terms.body()
    added, known = [], []
    with Api.find(state_directory(state)) as api:
        for line in lines:
            body = {
                **common,
                "identity": line.identity,
                "serial_number": line.serial_number,
                "password": line.password,
            }
            try:
                added.append(api.post("/onboarding", body))
            except Problem as problem:
                if problem.kind == "already-registered":
                    known.append(line.identity)
                    continue
                if added:  # what was made up for those before would be known to nobody
                    _tell_added(added, known, as_json=as_json)
                raise Failure(
                    f"{line.identity} was refused: {problem.what}",
                    why=problem.why,
                    next=problem.next,
                    code=problem.code,
                ) from problem
    _tell_added(added, known, as_json=as_json)


def _tell_added(added: Sequence[dict[str, Any]], known: Sequence[str], *, as_json: bool) -> None:
    """Passwords as lines that `sim fleet` reads: identity,password,serial; the rest to those who look."""
    if as_json:
        print_json({"expected": list(added), "already_registered": list(known)})
        return
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerows(
        (one["identity"], one["password"], one["serial_number"]) for one in added if one["password"]
    )
    if added or not known:
        print(f"{are(len(added), 'new station')} expected", file=sys.stderr)
    if known:
        more = f" and {len(known) - 5} more" if len(known) > 5 else ""
        before = f"{len(known)} were registered before: {', '.join(known[:5])}{more}"
        print(printable(before), file=sys.stderr)


def read_lines(file: Path) -> list[Line]:
    """Lines ``identity,serial[,password]``; ``#`` begins a comment line."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read", why=unreadable(error), code=ExitCode.USAGE) from error
    kept = [line if not line.lstrip().startswith("#") else "" for line in text.splitlines()]
    found: dict[str, Line] = {}
    for number, row in enumerate(csv.reader(kept), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) not in (2, 3) or not cells[0] or cells[0] in found:
            # The line itself is not told: a password may be in it.
            raise Failure(
                f"{file}: line {number} is not identity,serial or identity,serial,password of a new station",
                code=ExitCode.USAGE,
            )
        password = cells[2] if len(cells) == 3 and cells[2] else None
        found[cells[0]] = Line(cells[0], cells[1] or None, password)
    return list(found.values())


def show_all(stage: str | None, *, as_json: bool, state: Path | None) -> None:
    chosen = {"stage": stage} if stage is not None else {}
    with Api.find(state_directory(state)) as api:
        found = list(api.pages("/onboarding", "stations", **chosen))
    if as_json:
        print_json({"stations": found})
    elif not found:
        print("no new station is expected; next: ocppsec onboarding add ID")
    else:
        print_table(["IDENTITY", "BY", "STAGE", "TARGET", "UNTIL", "CAME", "REASON"], map(_row, found))


def _row(one: dict[str, Any]) -> list[str]:
    came = f"{one['connections']} of {one['most_connections']}"
    until = one["until"][:16].replace("T", " ")
    return [one["identity"], one["way"], one["stage"], str(one["target"]), until, came, one["reason"]]


def show(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = api.get(onboarding_path(identity))
    if as_json:
        print_json(found)
    else:
        print_facts([(name.replace("_", " "), value) for name, value in found.items()])


def remove(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        api.delete(onboarding_path(identity))
    if as_json:
        print_json({"removed": identity})
    else:
        print(printable(f"{identity} is not expected any more"))


# -- expired certificates -----------------------------------------------------------------------------------
def allow_expired(identity: str, *, time: str | None, end: bool, as_json: bool, state: Path | None) -> None:
    """Give one, take it back, or, with neither, tell of those there were."""
    path = station_path(identity, "expired-certificate-allowances")
    if end and time is not None:
        raise Failure("--for and --end exclude each other", code=ExitCode.USAGE)
    with Api.find(state_directory(state)) as api:
        if time is not None:
            told = api.post(path, {"seconds": duration(time)})
        elif end:
            told = api.delete(path)
        else:
            _tell_allowances(api.get(path)["allowances"], as_json=as_json)
            return
    if as_json:
        print_json(told)
    elif end:
        print(printable(f"the expired certificate of {identity} is refused again"))
    else:
        print(
            printable(
                f"{identity} is let in with an expired certificate until {told['until'][:16].replace('T', ' ')} UTC, "
                "in Pending, and renewed at once"
            )
        )


def _tell_allowances(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"allowances": list(found)})
    elif not found:
        print("none was ever given; next: --for 2h")
    else:
        print_table(
            ["GIVEN", "UNTIL", "USED", "ENDED"],
            [
                [
                    one["given_at"][:16].replace("T", " "),
                    one["until"][:16].replace("T", " "),
                    str(one["uses"]),
                    one["how"] or "open",
                ]
                for one in found
            ],
        )
