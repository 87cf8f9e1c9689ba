"""Whom a campaign would help, whom it cannot and why: looked up and judged before anything is changed."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from msgspec.structs import replace

from ocppsec.csms import kinds
from ocppsec.csms.errands.doing import Doing, Fleet
from ocppsec.csms.errands.objections import objections_of
from ocppsec.csms.errors import BadInput
from ocppsec.registry.records import Station
from ocppsec.registry.store import Store
from ocppsec.upgrades.campaign.begin import Candidate, begin, snapshot
from ocppsec.upgrades.campaign.phases import quota
from ocppsec.upgrades.campaign.plan import CampaignPlan, Kind
from ocppsec.upgrades.campaign.selection import FACTS, Selection, matches, names, parse
from ocppsec.upgrades.campaign.states import Member, MemberStatus, decode_member, decode_run
from ocppsec.upgrades.campaign.totals import Totals
from ocppsec.upgrades.campaign.window import TIMEZONE_LABEL
from ocppsec.upgrades.states import UnreadableState

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
    """What may go wrong or take long: it is away or charging, or others of its kind have failed."""
    phase: int | None
    """Counted from 1, as far as those that come first are there; None when it has no turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    plan: CampaignPlan
    members: tuple[Member, ...]
    stations: tuple[PlannedStation, ...]
    phases: tuple[int, ...]
    """How many stations are through, at the end of each phase."""
    known: Mapping[str, str]
    """What upgrades have found out about the kinds of these stations, by kind."""


async def dry_run(fleet: Fleet, plan: CampaignPlan, doing: Doing, connected: Callable[[str], bool]) -> DryRun:
    """Raises `BadInput` when the plan can be carried out at no station."""
    doing.check()
    store = fleet.store
    chosen, labels = await _chosen(store, parse(plan.select), connected)
    if not plan.continuous:
        _check_names(plan.select, labels)
    objections = await objections_of(store, doing, chosen)
    members = snapshot(candidate(station, objections.get(station.identity, "")) for station in chosen)
    run, totals = begin(plan), Totals(members)
    ends = tuple(quota(replace(run, phase=number), totals) for number in range(len(plan.phases)))
    failures = await _failures_by_kind(store, plan.kind)
    by_identity = {station.identity: station for station in chosen}
    rows = tuple(
        _row(
            member,
            by_identity[member.identity],
            connected(member.identity),
            ends,
            failures,
            charging=plan.charging == "wait" and fleet.charging(member.identity) is True,
        )
        for member in members
    )
    known = await _known(store, chosen) if plan.kind is Kind.RAISE else {}
    return DryRun(plan=plan, members=tuple(members), stations=rows, phases=ends, known=known)


def candidate(station: Station, objection: str = "") -> Candidate:
    return Candidate(
        identity=station.identity,
        kind=kind_of(station),
        timezone=station.labels.get(TIMEZONE_LABEL, ""),
        objection=objection,
    )


async def _known(store: Store, chosen: Sequence[Station]) -> Mapping[str, str]:
    notes = await kinds.notes(store)
    found = {kind_of(station): kinds.name_of(station) for station in chosen}
    return {kind: notes[name] for kind, name in sorted(found.items()) if name is not None and name in notes}


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


def _check_names(select: str, labels: AbstractSet[str]) -> None:
    """A name that nobody has is a typing error: behind ``not`` it would choose everybody.  Raises `BadInput`."""
    if unknown := sorted(names(parse(select)) - labels - set(FACTS)):
        raise BadInput(
            f"select: no station has a label {', '.join(unknown)}",
            f"labels there are: {', '.join(sorted(labels)) or 'none'}; facts: {', '.join(FACTS)}",
        )


async def _chosen(
    store: Store, selection: Selection, connected: Callable[[str], bool]
) -> tuple[list[Station], set[str]]:
    """The stations, and the labels there are at all."""
    chosen: list[Station] = []
    labels: set[str] = set()
    after: str | None = None
    while page := await store.stations(after=after, limit=_PAGE):
        chosen += [
            one for one in page if matches(selection, facts_of(one, connected=connected(one.identity)))
        ]
        labels.update(*(one.labels for one in page))
        after = page[-1].identity
    return chosen, labels


async def _failures_by_kind(store: Store, kind: Kind) -> Mapping[str, Counter[str]]:
    """Of the last few campaigns of this sort: for each kind of station, what made them fail, and how often."""
    found: dict[str, Counter[str]] = {}
    for campaign in await store.campaigns(limit=_EARLIER_CAMPAIGNS):
        with contextlib.suppress(UnreadableState):
            if decode_run(campaign.state).plan.kind is not kind:
                continue
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
    *,
    charging: bool,
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
        note=_note(member.kind, station, connected, failures, charging=charging) if can else "",
        phase=next(number for number, end in enumerate(ends, 1) if member.position < end) if can else None,
    )


def _note(
    kind: str,
    station: Station,
    connected: bool,
    failures: Mapping[str, Counter[str]],
    *,
    charging: bool,
) -> str:
    found = []
    if station.observed is None:
        found.append("has never connected")
    elif not connected:
        found.append("is away now")
    elif charging:
        found.append("is charging now: its turn comes when that has ended")
    if kind and (earlier := failures.get(kind)):
        reason, _ = earlier.most_common(1)[0]
        found.append(f"{earlier.total()} of this kind failed before: {reason}")
    return "; ".join(found)
