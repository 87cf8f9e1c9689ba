"""What can be done for a station that has not come back, in plain words, from what is known of it.

Nothing here changes anything: `ocppsec.csms.rescuer` does, when a person says which.  The way back stays open by itself: an upgrade that has not ended well leaves the
floor where it was, so the station is admitted on its old profile as well as on the new one, without a time limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ocppsec.csms.explain import Explanation
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.refusal import RefusalReason
from ocppsec.registry.records import Attempt, AttemptOutcome, Station, Upgrade, UpgradeStatus
from ocppsec.upgrades.states import Failed, UnreadableState, decode_state


class Action(StrEnum):
    """What can be done from here; what each is for says `WHAT_IT_DOES`."""

    RETRY = "retry"
    WATCH = "watch"
    GIVE_UP = "give-up"
    NEW_PASSWORD = "new-password"  # noqa: S105  a word, not one
    OPEN_PROFILE = "open-profile"


WHAT_IT_DOES: Final[Mapping[Action, str]] = {
    Action.RETRY: "begin its upgrade again now",
    Action.WATCH: "begin its upgrade as soon as it is seen, for 30 days or --for",
    Action.GIVE_UP: "end the upgrade that is under way; it is admitted as before",
    Action.NEW_PASSWORD: "a further password to set at the station; the old ones end when it is used",
    Action.OPEN_PROFILE: "admit it on a higher profile too, --profile; nothing lower opens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    identity: str
    lost_contact: bool
    """Its last upgrade ended while it was away, and it has not been back since."""
    summary: str
    open_doors: list[int]
    """Profiles it is admitted on, the old one among them."""
    seen_since: list[Attempt]
    """What the doors have seen of it since that upgrade began, newest first."""
    steps: list[str]
    """What to do, in this order."""
    actions: list[Action]
    """What makes sense from here now."""


def rescue(
    station: Station,
    upgrades: Sequence[Upgrade],
    explanation: Explanation,
    *,
    connected: int | None,
    shut_out: tuple[str, str] | None = None,
) -> Rescue:
    """*upgrades* newest first; *connected* is the profile of the open connection, None without one.

    *shut_out*: why no certificate of its lets it in, and what to do; see `ocppsec.csms.shut_out`.
    """
    last = upgrades[0] if upgrades else None
    since = last.started_at if last is not None else station.added_at
    seen = [attempt for attempt in explanation.attempts if attempt.at >= since]
    lost = connected is None and last is not None and _lost(last) and not _came(station, last)
    return Rescue(
        identity=station.identity,
        lost_contact=lost,
        summary=_summary(station, last, connected, shut_out, lost=lost),
        open_doors=list(range(int(station.floor), int(station.highest) + 1)),
        seen_since=seen,
        steps=_steps(station, last, seen, explanation.advice, connected, shut_out),
        actions=_actions(station, last, seen, connected),
    )


def _actions(
    station: Station, last: Upgrade | None, seen: Sequence[Attempt], connected: int | None
) -> list[Action]:
    if last is not None and last.status is UpgradeStatus.OPEN:
        return [Action.GIVE_UP]
    found = []
    if station.floor < station.target and station.target >= SecurityProfile.TLS_BASIC:
        found.append(Action.WATCH if connected is None else Action.RETRY)
    reasons = {attempt.reason for attempt in seen}
    if RefusalReason.WRONG_PASSWORD in reasons or RefusalReason.CREDENTIALS_MISSING in reasons:
        found.append(Action.NEW_PASSWORD)
    if RefusalReason.PROFILE_ABOVE_TARGET in reasons and station.target < SecurityProfile.TLS_CLIENT:
        found.append(Action.OPEN_PROFILE)
    return found


def _lost(upgrade: Upgrade) -> bool:
    if upgrade.status is not UpgradeStatus.FAILED:
        return False
    try:
        state = decode_state(upgrade.state)
    except UnreadableState:  # of another version; whether it was away then is not known
        return False
    return isinstance(state, Failed) and state.lost_contact


def _came(station: Station, upgrade: Upgrade) -> bool:
    ended = upgrade.ended_at
    return ended is not None and station.last_seen_at is not None and station.last_seen_at > ended


def _summary(
    station: Station,
    last: Upgrade | None,
    connected: int | None,
    shut_out: tuple[str, str] | None,
    *,
    lost: bool,
) -> str:
    name = station.identity
    if connected is not None:
        return f"{name} is connected on profile {connected}: it is not lost."
    seen = f"was last seen {_moment(station.last_seen_at)}" if station.last_seen_at else "was never seen"
    if last is not None and last.status is UpgradeStatus.OPEN:
        until = f" until {_moment(last.deadline)}" if last.deadline else ""
        return f"{name} {seen}; its upgrade is under way and waits for it{until}: {last.step}."
    if lost and last is not None:
        return (
            f"Lost contact with {name} in its upgrade to profile {int(last.target)}; it {seen}. {last.reason}"
        )
    cannot = f" It cannot come in: {shut_out[0]}, and it is admitted on profile 3 alone." if shut_out else ""
    return f"{name} is not connected; it {seen}.{cannot}"


def _steps(
    station: Station,
    last: Upgrade | None,
    seen: Sequence[Attempt],
    advice: Sequence[str],
    connected: int | None,
    shut_out: tuple[str, str] | None,
) -> list[str]:
    name, floor, target = station.identity, int(station.floor), int(station.target)
    again = f"ocppsec station upgrade {name} --to {target} --wait"
    if connected is not None:
        done = connected >= target
        return ["Nothing: it is where it should be."] if done else [f"Try again from here: {again}"]
    if last is not None and last.status is UpgradeStatus.OPEN:
        return ["Wait: when the station comes, on the old or the new profile, its upgrade goes on by itself."]
    if shut_out is not None:
        return [shut_out[1][0].upper() + shut_out[1][1:]]
    steps = _by_what_was_seen(seen, advice)
    if floor < target:
        steps.append(
            f"Its way back is open, without a time limit: it is admitted on profile {floor} as before. A station"
            " that keeps to the standard goes back to its old slot by itself once all its attempts on the new"
            " one have failed (B10.FR.03); a restart on site makes it begin anew."
        )
        steps.append(
            "On site, with the maker's tool: put the old slot first in NetworkConfigurationPriority and restart."
        )
        steps.append(f"When it is back: {again}. It begins where that still makes sense.")
    elif station.registered_at is None:
        steps.append(
            f"It has never booted here: compare its URL, identity and password or certificate with what profile"
            f" {floor} needs; {name} has to be its identity, in upper and lower case."
        )
    else:
        steps.append(
            f"It has booted on profile {floor} before and is never admitted lower again (A05.FR.07): on site its"
            f" slot for profile {floor}, its root and its password or certificate have to be put right."
        )
    return steps


def _by_what_was_seen(seen: Sequence[Attempt], advice: Sequence[str]) -> list[str]:
    failed = [attempt for attempt in seen if attempt.outcome is not AttemptOutcome.ADMITTED]
    if not failed:
        return [
            (
                "No door has seen it try since: power, network, name resolution or a firewall; or it hangs in its"
                " restart. Look at the site first; ocppsec audit door, run there, sees our doors as it would."
            )
        ]
    newest = failed[0]
    said = f"It does try: last at {_moment(newest.at)} at door {newest.door}: {newest.reason}."
    return [said, *advice]


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
