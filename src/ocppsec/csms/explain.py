"""Why is this station (not) connected?  In plain words, from the attempts that were kept."""

from dataclasses import dataclass, replace

from ocppsec.csms.tls import NAMELESS
from ocppsec.profiles.onboarding import Pending
from ocppsec.registry.records import Attempt, AttemptOutcome, Station
from ocppsec.registry.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    identity: str
    registered: bool
    summary: str
    attempts: list[Attempt]
    """Newest first; TLS failures from the same address are among them, because nobody says who he is before
    HTTP."""
    advice: list[str]


async def explain(
    store: Store,
    identity: str,
    station: Station | None,
    *,
    connected: int | None,
    pending: Pending | None = None,
) -> Explanation:
    """*connected* is the profile of the open connection, None without one; *pending* why it is kept there."""
    own = await store.attempts(identity)
    nearby = [_named(attempt, identity) for attempt in await _handshakes_nearby(store, own)]
    attempts = sorted([*own, *nearby], key=lambda attempt: attempt.at, reverse=True)
    return Explanation(
        identity=identity,
        registered=station is not None,
        summary=_summary(identity, station, attempts, connected, pending),
        attempts=attempts,
        advice=_advice(identity, attempts, station, connected)
        if pending is None
        else [_IN_PENDING[pending].format(identity)],
    )


async def _handshakes_nearby(store: Store, own: list[Attempt]) -> list[Attempt]:
    addresses = list(dict.fromkeys(attempt.address for attempt in own))[:3]
    found = [attempt for address in addresses for attempt in await store.attempts_from(address)]
    return [attempt for attempt in found if attempt.outcome is AttemptOutcome.HANDSHAKE_FAILED]


def _named(attempt: Attempt, identity: str) -> Attempt:
    """Behind a failed handshake nobody has said who he is, so its advice could not name a station; here it can."""
    return replace(attempt, advice=attempt.advice.replace(NAMELESS, f" {identity} "))


_IN_PENDING = {
    Pending.ONBOARDING: "Wait: it gets credentials of its own. ocppsec onboarding show {0} tells why it does not go on.",
    Pending.EXPIRED: "Wait: its certificate is renewed. ocppsec station show {0} tells where that stands.",
}


def _summary(
    identity: str,
    station: Station | None,
    attempts: list[Attempt],
    connected: int | None,
    pending: Pending | None,
) -> str:
    if station is None:
        tried = f"; {_times(len(attempts))} tried to connect under this name" if attempts else ""
        return f"Nobody is registered as {identity!r}{tried}."
    if connected is not None:
        kept = f" and kept in Pending ({pending})" if pending is not None else ""
        return f"{identity} is connected on profile {connected}{kept}."
    if not attempts:
        return f"{identity} has not tried to connect since it was registered, or nobody heard it."
    last = attempts[0]
    match last.outcome:
        case AttemptOutcome.ADMITTED:
            return f"{identity} was let in last on {last.at:%Y-%m-%d %H:%M:%S} UTC and is not connected now."
        case AttemptOutcome.REFUSED:
            return f"{identity} was refused last on {last.at:%Y-%m-%d %H:%M:%S} UTC: {last.reason}."
        case AttemptOutcome.HANDSHAKE_FAILED:
            return (
                f"TLS failed last on {last.at:%Y-%m-%d %H:%M:%S} UTC for somebody at {last.address}, from where "
                f"{identity} connects: {last.reason}."
            )


def _advice(
    identity: str, attempts: list[Attempt], station: Station | None, connected: int | None
) -> list[str]:
    if not attempts:
        if station is None:
            return [f"Register it: ocppsec station add {identity}"]
        return [
            "Check the URL set at the station, and that its network reaches this host (ocppsec up shows the doors)."
        ]
    last = attempts[0]
    if connected is not None and last.outcome is AttemptOutcome.ADMITTED:
        return []
    refused = [attempt.advice for attempt in attempts[:5] if attempt.advice]
    return list(dict.fromkeys(refused))[:3]


def _times(count: int) -> str:
    return "somebody" if count == 1 else f"{count} connections"
