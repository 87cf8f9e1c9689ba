"""The station identity, read once from the path of the connection URL.

A station's URL is a door's URL + "/" + the percent-encoded identity (Part 4, 3.1.1).  Whatever is found here is
the identity everywhere afterwards: nothing reads the path a second time, nothing decodes it a second time.
"""

import re
from dataclasses import dataclass

MAX_LENGTH = 48
"""Part 4, 3.1.1: identifierString[48]."""

# identifierString of Part 2, primitive datatypes, without the colon that ends the user name in Basic
# credentials (A00.FR.204), and with the space that Part 4 shows in its own example (`RDAM%20123`).
_ALLOWED = re.compile(r"[A-Za-z0-9*\-_=+|@. ]+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class BadIdentity:
    """The path names no station; *reason* in plain words, without quoting what was sent."""

    reason: str


def parse_identity(path: str | bytes, prefix: str = "/ocpp") -> str | BadIdentity:
    """The identity in the request target *path*; a query is not looked at.

    Exactly one segment follows *prefix*, and it is percent-decoded exactly once.
    """
    segment = _segment(path, prefix.rstrip("/"))
    if isinstance(segment, BadIdentity):
        return segment
    decoded = _decode_once(segment)
    if isinstance(decoded, BadIdentity):
        return decoded
    return check_identity(decoded) or decoded


def check_identity(identity: str) -> BadIdentity | None:
    """What is wrong with *identity*, already decoded; None when a station may be called so."""
    if not identity:
        return BadIdentity("the station identity is empty")
    if len(identity) > MAX_LENGTH:
        return BadIdentity(f"the station identity is longer than {MAX_LENGTH} characters")
    if ":" in identity:
        return BadIdentity("a station identity must not contain a colon")
    if not _ALLOWED.fullmatch(identity):
        return BadIdentity("a station identity is made of letters, digits, space and * - _ = + | @ .")
    if identity != identity.strip():
        return BadIdentity("a station identity must not begin or end with a space")
    if identity in {".", ".."}:
        return BadIdentity("a station identity must not be a step in a path")
    return None


def _segment(path: str | bytes, prefix: str) -> bytes | BadIdentity:
    try:
        raw = path.encode("ascii") if isinstance(path, str) else path
        raw.decode("ascii")
    except UnicodeError:
        return BadIdentity("the path holds characters that have to be percent-encoded")
    raw = raw.partition(b"?")[0]
    start = prefix.encode("ascii") + b"/"
    if not raw.startswith(start):
        return BadIdentity(f"the path has to be {prefix}/ and the station identity")
    segment = raw[len(start) :]
    if b"/" in segment:
        return BadIdentity(f"exactly one path segment, the station identity, has to follow {prefix}/")
    return segment


def _decode_once(segment: bytes) -> str | BadIdentity:
    # %25 becomes a percent sign, which no identity may contain: a doubly encoded identity ends as refused.
    if segment.count(b"%") != len(_PERCENT.findall(segment)):
        return BadIdentity("the path holds a percent sign that two hexadecimal digits do not follow")
    decoded = _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), segment)
    try:
        return decoded.decode("utf-8")
    except UnicodeDecodeError:
        return BadIdentity("the station identity is not UTF-8")
