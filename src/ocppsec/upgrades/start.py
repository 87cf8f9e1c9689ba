"""How an upgrade begins: what speaks against it is said before anything is sent."""

from collections.abc import Sequence

from ocppsec.upgrades.lowering import objection_at_start
from ocppsec.upgrades.path import Move, enter, failed, leg_done, start_leg, without_sends
from ocppsec.upgrades.plan import Plan, StationAtStart
from ocppsec.upgrades.states import Arrived, AwaitingBoot, Progress


def begin(plan: Plan, station: StationAtStart) -> Move:
    """The first state of an upgrade; `Failed` at once when it could only strand the station."""
    objection = _objection(plan, station)
    if objection is not None:
        return failed(objection, step="check what is asked for")
    if station.profile == plan.target:
        return _already_there(plan, station)
    goal = plan.target if plan.lowering is not None else station.profile + 1
    progress = Progress(plan=plan, profile=station.profile, goal=goal)
    state, effects = start_leg(progress, f"from profile {station.profile} to profile {plan.target}")
    return state, effects if station.connected else without_sends(effects)


def _already_there(plan: Plan, station: StationAtStart) -> Move:
    """An earlier upgrade was given up before the station came after all."""
    progress = Progress(plan=plan, profile=plan.target, goal=plan.target)
    if station.booted:
        return leg_done(progress, plan.target)
    if station.connected:
        return enter(Arrived(progress=progress), f"connected on profile {plan.target} already")
    waiting = AwaitingBoot(progress=progress, connected=False, answered=True, left=True)
    return enter(waiting, f"was on profile {plan.target} last")


def _objection(plan: Plan, station: StationAtStart) -> str | None:
    if plan.target not in (2, 3):
        return f"An upgrade ends on profile 2 or 3, not on {plan.target}."
    if station.profile < 1:
        return (
            "The station is on profile 0, without a password of its own: give it one and bring it to profile 1"
            " first. Upgrades begin at profile 1."
        )
    if plan.lowering is not None:
        return objection_at_start(plan, station) or _unusable(plan, range(plan.target, plan.target + 1))
    if station.profile > plan.target:
        return (
            f"The station is on profile {station.profile} already; going down to {plan.target} is no upgrade."
        )
    reported, registered = station.reported_serial, station.registered_serial
    if plan.target == 3 and reported is not None and reported != registered:
        # B01.FR.11, B01.FR.12: the connection would have to be closed at every boot on profile 3.
        return (
            f'The station reports serial number "{reported}", registered is "{registered}": its certificate'
            " carries the registered one, and every boot on profile 3 would be refused. Compare the name plate;"
            " remove the station and add it with the right serial number. Nothing was changed."
        )
    return _unusable(plan, range(station.profile + 1, plan.target + 1))


def _unusable(plan: Plan, legs: Sequence[int]) -> str | None:
    for profile in legs:
        url = plan.urls.get(profile, "")
        if not url.startswith("wss://"):
            return f"There is no wss:// door for profile {profile}: open one first."
        if len(url) > 512:
            return f"The URL for profile {profile} is longer than the 512 characters of ocppCsmsUrl."
    if any(len(pem) > 5500 for pem in (plan.root_pem, *(root.pem for root in plan.further_roots))):
        return "The CSMS root, or that of the CA that signs, is longer than the 5500 characters of InstallCertificate."
    return None
