"""How long a request may take to arrive, and how many connections there may be.

uvicorn waits for ever for both, and a connection holds a descriptor that a station's connection may need.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ARRIVAL_SECONDS = 15.0
"""For a request's head and body together; looked at this often, so up to twice as long."""
MOST_CONNECTIONS = 500


class PatientProtocol(H11Protocol):
    _deadline: asyncio.TimerHandle | None = None
    _seen: tuple[object, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._seen = self._arriving()
        self._deadline = self.loop.call_later(ARRIVAL_SECONDS, self._look)

    def _look(self) -> None:
        """Close when the same request was arriving at the last look already."""
        if self.transport.is_closing():
            return
        arriving = self._arriving()
        if arriving is not None and arriving == self._seen:
            self.transport.close()
        else:
            self._look_later()

    def _arriving(self) -> tuple[object, Any] | None:
        """What is being waited for: the head behind this request, or its body; None while we are to answer."""
        state: Any = self.conn.their_state
        return (self.cycle, state) if state in (h11.IDLE, h11.SEND_BODY) else None
