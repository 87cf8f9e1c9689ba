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
    _seen: object = None

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
        self._seen = self.cycle
        self._deadline = self.loop.call_later(ARRIVAL_SECONDS, self._look)

    def _look(self) -> None:
        """Close when the same request was still arriving at the last look."""
        if self.transport.is_closing():
            return
        state: Any = self.conn.their_state
        if self.cycle is self._seen and state in (h11.IDLE, h11.SEND_BODY):
            self.transport.close()
        else:
            self._look_later()
