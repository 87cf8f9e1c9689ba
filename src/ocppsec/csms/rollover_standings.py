"""Who must trust us in a root rollover, and how it stands with each: what the obstacles are judged by."""

from collections.abc import AsyncIterator, Callable, Container
from datetime import datetime

from ocppsec.certificates.facts import issuer_key_identifier, key_identifier
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.csms.root_carrier import Part, RootCarrier
from ocppsec.csms.sessions import Sessions
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import AttemptOutcome, Station
from ocppsec.registry.store import Store
from ocppsec.upgrades.rollover.phases import Operation, Standing
from ocppsec.upgrades.rollover.roots import Which

_PAGE = 500
_ATTEMPTS = 5


class Standings:
    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        carrier: RootCarrier,
        upgrading: Callable[[], Container[str]],
        authority: Callable[[], AuthorityFiles],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._carrier = carrier
        self._upgrading = upgrading
        self._authority = authority
        self._now = now
        self._issuers: dict[str, str] = {}

    async def all(self, operation: Operation, *, explained: bool = True) -> list[Standing]:
        """*explained* looks up why nothing goes on with those that are away, which costs queries for each."""
        entered = datetime.fromisoformat(operation.entered_at)
        certificates = await self._certificates()
        return [
            await self._standing(
                station, entered, certificates.get(station.identity, frozenset()), explained=explained
            )
            for station in await self._stations()
        ]

    async def members(self) -> set[str]:
        """Who must trust us: all that are, or are to be, on a profile with TLS."""
        return {station.identity for station in await self._stations()}

    async def last_end(self) -> datetime:
        """When the last certificate ends that was ever issued."""
        last = self._now()
        async for record in self._ledger(None):
            last = max(last, record.not_after)
        return last

    async def _stations(self) -> list[Station]:
        found: list[Station] = []
        while page := await self._store.stations(after=found[-1].identity if found else None, limit=_PAGE):
            found += page
        upgrading = self._upgrading()
        return [
            station
            for station in found
            if station.floor >= SecurityProfile.TLS_BASIC or station.identity in upgrading
        ]

    async def _standing(
        self, station: Station, entered: datetime, certificates: frozenset[Which], *, explained: bool
    ) -> Standing:
        part = self._carrier.part(station.identity)
        return Standing(
            identity=station.identity,
            shows=None if part is None else part.shows,
            problem=await self._problem(station, part, entered) if explained else "",
            met=part is not None and part.met_at is not None and part.met_at >= entered,
            certificates=certificates,
        )

    async def _problem(self, station: Station, part: Part | None, entered: datetime) -> str:
        if part is not None and part.stuck:
            return part.stuck
        if self._sessions.get(station.identity) is not None:
            return "an upgrade of it is under way" if station.identity in self._upgrading() else ""
        seen = station.last_seen_at
        away = "not connected, " + (f"last seen {seen:%Y-%m-%d %H:%M}Z" if seen else "never seen")
        failed = await self._failed_handshake(station.identity, entered)
        return f"{away}; since then at the door: {failed}" if failed else away

    async def _failed_handshake(self, identity: str, entered: datetime) -> str:
        """What a door saw of somebody at the address that the station last came from, since the phase began."""
        last = await self._store.attempts(identity, limit=1)
        if not last:
            return ""
        for attempt in await self._store.attempts_from(last[0].address, limit=_ATTEMPTS):
            if attempt.at >= entered and attempt.outcome is AttemptOutcome.HANDSHAKE_FAILED:
                return f"{attempt.reason} from {attempt.address}"
        return ""

    async def _certificates(self) -> dict[str, frozenset[Which]]:
        """Under which roots the certificates hang that a station may come with next."""
        known: dict[str, list[CertificateRecord]] = {}
        for state in (CertificateState.ACTIVE, CertificateState.PENDING):
            async for record in self._ledger(state):
                if record.not_after > self._now():
                    known.setdefault(record.identity, []).append(record)
        found: dict[str, frozenset[Which]] = {}
        for identity, records in known.items():
            in_use = [one.issued_at for one in records if one.state is CertificateState.ACTIVE]
            may_come = [one for one in records if not in_use or one.issued_at >= max(in_use)]
            under = {self._issued_under(one) for one in may_come}
            found[identity] = frozenset(which for which in under if which is not None)
        return found

    async def _ledger(self, state: CertificateState | None) -> AsyncIterator[CertificateRecord]:
        after: str | None = None
        while page := await self._store.ledger(after=after, limit=_PAGE, state=state):
            for record in page:
                yield record
            after = page[-1].fingerprint

    def _issued_under(self, record: CertificateRecord) -> Which | None:
        authority = self._authority()
        issuer = self._issuers.get(record.fingerprint)
        if issuer is None:
            issuer = self._issuers[record.fingerprint] = issuer_key_identifier(record.chain)
        for which, generation in ((Which.OLD, authority.present), (Which.NEW, authority.coming)):
            if generation is not None and issuer == key_identifier(generation.hierarchy.stations.certificate):
                return which
        return None
