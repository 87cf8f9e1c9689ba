"""What can be proved of a switch before it is made: the URL that will be written is served, by what the station will trust.

The door listens, and what it serves this moment leads to the root that is to be installed, under the name in the URL.
What cannot be known from here is the station's own network: whether it resolves the name, and gets through to us.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol
from weakref import WeakKeyDictionary

from ocppsec.csms.rehearsal import meet
from ocppsec.csms.tls import BadMaterial

_CONNECT_SECONDS = 3.0
_GOOD_FOR = 60.0
"""Seconds for which a proof is as good as new: a campaign begins many upgrades in a minute."""


class Listening(Protocol):
    """A door, as far as it has to be known here."""

    def address(self) -> tuple[str, int] | None:
        """Where it can be reached from this machine; None when it does not listen."""


class Prover:
    def __init__(self, hostname: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._hostname = hostname
        self._clock = clock
        self._proved: WeakKeyDictionary[ssl.SSLContext, dict[str, float]] = WeakKeyDictionary()

    async def objection(self, door: Listening, served: ssl.SSLContext | None, root_pem: str) -> str | None:
        """Why a station that trusts *root_pem* cannot come in there; None when it can."""
        address = door.address()
        if address is None or not await _answers(*address):
            return "its door does not answer"
        if served is None:
            return "its door serves no certificate"
        proved = self._proved.setdefault(served, {})
        now = self._clock()
        if now - proved.get(root_pem, -_GOOD_FOR) < _GOOD_FOR:
            return None
        try:
            met = partial(meet, served, hostname=self._hostname, root_pem=root_pem)
            await asyncio.get_running_loop().run_in_executor(None, met)
        except BadMaterial as error:
            return str(error)
        proved[root_pem] = now
        return None


async def _answers(host: str, port: int) -> bool:
    """Somebody accepts there; nothing is said, so the door has nothing to tell."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
