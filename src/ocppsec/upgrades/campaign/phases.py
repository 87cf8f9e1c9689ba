"""The canary first, then shares: how many stations a phase has, and when the next one opens."""

from datetime import datetime
from math import ceil

from msgspec.structs import replace

from ocppsec.upgrades.campaign.happenings import Note
from ocppsec.upgrades.campaign.plan import Phase
from ocppsec.upgrades.campaign.states import CampaignStatus, MemberStatus, Run
from ocppsec.upgrades.campaign.totals import Totals
from ocppsec.upgrades.counted import are, counted


def quota(run: Run, totals: Totals) -> int:
    """So many stations may be begun until the end of this phase, those of earlier phases counted in."""
    return max(_of(phase, totals.can) for phase in run.plan.phases[: run.phase + 1])


def _of(phase: Phase, can: int) -> int:
    if phase.stations is not None:
        return min(can, phase.stations)
    assert phase.percent is not None, "read_plan saw to it"
    return min(can, ceil(can * phase.percent / 100))


def room(run: Run, totals: Totals) -> int:
    """So many stations this phase may still begin for the first time."""
    return quota(run, totals) - totals.begun


def advance(run: Run, totals: Totals, now: datetime) -> tuple[Run, Note] | None:
    """The next thing that happens to the phase; None while it goes on as it is."""
    if not _through(run, totals):
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
        done = totals.by_status[MemberStatus.DONE]
        where = f"where {'they' if done > 1 else 'it'} should be"
        return ended, Note(CampaignStatus.DONE, f"{are(done, 'station')} {where}")
    if phase.gate == "person" and not run.approved:
        reason = f"phase {_name(run)} is through; a person has to open the next"
        return replace(run, status=CampaignStatus.WAITING, reason=reason), Note(
            CampaignStatus.WAITING, reason
        )
    following = replace(run, phase=run.phase + 1, soaking_since=None, approved=False, phase_base=totals.ended)
    return following, Note(
        "phase", f"{_name(following)}: {counted(quota(following, totals), 'station')} in all"
    )


def _through(run: Run, totals: Totals) -> bool:
    """All of the phase's stations have ended, and no other is left that could fill it."""
    if totals.under_way or totals.to_be_tried_again:
        return False
    if run.takes_late_comers and not _filled(run, totals):
        return False
    return not totals.pending or room(run, totals) <= 0


def _filled(run: Run, totals: Totals) -> bool:
    """While there may be late comers a canary waits until it is full, and the last phase has no end.

    Otherwise a campaign that begins with nobody would pass its canary by, and begin all late comers at once.
    """
    if run.phase + 1 == len(run.plan.phases):
        return False
    return totals.begun >= (run.plan.phases[run.phase].stations or 1)


def _name(run: Run) -> str:
    phase = run.plan.phases[run.phase]
    number = f"{run.phase + 1} of {len(run.plan.phases)}"
    return f"{number} ({phase.name})" if phase.name else number


def _soak_ends(run: Run) -> Note:
    return Note("phase", f"{_name(run)}: stations are under way again")
