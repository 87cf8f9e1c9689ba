"""Carries campaigns out: saves what was decided, begins the upgrades, and looks what became of them.

A campaign is rows, not a coroutine.  A crash between a decision and its effect is no matter: the id of an upgrade
follows from the campaign, the station's place in it and the number of the try, so a begun upgrade is found again and
never begun twice.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.csms.dry_run import DryRun, Judge, dry_run
from ocppsec.csms.errors import BadInput
from ocppsec.events import CampaignStepped, Emit, StoreUnavailable
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import (
    Campaign,
    CampaignChange,
    CampaignLine,
    CampaignMember,
    Upgrade,
    UpgradeStatus,
)
from ocppsec.registry.store import NotRegistered, RegistryError, Store, Superseded, UpgradeInProgress
from ocppsec.upgrades.campaign.begin import begin
from ocppsec.upgrades.campaign.decide import decide
from ocppsec.upgrades.campaign.happenings import (
    Begin,
    Begun,
    CameAfterAll,
    Command,
    Decision,
    Ended,
    Event,
    Gone,
    Look,
    NotBegun,
    Note,
    Outcome,
    Retry,
)
from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.campaign.roster import Roster
from ocppsec.upgrades.campaign.states import (
    ENDED,
    Member,
    MemberStatus,
    Run,
    count,
    decode_member,
    decode_run,
    encode_member,
    encode_run,
)
from ocppsec.upgrades.states import Failed, decode_state

LOOK_SECONDS = 0.5
_BADLY = frozenset({MemberStatus.FAILED, MemberStatus.LOST, MemberStatus.AWAY})


class UnknownCampaign(LookupError):  # noqa: N818
    """No campaign has this id."""


class Fleet(Protocol):
    """What a campaign needs of the CSMS."""

    store: Store

    @property
    def organization(self) -> str: ...
    @property
    def authority(self) -> AuthorityFiles: ...
    @property
    def upgrading(self) -> frozenset[str]: ...
    def url_for(self, profile: int) -> str | None: ...
    def present(self) -> dict[str, int]: ...
    async def begin_upgrade(self, identity: str, to: int, *, upgrade_id: str | None = None) -> Upgrade: ...


@dataclass(slots=True)
class _Held:
    """An open campaign as this process holds it; the rows are the truth."""

    campaign: Campaign
    run: Run
    members: Roster


class Campaigner:
    """All open campaigns of this process."""

    def __init__(
        self, fleet: Fleet, *, emit: Emit, now: Callable[[], datetime], look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._fleet = fleet
        self._emit = emit
        self._now = now
        self._look_seconds = look_seconds
        self._held: dict[str, _Held] = {}
        self._lock = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Take up what an earlier process left open; raises `StoreUnavailable`."""
        for campaign in await self._fleet.store.open_campaigns():
            await self._hold(campaign)
        self._loop = asyncio.create_task(self._go_on_looking(), name="campaigns")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None

    # -- what people ask for ----------------------------------------------------------------------------
    async def plan(self, plan: CampaignPlan) -> DryRun:
        """What *plan* would do, station by station; changes nothing."""
        fleet = self._fleet
        urls = {profile: url for profile in (2, 3) if (url := fleet.url_for(profile)) is not None}
        judge = Judge(fleet.authority, fleet.organization, urls, plan.to or 0)
        return await dry_run(fleet.store, plan, judge, frozenset(fleet.present()))

    async def begin(self, plan: CampaignPlan) -> Campaign:
        """Keep a campaign over the stations chosen now; raises `BadInput` when none of them can be raised."""
        planned = await self.plan(plan)
        if not any(station.can for station in planned.stations):
            why = f"; the first: {planned.stations[0].reason}" if planned.stations else ""
            raise BadInput(
                f"of {len(planned.stations)} chosen stations none can be raised{why}",
                "look with: campaign plan",
            )
        now = self._now()
        run = begin(plan)
        campaign = Campaign(
            id=secrets.token_hex(6),
            name=plan.name,
            target=SecurityProfile(plan.to or 0),
            status=run.status,
            reason="",
            state=encode_run(run),
            version=0,
            started_at=now,
        )
        line = CampaignLine(at=now, what="begun", detail=f"{len(planned.stations)} stations: {plan.select}")
        async with self._lock:
            kept = await self._fleet.store.begin_campaign(
                campaign, [_row(one) for one in planned.members], [line]
            )
            self._held[kept.id] = _Held(kept, run, Roster(planned.members))
            self._emit(CampaignStepped(campaign=kept.id, what=line.what, detail=line.detail))
        return kept

    async def tell(self, campaign_id: str, command: Command) -> Campaign:
        """Pause, resume, approve, abort, retry; raises `UnknownCampaign`, and `BadInput` where it has no meaning."""
        async with self._lock:
            held = self._held.get(campaign_id)
            if held is None:
                campaign = await self._fleet.store.campaign(campaign_id)
                if campaign is None:
                    raise UnknownCampaign(campaign_id)
                if not isinstance(command, Retry):
                    raise BadInput(
                        f"the campaign has ended: {campaign.status}", "only retry has a meaning now"
                    )
                held = await self._hold(campaign)
            before = held.campaign.version
            try:
                await self._decide(held, [command])
            except Superseded:
                await self._read_again(held)
                raise BadInput("the campaign has just changed", "look at it, and ask again") from None
            if held.campaign.version == before:
                if held.run.status in ENDED:
                    self._held.pop(campaign_id, None)
                raise BadInput(
                    f"the campaign is {held.run.status}: nothing to do", "look with: campaign show"
                )
            return held.campaign

    async def counts(self, campaign_id: str) -> Counter[MemberStatus]:
        """How many of its stations are where."""
        held = self._held.get(campaign_id)
        if held is not None:
            return count(held.members.values())
        rows = await self._fleet.store.campaign_members(campaign_id)
        return Counter(MemberStatus(row.status) for row in rows)

    # -- the loop ---------------------------------------------------------------------------------------
    async def _go_on_looking(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            for held in list(self._held.values()):
                await self._look_after(held)

    async def _look_after(self, held: _Held) -> None:
        async with self._lock:
            try:
                await self.look(held)
            except Superseded:
                await self._read_again(held)
            except RegistryError as error:
                # The rows stand as they were: the next look finds all that this one could not keep.
                self._emit(StoreUnavailable(doing="a campaign", reason=str(error)))
            except Exception as error:  # noqa: BLE001  one campaign's bug must not stop the others
                self._held.pop(held.campaign.id, None)
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"error in campaign {held.campaign.id}; it stands still", "exception": error}
                )

    async def look(self, held: _Held) -> None:
        """One turn: what was left half done, what has ended, and what is to begin now."""
        present = self._fleet.present()
        begun_half = [one for one in held.members.values() if one.status is MemberStatus.STARTING]
        events = [await self._begin(held, member) for member in begun_half]
        events += await self._news(held, present)
        events.append(Look(present=frozenset(present), busy=self._fleet.upgrading))
        decision = await self._decide(held, events)
        begun = [
            await self._begin(held, effect.member) for effect in decision.effects if isinstance(effect, Begin)
        ]
        if begun:
            await self._decide(held, begun)

    async def _news(self, held: _Held, present: dict[str, int]) -> list[Event]:
        news: list[Event] = []
        upgrading, to = self._fleet.upgrading, int(held.campaign.target)
        for member in held.members.values():
            if member.status is MemberStatus.RUNNING and member.identity not in upgrading:
                upgrade = await self._fleet.store.upgrade(upgrade_id(held.campaign, member))
                event = _ended(member.identity, upgrade)
                news += [] if event is None else [event]
            elif member.status in _BADLY and present.get(member.identity, 0) >= to:
                news.append(CameAfterAll(member.identity))
        return news

    async def _begin(self, held: _Held, member: Member) -> Event:
        wanted, to = upgrade_id(held.campaign, member), int(held.campaign.target)
        try:
            if await self._fleet.store.upgrade(wanted) is None:
                await self._fleet.begin_upgrade(member.identity, to, upgrade_id=wanted)
        except UpgradeInProgress:
            return NotBegun(member.identity, "another upgrade is open", busy=True)
        except NotRegistered:
            return Gone(member.identity)
        except BadInput as error:
            return NotBegun(member.identity, error.reason)
        return Begun(member.identity)

    # -- decide, save -----------------------------------------------------------------------------------
    async def _decide(self, held: _Held, events: Sequence[Event]) -> Decision:
        decision = decide(held.run, held.members, events, self._now())
        if decision.run == held.run and not decision.changed and not decision.effects:
            return decision
        notes = [effect for effect in decision.effects if isinstance(effect, Note)]
        ended = decision.run.status in ENDED
        change = CampaignChange(
            campaign=replace(
                held.campaign,
                status=decision.run.status,
                reason=decision.run.reason,
                state=encode_run(decision.run),
                ended_at=decision.at if ended else None,
            ),
            members=tuple(_row(member) for member in decision.changed),
            lines=tuple(CampaignLine(at=decision.at, what=note.what, detail=note.detail) for note in notes),
        )
        held.campaign = await self._fleet.store.save_campaign(change)
        held.run = decision.run
        held.members.apply(decision.changed)
        for note in notes:
            self._emit(CampaignStepped(campaign=held.campaign.id, what=note.what, detail=note.detail))
        if ended:
            self._held.pop(held.campaign.id, None)
        return decision

    async def _hold(self, campaign: Campaign) -> _Held:
        rows = await self._fleet.store.campaign_members(campaign.id)
        members = [decode_member(row.state) for row in rows]
        held = _Held(campaign, decode_run(campaign.state), Roster(members))
        self._held[campaign.id] = held
        return held

    async def _read_again(self, held: _Held) -> None:
        self._held.pop(held.campaign.id, None)
        campaign = await self._fleet.store.campaign(held.campaign.id)
        if campaign is not None and campaign.ended_at is None:
            await self._hold(campaign)


def upgrade_id(campaign: Campaign, member: Member) -> str:
    """The same after a crash, another one for each try."""
    return f"{campaign.id}-{member.position}-{member.tries}"


def _row(member: Member) -> CampaignMember:
    return CampaignMember(
        identity=member.identity,
        position=member.position,
        status=member.status,
        reason=member.reason,
        state=encode_member(member),
    )


def _ended(identity: str, upgrade: Upgrade | None) -> Event | None:
    """None while it is open."""
    if upgrade is None:
        return Gone(identity)
    match upgrade.status:
        case UpgradeStatus.DONE:
            return Ended(identity, Outcome.DONE)
        case UpgradeStatus.FAILED:
            state = decode_state(upgrade.state)
            lost = isinstance(state, Failed) and state.lost_contact
            return Ended(identity, Outcome.LOST if lost else Outcome.FAILED, upgrade.reason)
        case UpgradeStatus.OPEN:
            return None
