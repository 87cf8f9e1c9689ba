"""A00.FR.429: one named station may come in with an expired certificate, for a time, and is renewed at once.

An allowance is a row, given by a person, counted each time it is used, and ended by whatever comes first: the station
is seen with a new certificate, the time passes, somebody takes it back, the station is removed.  While one is open the
doors leave the dates of certificates to admission; when none is, OpenSSL refuses what has expired.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from ocppsec.csms.errors import BadInput
from ocppsec.csms.sessions import Sessions
from ocppsec.events import Emit, ExpiredCertificateAllowed, StoreUnavailable
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.record import CertificateState, Stage, Way
from ocppsec.registry.records import Allowance
from ocppsec.registry.store import NotRegistered, RegistryError, Store

SHORTEST = timedelta(seconds=10)
LONGEST = timedelta(days=7)
_LOOK_SECONDS = 30.0
"""How often the rows are read for what somebody else has given or ended."""


class Allowances:
    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        *,
        on_change: Callable[[bool], None],
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*on_change* is told whether there is an open one; it may be told the same twice."""
        self._store = store
        self._sessions = sessions
        self._on_change = on_change
        self._emit = emit
        self._now = now
        self._wake = asyncio.Event()

    # -- what a person does -----------------------------------------------------------------------------
    async def give(self, identity: str, time: timedelta) -> Allowance:
        """Raises `NotRegistered`, `BadInput`, `StoreUnavailable`."""
        if not SHORTEST <= time <= LONGEST:
            raise BadInput(
                "an expired certificate is let in for 10 seconds to 7 days", "give what is needed: --for 2h"
            )
        if await self._store.station(identity) is None:
            raise NotRegistered(identity)
        if not await self._could_use(identity):
            raise BadInput(
                f"{identity} has no certificate that could have expired",
                f"ocppsec station show {identity} tells what it has; a password does not expire",
            )
        now = self._now()
        given = await self._store.give_allowance(
            Allowance(id=secrets.token_hex(8), identity=identity, until=now + time, given_at=now)
        )
        self._tell(given, "given", f"for {_words(time)}")
        await self.look()
        self._wake.set()
        return given

    async def withdraw(self, identity: str) -> Allowance:
        """Raises `BadInput` when there is none."""
        found = await self._open_of(identity)
        if found is None:
            raise BadInput(f"{identity} has no allowance that is open", "nothing is to be done")
        await self._end(found, "withdrawn")
        await self.look()
        return (await self._store.allowances(identity, limit=1))[0]

    async def of(self, identity: str) -> list[Allowance]:
        """Newest first."""
        return await self._store.allowances(identity)

    async def _could_use(self, identity: str) -> bool:
        in_force = {CertificateState.ACTIVE, CertificateState.PENDING}
        if any(one.state in in_force for one in await self._store.certificates(identity)):
            return True
        entry = await self._store.onboarding(
            identity
        )  # A00.FR.807: a factory's certificate may have expired too
        return entry is not None and entry.stage is Stage.OPEN and entry.way is Way.CERTIFICATE

    # -- what its station does --------------------------------------------------------------------------
    async def used(self, identity: str, not_after: datetime) -> bool:
        """It is about to be let in, once more; False when the allowance has ended meanwhile."""
        found = await self._open_of(identity)
        if found is None or not await self._store.use_allowance(found.id, self._now()):
            return False
        self._tell(found, "used", f"its certificate expired at {not_after:%Y-%m-%d %H:%M} UTC")
        return True

    async def renewed(self, identity: str) -> None:
        """It was seen with a certificate that has not expired."""
        found = await self._open_of(identity)
        if found is not None:
            await self._end(found, "renewed")
            await self.look()

    # -- time -------------------------------------------------------------------------------------------
    async def look(self) -> datetime | None:
        """End those whose time has passed and tell the doors; the end of the next one, None when none is open."""
        now = self._now()
        still = []
        for one in await self._store.open_allowances():
            if one.until < now:
                await self._end(one, "time-passed")
            else:
                still.append(one)
        self._on_change(bool(still))
        return min((one.until for one in still), default=None)

    async def run(self) -> None:
        """For as long as this is not cancelled."""
        while True:
            seconds = _LOOK_SECONDS
            try:
                end = await self.look()
                if end is not None:
                    seconds = min(seconds, max(0.0, (end - self._now()).total_seconds()) + 0.01)
            except RegistryError as error:
                # Nobody can read who is allowed, so nobody is; the doors need not wait for the rows to say so.
                self._on_change(False)
                self._emit(StoreUnavailable(doing="looking at allowances", reason=str(error)))
            self._wake.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _end(self, allowance: Allowance, how: str) -> None:
        if not await self._store.end_allowance(allowance.id, self._now(), how):
            return
        self._tell(allowance, "ended", how)
        session = self._sessions.get(allowance.identity)
        if session is not None and session.facts.pending is Pending.EXPIRED and how != "renewed":
            session.drop("its certificate has expired and is no longer let in")

    async def _open_of(self, identity: str) -> Allowance | None:
        newest = await self._store.allowances(identity, limit=1)
        return newest[0] if newest and newest[0].ended_at is None else None

    def _tell(self, allowance: Allowance, what: str, detail: str) -> None:
        until = f"{allowance.until:%Y-%m-%dT%H:%M:%SZ}"
        self._emit(
            ExpiredCertificateAllowed(identity=allowance.identity, what=what, until=until, detail=detail)
        )


def _words(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
