"""What `Connection.receive` may report.  Payloads may hold passwords, so none of these shows one in its repr."""

from enum import StrEnum
from typing import Any

import msgspec


class DropReason(StrEnum):
    """Why something was ignored.  The names are stable: metrics use them."""

    ANSWER_TO_NOTHING = "answer-to-nothing"
    """An answer whose id belongs to no CALL of ours."""
    LATE_ANSWER = "late-answer"
    """An answer to a CALL that was answered before or given up."""
    UNREADABLE_ANSWER = "unreadable-answer"
    """Meant as an answer, but to what cannot be read."""
    REPEATED_CALL = "repeated-call"
    """A CALL with the id of one that still waits for its answer; one answer serves both.

    Part 4, 4.2.3 lists this among the reasons for a CALLERROR, and allows dropping.  A CALLERROR with that id
    would be taken for the answer to the first.
    """
    PEER_COULD_NOT_READ = "peer-could-not-read"
    """A CALLERROR with id "-1": the peer could not read something we sent."""


class _Reported(msgspec.Struct, frozen=True):
    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in _HIDDEN)
        return f"{type(self).__name__}({', '.join(shown)})"


_HIDDEN = frozenset({"payload", "details"})


class CallReceived(_Reported, frozen=True):
    """The peer asks; exactly one of `answer` and `refuse` is owed.  The payload is valid by the schema."""

    id: str
    action: str
    payload: dict[str, Any]


class Answered(_Reported, frozen=True):
    """Our CALL was carried out; the payload is valid by the schema."""

    id: str
    action: str
    payload: dict[str, Any]


class Refused(_Reported, frozen=True):
    """Our CALL was not carried out, or (`by_us`) its answer was unusable.  `code` is text: peers invent some."""

    id: str
    action: str
    code: str
    description: str
    details: dict[str, Any]
    by_us: bool


class Dropped(_Reported, frozen=True):
    """Something arrived that the standard says to ignore; `id` is None where none could be read."""

    reason: DropReason
    id: str | None


Received = CallReceived | Answered | Refused | Dropped
