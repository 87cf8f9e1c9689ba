"""What a campaign is told, and what it asks for."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppsec.upgrades.campaign.states import Member, Run


@dataclass(frozen=True, slots=True)
class Begun:
    """The member's upgrade is kept, or was already before a crash."""

    identity: str


@dataclass(frozen=True, slots=True)
class NotBegun:
    """*busy*: another upgrade is open, it may be begun later.  Otherwise it can never be: *reason* says why."""

    identity: str
    reason: str
    busy: bool = False


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Ended:
    """The member's upgrade has ended."""

    identity: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CameAfterAll:
    """A station that had failed or was lost is on the campaign's profile now."""

    identity: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The station was removed."""

    identity: str


@dataclass(frozen=True, slots=True)
class Pause:
    pass


@dataclass(frozen=True, slots=True)
class Resume:
    """Goes on; what has failed until now is forgiven, stop rules count from here."""


@dataclass(frozen=True, slots=True)
class Abort:
    pass


@dataclass(frozen=True, slots=True)
class Approve:
    """A person opens the next phase; may be said before the phase is through."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Those that failed, were lost or away are tried again, also in a campaign that has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Time goes on."""

    present: AbstractSet[str]
    """Identities that are connected and accepted."""
    busy: AbstractSet[str]
    """Identities with an open upgrade."""


Command = Pause | Resume | Abort | Approve | Retry
Event = Begun | NotBegun | Ended | CameAfterAll | Gone | Look | Command


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin the upgrade of *member*, unless the one of this try is there already."""

    member: Member


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the campaign's history."""

    what: str
    detail: str = ""


Effect = Begin | Note


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    run: Run
    changed: tuple[Member, ...]
    effects: tuple[Effect, ...]
    at: datetime
