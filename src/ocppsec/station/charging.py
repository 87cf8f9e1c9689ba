"""A vehicle that is always charging: one transaction after the other, told every few seconds (E01, E02, E06).

Load for a CSMS, and a reason for what waits until a station is idle.  A transaction outlives a connection; a reboot
ends it without a word, as a power cut does.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from ocppsec.ocppj.times import to_wire
from ocppsec.station.calendar import Calendar, Duty
from ocppsec.station.inner import Inner

LONGEST = 20
"""TransactionEvents of one transaction."""
_WH_EACH = 125.0
_FIRST, _NEXT, _LAST = (
    ("Started", "CablePluggedIn"),
    ("Updated", "MeterValuePeriodic"),
    ("Ended", "EVDeparted"),
)


class Charging:
    """On one connection; the transaction itself is kept inside of the station."""

    def __init__(
        self,
        inner: Inner,
        calendar: Calendar,
        call: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any] | None]],
    ) -> None:
        self._inner = inner
        self._calendar = calendar
        self._call = call

    def schedule(self) -> None:
        """Where the kind of station charges at all."""
        seconds = self._inner.config.traits.meter_seconds
        if seconds > 0:
            self._calendar.at(Duty.METER, seconds)

    async def tell(self) -> None:
        """The next event; kept before it leaves, so that its number is never used again."""
        self.schedule()
        inner = self._inner
        transaction, number = inner.transaction or (inner.new_id()[:36], 0)
        last = number + 1 >= LONGEST
        kind, trigger = _LAST if last else _NEXT if number else _FIRST
        inner.transaction = None if last else (transaction, number + 1)
        now = to_wire(inner.now())
        await self._call(
            "TransactionEvent",
            {
                "eventType": kind,
                "timestamp": now,
                "triggerReason": trigger,
                "seqNo": number,
                "transactionInfo": {"transactionId": transaction},
                "evse": {"id": 1, "connectorId": 1},
                "meterValue": [{"timestamp": now, "sampledValue": [{"value": number * _WH_EACH}]}],
            },
        )
