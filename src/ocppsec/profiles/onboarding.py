"""How a new station comes in, and what it has to be before it counts as any other.

A way in is open for one station, for a time, for some connections, and until the station has been seen with
credentials of its own; each of these shuts it for good.  Whoever is in by it is kept in Pending (B02) and may be
given credentials, nothing else.  Pure: the office saves what is decided here, then acts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import Onboarding, Stage, Way
from ocppsec.profiles.refusal import RefusalReason

MOST_UPGRADES = 3
"""So often an upgrade that fails is begun, when the station boots or after a while; then it is a person's turn."""


ON_PROFILE_0 = (
    "it says that it is on security profile 0, in which a station sends no password: "
    "set it to profile 1 or 2 at the station"
)
NEVER_SENT = (
    "it accepted a password and comes without it: set it to security profile 1 or 2 at the station, "
    "or remove it and add it again"
)


class Pending(StrEnum):
    """Why a BootNotification is answered Pending instead of Accepted."""

    ONBOARDING = "onboarding"
    EXPIRED = "expired-certificate"


def by(record: Onboarding | None, way: Way) -> Onboarding | None:
    """The entry, when it says *way* and nobody was seen with credentials of its own yet."""
    if record is None or record.way is not way or record.stage not in (Stage.OPEN, Stage.EXPIRED):
        return None
    return record


def why_shut(entry: Onboarding, now: datetime, *, in_use: bool) -> tuple[RefusalReason, str] | None:
    """Why nobody comes in by *entry* now, and what would be expected; None when it is open.

    *in_use*: somebody is connected by it, and could be somebody else.
    """
    if entry.stage is Stage.EXPIRED or now > entry.until:
        return RefusalReason.ONBOARDING_EXPIRED, f"a new station until {entry.until:%Y-%m-%d %H:%M} UTC"
    if in_use:
        return RefusalReason.ONBOARDING_IN_USE, "one station at a time"
    if entry.connections >= entry.most_connections:
        return (
            RefusalReason.ONBOARDING_USED_UP,
            f"credentials of its own within {entry.connections} connections",
        )
    return None


def serial_number_fits(entry: Onboarding, reported: str | None, registered: str) -> bool:
    """Is this the station that was meant?  Where the serial number is all there is, absence is no proof."""
    if reported is None:
        return entry.way is Way.PASSWORD
    return reported == registered


def came_in(entry: Onboarding, now: datetime) -> Onboarding:
    return replace(entry, connections=entry.connections + 1, first_at=entry.first_at or now)


def was_not_in(entry: Onboarding) -> Onboarding:
    return replace(entry, connections=max(0, entry.connections - 1))


def on_its_own(entry: Onboarding, now: datetime) -> Onboarding:
    """It has credentials of its own: the way in is shut from here on, whatever becomes of the rest."""
    if entry.stage not in (Stage.OPEN, Stage.EXPIRED):
        return entry
    return replace(entry, stage=Stage.RAISING, own_at=now, reason="")


def without_password(entry: Onboarding) -> Onboarding:
    """Somebody came under its name with no password at all.

    One that was only listed has accepted a password.  On security profile 0 it never sends it, and nothing but this
    would tell.
    """
    if entry.way is Way.LISTED and entry.stage is Stage.RAISING:
        return replace(entry, reason=NEVER_SENT)
    return entry


def overdue(entry: Onboarding, now: datetime) -> bool:
    return entry.stage is Stage.OPEN and now > entry.until


@dataclass(frozen=True, slots=True)
class Raise:
    """Begin an upgrade to the target."""


@dataclass(frozen=True, slots=True)
class Wait:
    """An upgrade is under way."""


@dataclass(frozen=True, slots=True)
class Arrived:
    pass


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str


Step = Raise | Wait | Arrived | GiveUp


def next_step(entry: Onboarding, profile: SecurityProfile, failed: Sequence[str], *, upgrading: bool) -> Step:
    """What follows when the station has booted, with its own credentials, on *profile*.

    *failed* are the reasons of the upgrades that failed since it has those, newest first.
    """
    if profile >= entry.target:
        return Arrived()
    if upgrading:
        return Wait()
    if len(failed) >= MOST_UPGRADES:
        return GiveUp(
            f"{len(failed)} upgrades to profile {int(entry.target)} have failed; the last: {failed[0]}"
        )
    return Raise()
