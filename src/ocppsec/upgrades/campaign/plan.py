"""What a campaign is told: the one grammar of TOML file, API and command line.

Durations are written as people say them (``90s``, ``10m``, ``2h``, ``1d``) or as seconds, and kept as seconds.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec

from ocppsec.ocppj.messages import InstallCertificateUse
from ocppsec.upgrades.campaign.durations import BadDuration, in_seconds
from ocppsec.upgrades.campaign.selection import BadSelection, parse
from ocppsec.upgrades.campaign.window import DAYS, BadWindow, Window, check
from ocppsec.upgrades.plan import Deadlines

MOST_PHASES: Final = 50
_LONGEST_ROOT: Final = 10_000


class BadPlan(ValueError):  # noqa: N818
    """What was asked for cannot be a campaign; says where and why."""


class Kind(StrEnum):
    """What is done with each station."""

    RAISE = "raise"
    """To profile 2 or 3."""
    RENEW = "renew"
    """A new certificate for one that is in force, due or not."""
    PASSWORDS = "passwords"
    """A new one that nobody sees."""
    INSTALL_ROOT = "install-root"
    WITHDRAW_ROOT = "withdraw-root"


OF_ROOTS: Final = frozenset({Kind.INSTALL_ROOT, Kind.WITHDRAW_ROOT})


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An unknown key is a mistake: a stop rule with a typing error must not be no rule."""


class Phase(Part, frozen=True, kw_only=True):
    """So many stations of the campaign, those of earlier phases counted in."""

    name: str = ""
    stations: int | None = None
    percent: float | None = None
    """Of all that are in the campaign at that moment, late comers among them."""
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
    """So many stations under way at the same time at most."""


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
    silent: int | None = None
    """For those that failed because an answer did not come in time, which may another time; None: as `failed`."""
    lost: int = 0
    pause: float = 600.0


class Wait(Part, frozen=True, kw_only=True):
    """Seconds; what is waited for longer ends with that reason."""

    away: float = 86_400.0
    """For a station that is away or busy, once it could be begun."""
    charging: float = 86_400.0
    """For the end of its transactions, once it could be begun."""
    answer: float = 3600.0
    """From the beginning of one station's part until it has ended, in every kind but raise (see `deadlines`)."""


class Root(Part, frozen=True, kw_only=True):
    """What is installed or withdrawn."""

    pem: str
    use: InstallCertificateUse = InstallCertificateUse.CSMS_ROOT_CERTIFICATE


CANARY: Final = (
    Phase(name="canary", stations=1, soak=600.0, stop_at=1),
    Phase(name="tenth", percent=10.0, soak=600.0),
    Phase(name="everyone", percent=100.0),
)


class CampaignPlan(Part, frozen=True, kw_only=True):
    kind: Kind = Kind.RAISE
    to: Literal[2, 3] | None = None
    """For raise, and only there."""
    root: Root | None = None
    """For install-root and withdraw-root, and only there."""
    select: str
    name: str = ""
    continuous: bool = False
    """Stations that come to match later join as late comers, at the end of the order …"""
    until: datetime | None = None
    """… until then, or until a person says that it is finished."""
    phases: tuple[Phase, ...] = CANARY
    rate: Rate = Rate()
    window: Window | None = None
    charging: Literal["wait", "ignore"] = "wait"
    """A station is not begun while it is known to charge."""
    stop: Stop = Stop()
    retry: Retry = Retry()
    wait: Wait = Wait()
    deadlines: dict[str, float] = {}
    """Of one station's upgrade, over those of the configuration; for raise only."""

    @property
    def goal(self) -> str:
        """In words, behind "can be"."""
        return {
            Kind.RAISE: f"raised to profile {self.to}",
            Kind.RENEW: "given a new certificate",
            Kind.PASSWORDS: "given a new password",
            Kind.INSTALL_ROOT: "given the root",
            Kind.WITHDRAW_ROOT: "rid of the root",
        }[self.kind]


_CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "kind": tuple(Kind),
    "to": (2, 3),
    "use": tuple(InstallCertificateUse),
    "gate": ("automatic", "person"),
    "charging": ("wait", "ignore"),
    "days": DAYS,
}


def _with_choices(message: str) -> str:
    """What there is instead of "Invalid enum value 4 - at `$.to`", which names the place and not the choices."""
    key = re.search(r"(\w+)(?:\[[^]]*\])?`$", message)
    if key is None or not message.startswith("Invalid enum value") or key[1] not in _CHOICES:
        return message
    return f"{message}; there is {', '.join(str(one) for one in _CHOICES[key[1]])}"


def read_plan(given: Mapping[str, Any]) -> CampaignPlan:
    """A plan out of what TOML or JSON hold; raises `BadPlan`."""
    try:
        plan = msgspec.convert(in_seconds(given), CampaignPlan)
        parse(plan.select)
        if plan.window is not None:
            check(plan.window)
    except msgspec.ValidationError as error:
        raise BadPlan(_with_choices(str(error))) from error
    except (BadDuration, BadSelection, BadWindow) as error:
        raise BadPlan(str(error)) from error
    if (wrong := _wrong_kind(plan) or _wrong(plan) or _wrong_phases(plan.phases)) is not None:
        raise BadPlan(wrong)
    return plan


def _wrong_kind(plan: CampaignPlan) -> str | None:
    if plan.kind is Kind.RAISE and plan.to is None:
        return "to is required: the profile, 2 or 3"
    if plan.kind is not Kind.RAISE and plan.to is not None:
        return f"to belongs to campaigns that raise stations, not to kind {plan.kind}"
    if plan.kind is not Kind.RAISE and plan.retry.silent is not None:
        return f"retry: silent belongs to campaigns that raise stations; for kind {plan.kind} there is failed"
    if plan.kind is not Kind.RAISE and plan.deadlines:
        return f"deadlines belong to campaigns that raise stations; for kind {plan.kind} there is wait.answer"
    if (plan.kind in OF_ROOTS) != (plan.root is not None):
        needed = "is required" if plan.kind in OF_ROOTS else "belongs to install-root and withdraw-root only"
        return f"root {needed}: its certificate as root.pem"
    if plan.root is not None and len(plan.root.pem) > _LONGEST_ROOT:
        return f"root: pem has at most {_LONGEST_ROOT} characters"
    if unknown := set(plan.deadlines) - set(Deadlines.__struct_fields__):
        return f"deadlines: unknown {', '.join(sorted(unknown))}; there are {', '.join(Deadlines.__struct_fields__)}"
    if plan.until is not None and not plan.continuous:
        return "until belongs to a continuous campaign"
    if plan.until is not None and plan.until.tzinfo is None:
        return "until says no offset from UTC: 2027-01-31T06:00:00Z has one"
    return None


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
    if any(not 0 <= times <= 10 for times in (retry.failed, retry.silent or 0, retry.lost)):
        return "retry: failed, silent and lost lie between 0 and 10"
    return None


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
