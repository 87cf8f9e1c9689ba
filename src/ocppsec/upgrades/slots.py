"""Which configuration slot and interface to use.

The slots belong to the station.  The one it uses now is never written to (B09: a wrong profile there would
leave it with nothing to fall back to).
"""

from ocppsec.ocppj.messages import OCPPInterface
from ocppsec.upgrades.states import Progress

_USUAL_FIRST = (1, 0)
"""Where stations that tell nothing keep the profile they came with."""


def active_slot(progress: Progress) -> int | None:
    """The slot in use; None when it can only be guessed."""
    facts = progress.facts
    proven = progress.proven_slot
    if proven is not None and (facts.priority is None or proven in facts.priority):
        # Right after the boot a station may still tell what was true before it (its tidying, A05.FR.06, takes time).
        return proven
    if facts.active_slot is not None:
        return facts.active_slot
    if facts.priority is not None and len(facts.priority) == 1:
        return facts.priority[0]
    ours = progress.plan.active_slot
    return ours if facts.priority is None or ours in facts.priority else None


def _perhaps_active(progress: Progress) -> frozenset[int]:
    active = active_slot(progress)
    if active is not None:
        return frozenset({active})
    return frozenset(progress.facts.priority or _USUAL_FIRST[:1])


def free_slots(progress: Progress) -> tuple[int, ...]:
    """Candidates for the new profile, the best first; empty when there is none."""
    facts = progress.facts
    listed = facts.priority or ()
    known = facts.slots or tuple(dict.fromkeys((*progress.plan.slots, *listed)))
    free = [slot for slot in known if slot not in _perhaps_active(progress)]
    # A slot in the priority list is somebody's fallback, and 2.1 stations refuse to have it written (B09.FR.21).
    preferred = progress.plan.preferred_slots
    return tuple(sorted(free, key=lambda slot: (slot in listed, slot not in preferred)))


def priority_lists(progress: Progress, new: int) -> tuple[tuple[int, ...], ...]:
    """Values for NetworkConfigurationPriority to try: "new,old" with the old slot as well as it is known.

    Never the new slot alone: a station that cannot connect there would have no way back.
    """
    active = active_slot(progress)
    if active is not None:
        return ((new, active),)
    if progress.facts.priority:
        return ((new, *(slot for slot in progress.facts.priority if slot != new)),)
    return tuple((new, old) for old in _USUAL_FIRST if old != new)


def interfaces(progress: Progress) -> tuple[OCPPInterface, ...]:
    """The active slot's own first: it works."""
    first = (progress.facts.interface,) if progress.facts.interface else ()
    return tuple(dict.fromkeys((*first, *progress.plan.interfaces)))
