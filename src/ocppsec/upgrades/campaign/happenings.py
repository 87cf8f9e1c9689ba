"""What a campaign is told, and what it asks for."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocppsec.upgrades.campaign.begin import Candidate
from ocppsec.upgrades.campaign.states import Member, Run


@dataclass(frozen=True, slots=True)
class Begun:
    """The member's errand is kept, or was already before a crash."""

    identity: str


@dataclass(frozen=True, slots=True)
class NotBegun:
    """*busy*: it may be begun later, when what *reason* says is over.  Otherwise never."""

    identity: str
    reason: str
    busy: bool = False


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    SILENT = "silent"
    """Failed, for an answer did not come, or not in time."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Ended:
    """The member's errand has ended."""

    identity: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CameAfterAll:
    """A station that had failed, was lost or away is where it should be now."""

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


@dataclass(frozen=True, slots=True)
class Finish:
    """A continuous campaign takes no more late comers, and ends when those it has have ended."""


@dataclass(frozen=True, slots=True)
class Late:
    """Stations that have come to match; those that are in the campaign already are left out."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Time goes on."""

    present: Container[str]
    """Identities that are connected and accepted."""
    busy: Container[str]
    """Identities that are being changed by something else."""
    charging: Container[str] = ()
    """Identities that are known to charge."""
    again: Iterable[str] | None = None
    """Of those passed over, the ones to be looked at this time: in turn all of them.  None: all."""
    there_since: datetime | None = None
    """When this process began: who has not found the way back after an outage of ours is not away.  None: long ago."""


Command = Pause | Resume | Abort | Approve | Retry | Finish
Event = Begun | NotBegun | Ended | CameAfterAll | Gone | Late | Look | Command


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin the errand of *member*, unless the one of this try is there already."""

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
