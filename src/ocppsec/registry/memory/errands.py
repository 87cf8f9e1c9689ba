"""What campaigns do at single stations, in memory."""

from dataclasses import replace
from datetime import datetime

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Errand, ErrandStatus
from ocppsec.registry.store import Superseded


class Errands(Base):
    def __init__(self) -> None:
        super().__init__()
        self._errands: dict[str, Errand] = {}

    def _forget(self, identity: str, at: datetime | None) -> None:
        super()._forget(identity, at)
        for errand in list(self._errands.values()):
            if errand.identity == identity and errand.status is ErrandStatus.OPEN:
                del self._errands[errand.id]

    async def begin_errand(self, errand: Errand) -> Errand:
        self._check_open()
        if errand.id not in self._errands:
            self._registered(errand.identity)
            self._errands[errand.id] = errand
        return self._errands[errand.id]

    async def save_errand(self, errand: Errand) -> Errand:
        self._check_open()
        stored = self._errands.get(errand.id)
        if stored is None or stored.version != errand.version:
            raise Superseded(f"errand {errand.id} was saved by somebody else, or is gone")
        saved = replace(
            stored,
            status=errand.status,
            reason=errand.reason,
            state=errand.state,
            ended_at=errand.ended_at,
            version=stored.version + 1,
        )
        self._errands[saved.id] = saved
        return saved

    async def errand(self, errand_id: str) -> Errand | None:
        self._check_open()
        return self._errands.get(errand_id)
