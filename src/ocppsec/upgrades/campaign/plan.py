"""What a campaign is told: the one grammar of TOML file, API and command line.

Durations are written as people say them (``90s``, ``10m``, ``2h``, ``1d``) or as seconds, and kept as seconds.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from ocppsec.upgrades.campaign.selection import BadSelection, parse
from ocppsec.upgrades.campaign.window import BadWindow, Window, check

_DURATIONS: Final = {
    "wait": ("away",),
    "retry": ("pause",),
    "phases": ("soak",),
}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MOST_PHASES: Final = 50


class BadPlan(ValueError):  # noqa: N818
    """What was asked for cannot be a campaign; says where and why."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An unknown key is a mistake: a stop rule with a typing error must not be no rule."""


class Phase(Part, frozen=True, kw_only=True):
    """So many stations of the campaign, those of earlier phases counted in."""

    name: str = ""
    stations: int | None = None
    percent: float | None = None
    soak: float = 0.0
    """Seconds of waiting behind the last station of this phase."""
    gate: Literal["automatic", "person"] = "automatic"
    """What opens the next phase once this one has soaked."""
    stop_at: int | None = None
    """So many stations of this phase failed or lost stop the campaign."""


class Rate(Part, frozen=True, kw_only=True):
    per_minute: float = 30.0
    most_per_minute: float | None = None
    """Where the rate may grow to; None: it does not grow."""
    grow_after: int = 10
    """So many successes without a failure double the rate; a failure takes it back to `per_minute`."""
    in_flight: int = 20
    """So many upgrades at the same time at most."""


class Stop(Part, frozen=True, kw_only=True):
    """When the campaign stops itself.  What is under way comes to its end; nothing more is begun."""

    failed: int | None = None
    failed_percent: float | None = 5.0
    """A higher share of those that have ended, lost contact among them, stops it; 100 never does …"""
    at_least: int = 20
    """… and nothing does before so many have ended."""
    lost: int | None = 1
    """So many stations that did not come back."""


class Retry(Part, frozen=True, kw_only=True):
    """How often a station is tried again by itself, for each kind of failure."""

    failed: int = 0
    lost: int = 0
    pause: float = 600.0


class Wait(Part, frozen=True, kw_only=True):
    away: float = 86_400.0
    """Seconds for which a station that is away or busy is waited for once it could be begun."""


CANARY: Final = (
    Phase(name="canary", stations=1, soak=600.0, stop_at=1),
    Phase(name="tenth", percent=10.0, soak=600.0),
    Phase(name="everyone", percent=100.0),
)


class CampaignPlan(Part, frozen=True, kw_only=True):
    to: Literal[2, 3]
    select: str
    name: str = ""
    phases: tuple[Phase, ...] = CANARY
    rate: Rate = Rate()
    window: Window | None = None
    stop: Stop = Stop()
    retry: Retry = Retry()
    wait: Wait = Wait()


def read_plan(given: Mapping[str, Any]) -> CampaignPlan:
    """A plan out of what TOML or JSON hold; raises `BadPlan`."""
    try:
        plan = msgspec.convert(_in_seconds(given), CampaignPlan)
    except msgspec.ValidationError as error:
        raise BadPlan(str(error)) from error
    try:
        parse(plan.select)
        if plan.window is not None:
            check(plan.window)
    except (BadSelection, BadWindow) as error:
        raise BadPlan(str(error)) from error
    if (wrong := _wrong(plan)) is not None:
        raise BadPlan(wrong)
    return plan


def _wrong(plan: CampaignPlan) -> str | None:
    rate, stop, retry = plan.rate, plan.stop, plan.retry
    if len(plan.name) > 80 or not plan.name.isprintable():
        return "a name has at most 80 printable characters"
    if not 0 < rate.per_minute <= 6000 or rate.in_flight < 1 or rate.grow_after < 1:
        return "rate: per_minute lies above 0 and at most at 6000; in_flight and grow_after are at least 1"
    if rate.most_per_minute is not None and not rate.per_minute <= rate.most_per_minute <= 6000:
        return "rate: most_per_minute lies between per_minute and 6000"
    if any(bound is not None and bound < 1 for bound in (stop.failed, stop.lost, stop.at_least)):
        return "stop: failed, lost and at_least are at least 1"
    if stop.failed_percent is not None and not 0 <= stop.failed_percent <= 100:
        return "stop: failed_percent lies between 0 and 100"
    if min(retry.failed, retry.lost) < 0 or max(retry.failed, retry.lost) > 10:
        return "retry: failed and lost lie between 0 and 10"
    return _wrong_phases(plan.phases)


def _wrong_phases(phases: tuple[Phase, ...]) -> str | None:
    if not 1 <= len(phases) <= MOST_PHASES:
        return f"a campaign has 1 to {MOST_PHASES} phases"
    percent = 0.0
    for number, phase in enumerate(phases, 1):
        if (phase.stations is None) == (phase.percent is None):
            return f"phase {number}: give either stations or percent"
        if phase.stations is not None and phase.stations < 1:
            return f"phase {number}: stations is at least 1"
        if phase.percent is not None and not percent < phase.percent <= 100:
            return f"phase {number}: percent grows from phase to phase, up to 100"
        if phase.stop_at is not None and phase.stop_at < 1:
            return f"phase {number}: stop_at is at least 1"
        percent = phase.percent or percent
    return (
        None if phases[-1].percent == 100 else "the last phase has percent = 100: it is for all that are left"
    )


# -- durations ----------------------------------------------------------------------------------------------
def _in_seconds(given: Mapping[str, Any]) -> dict[str, Any]:
    read = dict(given)
    for part, names in _DURATIONS.items():
        if isinstance(inner := read.get(part), Mapping):
            read[part] = _seconds_of(inner, names, part)
        elif isinstance(inner, (list, tuple)):
            read[part] = [_seconds_of(one, names, part) for one in inner]
    return read


def _seconds_of(part: Any, names: tuple[str, ...], where: str) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {key: seconds(value, f"{where}: {key}") if key in names else value for key, value in part.items()}


def seconds(value: Any, where: str) -> float:
    """``10m`` → 600.0; raises `BadPlan`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number, size = float(value), 1
    elif isinstance(value, str) and (
        found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip(), re.ASCII)
    ):
        number, size = float(found[1]), _SECONDS[found[2]]
    else:
        raise BadPlan(f"{where} is a duration such as 90s, 10m, 2h or 1d")
    if not 0 <= number * size <= 366 * 86_400:
        raise BadPlan(f"{where} lies between 0 and 366 days")
    return number * size
