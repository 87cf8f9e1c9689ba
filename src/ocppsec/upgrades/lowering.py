"""The one step down there is: from profile 3 to 2, where the station allows it and a person asked for it by name.

A00.FR.005: a CSMS cannot take a station lower but where its AllowSecurityProfileDowngrade is there and true, and to
profile 1 never.  The way is that of an upgrade, on the same machine; only what stands in its way differs.
"""

from ocppsec.upgrades.plan import Plan, StationAtStart
from ocppsec.upgrades.states import Facts


def objection_at_start(plan: Plan, station: StationAtStart) -> str | None:
    """Before the station is asked anything."""
    assert plan.lowering is not None
    if plan.target != 2:
        return (
            f"Profile 3 to 2 is the only step down there is; profile {plan.target} is never reached that way."
        )
    if station.profile not in (2, 3):
        return f"The station is on profile {station.profile}: only one on profile 3 can be lowered, to 2."
    if not plan.lowering.reason.strip():
        return "A step down needs a reason: it is kept with who asked."
    return None


def objection_of(facts: Facts) -> str | None:
    """Behind the first question, which is this one; what the station did not say it does not allow."""
    if facts.downgrade_allowed is True:
        return None
    if facts.downgrade_allowed is None:
        found = "The station does not have AllowSecurityProfileDowngrade"
    else:
        found = "AllowSecurityProfileDowngrade of the station is off"
    return (
        f"{found}: it would refuse profile 2 (A05.FR.10), so it is not asked to. Whoever may set it does so at the"
        " station, or with SetVariables, knowing why."
    )
