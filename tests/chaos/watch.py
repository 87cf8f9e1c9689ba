"""What must be true whatever happens; the first thing that is not is kept with its place."""

import time
from collections import Counter, defaultdict, deque
from dataclasses import asdict

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station import happenings as told

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
        self._story = defaultdict(lambda: deque(maxlen=40))

    # -- what the store did -----------------------------------------------------------------------------
    def stored(self, name, arguments, result):
        match name:
            case "record_boot":
                identity, facts = arguments
                self._booted[identity] = max(self._booted.get(identity, 0), facts.profile)
            case "raise_floor":
                self._rises(arguments[0], arguments[1])
            case "lower_floor":  # the one step down that there is: from 3 to 2, asked for by a person
                identity = arguments[0].identity
                if self._floors.get(identity, 0) != SecurityProfile.TLS_CLIENT:
                    self.broken.append(f"the floor of {identity} was lowered, and not from 3")
                self._floors[identity] = SecurityProfile.TLS_BASIC
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

    # -- for who has to understand it ---------------------------------------------------------------------
    def _tell(self, identity, what, facts):
        words = " ".join(
            f"{name}={str(said)[:120]}" for name, said in facts.items() if said not in ("", None)
        )
        self._story[identity].append(f"{time.monotonic():.2f} {what} {words}")

    def stories(self, wrong):
        """The end of the story of each station that *wrong* names."""
        return [
            f"{identity}: {line}"
            for identity, lines in sorted(self._story.items())
            if any(
                identity in words.split(":")[0].split() or f" {identity} " in f" {words.replace(':', ' ')} "
                for words in wrong
            )
            for line in lines
        ]

    # -- what stations lived ----------------------------------------------------------------------------
    def lived(self, identity, happening):
        """What the wire said: an event could be missing, an HTTP answer cannot."""
        self._tell(identity, type(happening).__name__, asdict(happening))
        if isinstance(happening, told.Refused) and happening.status != 503 and identity in self.honest:
            self.broken.append(
                f"{identity} keeps to the standard and was told {happening.status} {happening.body}"
            )

    # -- what was told ----------------------------------------------------------------------------------
    def event(self, event):
        if (identity := getattr(event, "identity", None)) is not None:
            self._tell(
                identity,
                event.name,
                {name: said for name, said in asdict(event).items() if name != "identity"},
            )
        if event.name == "connection-refused" and event.identity in self.honest:
            self.refusals[event.reason] += 1
            if event.reason not in OUR_FAULT:
                self.broken.append(f"{event.identity} keeps to the standard and was refused: {event.reason}")
