"""The inside of a station that all its parts share: memory, clock, where it stands, and who is watching.

`keep` is the only way to change the memory: it saves before anything else happens.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from ocppsec.ocppj.messages import BootReason, NetworkConnectionProfile, RegistrationStatus
from ocppsec.ocppj.times import from_wire
from ocppsec.station import happenings as told
from ocppsec.station.attempts import BackOff
from ocppsec.station.config import StationConfig
from ocppsec.station.device_model import catalogue
from ocppsec.station.happenings import Happening
from ocppsec.station.memory import Memory
from ocppsec.station.own_certificates import keys_in_use
from ocppsec.station.remembered import FACTORY_KEY, Remembered, factory_fresh
from ocppsec.station.reply import Situation
from ocppsec.station.security_events import raised
from ocppsec.station.signing import Asking, RequestMaker, new_request
from ocppsec.station.variables import floor, is_on, number


class Inner:
    """See the module.  Everything public here is for the station's own parts."""

    def __init__(
        self,
        config: StationConfig,
        memory: Memory,
        *,
        clock: Callable[[], datetime],
        tell: Callable[[Happening], None],
        new_id: Callable[[], str],
        request: RequestMaker = new_request,
    ) -> None:
        self.config = config
        self.request = request
        self.memory = memory
        self.catalogue = catalogue(config.traits)
        self.tell = tell
        self.new_id = new_id
        self._clock = clock
        self._offset = timedelta()
        self.kept = self._power_up()
        self.boot_reason = BootReason(self.kept.boot_reason)
        self.registration: RegistrationStatus | None = None
        """The last answer to a BootNotification; a mere reconnect does not change it, a reboot does."""
        self.asking: Asking | None = None
        """A signing request under way; a lost connection does not end it."""
        self.ask_again_at = 0.0
        """Loop time at which it leaves again."""
        self.transaction: tuple[str, int] | None = None
        """The one under way, and the number of its next event."""
        self.slot = self.kept.priority[0]
        self.booted_slots: dict[int, NetworkConnectionProfile] = {}
        """The slots as they were at the last reboot: overwriting one has no effect before the next (B09)."""
        self.booted_priority: tuple[int, ...] = ()
        self.reload()

    def _power_up(self) -> Remembered:
        kept = self.memory.load()
        if kept is None:
            kept = factory_fresh(self.config)
            if self.config.certificate is not None:
                self.memory.save_key(FACTORY_KEY, self.config.certificate.key_pem)
        kept = raised(kept, "StartupOfTheDevice", self.now())
        self.memory.save(kept)
        return kept

    def reload(self) -> None:
        """What a reboot does: the stored slots and priority take effect, and nobody has accepted us yet."""
        self.booted_slots = dict(self.kept.slots)
        self.booted_priority = self.kept.priority
        self.registration = None
        self.asking = None
        self.transaction = None

    def prune(self, floor: int) -> None:
        """No slot with a lower security profile than *floor* is dialled any more, reboot or not (A05.FR.06)."""
        self.booted_slots = {
            slot: stored for slot, stored in self.booted_slots.items() if stored.security_profile >= floor
        }
        self.booted_priority = tuple(slot for slot in self.booted_priority if slot in self.booted_slots)

    @property
    def connection(self) -> NetworkConnectionProfile:
        """The content of the slot in use or being dialled."""
        return self.booted_slots[self.slot]

    @property
    def profile(self) -> int:
        """Its security profile."""
        return self.connection.security_profile

    # -- memory -------------------------------------------------------------------------------------------
    def keep(self, kept: Remembered) -> None:
        """Remember *kept* from now on, also over a power cut."""
        before, self.kept = self.kept, kept
        if kept is before or kept == before:
            return
        self.memory.save(kept)
        if keys_in_use(kept) != keys_in_use(before):
            self.memory.forget_keys_but(keys_in_use(kept))
        logged = {id(event) for event in before.log}
        for event in kept.log:
            if id(event) not in logged:
                self.tell(told.SecurityEventRaised(type=event.type, tech_info=event.tech_info))

    def number(self, component: str, variable: str) -> int:
        return number(self.kept, self.catalogue, component, variable)

    def is_on(self, component: str, variable: str) -> bool:
        return is_on(self.kept, self.catalogue, component, variable)

    @property
    def floor(self) -> int:
        """No slot below this security profile is dialled."""
        return floor(self.kept, self.catalogue)

    def attempts_per_slot(self) -> int:
        return self.number("OCPPCommCtrlr", "NetworkProfileConnectionAttempts")

    def back_off(self) -> BackOff:
        """In seconds of the device model; the shell applies the pace."""
        return BackOff(
            minimum=self.number("OCPPCommCtrlr", "RetryBackOffWaitMinimum"),
            random_range=self.number("OCPPCommCtrlr", "RetryBackOffRandomRange"),
            repeats=self.number("OCPPCommCtrlr", "RetryBackOffRepeatTimes"),
        )

    def situation(self) -> Situation:
        return Situation(
            config=self.config,
            catalogue=self.catalogue,
            slot=self.slot,
            profile=self.connection.security_profile,
            registration=self.registration,
            now=self.now(),
        )

    # -- time ---------------------------------------------------------------------------------------------
    def now(self) -> datetime:
        return self._clock() + self._offset

    def set_clock(self, current_time: str) -> None:
        """Follow the CSMS (TimeSource Heartbeat) when it is off by more than TimeAdjustmentReportingThreshold."""
        if not self.config.traits.follows_clock:
            return
        try:
            theirs = from_wire(current_time)
        except ValueError:
            self.tell(told.Dropped(reason="the CSMS sent a currentTime that is none"))
            return
        before = self.now()
        if abs(theirs - before) <= timedelta(
            seconds=self.number("ClockCtrlr", "TimeAdjustmentReportingThreshold")
        ):
            return
        self._offset += theirs - before
        self.keep(
            raised(self.kept, "SettingSystemTime", self.now(), f"was {before.isoformat(timespec='seconds')}")
        )
