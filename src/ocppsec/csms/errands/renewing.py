"""Renew certificates now, due or not: done when a handshake has shown the new one; the renewer does the work."""

from collections.abc import Mapping, Sequence
from typing import Final

from ocppsec.csms.errands.carried import DONE, Carried, Open, Verdict, failed
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.records import ErrandStatus, Renewal, Station

_FEW: Final = 100
_PAGE: Final = 1000


class Renewing(Carried):
    def check(self) -> None:
        """Everything that can be wrong shows with the stations."""

    async def objections(self, stations: Sequence[Station]) -> Mapping[str, str]:
        with_one = await self._certified(stations)
        return {
            station.identity: "has no certificate in force that could be renewed"
            for station in stations
            if station.identity not in with_one
        }

    async def _certified(self, stations: Sequence[Station]) -> set[str]:
        on_three = [station.identity for station in stations if station.floor >= SecurityProfile.TLS_CLIENT]
        store, active = self._fleet.store, CertificateState.ACTIVE
        if len(on_three) <= _FEW:
            return {
                identity
                for identity in on_three
                if any(one.state is active for one in await store.certificates(identity))
            }
        found: set[str] = set()
        after: str | None = None
        while page := await store.ledger(after=after, limit=_PAGE, state=active):
            found |= {one.identity for one in page}
            after = page[-1].fingerprint
        return found & set(on_three)

    async def _attempt(self, held: Open) -> Verdict | None:
        notes, identity = held.notes, held.errand.identity
        if not notes.renewal:
            # A kill before this is kept is no matter: an open renewal of the station is taken up, not doubled.
            begun = await self._fleet.renewer.renew(identity)
            detail = f"renewal {begun.id}"
            await self._note(held, "asked for", detail, renewal=begun.id, failures=begun.failures)
            held.not_before = None
            return None
        held.not_before = None  # a look into memory
        renewal = self._fleet.renewer.open(identity)
        if renewal is None or renewal.id != notes.renewal:
            renewal = await self._find(identity, notes.renewal)
        if renewal is None:
            return failed("the renewal is not known any more")
        if renewal.open:
            return self._stuck(held, renewal)
        if renewal.reason:
            return failed(renewal.reason)
        await self._note(held, "proven", "a handshake showed the new certificate")
        return DONE

    def _stuck(self, held: Open, renewal: Renewal) -> Verdict | None:
        if renewal.failures <= held.notes.failures:
            return None
        reason = f"{renewal.step}: {renewal.reason}; it goes on being tried by itself"
        return failed(reason)

    def _is_away(self, held: Open) -> Verdict:
        if not held.notes.renewal:
            return super()._is_away(held)
        reason = f"went away while its certificate was renewed, and has not come back within {self._time}"
        return Verdict(ErrandStatus.LOST, reason)

    async def came_after_all(self, identity: str, errand_id: str) -> bool:
        wanted = (await self._kept(errand_id)).renewal
        renewal = await self._find(identity, wanted) if wanted else None
        return renewal is not None and not renewal.open and not renewal.reason

    async def _find(self, identity: str, renewal_id: str) -> Renewal | None:
        known = await self._fleet.store.renewals(identity)
        return next((one for one in known if one.id == renewal_id), None)
