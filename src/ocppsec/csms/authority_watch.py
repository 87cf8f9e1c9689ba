"""Tells in time that a CA nears its end, and at once that the one for stations cannot sign.

A CA that has ended takes every station with it, and it ends on a day nobody thinks of (LESSONS, stations in the
field 13).  A key in a token that was taken away is missed only when the next station asks.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.inventory import ends_soon
from ocppsec.certificates.issue import IssueFailed, probe
from ocppsec.events import AuthorityCannotSign, AuthorityEndsSoon, AuthoritySignsAgain, Emit

_PROBE_SECONDS = 300.0
_PROBES_A_DAY = 288


class AuthorityWatch:
    def __init__(
        self, authority: Callable[[], AuthorityFiles], *, emit: Emit, now: Callable[[], datetime]
    ) -> None:
        self._authority = authority
        self._emit = emit
        self._now = now
        self._signs = True

    def look(self) -> None:
        """Tell of each CA in use that nears its end."""
        hierarchy = self._authority().hierarchy
        named = (("root", hierarchy.root), ("stations", hierarchy.stations), ("servers", hierarchy.servers))
        for role, authority in named:
            certificate = authority.certificate
            if ends_soon(certificate, self._now()):
                self._emit(
                    AuthorityEndsSoon(
                        role=role,
                        subject=certificate.subject.rfc4514_string(),
                        not_after=certificate.not_valid_after_utc.isoformat(),
                    )
                )

    async def try_to_sign(self) -> None:
        """Tell when the CA for stations no longer signs, and when it does again."""
        stations = self._authority().hierarchy.stations
        try:
            await asyncio.get_running_loop().run_in_executor(None, probe, stations)
        except IssueFailed as error:
            if self._signs:
                self._emit(AuthorityCannotSign(reason=str(error)))
            self._signs = False
        else:
            if not self._signs:
                self._emit(AuthoritySignsAgain())
            self._signs = True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            for _ in range(_PROBES_A_DAY):
                await self.try_to_sign()
                await asyncio.sleep(_PROBE_SECONDS)
