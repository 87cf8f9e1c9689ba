"""Whether anybody has a name: what is kept of a station outlives it, so an empty answer alone does not tell."""

from ocppsec.csms.service import Csms
from ocppsec.registry.store import NotRegistered


async def check_known(csms: Csms, identity: str) -> None:
    """Raises `NotRegistered`.  Asked where nothing was found: what is kept of a removed station is still shown."""
    if await csms.store.station(identity) is None:
        raise NotRegistered(identity)
