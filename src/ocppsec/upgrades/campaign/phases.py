"""The canary first, then shares: how many stations a phase has, and when the next one opens."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from math import ceil

from msgspec.structs import replace

from ocppsec.upgrades.campaign.happenings import Note
from ocppsec.upgrades.campaign.states import (
    BEGUN,
    UNDER_WAY,
    CampaignStatus,
    Member,
    MemberStatus,
    Run,
    tally,
)


def quota(run: Run, members: Sequence[Member]) -> int:
    """So many stations may be begun until the end of this phase, those of earlier phases counted in."""
    can = sum(member.status is not MemberStatus.SKIPPED for member in members)
    phase = run.plan.phases[run.phase]
    if phase.stations is not None:
        return min(can, phase.stations)
    assert phase.percent is not None, "read_plan saw to it"
    return min(can, ceil(can * phase.percent / 100))


def begun(members: Sequence[Member]) -> int:
    """Those that had a turn and still count."""
    can = (member for member in members if member.status is not MemberStatus.SKIPPED)
    return sum(member.status in BEGUN or member.tries > 0 for member in can)


def room(run: Run, members: Sequence[Member]) -> int:
    """So many stations this phase may still begin for the first time."""
    return quota(run, members) - begun(members)


def advance(
    run: Run, counts: Counter[MemberStatus], members: Sequence[Member], now: datetime
) -> tuple[Run, Note] | None:
    """The next thing that happens to the phase; None while it goes on as it is."""
    if not _through(run, counts, members):
        return None if run.soaking_since is None else (replace(run, soaking_since=None), _soak_ends(run))
    phase = run.plan.phases[run.phase]
    if run.soaking_since is None:
        soaking = replace(run, soaking_since=now)
        if phase.soak > 0:
            return soaking, Note("soaking", f"phase {_name(run)} is through; {phase.soak:g} s until the next")
        run = soaking
    assert run.soaking_since is not None
    if (now - run.soaking_since).total_seconds() < phase.soak:
        return None
    if run.phase + 1 == len(run.plan.phases):
        ended = replace(run, status=CampaignStatus.DONE, reason="")
        return ended, Note(
            CampaignStatus.DONE, f"{counts[MemberStatus.DONE]} stations are where they should be"
        )
    if phase.gate == "person" and not run.approved:
        reason = f"phase {_name(run)} is through; a person has to open the next"
        return replace(run, status=CampaignStatus.WAITING, reason=reason), Note(
            CampaignStatus.WAITING, reason
        )
    following = replace(
        run, phase=run.phase + 1, soaking_since=None, approved=False, phase_base=tally(counts)
    )
    return following, Note("phase", f"{_name(following)}: {quota(following, members)} stations in all")


def _through(run: Run, counts: Counter[MemberStatus], members: Sequence[Member]) -> bool:
    """All of the phase's stations have ended, and no other is left that could fill it."""
    if any(counts[status] for status in UNDER_WAY):
        return False
    waiting = [member for member in members if member.status is MemberStatus.PENDING]
    if any(member.tries for member in waiting):
        return False
    return not waiting or room(run, members) <= 0


def _name(run: Run) -> str:
    phase = run.plan.phases[run.phase]
    number = f"{run.phase + 1} of {len(run.plan.phases)}"
    return f"{number} ({phase.name})" if phase.name else number


def _soak_ends(run: Run) -> Note:
    return Note("phase", f"{_name(run)}: stations are under way again")
