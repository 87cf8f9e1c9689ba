"""Carries upgrades out: takes what happens to stations to the upgrade that is under way, and begins new ones.

How one is saved and done: `ocppsec.csms.upgrade_conduct`, within the shell of `ocppsec.csms.under_way`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ocppsec.csms import upgrade_rows
from ocppsec.csms.messages_told import with_messages
from ocppsec.csms.session import Session
from ocppsec.csms.signing import Signer
from ocppsec.csms.under_way import UnderWay
from ocppsec.csms.upgrade_conduct import Learn, LowerFloor, UpgradeConduct
from ocppsec.events import Emit
from ocppsec.ocppj.messages import NotifyReportRequest
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Upgrade, UpgradeStatus
from ocppsec.registry.store import Store
from ocppsec.upgrades import exchange, workflow
from ocppsec.upgrades.plan import Plan, StationAtStart
from ocppsec.upgrades.states import Failed, State


async def _learn_nothing(*_: object) -> None:
    pass


async def _no_way_down(*_: object) -> None:
    raise AssertionError("nobody said how a floor is lowered")


class Upgrader:
    """All open upgrades of this process."""

    def __init__(
        self,
        store: Store,
        signer: Signer,
        session_of: Callable[[str], Session | None],
        *,
        emit: Emit,
        now: Callable[[], datetime],
        lower_floor: LowerFloor = _no_way_down,
        learn: Learn = _learn_nothing,
    ) -> None:
        """*lower_floor*: see `ocppsec.csms.interventions`; harmless when repeated.  *learn*: see `ocppsec.csms.kinds`."""
        self._store = store
        self._emit = emit
        self._now = now
        self._conduct = UpgradeConduct(
            store,
            signer,
            session_of,
            emit=emit,
            now=now,
            seconds=lambda: asyncio.get_running_loop().time(),
            lower_floor=lower_floor,
            learned=lambda *what: self._under_way.spawn(learn(*what)),
        )
        self._under_way = UnderWay[Upgrade, State, exchange.Event, exchange.Effect](
            self._conduct, session_of, emit=emit, now=now
        )

    # -- life -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Take up what an earlier process left open; it goes on when its station is there."""
        upgrades = await self._store.open_upgrades()
        for upgrade in upgrades:
            self._conduct.outage(upgrade.identity)
        await self._under_way.take_up(upgrades)

    async def stop(self) -> None:
        await self._under_way.stop()

    async def begin(self, upgrade: Upgrade, plan: Plan, start: StationAtStart) -> Upgrade:
        """Keep a new upgrade and take its first step; raises `UpgradeInProgress`, `NotRegistered`."""
        state, effects = workflow.begin(plan, start)
        effects = with_messages(effects, None)

        async def keep() -> Upgrade:
            row = upgrade_rows.row(upgrade, state, self._now(), same_step=False)
            if isinstance(state, Failed):  # nothing begun: kept as it ended, so that `show` can say why
                row = replace(row, status=UpgradeStatus.OPEN)
            kept = await self._store.begin_upgrade(row, upgrade_rows.steps(effects, self._now()))
            for event in upgrade_rows.stepped(kept, effects):
                self._emit(event)
            return kept

        to_do = tuple(effect for effect in effects if not isinstance(effect, exchange.Note))
        return (await self._under_way.begin(upgrade.identity, keep, state, to_do)).row

    # -- what happens to stations -----------------------------------------------------------------------
    def ready(self, session: Session) -> None:
        """The station can be called: it connected, or its BootNotification has just been answered."""
        if session.identity in self._under_way:
            self._under_way.spawn(self._resume(session.identity, session.profile))

    async def _resume(self, identity: str, profile: SecurityProfile) -> None:
        await self._under_way.resume(identity, lambda running: self._conduct.resume(running, profile))

    async def booted(self, identity: str, profile: SecurityProfile) -> None:
        """Saved, with the floor, when this returns; effects follow after the BootNotification's answer."""
        await self._under_way.feed_now(identity, exchange.StationBooted(int(profile)))

    def connected(self, session: Session) -> None:
        self._under_way.feed(session.identity, exchange.StationConnected(int(session.profile)))

    def lost(self, identity: str) -> None:
        self._under_way.feed(identity, exchange.LinkLost())

    def door_saw(self, identity: str, reason: str) -> None:
        """A connection of this station, or from its address, was not let in."""
        self._under_way.feed(identity, exchange.HandshakeSeen(reason))

    def turned_away(self, identity: str) -> None:
        """By a fault of ours, not of the station's: it may go back to its old profile for that."""
        if identity in self._under_way:
            self._conduct.outage(
                identity
            )  # the store is away as likely as not; kept until something can be saved
            self._under_way.feed(identity, exchange.OurOutage())

    def report_received(self, identity: str, report: NotifyReportRequest) -> None:
        self._under_way.feed(identity, exchange.ReportReceived(report))

    async def csr_received(self, identity: str, csr: str) -> bool:
        """True when the upgrade waits for a request and takes this one."""
        running = self._under_way.get(identity)
        if running is None or not workflow.wants_csr(running.state):
            return False
        await self._under_way.feed_now(identity, exchange.CsrReceived(csr))
        return True

    async def csr_refused(self, identity: str, reasons: tuple[str, ...], *, later: bool = False) -> None:
        """A request that came was refused; one that is being signed, or waits for a person, is not meant."""
        running = self._under_way.get(identity)
        if running is not None and workflow.awaits_csr(running.state):
            await self._under_way.feed_now(identity, exchange.SigningRefused(reasons, later=later))

    async def decided(self, identity: str, request: str, denial: str | None) -> bool:
        """A person has approved a request, or denied it for a reason; True when the upgrade waits for that."""
        running = self._under_way.get(identity)
        if running is None or (waits := workflow.waits_for(running.state)) is None:
            return False
        if denial is None:
            # Whichever was approved: only one waits, and it is for the key the station has now.
            await self._under_way.feed_now(identity, exchange.ApprovalGiven())
            return True
        if waits != request:
            return False
        await self._under_way.feed_now(identity, exchange.SigningRefused((denial,), by_person=True))
        return True

    async def give_up(self, identity: str, why: str) -> bool:
        """End what is under way; False when nothing is.  The station is admitted as before."""
        if identity not in self._under_way:
            return False
        await self._under_way.feed_now(identity, exchange.GivenUp(why))
        return True

    def forget(self, identity: str) -> None:
        """The station was removed, and its upgrades with it."""
        self._under_way.forget(identity)

    @property
    def identities(self) -> frozenset[str]:
        return self._under_way.identities
