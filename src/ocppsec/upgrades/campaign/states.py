"""Where a campaign and each of its stations stand, as values that survive a crash."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.states import UnreadableState

VERSION: Final = 2
"""Of a stored run.  1 knew one kind of campaign and named no version; it is read as it stands."""


class CampaignStatus(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    """A phase is through and a person has to open the next one."""
    PAUSED = "paused"
    """By a person."""
    STOPPED = "stopped"
    """By a stop rule."""
    ABORTING = "aborting"
    """Nothing more is begun; what is under way comes to its end."""
    ABORTED = "aborted"
    DONE = "done"
    """Every station has ended, well or not."""


ENDED = frozenset({CampaignStatus.ABORTED, CampaignStatus.DONE})


class MemberStatus(StrEnum):
    PENDING = "pending"
    STARTING = "starting"
    """Decided and kept; its errand may have begun or not."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    """Failed, and did not come back: lost contact."""
    AWAY = "away"
    """Was not there, busy or charging for as long as it was waited for, the reason says which; nothing was begun."""
    SKIPPED = "skipped"
    """Cannot be helped, or needs not."""


UNDER_WAY = frozenset({MemberStatus.STARTING, MemberStatus.RUNNING})
BEGUN = frozenset({*UNDER_WAY, MemberStatus.DONE, MemberStatus.FAILED, MemberStatus.LOST})


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One station of a campaign."""

    identity: str
    position: int
    """Place in the order; unique in the campaign."""
    status: MemberStatus = MemberStatus.PENDING
    reason: str = ""
    kind: str = ""
    """Vendor, model and firmware when the campaign began."""
    timezone: str = ""
    tries: int = 0
    """Errands begun; the last one's id follows from it."""
    retried: int = 0
    """Tries by itself since a person asked last."""
    last: MemberStatus | None = None
    """How the last try ended; None before the first has …"""
    last_reason: str = ""
    """… and why, while `reason` may say what it is waited for."""
    not_before: datetime | None = None
    waiting_since: datetime | None = None
    """Could be begun since then, but is away, busy or charging."""
    began_at: datetime | None = None
    ended_at: datetime | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Stations that have ended in ways a stop rule looks at."""

    done: int = 0
    failed: int = 0
    lost: int = 0

    @property
    def ended(self) -> int:
        return self.done + self.failed + self.lost

    def and_(self, others: "Tally") -> "Tally":
        return Tally(
            done=self.done + others.done, failed=self.failed + others.failed, lost=self.lost + others.lost
        )

    def since(self, before: "Tally") -> "Tally":
        """A station that was tried again, or came after all, does not count below nothing."""
        return Tally(
            done=max(0, self.done - before.done),
            failed=max(0, self.failed - before.failed),
            lost=max(0, self.lost - before.lost),
        )


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign without its stations."""

    version: int = 1
    plan: CampaignPlan
    status: CampaignStatus = CampaignStatus.RUNNING
    reason: str = ""
    """Why it does not run; while it runs, why nobody new is begun."""
    phase: int = 0
    """Index into the plan's phases."""
    soaking_since: datetime | None = None
    approved: bool = False
    rate: float
    """Stations a minute, now."""
    streak: int = 0
    """Successes since the rate changed or a station failed."""
    next_begin: datetime | None = None
    forgiven: Tally = Tally()
    """What a person has seen and resumed behind: stop rules count from there."""
    phase_base: Tally = Tally()
    """What had ended when the phase began, or was resumed."""
    closed: bool = False
    """A continuous campaign that takes no more late comers."""

    @property
    def takes_late_comers(self) -> bool:
        return self.plan.continuous and not self.closed


def count(members: Iterable[Member]) -> Counter[MemberStatus]:
    return Counter(member.status for member in members)


def tally(counts: Counter[MemberStatus]) -> Tally:
    return Tally(
        done=counts[MemberStatus.DONE], failed=counts[MemberStatus.FAILED], lost=counts[MemberStatus.LOST]
    )


def encode_run(run: Run) -> str:
    return msgspec.json.encode(run).decode()


def decode_run(text: str) -> Run:
    """Raises `UnreadableState`."""
    try:
        run = _runs.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored campaign: {error}") from error
    if run.version > VERSION:
        raise UnreadableState(
            f"stored campaign has version {run.version}, this program reads up to {VERSION}"
        )
    return run


def encode_member(member: Member) -> str:
    return msgspec.json.encode(member).decode()


def decode_member(text: str) -> Member:
    """Raises `UnreadableState`."""
    try:
        return _members.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise UnreadableState(f"stored station of a campaign: {error}") from error


_runs = msgspec.json.Decoder(Run)
_members = msgspec.json.Decoder(Member)
