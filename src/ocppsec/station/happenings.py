"""What a station tells whoever watches it: facts, frozen, without secrets.

For narrating and for tests that wait; nothing in the station depends on anybody listening.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Base of all happenings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling(Happening):
    slot: int
    profile: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Happening):
    slot: int
    profile: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed(Happening):
    """The CSMS has let the station in on this connection: Accepted or Pending, now or before a mere reconnect."""

    slot: int
    profile: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Happening):
    """The CSMS gave an HTTP answer other than 101."""

    slot: int
    profile: int
    status: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailed(Happening):
    """No HTTP answer came.  `stage` is ``tcp``, ``tls`` or ``http``."""

    slot: int
    profile: int
    stage: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted(Happening):
    """BootNotification was answered."""

    status: str
    profile: int
    reason: str
    interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Happening):
    """A CALL of the CSMS."""

    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Happening):
    """How that CALL was answered: the status in the CALLRESULT, or the CALLERROR's code."""

    action: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent(Happening):
    """A CALL of ours was answered; `status` as in `Answered`."""

    action: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Happening):
    """Something arrived that the standard says to ignore."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRaised(Happening):
    """A05.FR.06: SecurityProfile went up, and `removed` slots with lower profiles are gone."""

    old: int
    new: int
    removed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventRaised(Happening):
    type: str
    tech_info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Happening):
    code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebooting(Happening):
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Happening):
    """The station is switched off."""


def status_in(payload: dict[str, Any]) -> str:
    """The status an answer carries, for telling; several are joined."""
    if "status" in payload:
        return str(payload["status"])
    results = payload.get("setVariableResult") or payload.get("getVariableResult") or ()
    return ", ".join(dict.fromkeys(str(result["attributeStatus"]) for result in results)) or "answered"
