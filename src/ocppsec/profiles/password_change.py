"""Which passwords are valid while one is being changed (A01): pure, over hashes.

A station's hashes stand in a row: the current one first, then those that were sent to it and whose fate is not
known, newest first.  All of them are admitted; the first certainty leaves one.  So a lost answer, a crash or a
reboot that is still to come locks nobody out.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

MOST_PENDING: Final = 8


class TooManyPending(Exception):  # noqa: N818
    """So many changes are open that one more would have to forget one that may be in force."""


class Answer(StrEnum):
    """What became of SetVariables."""

    ACCEPTED = "accepted"
    REBOOT_REQUIRED = "reboot-required"
    """In force with the next restart, in many stations (spec 3.1); A01.FR.04 read literally says never."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """No answer: it may have arrived."""


def sending(hashes: Sequence[str], new: str) -> tuple[str, ...]:
    """To be kept before *new* is sent; raises `TooManyPending`."""
    current, pending = hashes[:1], hashes[1:]
    if len(pending) >= MOST_PENDING:
        raise TooManyPending
    return (*current, new, *pending)


def answered(hashes: Sequence[str], new: str, answer: Answer) -> tuple[str, ...]:
    """What is valid behind the answer to *new*."""
    match answer:
        case Answer.ACCEPTED if new in hashes:
            return (new,)  # A01.FR.03: from now on no other
        case Answer.REJECTED:
            return tuple(known for known in hashes if known != new)  # A01.FR.04
        case _:
            return tuple(hashes)


def logged_in(hashes: Sequence[str], index: int) -> tuple[str, ...]:
    """What is valid behind a login with ``hashes[index]``.

    With a new one: that, and what was sent after it, for that may wait for a restart.  With the old one nothing
    is certain, for the same reason.
    """
    return (hashes[index], *hashes[1:index]) if 0 < index < len(hashes) else tuple(hashes)
