"""The rules by which a campaign stops itself."""

from ocppsec.upgrades.campaign.states import Run, Tally


def stop_reason(run: Run, ended: Tally) -> str | None:
    """Why it has to stop now; None when it need not.  Counted from where a person last said to go on."""
    stop = run.plan.stop
    since = ended.since(run.forgiven)
    if stop.lost is not None and since.lost >= stop.lost:
        return f"lost contact with {since.lost}; the rule stops at {stop.lost}"
    if stop.failed is not None and since.failed >= stop.failed:
        return f"{since.failed} failed; the rule stops at {stop.failed}"
    bad = since.failed + since.lost
    if (
        stop.failed_percent is not None
        and since.ended >= stop.at_least
        and bad * 100 > stop.failed_percent * since.ended
    ):
        return f"{bad} of {since.ended} failed; the rule stops above {stop.failed_percent:g} percent"
    phase = run.plan.phases[run.phase]
    of_phase = ended.since(run.phase_base)
    bad = of_phase.failed + of_phase.lost
    if phase.stop_at is not None and bad >= phase.stop_at:
        name = phase.name or run.phase + 1
        return f"{bad} failed in phase {name}; the phase stops at {phase.stop_at}"
    return None
