"""Carries campaigns out: saves what was decided, begins the errands, and looks what became of them.

A campaign is rows, not a coroutine.  A crash between a decision and its effect is no matter: the id of an errand
follows from the campaign, the station's place in it and the number of the try, so a begun errand is found again and
never begun twice.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ocppsec.csms.dry_run import DryRun, dry_run
from ocppsec.csms.errands.doing import Fleet, is_there
from ocppsec.csms.errands.kinds import doing_of
from ocppsec.csms.errors import BadInput, NotNow
from ocppsec.csms.held import Busy, Charging, Held, Present
from ocppsec.csms.late_comers import late_comers
from ocppsec.events import CampaignStepped, Emit, StoreUnavailable
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Campaign, CampaignChange, CampaignLine, CampaignMember
from ocppsec.registry.store import NotRegistered, RegistryError, Superseded, UpgradeInProgress
from ocppsec.upgrades.campaign.begin import begin
from ocppsec.upgrades.campaign.decide import decide
from ocppsec.upgrades.campaign.happenings import (
    Begin,
    Begun,
    CameAfterAll,
    Command,
    Decision,
    Event,
    Gone,
    Look,
    NotBegun,
    Note,
    Retry,
)
from ocppsec.upgrades.campaign.plan import CampaignPlan
from ocppsec.upgrades.campaign.roster import Roster
from ocppsec.upgrades.campaign.states import (
    ENDED,
    CampaignStatus,
    Member,
    MemberStatus,
    decode_member,
    decode_run,
    encode_member,
    encode_run,
)
from ocppsec.upgrades.counted import counted
from ocppsec.upgrades.states import UnreadableState

LOOK_SECONDS = 0.5
_TOGETHER: Final = 50
"""So many errands are begun at the same time: their rows go to the disk together."""


class UnknownCampaign(LookupError):  # noqa: N818
    """No campaign has this id."""


class Campaigner:
    """All open campaigns of this process."""

    def __init__(
        self, fleet: Fleet, *, emit: Emit, now: Callable[[], datetime], look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._fleet = fleet
        self._emit = emit
        self._now = now
        self._look_seconds = look_seconds
        self._held: dict[str, Held] = {}
        self._lock = asyncio.Lock()
        self._loop: asyncio.Task[None] | None = None

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Take up what an earlier process left open; raises `StoreUnavailable`."""
        for campaign in await self._fleet.store.open_campaigns():
            try:
                await self._hold(campaign)
            except UnreadableState as error:
                await self._give_up(campaign, f"{error}; begin it again")
        self._loop = asyncio.create_task(self._go_on_looking(), name="campaigns")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            self._loop = None
        for held in self._held.values():
            await held.doing.stop()

    # -- what people ask for ----------------------------------------------------------------------------
    async def plan(self, plan: CampaignPlan) -> DryRun:
        """What *plan* would do, station by station; changes nothing.  Raises `BadInput`."""
        fleet = self._fleet
        doing = doing_of(fleet, plan, emit=self._emit, now=self._now)
        return await dry_run(fleet, plan, doing, lambda identity: is_there(fleet, identity))

    async def begin(self, plan: CampaignPlan) -> Campaign:
        """Keep a campaign over the stations chosen now; raises `BadInput` when it would do nothing, for ever."""
        planned = await self.plan(plan)
        if not plan.continuous and not any(station.can for station in planned.stations):
            why = f"; the first: {planned.stations[0].reason}" if planned.stations else ""
            raise BadInput(
                f"of {len(planned.stations)} chosen stations none can be {plan.goal}{why}",
                "look with: campaign plan",
            )
        now = self._now()
        if plan.until is not None and plan.until <= now:
            raise BadInput(f"until is over: {plan.until.isoformat()}", "leave it out, or choose another time")
        run = begin(plan)
        campaign = Campaign(
            id=secrets.token_hex(6),
            name=plan.name,
            target=None if plan.to is None else SecurityProfile(plan.to),
            status=run.status,
            reason="",
            state=encode_run(run),
            version=0,
            started_at=now,
        )
        # Whoever cannot be helped now may join a continuous campaign when that has changed.
        members = [
            one for one in planned.members if not plan.continuous or one.status is MemberStatus.PENDING
        ]
        line = CampaignLine(at=now, what="begun", detail=f"{counted(len(members), 'station')}: {plan.select}")
        async with self._lock:
            kept = await self._fleet.store.begin_campaign(campaign, [_row(one) for one in members], [line])
            doing = doing_of(self._fleet, plan, emit=self._emit, now=self._now)
            self._held[kept.id] = Held(kept, run, Roster(members), doing, now)
            self._emit(CampaignStepped(campaign=kept.id, what=line.what, detail=line.detail))
        return kept

    async def tell(self, campaign_id: str, command: Command) -> Campaign:
        """Pause, resume, approve, abort, retry, finish.

        Raises `UnknownCampaign`, and `BadInput` where it has no meaning.
        """
        async with self._lock:
            held = self._held.get(campaign_id) or await self._reopen(campaign_id, command)
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

    async def _reopen(self, campaign_id: str, command: Command) -> Held:
        campaign = await self._fleet.store.campaign(campaign_id)
        if campaign is None:
            raise UnknownCampaign(campaign_id)
        if not isinstance(command, Retry):
            raise BadInput(f"the campaign has ended: {campaign.status}", "only retry has a meaning now")
        try:
            return await self._hold(campaign)
        except UnreadableState as error:
            raise BadInput(f"another version has begun it: {error}", "begin a new one") from None

    async def counts(self, campaign_id: str) -> Counter[MemberStatus]:
        """How many of its stations are where."""
        held = self._held.get(campaign_id)
        if held is not None:
            return held.roster.totals.by_status
        counted = await self._fleet.store.campaign_counts(campaign_id)
        return Counter({MemberStatus(status): count for status, count in counted.items()})

    # -- the loop ---------------------------------------------------------------------------------------
    async def _go_on_looking(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            for held in list(self._held.values()):
                await self._look_after(held)

    async def _look_after(self, held: Held) -> None:
        async with self._lock:
            try:
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

    async def look(self, held: Held) -> None:
        """One turn: what was left half done, what has ended, who is late, and what is to begin now."""
        fleet = self._fleet
        events = await self._begin_all(held, held.roster.of(MemberStatus.STARTING))
        events += await self._news(held)
        events += await late_comers(fleet, held, self._now())
        events.append(
            Look(
                present=Present(fleet),
                busy=Busy(held, (other for other in self._held.values() if other is not held)),
                charging=Charging(fleet),
                again=held.again(),
                there_since=held.taken_up_at,
            )
        )
        decision = await self._decide(held, events)
        begun = await self._begin_all(
            held, [effect.member for effect in decision.effects if isinstance(effect, Begin)]
        )
        if begun:
            await self._decide(held, begun)

    async def _news(self, held: Held) -> list[Event]:
        news: list[Event] = []
        for member in held.roster.of(MemberStatus.RUNNING):
            event = await held.doing.ended(member.identity, errand_id(held.campaign, member))
            news += [] if event is None else [event]
        for member in held.ended_badly():
            if is_there(self._fleet, member.identity) and await held.doing.came_after_all(
                member.identity, errand_id(held.campaign, member)
            ):
                news.append(CameAfterAll(member.identity))
        for identity in held.waited_for():
            there = is_there(self._fleet, identity)
            if not there and await self._fleet.store.station(identity) is None:
                news.append(Gone(identity))  # nobody could begin it: it would be waited for in vain
        return news

    async def _begin_all(self, held: Held, members: Sequence[Member]) -> list[Event]:
        """All are tried, whatever becomes of one; then the first error, if any, is raised."""
        events: list[Event] = []
        for first in range(0, len(members), _TOGETHER):
            some = members[first : first + _TOGETHER]
            results = await asyncio.gather(
                *(self._begin(held, member) for member in some), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                events.append(result)
        return events

    async def _begin(self, held: Held, member: Member) -> Event:
        try:
            await held.doing.begin(member.identity, errand_id(held.campaign, member))
        except UpgradeInProgress:
            return NotBegun(member.identity, "another upgrade is open", busy=True)
        except NotRegistered:
            return Gone(member.identity)
        except NotNow as error:
            return NotBegun(member.identity, error.reason, busy=True)
        except BadInput as error:
            return NotBegun(member.identity, error.reason)
        return Begun(member.identity)

    # -- decide, save -----------------------------------------------------------------------------------
    async def _decide(self, held: Held, events: Sequence[Event]) -> Decision:
        decision = decide(held.run, held.roster, events, self._now())
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
            members=tuple(_row(member) for member in decision.changed if member.identity in held.roster),
            joined=tuple(_row(member) for member in decision.changed if member.identity not in held.roster),
            lines=tuple(CampaignLine(at=decision.at, what=note.what, detail=note.detail) for note in notes),
        )
        held.campaign = await self._fleet.store.save_campaign(change)
        held.run = decision.run
        held.roster.apply(decision.changed)
        for note in notes:
            self._emit(CampaignStepped(campaign=held.campaign.id, what=note.what, detail=note.detail))
        if ended:
            self._held.pop(held.campaign.id, None)
            await held.doing.stop()
        return decision

    async def _hold(self, campaign: Campaign) -> Held:
        """Raises `UnreadableState`."""
        run = decode_run(campaign.state)
        rows = await self._fleet.store.campaign_members(campaign.id)
        roster = Roster(decode_member(row.state) for row in rows)
        doing = doing_of(self._fleet, run.plan, emit=self._emit, now=self._now)
        held = self._held[campaign.id] = Held(campaign, run, roster, doing, self._now())
        return held

    async def _read_again(self, held: Held) -> None:
        campaign = await self._fleet.store.campaign(held.campaign.id)
        if campaign is not None and campaign.ended_at is None:
            await self._hold(campaign)
        else:
            self._held.pop(held.campaign.id, None)
        await held.doing.stop()

    async def _give_up(self, campaign: Campaign, reason: str) -> None:
        """End a campaign that another version wrote: one row must not keep all doors shut.

        What it has begun goes on by itself; nobody counts it any more.
        """
        now, status = self._now(), CampaignStatus.ABORTED
        ended = replace(campaign, status=status, reason=reason, ended_at=now)
        line = CampaignLine(at=now, what=status, detail=reason)
        await self._fleet.store.save_campaign(CampaignChange(campaign=ended, lines=(line,)))
        self._emit(CampaignStepped(campaign=campaign.id, what=status, detail=reason))


def errand_id(campaign: Campaign, member: Member) -> str:
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
