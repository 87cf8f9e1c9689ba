"""The CSMS as a whole: all that the API offers.  How it is put together is in `ocppsec.csms.assembly`.

State first: what a method promises is in the store when it returns.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ocppsec.csms.application import Application
from ocppsec.csms.assembly import Assembly
from ocppsec.csms.calls_by_hand import objection
from ocppsec.csms.campaigner import Campaigner
from ocppsec.csms.configuration import Configuration
from ocppsec.csms.entrance import OpenDoor
from ocppsec.csms.errors import BadInput, NotConnected
from ocppsec.csms.explain import Explanation, explain
from ocppsec.csms.planning import plan_for, proven, start_of
from ocppsec.csms.preflight import Preflight
from ocppsec.csms.rescue import Rescue, rescue
from ocppsec.csms.rescuer import Rescuer
from ocppsec.csms.shut_out import shut_out
from ocppsec.csms.stations import check_labels
from ocppsec.events import (
    Emit,
)
from ocppsec.ocppj.errors import LocalError
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Stage
from ocppsec.registry.records import (
    Station,
    Upgrade,
    UpgradeStatus,
)
from ocppsec.registry.store import NotRegistered, Store
from ocppsec.upgrades.kinds import ordered_by
from ocppsec.upgrades.plan import Deadlines, Lowering, Plan, StationAtStart


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInfo:
    identity: str
    profile: int
    door: str
    address: str
    since: datetime
    accepted: bool
    pending: str | None
    """Why it is kept in Pending; None for everybody else."""
    tls_version: str | None
    cipher: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedStation:
    station: Station
    generated_password: str | None = field(default=None, repr=False)
    """Shown once; only its hash is kept."""


class Csms(Assembly):
    """What the API and the commands call, between `start` and `stop`."""

    def __init__(
        self,
        configuration: Configuration,
        store: Store,
        *,
        emit: Emit,
        application: Application | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(configuration, store, emit=emit, application=application, now=now)
        self.campaigner = Campaigner(self, emit=emit, now=now)

    # -- what it is -------------------------------------------------------------------------------------
    @property
    def organization(self) -> str:
        return self.configuration.organization

    @property
    def hostname(self) -> str:
        return self.configuration.hostname

    @property
    def doors(self) -> tuple[OpenDoor, ...]:
        return self._entrance.doors if self._entrance is not None else ()

    def url_for(self, profile: int) -> str | None:
        return next((door.url for door in self.doors if profile in door.profiles), None)

    def connection(self, identity: str) -> ConnectionInfo | None:
        session = self._sessions.get(identity)
        if session is None:
            return None
        facts = session.facts
        return ConnectionInfo(
            identity=identity,
            profile=int(facts.profile),
            door=facts.door,
            address=facts.address,
            since=facts.since,
            accepted=session.accepted,
            pending=facts.pending,
            tls_version=facts.tls_version,
            cipher=facts.cipher,
        )

    def connections_count(self) -> dict[int, int]:
        return self._sessions.by_profile()

    def present(self) -> dict[str, int]:
        """Who can be called now, and the profile of that connection."""
        return {session.identity: int(session.profile) for session in self._sessions if session.accepted}

    def hang_up(self, identity: str, reason: str) -> None:
        """Close a station's connection, if there is one; it may come back at once."""
        session = self._sessions.get(identity)
        if session is not None:
            session.close(1000, reason)

    def charging(self, identity: str) -> bool | None:
        """True while a transaction is under way; None when it has not said enough for a no."""
        return self._charging.of(identity)

    # -- stations ---------------------------------------------------------------------------------------
    async def add_station(
        self,
        identity: str,
        *,
        serial_number: str | None = None,
        profile: int = 1,
        password: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> AddedStation:
        """Register a station; raises `BadInput`, `AlreadyRegistered`."""
        station, generated = await self._registrar.add(
            identity, serial_number=serial_number, profile=profile, password=password, labels=labels or {}
        )
        return AddedStation(station=station, generated_password=generated)

    async def set_labels(self, identity: str, labels: Mapping[str, str]) -> None:
        """Replace a station's labels; raises `NotRegistered`, `BadInput`."""
        check_labels(labels)
        await self.store.set_labels(identity, labels)

    async def remove_station(self, identity: str) -> bool:
        """Forget a station and close its connection; False when there was none."""
        removed = await self.store.remove_station(identity, at=self._now())
        self._revoked()
        self._upgrader.forget(identity)
        self.renewer.forget(identity)
        self.rollover.removed(identity)
        self._sessions.forget(identity)
        self._charging.forget(identity)
        self._reception.removed(identity)
        await self.allowances.look()
        return removed

    async def why(self, identity: str) -> Explanation:
        station = await self.store.station(identity)
        session = self._sessions.get(identity)
        return await explain(
            self.store,
            identity,
            station,
            connected=int(session.profile) if session is not None else None,
            pending=session.facts.pending if session is not None else None,
        )

    async def rescue(self, identity: str) -> Rescue:
        """What can be done for a station that has not come back; raises `NotRegistered`."""
        station = await self.store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        session = self._sessions.get(identity)
        return rescue(
            station,
            await self.store.upgrades(identity, limit=1),
            await self.why(identity),
            connected=int(session.profile) if session is not None else None,
            shut_out=shut_out(station, await self.store.certificates(identity), self._now()),
        )

    async def begin_upgrade(
        self, identity: str, to: int, *, upgrade_id: str | None = None, deadlines: Deadlines | None = None
    ) -> Upgrade:
        """Start raising a station; raises `NotRegistered`, `UpgradeInProgress`, `BadInput`.

        *upgrade_id*: of the caller's choice, so that it can be found again after a crash.
        *deadlines*: how long each step may take; the configuration's by default.
        """
        station = await self.store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        new = await self.store.onboarding(identity)
        if new is not None and new.stage in (Stage.OPEN, Stage.EXPIRED):
            raise BadInput(
                f"{identity} is new and has no credentials of its own yet; it is raised by itself when it has",
                f"ocppsec onboarding show {identity}",
            )
        return await self._begin(station, to, upgrade_id=upgrade_id, deadlines=deadlines)

    @property
    def rescuer(self) -> Rescuer:
        """What a person can have done for one station."""
        return Rescuer(
            self.store,
            self.interventions,
            begin=self.begin_upgrade,
            give_up=self._upgrader.give_up,
            hand_out=self.passwords.hand_out,
            deadlines=self.configuration.upgrade_deadlines,
        )

    async def begin_downgrade(self, identity: str, *, by: str, reason: str) -> Upgrade:
        """Take a station from profile 3 to 2, where it allows that (A00.FR.005); raises as `begin_upgrade` does."""
        record = await self.store.admission_record(identity)
        station = await self.store.station(identity)
        if station is None or record is None:
            raise NotRegistered(identity)
        if not record.password_hashes:
            raise BadInput(
                f"{identity} has no password here, and profile 2 needs one",
                f"ocppsec station rescue {identity} --do new-password",
            )
        return await self._begin(
            station, int(SecurityProfile.TLS_BASIC), lowering=Lowering(by=by, reason=reason)
        )

    async def _begin(
        self,
        station: Station,
        to: int,
        *,
        upgrade_id: str | None = None,
        deadlines: Deadlines | None = None,
        lowering: Lowering | None = None,
    ) -> Upgrade:
        identity = station.identity
        plan, start = await self._told_at_start(station, to, lowering=lowering, deadlines=deadlines)
        session = self._sessions.get(identity)
        upgrade = Upgrade(
            id=upgrade_id or secrets.token_hex(8),
            identity=identity,
            target=SecurityProfile(to),
            status=UpgradeStatus.OPEN,
            step="",
            reason="",
            state="",
            version=0,
            deadline=None,
            started_at=self._now(),
        )
        begun = await self._upgrader.begin(upgrade, plan, start)
        if session is not None:
            self._reception.sightings.connects_from(identity, session.facts.address)
        return begun

    async def preflight(self, identity: str, to: int) -> Preflight:
        """Ask a connected station what an upgrade would ask it first; nothing is changed.

        Raises `NotRegistered`, `NotConnected`, `BadInput`, `StoreUnavailable`.
        """
        station = await self.store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        plan, start = await self._told_at_start(station, to)
        return await self.preflights.ask(identity, plan, start)

    async def _told_at_start(
        self,
        station: Station,
        to: int,
        *,
        lowering: Lowering | None = None,
        deadlines: Deadlines | None = None,
    ) -> tuple[Plan, StationAtStart]:
        """What an upgrade is told; raises `BadInput` for one that could only strand the station."""
        identity = station.identity
        await self.rollover.settle(identity)
        session = self._sessions.get(identity)
        start = start_of(station, session)
        against = shut_out(station, await self.store.certificates(identity), self._now())
        if against is not None and session is None:
            raise BadInput(f"{identity} is on profile 3 and cannot come in: {against[0]}", against[1])
        plan = plan_for(
            station,
            to,
            self.authority,
            organization=self.organization,
            url_for=self.url_for,
            earlier=await self.store.upgrades(identity),
            further_roots=() if self.issuer is None else self.issuer.trust.roots,
            lowering=lowering,
            deadlines=deadlines or self.configuration.upgrade_deadlines,
            generation=self.rollover.generation_for(identity),
        )
        assert self._entrance is not None
        plan = ordered_by(plan, await self.kinds.of(station))
        plan = await proven(plan, start, self._entrance.objection, self.server_certificates.believed_by)
        return plan, start

    async def _call_pending(
        self, identity: str, action: str, payload: dict[str, Any], *, timeout: float
    ) -> dict[str, Any]:
        """As `call`, for what is put right in Pending."""
        session = self._sessions.get(identity)
        if session is None or session.link is None or not session.may_be_called:
            raise NotConnected(f"{identity} is not connected", f"ocppsec station why {identity}")
        return await session.link.call(action, payload, timeout=timeout)

    async def call(
        self, identity: str, action: str, payload: dict[str, Any], *, timeout: float
    ) -> dict[str, Any]:
        """Send any CALL to a connected station; raises `NotRegistered`, `NotConnected`, `BadInput`, `CallFailed`."""
        session = self._sessions.get(identity)
        if session is None or session.link is None:
            if await self.store.station(identity) is None:
                raise NotRegistered(identity)
            raise NotConnected(f"{identity} is not connected", f"ocppsec station why {identity}")
        if session.facts.pending is not None:
            raise NotConnected(
                f"{identity} is kept in Pending ({session.facts.pending}): it gets new credentials and nothing else",
                "wait until it has come back with them",
            )
        if not session.accepted:
            raise NotConnected(
                f"{identity} is connected but has not booted yet", "wait for its BootNotification"
            )
        station = await self.store.station(identity)
        if station is None:
            raise NotRegistered(identity)
        if (against := objection(identity, action, payload, station.floor)) is not None:
            raise against
        try:
            return await session.link.call(action, payload, timeout=timeout)
        except LocalError as error:
            raise BadInput(
                f"the request is not valid: {error}", "compare it with the OCPP 2.0.1 schema"
            ) from error
