"""New stations: who is expected, what they are given in Pending, and how they get to where they should be.

The rows say how far a station is, so a kill at any moment leaves its way in open or shut, never lost: it is shut by
the same event that shows it is not needed any more, credentials of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ocppsec.csms.errors import BadInput, CsmsError
from ocppsec.csms.provisioning import NotTaken, Provisioner
from ocppsec.csms.session import Session
from ocppsec.csms.sessions import Sessions
from ocppsec.csms.stations import Registrar
from ocppsec.events import Emit, OnboardingStepped, OnboardingStuck, StoreUnavailable
from ocppsec.profiles import onboarding as rules
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.registry.records import Station, Upgrade, UpgradeStatus
from ocppsec.registry.store import (
    NotRegistered,
    RegistryError,
    Store,
    Superseded,
    UpgradeInProgress,
)

SHORTEST = timedelta(seconds=10)
LONGEST = timedelta(days=90)
MOST_CONNECTIONS = 1000
_LOOK_SECONDS = 15.0
_COME_BACK_SECONDS = 5.0
"""A station that has taken its new password and does not come back with it by itself is sent away (A01)."""
_AGAIN_SECONDS = 60.0
"""Between the end of an upgrade that failed and the next try, where the station does not boot before."""
_TRIES = 5

BeginUpgrade = Callable[[str, int], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A station that was announced."""

    entry: Onboarding
    station: Station
    password: str | None = field(default=None, repr=False)
    """The one-time password when it was made here; told once."""


