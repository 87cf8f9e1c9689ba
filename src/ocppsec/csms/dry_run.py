"""Who a campaign would raise, who it cannot and why: looked up and judged before anything is changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.csms.errors import BadInput
from ocppsec.csms.planning import plan_for, start_of
from ocppsec.registry.records import Station
from ocppsec.registry.store import Store
from ocppsec.upgrades.campaign.begin import Candidate, begin, snapshot
from ocppsec.upgrades.campaign.phases import quota
from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.campaign.selection import Selection, matches, parse
from ocppsec.upgrades.campaign.states import Member, MemberStatus, decode_member
from ocppsec.upgrades.campaign.totals import Totals
from ocppsec.upgrades.campaign.window import TIMEZONE_LABEL
from ocppsec.upgrades.plan import Plan
from ocppsec.upgrades.states import Failed
from ocppsec.upgrades.workflow import begin as begin_upgrade

_PAGE = 500
_EARLIER_CAMPAIGNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStation:
    identity: str
    kind: str
    floor: int
    observed: int | None
    connected: bool
    can: bool
    reason: str
    """Why it cannot, or need not; empty when it can."""
    note: str
    """What may go wrong: it is away, or others of its kind have failed."""
    phase: int | None
    """Counted from 1, as far as those that come first are there; None when it has no turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    plan: CampaignPlan
    members: tuple[Member, ...]
    stations: tuple[PlannedStation, ...]
    phases: tuple[int, ...]
    """How many stations are through, at the end of each phase."""


class Judge:
    """Says of a station why it cannot be raised, without asking it anything."""

    def __init__(
        self, authority: AuthorityFiles, organization: str, urls: Mapping[int, str], to: int
    ) -> None:
        self._authority = authority
        self._organization = organization
        self._urls = urls
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
                station, self._to, self._authority, organization=self._organization, url_for=self._urls.get
            )
        return self._plans[station.floor]


async def dry_run(store: Store, plan: CampaignPlan, judge: Judge, connected: frozenset[str]) -> DryRun:
    chosen = await _chosen(store, parse(plan.select), connected)
    members = snapshot(
        Candidate(
            identity=station.identity,
            kind=kind_of(station),
            timezone=station.labels.get(TIMEZONE_LABEL, ""),
            objection=judge.objection(station),
        )
        for station in chosen
    )
    run = begin(plan)
    totals = Totals(members)
    ends = tuple(quota(replace(run, phase=number), totals) for number in range(len(plan.phases)))
    failures = await _failures_by_kind(store)
    by_identity = {station.identity: station for station in chosen}
    rows = tuple(
        _row(member, by_identity[member.identity], member.identity in connected, ends, failures)
        for member in members
    )
    return DryRun(plan=plan, members=tuple(members), stations=rows, phases=ends)


def kind_of(station: Station) -> str:
    """What may be expected to behave alike."""
    return " ".join(part for part in (station.vendor, station.model, station.firmware_version) if part)


def facts_of(station: Station, *, connected: bool) -> dict[str, str]:
    """What a selection can ask for; what is not known is left out.  A fact's name wins over a label's."""
    known: dict[str, object] = {
        "identity": station.identity,
        "serial": station.serial_number,
        "vendor": station.vendor,
        "model": station.model,
        "firmware": station.firmware_version,
        "floor": int(station.floor),
        "target": int(station.target),
        "observed": None if station.observed is None else int(station.observed),
        "connected": "yes" if connected else "no",
    }
    return {**station.labels, **{name: str(value) for name, value in known.items() if value is not None}}


async def _chosen(store: Store, selection: Selection, connected: frozenset[str]) -> list[Station]:
    chosen: list[Station] = []
    after: str | None = None
    while page := await store.stations(after=after, limit=_PAGE):
        chosen += [
            one for one in page if matches(selection, facts_of(one, connected=one.identity in connected))
        ]
        after = page[-1].identity
    return chosen


async def _failures_by_kind(store: Store) -> Mapping[str, Counter[str]]:
    """Of the last few campaigns: for each kind of station, what made them fail, and how often."""
    found: dict[str, Counter[str]] = {}
    for campaign in await store.campaigns(limit=_EARLIER_CAMPAIGNS):
        for status in (MemberStatus.FAILED, MemberStatus.LOST):
            for record in await store.campaign_members(campaign.id, status=status, limit=_PAGE):
                member = decode_member(record.state)
                found.setdefault(member.kind, Counter())[member.reason] += 1
    return found


def _row(
    member: Member,
    station: Station,
    connected: bool,
    ends: Sequence[int],
    failures: Mapping[str, Counter[str]],
) -> PlannedStation:
    can = member.status is not MemberStatus.SKIPPED
    return PlannedStation(
        identity=member.identity,
        kind=member.kind,
        floor=int(station.floor),
        observed=None if station.observed is None else int(station.observed),
        connected=connected,
        can=can,
        reason=member.reason,
        note=_note(member.kind, station, connected, failures) if can else "",
        phase=next(number for number, end in enumerate(ends, 1) if member.position < end) if can else None,
    )


def _note(kind: str, station: Station, connected: bool, failures: Mapping[str, Counter[str]]) -> str:
    notes = []
    if station.observed is None:
        notes.append("has never connected")
    elif not connected:
        notes.append("is away now")
    if kind and (earlier := failures.get(kind)):
        reason, _ = earlier.most_common(1)[0]
        notes.append(f"{earlier.total()} of this kind failed before: {reason}")
    return "; ".join(notes)
