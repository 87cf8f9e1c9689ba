"""The table of kinds."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ocppsec.csms.errands.carried import Carried
from ocppsec.csms.errands.doing import Doing, Fleet
from ocppsec.csms.errands.raising import Raising
from ocppsec.csms.errands.renewing import Renewing
from ocppsec.csms.errands.roots import Roots
from ocppsec.csms.errands.rotating import Rotating
from ocppsec.events import Emit
from ocppsec.upgrades.campaign.plan import CampaignPlan, Kind

_CARRIED: Final[dict[Kind, type[Carried]]] = {
    Kind.RENEW: Renewing,
    Kind.PASSWORDS: Rotating,
    Kind.INSTALL_ROOT: Roots,
    Kind.WITHDRAW_ROOT: Roots,
}


def doing_of(fleet: Fleet, plan: CampaignPlan, *, emit: Emit, now: Callable[[], datetime]) -> Doing:
    if plan.kind is Kind.RAISE:
        return Raising(fleet, plan)
    return _CARRIED[plan.kind](fleet, plan, emit=emit, now=now)
