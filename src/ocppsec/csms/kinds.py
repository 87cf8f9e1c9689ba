"""Keeps what upgrades have found out about kinds of stations, and says it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from ocppsec.registry.records import Kind, Station
from ocppsec.registry.store import Store
from ocppsec.upgrades.kinds import NOTHING, KindFacts, decode_facts, encode_facts, in_words, merged
from ocppsec.upgrades.states import Done, Failed

_LONGEST = 100
"""Of a name as a station tells it; OCPP allows 50."""


class Kinds:
    def __init__(self, store: Store, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def learn(self, identity: str, facts: KindFacts, ended: Done | Failed) -> None:
        """An upgrade has ended; what it saw counts for all of the station's kind.  Raises `StoreUnavailable`."""
        await self._keep(identity, facts, ended)

    async def saw(self, identity: str, facts: KindFacts) -> None:
        """The station was asked, and nothing was done to it.  Raises `StoreUnavailable`."""
        await self._keep(identity, facts, None)

    async def _keep(self, identity: str, facts: KindFacts, ended: Done | Failed | None) -> None:
        station = await self._store.station(identity)
        if station is None or (name := name_of(station)) is None:
            return
        known = await self._store.kind(*name)
        vendor, model, firmware_version = name
        await self._store.save_kind(
            Kind(
                vendor=vendor,
                model=model,
                firmware_version=firmware_version,
                facts=encode_facts(merged(_facts(known), facts)),
                done=(known.done if known else 0) + isinstance(ended, Done),
                failed=(known.failed if known else 0) + isinstance(ended, Failed),
                reason=ended.reason if isinstance(ended, Failed) else known.reason if known else "",
                updated_at=self._now(),
            )
        )

    async def of(self, station: Station) -> KindFacts:
        """What others of its kind have shown; `NOTHING` when there were none."""
        name = name_of(station)
        return NOTHING if name is None else _facts(await self._store.kind(*name))


def name_of(station: Station) -> tuple[str, str, str] | None:
    """Vendor, model, firmware; None when it has told neither vendor nor model."""
    if not station.vendor and not station.model:
        return None
    names = (station.vendor or "", station.model or "", station.firmware_version or "")
    vendor, model, firmware_version = (name[:_LONGEST] for name in names)
    return vendor, model, firmware_version


async def notes(store: Store) -> Mapping[tuple[str, str, str], str]:
    """For each kind (`name_of`) what is known, in a line: for who decides about many stations."""
    return {(kind.vendor, kind.model, kind.firmware_version): note(kind) for kind in await store.kinds()}


def note(kind: Kind) -> str:
    outcome = f"{kind.done} of this kind done, {kind.failed} failed"
    if not kind.done + kind.failed:
        outcome = "none of this kind was raised yet"
    why = f" (last: {kind.reason})" if kind.failed and kind.reason else ""
    return "; ".join((outcome + why, *in_words(decode_facts(kind.facts))))


def _facts(kind: Kind | None) -> KindFacts:
    return NOTHING if kind is None else decode_facts(kind.facts)
