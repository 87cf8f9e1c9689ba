"""Whether a station is charging, from what it says unasked.

A transaction under way is what delays a Reset OnIdle (B12), so an open transaction counts as charging, the minutes
before and after the energy flows too.  Kept in memory alone: who has said nothing since this process began is
unknown, not idle.  Knowledge outlives a connection, since a transaction does: what happens meanwhile is queued by
the station and told at once when it is back (E04).  Every TransactionEvent passes here, so it costs next to nothing.
"""

from typing import Any

_MOST = 64
"""Open transactions and taken connectors of one station; more than any has, so that none can fill our memory."""


class _Known:
    __slots__ = ("ended", "open", "statuses", "taken")

    def __init__(self) -> None:
        self.open: dict[str, tuple[int, int] | None] = {}
        """By transaction, the connector it was last told with."""
        self.taken: set[tuple[int, int]] = set()
        self.ended = False
        """A transaction has ended since the last boot."""
        self.statuses = False
        """A connector has told its status since the last boot."""


class Charging:
    """What is known of all stations; `of` tells it."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def of(self, identity: str) -> bool | None:
        """True: a transaction is under way.  None: it has not said enough for a no."""
        known = self._known.get(identity)
        if known is None:
            return None
        if known.open:
            return True
        # A cable in a connector whose transaction nobody here has seen begin may be charging all the same.
        return False if (known.ended or known.statuses) and not known.taken else None

    def transaction(self, identity: str, payload: dict[str, Any]) -> None:
        """A TransactionEvent, valid by the schema."""
        known = self._known.get(identity)
        if known is None:
            known = self._known[identity] = _Known()
        transaction = payload["transactionInfo"]["transactionId"]
        evse = payload.get("evse")
        connector = (evse["id"], evse["connectorId"]) if evse and "connectorId" in evse else None
        if payload["eventType"] != "Ended":
            if transaction not in known.open:
                if len(known.open) < _MOST:
                    known.open[transaction] = connector
            elif connector is not None:
                known.open[transaction] = connector
            return
        known.taken.discard(known.open.pop(transaction, None) or connector or (0, 0))
        known.ended = True

    def status(self, identity: str, payload: dict[str, Any]) -> None:
        """A StatusNotification, valid by the schema."""
        known = self._known.get(identity)
        if known is None:
            known = self._known[identity] = _Known()
        known.statuses = True
        connector = (payload["evseId"], payload["connectorId"])
        if payload["connectorStatus"] != "Occupied":
            known.taken.discard(connector)
        elif len(known.taken) < _MOST:
            known.taken.add(connector)

    def forget(self, identity: str) -> None:
        """It booted, or was removed: what goes on there it tells anew, a transaction that it resumes too."""
        self._known.pop(identity, None)
