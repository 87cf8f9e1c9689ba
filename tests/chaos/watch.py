"""What must be true whatever happens; the first thing that is not is kept with its place."""

from collections import Counter

from ocppsec.profiles.profile import SecurityProfile

OUR_FAULT = frozenset({"store-unavailable"})
"""Refusals that are no refusal of the station: it comes again."""


class Watch:
    """Told by the store and by events; `broken` says which invariant does not hold, and where."""

    def __init__(self):
        self.honest = set()
        self.broken = []
        self.refusals = Counter()
        self._booted = {}
        self._floors = {}
        self._begun = Counter()

    # -- what the store did -----------------------------------------------------------------------------
    def stored(self, name, arguments, result):
        match name:
            case "record_boot":
                identity, facts = arguments
                self._booted[identity] = max(self._booted.get(identity, 0), facts.profile)
            case "raise_floor":
                self._rises(arguments[0], arguments[1])
            case "save_upgrade" if arguments[0].raise_floor_to is not None:
                self._rises(arguments[0].upgrade.identity, arguments[0].raise_floor_to)
            case "admission_record" | "station" if result is not None:
                self._floor(result.identity, result.floor)
            case "begin_upgrade":
                upgrade = arguments[0].id
                self._begun[upgrade] += 1
                if self._begun[upgrade] > 1:
                    self.broken.append(f"upgrade {upgrade} was begun twice")

    def _rises(self, identity, profile):
        if profile > SecurityProfile.BASIC and self._booted.get(identity, 0) < profile:
            self.broken.append(f"the floor of {identity} rose to {int(profile)} without a boot there")

    def _floor(self, identity, floor):
        if floor < self._floors.get(identity, 0):
            self.broken.append(f"the floor of {identity} fell to {int(floor)}")
        self._floors[identity] = max(floor, self._floors.get(identity, 0))

    # -- what was told ----------------------------------------------------------------------------------
    def event(self, event):
        if event.name == "connection-refused" and event.identity in self.honest:
            self.refusals[event.reason] += 1
            if event.reason not in OUR_FAULT:
                self.broken.append(f"{event.identity} keeps to the standard and was refused: {event.reason}")
