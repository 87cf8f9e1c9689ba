"""Tells in time that a CA nears its end: at the start, and every day until it has a later certificate.

A CA that has ended takes every station with it, and it ends on a day nobody thinks of (LESSONS, stations in the
field 13).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.inventory import ends_soon
from ocppsec.events import AuthorityEndsSoon, Emit

_DAY = 86_400.0


class AuthorityWatch:
    def __init__(
        self, authority: Callable[[], AuthorityFiles], *, emit: Emit, now: Callable[[], datetime]
    ) -> None:
        self._authority = authority
        self._emit = emit
        self._now = now

    def look(self) -> None:
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

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_DAY)
