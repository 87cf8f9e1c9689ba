"""What a person has done to one station outside of the ordinary way: kept with who and why, then told.

The row comes first, or with the deed in one transaction: nothing is done that nobody can be asked about.
"""

from collections.abc import Callable
from datetime import datetime

from ocppsec.events import Emit, Intervened
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.registry.records import Intervention
from ocppsec.registry.store import Store
from ocppsec.upgrades.plan import Lowering


class Interventions:
    """*floor_fell*: told of an identity whose floor is 2 in the store now."""

    def __init__(
        self,
        store: Store,
        *,
        floor_fell: Callable[[str], None],
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._floor_fell = floor_fell
        self._emit = emit
        self._now = now

    async def lower_floor(self, identity: str, lowering: Lowering) -> None:
        """A00.FR.005: 3 becomes 2; a floor that is 2 already stays, and is not told again.  Raises `NotRegistered`."""
        detail = "from profile 3 to profile 2"
        row = self._row(identity, "lower-floor", lowering.by, lowering.reason, detail)
        before = await self._store.lower_floor(row)
        self._floor_fell(identity)
        if before is SecurityProfile.TLS_CLIENT:
            self._tell(row)

    async def record(self, identity: str, what: str, *, by: str, reason: str, detail: str = "") -> None:
        row = self._row(identity, what, by, reason, detail)
        await self._store.record_intervention(row)
        self._tell(row)

    def _row(self, identity: str, what: str, by: str, reason: str, detail: str) -> Intervention:
        return Intervention(at=self._now(), identity=identity, what=what, by=by, reason=reason, detail=detail)

    def _tell(self, row: Intervention) -> None:
        self._emit(
            Intervened(identity=row.identity, what=row.what, by=row.by, reason=row.reason, detail=row.detail)
        )
