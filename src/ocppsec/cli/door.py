"""``ocppsec audit door``: see a door from where the stations are."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ocppsec.audit.door_view import Seen, Verdict, look_at
from ocppsec.audit.target import BadTarget, Door
from ocppsec.certificates.pem import BadPem, read_certificates, write_chain
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json, printable


def run(urls: Sequence[str], *, root: Path | None, patience: float, as_json: bool) -> None:
    try:
        doors = [Door(url=url) for url in urls]
    except BadTarget as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error
    if root is None and any(door.secure for door in doors):
        raise Failure(
            "a wss:// door is believed by a root alone",
            next="--root FILE; on the machine of the CSMS: ocppsec ca export root > root.pem",
            code=ExitCode.USAGE,
        )
    roots = "" if root is None else _roots(root)
    seen = {door.url: asyncio.run(look_at(door, roots, patience=patience)) for door in doors}
    if as_json:
        print_json(
            {"doors": [{"url": url, "seen": [asdict(one) for one in all_]} for url, all_ in seen.items()]}
        )
    else:
        _tell(seen)
    wrong = sum(one.verdict is Verdict.WRONG for all_ in seen.values() for one in all_)
    if wrong:
        raise Failure(f"{wrong} of {sum(map(len, seen.values()))} things are wrong, seen from here")


def _roots(file: Path) -> str:
    try:
        return write_chain(read_certificates(file.read_bytes()))
    except (OSError, BadPem) as error:
        raise Failure(f"{file} cannot be read as PEM", why=str(error), code=ExitCode.USAGE) from error


def _tell(seen: dict[str, list[Seen]]) -> None:
    for url, all_ in seen.items():
        print(printable(url))
        for one in all_:
            print(printable(f"  {one.verdict:<7} {one.about}: {one.said}"))
            if one.next:
                print(printable(f"{'':<9} next: {one.next}"))
