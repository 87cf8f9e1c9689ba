"""Who signs what was approved: the seam between our records and a CA, ours or another one."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from ocppsec.certificates.content import Pointers
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.issue import Issued, issue_station_certificate
from ocppsec.certificates.request import ApprovedRequest


class Issuer(Protocol):
    async def issue(self, approved: ApprovedRequest, csr: str, *, identity: str) -> Issued:
        """A certificate for the key of *approved*, which was read from *csr* (PEM); raises `IssueFailed`."""


class OwnIssuer:
    """Our own CA."""

    def __init__(
        self,
        authority: AuthorityFiles,
        *,
        lifetime: timedelta,
        now: Callable[[], datetime],
        serial: Callable[[], int],
        pointers: Pointers | None = None,
    ) -> None:
        self._authority = authority
        self._lifetime = lifetime
        self._now = now
        self._serial = serial
        self._pointers = pointers

    async def issue(self, approved: ApprovedRequest, csr: str, *, identity: str) -> Issued:  # noqa: ARG002
        return await asyncio.get_running_loop().run_in_executor(
            None,
            lambda: issue_station_certificate(
                approved,
                self._authority.hierarchy.stations,
                now=self._now(),
                lifetime=self._lifetime,
                serial=self._serial(),
                pointers=self._pointers,
            ),
        )
