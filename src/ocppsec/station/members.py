"""Who is in a fleet: identities, passwords and manners, from a file or from a pattern.  Pure."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ocppsec.station.config import FactoryCertificate
from ocppsec.station.ledger import RIGHT
from ocppsec.station.manners import MANNERS, UnknownManner

_GOLDEN = 0.618_033_988_749_895


class BadMembers(ValueError):  # noqa: N818
    """The file or pattern cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    identity: str
    serial_number: str
    password: str | None = field(default=None, repr=False)
    certificate: FactoryCertificate | None = None
    manners: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return "+".join(self.manners) or RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the fleet with the same manners."""

    manners: tuple[str, ...]
    part: float
    """From 0 to 1."""


def read_members(text: str) -> tuple[Member, ...]:
    """Lines ``identity,password[,serial number]``; a password may be empty, ``#`` begins a comment line."""
    members: dict[str, Member] = {}
    lines = [line if not line.lstrip().startswith("#") else "" for line in text.splitlines()]
    for number, row in enumerate(csv.reader(lines), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) not in (2, 3) or not cells[0]:
            # The line itself is not told: a password is in it.
            raise BadMembers(f"line {number} is not identity,password or identity,password,serial")
        identity = cells[0]
        if identity in members:
            raise BadMembers(f"line {number}: {identity} is there twice")
        serial = cells[2] if len(cells) == 3 and cells[2] else identity
        members[identity] = Member(identity=identity, serial_number=serial, password=cells[1] or None)
    return tuple(members.values())


def numbered(prefix: str, count: int, password: str | None) -> tuple[Member, ...]:
    """``PREFIX00000`` and so on; *password* may hold ``{identity}`` and ``{number}``, and no other braces."""
    if password is not None and set("{}") & set(_filled(password, "", 0)):
        raise BadMembers(
            "a password pattern is filled in at {identity} and {number}, and has no other braces"
        )
    return tuple(
        Member(
            identity=(identity := f"{prefix}{number:05}"),
            serial_number=identity,
            password=None if password is None else _filled(password, identity, number),
        )
        for number in range(count)
    )


def _filled(pattern: str, identity: str, number: int) -> str:
    return pattern.replace("{identity}", identity).replace("{number}", f"{number:05}")


# -- manners in shares --------------------------------------------------------------------------------------
def read_share(text: str) -> Share:
    """``NAME``, ``NAME=0.1``, ``NAME=10%``, or several manners at once: ``NAME+NAME=0.1``."""
    names, equals, part = text.partition("=")
    manners = tuple(names.split("+"))
    for name in manners:
        if name not in MANNERS:
            raise UnknownManner(name)
    return Share(manners=manners, part=_part(part) if equals else 1.0)


def _part(text: str) -> float:
    try:
        part = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        part = -1.0
    if not 0 < part <= 1:
        raise BadMembers(f"a share is a number up to 1 or a percentage, not {text}")
    return part


def with_shares(members: Sequence[Member], shares: Iterable[Share]) -> tuple[Member, ...]:
    """Each share's manners to its part of *members*, spread over them; no member is in two shares."""
    shares = tuple(shares)
    if sum(share.part for share in shares) > 1 + 1e-9:
        raise BadMembers("the shares of the manners are more than the fleet")
    spread = sorted(range(len(members)), key=lambda place: (place * _GOLDEN) % 1)
    mannered = list(members)
    begin = total = 0.0
    for share in shares:
        total += share.part
        for place in spread[round(begin * len(spread)) : round(total * len(spread))]:
            mannered[place] = replace(mannered[place], manners=share.manners)
        begin = total
    return tuple(mannered)
