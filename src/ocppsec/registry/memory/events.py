"""Security events in memory."""

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import SecurityEventRecord
from ocppsec.registry.store import SECURITY_EVENTS_KEPT


class SecurityEvents(Base):
    def __init__(self) -> None:
        super().__init__()
        self._security_events: list[SecurityEventRecord] = []

    async def add_security_event(self, event: SecurityEventRecord) -> None:
        self._check_open()
        self._security_events.append(event)
        of_station = [each for each in self._security_events if each.identity == event.identity]
        if len(of_station) > SECURITY_EVENTS_KEPT:
            self._security_events.remove(of_station[0])

    async def security_events(
        self, identity: str | None = None, *, limit: int = 100
    ) -> list[SecurityEventRecord]:
        self._check_open()
        events = [each for each in self._security_events if identity is None or each.identity == identity]
        return events[::-1][: max(0, limit)]