class OnboardingOffice:
    def __init__(
        self,
        store: Store,
        registrar: Registrar,
        sessions: Sessions,
        provisioner: Provisioner,
        *,
        manufacturers: frozenset[str],
        begin_upgrade: BeginUpgrade,
        emit: Emit,
        now: Callable[[], datetime],
        upgrading: Callable[[], Container[str]] = frozenset,
        look_seconds: float = _LOOK_SECONDS,
        again_seconds: float = _AGAIN_SECONDS,
        come_back_seconds: float = _COME_BACK_SECONDS,
    ) -> None:
        """*upgrading*: who is on the way, as far as that is known without a look into the store."""
        self._store = store
        self._registrar = registrar
        self._sessions = sessions
        self._provisioner = provisioner
        self._manufacturers = manufacturers
        self._begin_upgrade = begin_upgrade
        self._upgrading = upgrading
        self._emit = emit
        self._now = now
        self._look_seconds = look_seconds
        self._again_seconds = timedelta(seconds=again_seconds)
        self._come_back_seconds = come_back_seconds
        self._providing: set[str] = set()
        self._again: set[str] = set()
        """On their own and not where they should be: what became of their upgrades has to be looked at."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what a person does -----------------------------------------------------------------------------
    async def add(
        self,
        identity: str,
        *,
        way: str,
        serial_number: str | None,
        target: int,
        profile: int,
        time: timedelta,
        connections: int,
        password: str | None = None,
        manufacturer: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Expected:
        """Raises `BadInput`, `AlreadyRegistered`."""
        chosen = self._way(way, target, manufacturer, password)
        if not SHORTEST <= time <= LONGEST:
            raise BadInput("a new station is expected for 10 seconds to 90 days", "choose --for accordingly")
        if not 1 <= connections <= MOST_CONNECTIONS:
            raise BadInput(
                f"it may connect 1 to {MOST_CONNECTIONS} times", "choose --connections accordingly"
            )
        if chosen is Way.LISTED and serial_number is None:
            raise BadInput(
                "a station that is only listed is known by its serial number", "give it with --serial"
            )
        new, secret = self._registrar.check(
            identity,
            serial_number=serial_number,
            profile=profile,
            target=target,
            password=password,
            with_password=chosen is Way.PASSWORD,
            labels=labels or {},
        )
        now = self._now()
        entry = Onboarding(
            identity=identity,
            way=chosen,
            stage=Stage.OPEN,
            target=new.target or new.profile,
            until=now + time,
            most_connections=connections,
            added_at=now,
            password_hash=new.password_hash,
            manufacturer=manufacturer,
        )
        station = await self._store.add_onboarding(new, entry)
        until = f"until {entry.until:%Y-%m-%d %H:%M} UTC"
        self._tell(identity, "added", f"by {chosen}, to profile {int(entry.target)}, {until}")
        return Expected(entry=entry, station=station, password=secret)

    async def find(self, identity: str) -> Onboarding:
        """Raises `NotRegistered`, `BadInput`."""
        entry = await self._store.onboarding(identity)
        if entry is None:
            if await self._store.station(identity) is None:
                raise NotRegistered(identity)
            raise BadInput(f"{identity} did not come in as new", f"ocppsec station show {identity}")
        return entry

    async def check_removable(self, identity: str) -> None:
        """Raises `BadInput` when it is a station like any other by now."""
        entry = await self.find(identity)
        if entry.stage in (Stage.RAISING, Stage.DONE):
            raise BadInput(
                f"{identity} is not new any more: it has credentials of its own",
                f"ocppsec station remove {identity}",
            )

    def removed(self, identity: str) -> None:
        self._tell(identity, "removed", "it is not expected any more")

    def _way(self, way: str, target: int, manufacturer: str | None, password: str | None) -> Way:
        try:
            chosen = Way(way)
        except ValueError:
            raise BadInput(f"{way[:20]!r} is no way in", f"one of {', '.join(Way)}") from None
        if password is not None and chosen is not Way.PASSWORD:
            raise BadInput("a password is for --by password", "leave one of the two out")
        if chosen is not Way.CERTIFICATE:
            if manufacturer is not None:
                raise BadInput("a manufacturer is for --by certificate", "leave one of the two out")
            return chosen
        if target != SecurityProfile.TLS_CLIENT:
            raise BadInput("a station that comes with a certificate goes to profile 3", "--to 3")
        if not self._manufacturers:
            raise BadInput("no manufacturer is trusted", "name one in [[manufacturers]] of the settings")
        if manufacturer is not None and manufacturer not in self._manufacturers:
            raise BadInput(
                f"no manufacturer {manufacturer[:40]!r} is trusted",
                f"one of {', '.join(sorted(self._manufacturers))}",
            )
        return chosen

    # -- on the way in ----------------------------------------------------------------------------------
    async def came_in(self, entry: Onboarding) -> None:
        """It is about to be let in by *entry*; raises `Superseded` when somebody else is, too."""
        saved = await self._store.save_onboarding(rules.came_in(entry, self._now()))
        detail = f"connection {saved.connections} of {saved.most_connections}"
        self._tell(entry.identity, "came-in", f"by {entry.way}, {detail}")

    async def was_not_in(self, identity: str) -> None:
        """Takes the last `came_in` back."""
        await self._change(identity, rules.was_not_in)

    async def on_its_own(self, entry: Onboarding, proof: str) -> None:
        """It has credentials of its own: its way in is shut from here on; raises `Superseded`."""
        after = rules.on_its_own(entry, self._now())
        if after != entry:
            await self._store.save_onboarding(after)
            self._tell(entry.identity, "on-its-own", proof)

    # -- in Pending -------------------------------------------------------------------------------------
    def provide(self, session: Session) -> None:
        """It can be called: give it what it needs to come back as itself.  Repeated with each BootNotification."""
        if session.facts.onboarding is not None and session.identity not in self._providing:
            self._providing.add(session.identity)
            self._spawn(self._provide(session, session.facts.onboarding))

    async def _provide(self, session: Session, entry: Onboarding) -> None:
        identity = session.identity
        try:
            if entry.way is Way.CERTIFICATE:
                self._tell(identity, "given-root", await self._provisioner.certificate(session))
            else:
                await self._password(session)
        except (NotTaken, Superseded) as error:
            await self._stuck(identity, str(error))
        except NotRegistered:
            return  # nobody expects it any more
        finally:
            self._providing.discard(identity)

    async def _password(self, session: Session) -> None:
        """What let it in is worth nothing as soon as it has a password that nobody has seen."""
        identity = session.identity
        certain, detail = await self._provisioner.password(session)
        self._tell(identity, "given-password", detail)
        if certain:
            await self._change(identity, lambda entry: rules.on_its_own(entry, self._now()))
            self._tell(identity, "on-its-own", "it has accepted a password of its own (A01.FR.03)")
            loop = asyncio.get_running_loop()
            loop.call_later(self._come_back_seconds, self._send_away, session)

    def _send_away(self, session: Session) -> None:
        if self._sessions.get(session.identity) is session:
            session.drop("come back with the new password")

    # -- on its own -------------------------------------------------------------------------------------
    def accepted(self, session: Session) -> None:
        """It was accepted like any other station: raise it to its target, or find that it has arrived."""
        self._spawn(self._go_on(session.identity, session.profile))

    async def _go_on(self, identity: str, profile: SecurityProfile, *, at_once: bool = True) -> None:
        """The next step; `look` takes it up again, for a station that is accepted may boot no more for weeks."""
        self._again.add(identity)
        if await self._raise(identity, profile, at_once=at_once):
            self._again.discard(identity)

    async def _look_again(self) -> None:
        upgrading = self._upgrading()
        for identity in [identity for identity in self._again if identity not in upgrading]:
            session = self._sessions.get(identity)
            if session is None or not session.accepted:
                self._again.discard(identity)  # it is found when it comes back
            else:
                await self._go_on(identity, session.profile, at_once=False)

    async def _raise(self, identity: str, profile: SecurityProfile, *, at_once: bool) -> bool:
        """False when there will be something to do without the station saying anything."""
        entry = await self._store.onboarding(identity)
        if entry is None or entry.stage is not Stage.RAISING:
            return True
        upgrades = await self._store.upgrades(identity)
        failed = [
            upgrade
            for upgrade in upgrades
            if upgrade.status is UpgradeStatus.FAILED
            and upgrade.started_at >= (entry.own_at or entry.added_at)
        ]
        upgrading = any(upgrade.status is UpgradeStatus.OPEN for upgrade in upgrades)
        reasons = [upgrade.reason for upgrade in failed]
        match rules.next_step(entry, profile, reasons, upgrading=upgrading):
            case rules.Arrived():
                now = self._now()
                await self._change(
                    identity, lambda old: replace(old, stage=Stage.DONE, ended_at=now, reason="")
                )
                self._tell(identity, "done", f"on profile {int(profile)}")
            case rules.Raise() if not at_once and failed and self._is_fresh(failed[0]):
                return False
            case rules.Raise():
                return await self._begin(identity, int(entry.target))
            case rules.GiveUp(reason=reason):
                await self._stuck(identity, reason)
            case rules.Wait():
                return False
        return True

    def _is_fresh(self, failed: Upgrade) -> bool:
        return self._now() - (failed.ended_at or failed.started_at) < self._again_seconds

    async def _begin(self, identity: str, target: int) -> bool:
        """False when it has begun."""
        try:
            await self._begin_upgrade(identity, target)
        except UpgradeInProgress:
            return False  # a person was quicker
        except CsmsError as error:
            await self._stuck(identity, str(error))
            return True
        await self._change(identity, lambda entry: replace(entry, reason=""))
        self._tell(identity, "raised", f"its upgrade to profile {target} has begun")
        return False

    def came_without(self, entry: Onboarding | None) -> None:
        """Somebody was refused under its name who showed no password."""
        if entry is not None and rules.without_password(entry) != entry:
            self._spawn(self._never_sent(entry.identity))

    async def _never_sent(self, identity: str) -> None:
        if await self._change(identity, rules.without_password):
            self._emit(OnboardingStuck(identity=identity, reason=rules.NEVER_SENT))

    # -- time -------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Go on with what failed or an outage interrupted, and shut what is overdue, for as long as this is not cancelled.

        Admission does not wait for it.
        """
        while True:
            try:
                await self.look()
            except RegistryError as error:
                self._emit(StoreUnavailable(doing="looking at new stations", reason=str(error)))
            await asyncio.sleep(self._look_seconds)

    async def look(self) -> None:
        await self._look_again()
        after, now = None, self._now()
        while page := await self._store.onboardings(after=after, stage=Stage.OPEN, limit=500):
            for entry in page:
                if rules.overdue(entry, now):
                    await self._expire(entry, now)
            after = page[-1].identity

    async def _expire(self, entry: Onboarding, now: datetime) -> None:
        reason = entry.reason or (
            "it never came" if not entry.connections else "it came and got no credentials of its own"
        )
        try:
            await self._store.save_onboarding(
                replace(entry, stage=Stage.EXPIRED, ended_at=now, reason=reason)
            )
        except Superseded:
            return  # it comes in at this moment, or is gone
        self._emit(OnboardingStuck(identity=entry.identity, reason=f"its time has passed: {reason}"))
        session = self._sessions.get(entry.identity)
        if session is not None and session.facts.pending is Pending.ONBOARDING:
            session.drop("the time it was expected in has passed")

    # -- rows and tasks ---------------------------------------------------------------------------------
    async def _change(self, identity: str, change: Callable[[Onboarding], Onboarding]) -> bool:
        """Decide on what is stored; again when somebody else was quicker, not at all when it is gone.

        False when nothing was to be changed.
        """
        for _ in range(_TRIES):
            entry = await self._store.onboarding(identity)
            if entry is None or (after := change(entry)) == entry:
                return False
            try:
                await self._store.save_onboarding(after)
            except Superseded:
                continue
            return True
        return False

    async def _stuck(self, identity: str, reason: str) -> None:
        await self._change(identity, lambda entry: replace(entry, reason=reason))
        self._emit(OnboardingStuck(identity=identity, reason=reason))

    def _tell(self, identity: str, step: str, detail: str) -> None:
        self._emit(OnboardingStepped(identity=identity, step=step, detail=detail))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, RegistryError):
            # The row stands as it was; the station's next BootNotification takes it up again.
            self._emit(StoreUnavailable(doing="onboarding", reason=str(error)))
            return
        asyncio.get_running_loop().call_exception_handler(
            {"message": "error while a station was onboarded", "exception": error}
        )
