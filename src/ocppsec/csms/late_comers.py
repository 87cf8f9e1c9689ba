"""Who has come to match a continuous campaign: the registry is gone through page by page, again and again.

So it does not matter how a station came to match: added, labelled, seen on another profile, on this node or another,
while this process was down.  A page costs the same in a fleet of ten and of ten thousand.
"""

from datetime import datetime, timedelta
from typing import Final

from ocppsec.csms.dry_run import candidate, facts_of
from ocppsec.csms.errands.doing import Fleet, is_there
from ocppsec.csms.errands.objections import objections_of
from ocppsec.csms.held import Held
from ocppsec.upgrades.campaign.happenings import Late
from ocppsec.upgrades.campaign.selection import matches, parse
from ocppsec.upgrades.campaign.states import ENDED, CampaignStatus

PAGE: Final = 200
PAUSE: Final = timedelta(seconds=2)


async def late_comers(fleet: Fleet, held: Held, now: datetime) -> list[Late]:
    """Of the next page, when it is time for one; raises `StoreUnavailable`, `BadInput`."""
    closing = held.run.status in (*ENDED, CampaignStatus.ABORTING)
    if closing or not held.run.takes_late_comers or (held.late_at is not None and now < held.late_at):
        return []
    held.late_at = now + PAUSE
    page = await fleet.store.stations(after=held.late_behind, limit=PAGE)
    held.late_behind = page[-1].identity if len(page) == PAGE else None
    selection = parse(held.run.plan.select)
    found = [
        station
        for station in page
        if station.identity not in held.roster
        and matches(selection, facts_of(station, connected=is_there(fleet, station.identity)))
    ]
    objections = await objections_of(fleet.store, held.doing, found) if found else {}
    late = [candidate(station) for station in found if station.identity not in objections]
    return [Late(tuple(late))] if late else []
