"""Why stations cannot be helped by a campaign: what its kind says, and what is true of every kind."""

from collections.abc import Mapping, Sequence
from typing import Final

from ocppsec.csms.errands.doing import Doing
from ocppsec.profiles.record import Stage
from ocppsec.registry.records import Station
from ocppsec.registry.store import Store

_FEW: Final = 100
_PAGE: Final = 500
_NEW: Final = (Stage.OPEN, Stage.EXPIRED)


async def objections_of(store: Store, doing: Doing, stations: Sequence[Station]) -> Mapping[str, str]:
    """By identity; who is not in it can be helped as far as is known."""
    found = dict(await doing.objections(stations))
    left = [station.identity for station in stations if station.identity not in found]
    return found | dict.fromkeys(
        await _newcomers(store, left), "is new and has no credentials of its own yet: ocppsec onboarding list"
    )


async def _newcomers(store: Store, identities: Sequence[str]) -> list[str]:
    """Those whose way in is open, or was not gone in time."""
    if len(identities) <= _FEW:
        entries = {identity: await store.onboarding(identity) for identity in identities}
        return [identity for identity, entry in entries.items() if entry is not None and entry.stage in _NEW]
    new: set[str] = set()
    for stage in _NEW:
        after: str | None = None
        while page := await store.onboardings(after=after, limit=_PAGE, stage=stage):
            new |= {entry.identity for entry in page}
            after = page[-1].identity
    return [identity for identity in identities if identity in new]
