"""What is known of kinds of stations, in memory."""

from ocppsec.registry.memory.base import Base
from ocppsec.registry.records import Kind


class Kinds(Base):
    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str, str], Kind] = {}

    async def save_kind(self, kind: Kind) -> None:
        self._check_open()
        self._kinds[kind.vendor, kind.model, kind.firmware_version] = kind

    async def kind(self, vendor: str, model: str, firmware_version: str) -> Kind | None:
        self._check_open()
        return self._kinds.get((vendor, model, firmware_version))

    async def kinds(self, *, limit: int = 1000) -> list[Kind]:
        self._check_open()
        return [self._kinds[key] for key in sorted(self._kinds)[: max(0, limit)]]
