"""The new network profile goes into a free slot, and that slot to the front of the priority list (B09, B10).

Accepted answers are hints: whether the station uses the slot shows after the Reset.
"""

from typing import Final

from msgspec.structs import replace

from ocppsec.ocppj.messages import (
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    SetVariablesResponse,
    SetVariableStatus,
    StatusInfo,
)
from ocppsec.upgrades.exchange import Answered, CallRefused, Event
from ocppsec.upgrades.facts import QUESTIONS, set_result
from ocppsec.upgrades.path import MOST_TRIES, Move, again, enter, fail, stay, to_arming, to_reset, warn
from ocppsec.upgrades.requests import PRIORITY
from ocppsec.upgrades.slots import active_slot, interfaces
from ocppsec.upgrades.states import Arming, AskingVariables, FreeingSlot, WritingProfile
from ocppsec.upgrades.words import priority_refused, profile_refused, status_words

_TAKEN: Final = (SetVariableStatus.ACCEPTED, SetVariableStatus.REBOOT_REQUIRED)
_UNKNOWN: Final = (
    SetVariableStatus.UNKNOWN_VARIABLE,
    SetVariableStatus.UNKNOWN_COMPONENT,
    SetVariableStatus.NOT_SUPPORTED_ATTRIBUTE_TYPE,
)
_UNSUPPORTED: Final = ("NotImplemented", "NotSupported")
_IN_USE: Final = ("PriorityNetworkConf", "ActiveNetworkConf")


def writing_profile(state: WritingProfile, event: Event) -> Move:
    match event:
        case Answered(SetNetworkProfileResponse(status=SetNetworkProfileStatus.ACCEPTED)):
            detail = f"SetNetworkProfile Accepted: slot {state.slots[0]}, {state.interfaces[0]}"
            return to_arming(state.progress, state.slots[0], detail)
        case Answered(SetNetworkProfileResponse(status=SetNetworkProfileStatus.REJECTED, status_info=info)):
            return _profile_rejected(state, info)
        case Answered(SetNetworkProfileResponse(status=status, status_info=info)):
            # B09.FR.03: storing failed technically.
            words = status_words(status, info)
            if state.tries + 1 < MOST_TRIES:
                return again(state, f"SetNetworkProfile {words}; sent again")
            return fail(state, f"The station could not store the network profile: {words}.")
        case CallRefused(code=code, description=description) if code not in _UNSUPPORTED:
            said = f"CALLERROR {code}: {description}" if description else f"CALLERROR {code}"
            return _next_candidate(state, said)
    return stay(state)


def _profile_rejected(state: WritingProfile, info: StatusInfo | None) -> Move:
    words = status_words("Rejected", info)
    code = info.reason_code if info else ""
    slot, active = state.slots[0], active_slot(state.progress)
    if code == "NoSecurityDowngrade":
        return fail(state, f"The station takes profile {state.progress.goal} for a step down: {words}.")
    if code in _IN_USE and active is not None and not state.freed:
        # An earlier attempt left it in the priority list; a list that only removes slots is taken (B09.FR.20).
        freeing = FreeingSlot(progress=state.progress, slot=slot, interfaces=state.interfaces, active=active)
        return enter(freeing, f"SetNetworkProfile {words}")
    if code in (*_IN_USE, "InvalidConfSlot"):
        return _next_slot(state, words)
    if code == "InvalidNetworkConf" and len(state.interfaces) == 1:
        return fail(state, profile_refused(words, slots=state.slots[:1], goal=state.progress.goal))
    return _next_candidate(state, words)


def _next_candidate(state: WritingProfile, words: str) -> Move:
    """Another interface; when there is none left, another slot."""
    if len(state.interfaces) > 1:
        other = replace(state, interfaces=state.interfaces[1:], tries=0)
        return enter(
            other, f"slot {state.slots[0]}, {state.interfaces[0]}: {words}; tries {other.interfaces[0]}"
        )
    return _next_slot(state, words)


def _next_slot(state: WritingProfile, words: str) -> Move:
    if len(state.slots) == 1:
        return fail(state, profile_refused(words, slots=state.slots, goal=state.progress.goal))
    other = WritingProfile(
        progress=state.progress, slots=state.slots[1:], interfaces=interfaces(state.progress)
    )
    return enter(other, f"slot {state.slots[0]}: {words}; tries slot {other.slots[0]}")


def freeing_slot(state: FreeingSlot, event: Event) -> Move:
    match event:
        case Answered(SetVariablesResponse() as response):
            result = set_result(response, PRIORITY)
            if result.attribute_status in _TAKEN:
                freed = WritingProfile(
                    progress=state.progress, slots=(state.slot,), interfaces=state.interfaces, freed=True
                )
                return enter(freed, f"NetworkConfigurationPriority = {state.active}")
            words = status_words(result.attribute_status, result.attribute_status_info)
            return fail(
                state,
                f"Slot {state.slot} is in the station's priority list, where it takes no new profile, and it"
                f' does not let NetworkConfigurationPriority be set to "{state.active}": {words}.',
            )
    return stay(state)


def arming(state: Arming, event: Event) -> Move:
    match event:
        case Answered(SetVariablesResponse() as response):
            result = set_result(response, PRIORITY)
            status, info = result.attribute_status, result.attribute_status_info
            words = status_words(status, info)
            value = ",".join(map(str, state.lists[0]))
            if status in _TAKEN:
                return to_reset(state.progress, f'NetworkConfigurationPriority = "{value}" {status}')
            if status in _UNKNOWN:
                return _not_armable(state, status)
            if len(state.lists) > 1:
                return enter(replace(state, lists=state.lists[1:], tries=0), f'"{value}" {words}')
            code = info.reason_code if info else ""
            return _ask_again(state, priority_refused(words, value, goal=state.progress.goal, code=code))
    return stay(state)


def _ask_again(state: Arming, refusal: str) -> Move:
    """The list named slots that the station had: once, see whether it still has them."""
    progress = state.progress
    if progress.asked_again:
        return fail(state, refusal)
    forgotten = replace(progress.facts, priority=None, active_slot=None)
    asking = AskingVariables(
        progress=replace(progress, facts=forgotten, proven_slot=None, asked_again=True),
        left=QUESTIONS[:1],
        refused=state.lists[0],
        refusal=refusal,
    )
    return enter(asking, f"{refusal} Asks for its slots once more")


def _not_armable(state: Arming, status: str) -> Move:
    """Some stations take the newest profile at a restart and have no list: one Reset will tell."""
    warning = f"The station does not know NetworkConfigurationPriority ({status})."
    progress = replace(warn(state.progress, warning), armable=False)
    return to_reset(progress, f"{warning} A Reset will tell whether it uses the new profile all the same")
