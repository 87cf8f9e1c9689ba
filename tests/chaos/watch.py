"""What must be true whatever happens; the first thing that is not is kept with its place."""

import time
from collections import Counter, defaultdict, deque
from dataclasses import asdict

from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station import happenings as told
from ocppsec.station.tls import security_event_of

OUR_FAULT = frozenset({"store-unavailable"})
"""Refusals that are no refusal of the station: it comes again."""
ONE_AT_A_TIME = "onboarding-in-use"
"""Of a new station, whose earlier connection could be somebody else's: that one has to show first that it lives."""

TOO_LOW = "profile-below-floor"


class Watch:
    """Told by the store and by events; `broken` says which invariant does not hold, and where."""

    def __init__(self):
        self.honest = set()
        self.new = set()
        """Stations that came in as new ones."""
        self.may_fall = set()
        """Stations that a person is taking from profile 3 to 2, until they are there.

        One that answers and does not go, boots on 3 again: then 2 is refused again, though the station may try it.
        """
        self.let_behind = False
        """A rollover goes on without a station, by name: who it is that a door does not believe cannot be told."""
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
            # The one step down that there is, asked for by a person; done again it lowers nothing.
            case "lower_floor" if result is SecurityProfile.TLS_CLIENT:
                self._falls(arguments[0].identity)
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

    def _falls(self, identity):
        if identity not in self.may_fall:
            self.broken.append(f"the floor of {identity} was lowered, and nobody asked for it")
        self._floors[identity] = SecurityProfile.TLS_BASIC
        self._booted[identity] = SecurityProfile.TLS_BASIC  # up again it has to be seen again

    def _floor(self, identity, floor):
        if identity in self.may_fall and floor == SecurityProfile.TLS_BASIC < self._floors.get(identity, 0):
            self._falls(identity)  # by a write whose end a kill kept from us
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
        if identity not in self.honest:
            return
        match happening:
            case told.Refused(status=status, body=body) if status != 503 and not self._excused(
                identity, body
            ):
                self.broken.append(f"{identity} keeps to the standard and was told {status} {body}")
            case told.ConnectFailed(reason=reason) if (event := security_event_of(reason)) is not None:
                self.broken.append(f"{identity} keeps to the standard and sees {event}: {reason}")

    def _excused(self, identity, said):
        return (identity in self.new and ONE_AT_A_TIME in said) or (
            identity in self.may_fall and TOO_LOW in said
        )

    def roots(self, identity, profile, trusted, served):
        """Public keys: of the roots the station has, and of those each of which is enough to believe the doors."""
        if profile > SecurityProfile.BASIC and not any(key in served for key in trusted):
            self.broken.append(f"{identity} is on profile {profile} and has no root that the doors need")

    # -- what was told ----------------------------------------------------------------------------------
    def event(self, event):
        if (identity := getattr(event, "identity", None)) is not None:
            self._tell(
                identity,
                event.name,
                {name: said for name, said in asdict(event).items() if name != "identity"},
            )
        if (
            event.name == "handshake-failed"
            and "CERTIFICATE_VERIFY_FAILED" in event.reason
            and not self.let_behind
        ):
            self.broken.append(f"a certificate of the fleet is believed no more: {event.reason}")
        if event.name == "connection-refused" and event.identity in self.honest:
            self.refusals[event.reason] += 1
            if event.reason not in OUR_FAULT and not self._excused(event.identity, event.reason):
                self.broken.append(f"{event.identity} keeps to the standard and was refused: {event.reason}")
