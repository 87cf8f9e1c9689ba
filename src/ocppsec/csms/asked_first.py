"""A dry run with what stations say themselves: a few of each kind are asked, before anything is changed."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from ocppsec.csms import kinds
from ocppsec.csms.dry_run import DryRun, PlannedStation
from ocppsec.csms.errors import BadInput, CsmsError
from ocppsec.csms.preflight import Preflight
from ocppsec.registry.store import NotRegistered, Store
from ocppsec.upgrades.campaign.plan import Kind

OF_EACH_KIND: Final = 3
MOST: Final = 60
_AT_ONCE: Final = 10
_SECONDS: Final = 45.0

Ask = Callable[[str, int], Awaitable[Preflight]]


async def asked_first(dry: DryRun, ask: Ask, store: Store) -> DryRun:
    """*dry* with those asked judged by what they said, the others of their kind by what those said.

    Raises `BadInput` where the campaign raises nobody, `StoreUnavailable`.
    """
    if dry.plan.kind is not Kind.RAISE:
        raise BadInput("only stations that are to be raised are asked first", "leave --ask out")
    assert dry.plan.to is not None
    to, room = dry.plan.to, asyncio.Semaphore(_AT_ONCE)

    async def ask_one(identity: str) -> tuple[str, Preflight | str]:
        async with room:
            return identity, await _ask(ask, identity, to)

    found = dict(await asyncio.gather(*(ask_one(one.identity) for one in _chosen(dry))))
    against = _by_kind(dry, found)
    stations = tuple(_judged(one, found.get(one.identity), against.get(one.kind)) for one in dry.stations)
    return replace(dry, stations=stations, known=await _known(store, dry))


async def _ask(ask: Ask, identity: str, to: int) -> Preflight | str:
    """What was found, or why nothing was."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await ask(identity, to)
    except TimeoutError:
        return f"asked, and has not told all within {_SECONDS:g} s"
    except NotRegistered:
        return "was removed meanwhile"
    except CsmsError as error:
        return f"could not be asked: {error.reason}"


def _chosen(dry: DryRun) -> list[PlannedStation]:
    """In the order of the campaign, so that the canary is among them."""
    of_kind: defaultdict[str, int] = defaultdict(int)
    by_identity = {one.identity: one for one in dry.stations}
    chosen = []
    for member in dry.members:
        one = by_identity[member.identity]
        if one.can and one.connected and of_kind[one.kind] < OF_EACH_KIND:
            of_kind[one.kind] += 1
            chosen.append(one)
    return chosen[:MOST]


def _by_kind(dry: DryRun, found: dict[str, Preflight | str]) -> dict[str, str]:
    """Where one was found that would fail: how many of how many, and why the first would."""
    told: defaultdict[str, list[Preflight]] = defaultdict(list)
    for one in dry.stations:
        if isinstance(answer := found.get(one.identity), Preflight):
            told[one.kind].append(answer)
    against = {}
    for kind, asked in told.items():
        objections = [one.objection for one in asked if one.objection]
        if objections:
            against[kind] = f"{len(objections)} of {len(asked)} asked of this kind cannot: {objections[0]}"
    return against


def _judged(one: PlannedStation, answer: Preflight | str | None, against: str | None) -> PlannedStation:
    match answer:
        case Preflight(objection=objection) if objection:
            return replace(one, can=False, reason=objection, note="", phase=None)
        case Preflight(told=told):
            return _with_note(one, f"asked: {told}")
        case str(why):
            return _with_note(one, why)
        case None:
            return one if against is None or not one.can else _with_note(one, against)


def _with_note(one: PlannedStation, note: str) -> PlannedStation:
    return replace(one, note="; ".join(part for part in (one.note, note) if part))


async def _known(store: Store, dry: DryRun) -> dict[str, str]:
    """Anew: those asked have told more of their kinds."""
    chosen = {one.kind for one in dry.stations}
    notes = await kinds.notes(store)
    told = {" ".join(part for part in name if part): note for name, note in notes.items()}
    return {kind: told[kind] for kind in sorted(chosen) if kind in told}
