"""Raise to profile 2 or 3: the errand is an upgrade, with rows of its own."""

from collections.abc import Container, Mapping, Sequence

from msgspec.structs import replace

from ocppsec.csms.errands.doing import Fleet
from ocppsec.csms.errors import BadInput
from ocppsec.csms.planning import plan_for, start_of
from ocppsec.registry.records import Station, UpgradeStatus
from ocppsec.upgrades.campaign.happenings import Ended, Gone, Outcome
from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.plan import Plan
from ocppsec.upgrades.states import Failed, UnreadableState, decode_state
from ocppsec.upgrades.workflow import begin as begin_upgrade


class Raising:
    def __init__(self, fleet: Fleet, plan: CampaignPlan) -> None:
        assert plan.to is not None, "read_plan saw to it"
        self._fleet = fleet
        self._to: int = plan.to
        self._deadlines = plan.deadlines

    def check(self) -> None:
        """Everything that can be wrong shows with the stations."""

    async def objections(self, stations: Sequence[Station]) -> Mapping[str, str]:
        judge = Judge(self._fleet, self._to)
        found = ((station.identity, judge.objection(station)) for station in stations)
        return {identity: reason for identity, reason in found if reason}

    def busy(self) -> Container[str]:
        return self._fleet.upgrading

    async def begin(self, identity: str, errand_id: str) -> None:
        if await self._fleet.store.upgrade(errand_id) is None:
            deadlines = replace(self._fleet.configuration.upgrade_deadlines, **self._deadlines)
            await self._fleet.begin_upgrade(identity, self._to, upgrade_id=errand_id, deadlines=deadlines)

    async def ended(self, identity: str, errand_id: str) -> Ended | Gone | None:
        if identity in self._fleet.upgrading:
            return None
        upgrade = await self._fleet.store.upgrade(errand_id)
        if upgrade is None:
            return Gone(identity)
        match upgrade.status:
            case UpgradeStatus.DONE:
                return Ended(identity, Outcome.DONE)
            case UpgradeStatus.FAILED:
                return Ended(identity, _outcome(upgrade.state), upgrade.reason)
            case UpgradeStatus.OPEN:
                return None

    async def came_after_all(self, identity: str, errand_id: str) -> bool:
        del errand_id
        connection = self._fleet.connection(identity)
        if connection is None or not connection.accepted or connection.profile < self._to:
            return False
        # A connection alone proves no boot: without its floor it could still go back to its lower profile.
        station = await self._fleet.store.station(identity)
        return station is not None and station.floor >= self._to

    async def stop(self) -> None:
        """Upgrades are the upgrader's."""


class Judge:
    """Says of a station why it cannot be raised, without asking it anything."""

    def __init__(self, fleet: Fleet, to: int) -> None:
        self._fleet = fleet
        self._to = to
        self._plans: dict[int, Plan] = {}

    def objection(self, station: Station) -> str:
        """Empty when nothing that is known speaks against it."""
        if station.floor >= self._to:
            return f"is on profile {int(station.floor)} already"
        try:
            plan = self._plan(station)
        except BadInput as error:
            return error.reason
        state, _ = begin_upgrade(plan, start_of(station, None))
        return state.reason if isinstance(state, Failed) else ""

    def _plan(self, station: Station) -> Plan:
        """The same for all of one floor, but for what an earlier upgrade knows of their slots."""
        if station.floor not in self._plans:
            self._plans[station.floor] = plan_for(
                station,
                self._to,
                self._fleet.authority,
                organization=self._fleet.organization,
                url_for=self._fleet.url_for,
            )
        return self._plans[station.floor]


def _outcome(stored: str) -> Outcome:
    """Of an upgrade that has failed."""
    try:
        state = decode_state(stored)
    except UnreadableState:  # of another version: that it failed is known all the same
        return Outcome.FAILED
    match state:
        case Failed(lost_contact=True):
            return Outcome.LOST
        case Failed(silent=True):
            return Outcome.SILENT
        case _:
            return Outcome.FAILED
