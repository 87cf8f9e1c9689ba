"""The store in memory: the same contract, nothing kept.

For tests and demonstrations; `tests/contract` holds it to what the SQL store does.  One module for each area, as in
`ocppsec.registry.sql`.
"""

from ocppsec.registry.memory.attempts import Attempts
from ocppsec.registry.memory.campaigns import Campaigns
from ocppsec.registry.memory.errands import Errands
from ocppsec.registry.memory.events import SecurityEvents
from ocppsec.registry.memory.interventions import Interventions
from ocppsec.registry.memory.kinds import Kinds
from ocppsec.registry.memory.onboarding import Onboarding
from ocppsec.registry.memory.orders import Orders
from ocppsec.registry.memory.renewals import Renewals
from ocppsec.registry.memory.requests import Requests
from ocppsec.registry.memory.rollovers import Rollovers
from ocppsec.registry.memory.upgrades import Upgrades


class MemoryStore(
    Onboarding,
    Attempts,
    SecurityEvents,
    Upgrades,
    Renewals,
    Campaigns,
    Orders,
    Rollovers,
    Errands,
    Requests,
    Interventions,
    Kinds,
):
    """See `ocppsec.registry.store.Store`."""
