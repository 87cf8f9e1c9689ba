"""``ocppsec doctor``: looks at the things that are wrong most often, and says what to do about each.

Exit code 1 when something is wrong.  What could not be looked at is told as such and never counts as right.
"""

import socket
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ocppsec.certificates.inventory import MISSING, Held, ends_soon, inventory
from ocppsec.cli.client import Api
from ocppsec.cli.failure import Failure
from ocppsec.cli.output import print_json, printable
from ocppsec.cli.state import state_directory
from ocppsec.observability.security_log import Broken, Intact, verify
from ocppsec.upgrades.counted import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    about: str
    verdict: str
    """``right``, ``wrong`` or ``not looked at``."""
    said: str
    next: str = ""


def run(*, as_json: bool, state: Path | None) -> None:
    findings = examine(state_directory(state))
    if as_json:
        print_json({"findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            print(printable(f"{one.verdict:<14} {one.about}: {one.said}"))
            if one.next:
                print(printable(f"{'':<14} next: {one.next}"))
    wrong = sum(one.verdict == "wrong" for one in findings)
    if wrong:
        raise Failure(f"{wrong} of {len(findings)} things are wrong")


def examine(directory: Path) -> list[Finding]:
    return [
        about_directory(directory),
        about_security_log(directory),
        *about_authority(directory / "ca", datetime.now(UTC)),
        *about_server(directory),
    ]


def about_directory(directory: Path) -> Finding:
    about = "state directory"
    if not directory.is_dir():
        return Finding(
            about=about,
            verdict="wrong",
            said=f"{directory} is not there",
            next=f"ocppsec up --state {directory}",
        )
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o077:
        return Finding(
            about=about,
            verdict="wrong",
            said=f"others can look into {directory} (mode {mode:04o})",
            next=f"chmod 700 {directory}",
        )
    return Finding(about=about, verdict="right", said=f"{directory} is for its owner alone")


def about_security_log(directory: Path) -> Finding:
    about, path = "security log", directory / "security-log.jsonl"
    try:
        found = verify(path)
    except OSError as error:
        return Finding(about=about, verdict="not looked at", said=f"{path}: {error.strerror}")
    match found:
        case Intact(rows=rows, last=last):
            return Finding(
                about=about, verdict="right", said=f"{rows} rows, unbroken; the last hash is {last}"
            )
        case Broken(row=row, reason=reason):
            return Finding(
                about=about,
                verdict="wrong",
                said=f"row {row} of {path}: {reason}",
                next="find out who changed the file; compare it with a copy",
            )


def about_authority(ca: Path, now: datetime) -> list[Finding]:
    about = "certificate authority"
    if not ca.is_dir():
        return [Finding(about=about, verdict="not looked at", said=f"{ca} is not there")]
    all_held = [one for one in inventory(ca) if one.certificate or one.damage or one.key != MISSING]
    if wrong := [one for one in (_about_one(held, now) for held in all_held) if one is not None]:
        return wrong
    first = min((one.certificate.not_valid_after_utc for one in all_held if one.certificate), default=None)
    if first is None:
        return [Finding(about=about, verdict="not looked at", said=f"there is none in {ca}")]
    return [
        Finding(about=about, verdict="right", said=f"the first of its certificates ends {first:%Y-%m-%d}")
    ]


def _about_one(held: Held, now: datetime) -> Finding | None:
    about = "certificate authority"
    if held.certificate is None:
        said = f"{held.path}: {held.damage or 'there is none yet'}"
        return Finding(about=about, verdict="wrong", said=said, next="ocppsec ca show")
    if not ends_soon(held.certificate, now):
        return None
    end = held.certificate.not_valid_after_utc
    name = held.certificate.subject.rfc4514_string()
    return Finding(
        about=about,
        verdict="wrong",
        said=f"{name} {'ended' if now >= end else 'ends'} {end:%Y-%m-%d}, and all that it issued with it",
        next="ocppsec ca rotate" if held.role == "root" else f"ocppsec ca renew {held.role}",
    )


def about_server(directory: Path) -> Iterable[Finding]:
    try:
        with Api.find(directory) as api:
            doors = api.get("/doors")["doors"]
            yield Finding(
                about="server", verdict="right", said=f"it answers, with {counted(len(doors), 'door')} open"
            )
            yield about_expiry(api.get("/expiry"))
            yield about_allowances(api.get("/expired-certificate-allowances")["allowances"])
    except Failure as failure:
        yield Finding(about="server", verdict="wrong", said=failure.what, next=failure.next)
        yield Finding(about="hostname", verdict="not looked at", said="only the server knows it")
        return
    yield about_hostname(urlsplit(doors[0]["url"]).hostname or "", socket.getaddrinfo)


def about_expiry(seen: Mapping[str, Any]) -> Finding:
    about = "station certificates"
    first = seen["first"].get("station")
    waiting = seen["requests_waiting"]
    waits = (
        f"; {counted(waiting, 'request')} {'waits' if waiting == 1 else 'wait'} for a person (ocppsec csr list --in waiting)"
        if waiting
        else ""
    )
    if first is None:
        return Finding(about=about, verdict="right", said=f"there is none in force{waits}")
    ends = first[:16].replace("T", " ")
    if seen["late"]:
        return Finding(
            about=about,
            verdict="wrong",
            said=f"{counted(seen['late'], 'station')} near the end of theirs without a new one; the first ends {ends}{waits}",
            next="ocppsec cert list --expires-in 30d tells where each renewal stands",
        )
    return Finding(about=about, verdict="right", said=f"the first to end ends {ends}{waits}")


def about_allowances(given: Sequence[Mapping[str, Any]]) -> Finding:
    """Right, for a person has decided it; but whoever looks is told."""
    about = "expired certificates"
    if not given:
        return Finding(about=about, verdict="right", said="none is let in")
    first = min(given, key=lambda one: str(one["until"]))
    more = f" and {len(given) - 1} more" if len(given) > 1 else ""
    until = first["until"][:16].replace("T", " ")
    said = f"that of {first['identity']} is let in until {until} UTC{more}"
    return Finding(
        about=about, verdict="right", said=said, next=f"ocppsec station allow-expired {first['identity']}"
    )


def about_hostname(hostname: str, resolve: Callable[[str, None], object]) -> Finding:
    about = "hostname"
    if hostname == "localhost":
        return Finding(
            about=about,
            verdict="wrong",
            said="the certificates are made out to localhost: only stations on this machine accept them",
            next="ocppsec up --hostname FQDN --host 0.0.0.0",
        )
    try:
        resolve(hostname, None)
    except OSError as error:
        return Finding(
            about=about,
            verdict="wrong",
            said=f"{hostname} has no address here: {error.strerror or error}",
            next="enter the name in the DNS that the stations use",
        )
    return Finding(about=about, verdict="right", said=f"{hostname} has an address")
