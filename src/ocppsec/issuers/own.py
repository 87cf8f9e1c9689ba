"""Our own CA behind the interface of all others."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from cryptography import x509

from ocppsec.certificates.content import Pointers
from ocppsec.certificates.issue import Authority, issue_station_certificate
from ocppsec.issuers.issuer import Order, Revocation
from ocppsec.issuers.trust import IssuingCa, Trust


class OwnCa:
    """Signs in a thread: a key may lie in a token."""

    name = "our own CA"

    def __init__(
        self,
        authority: Callable[[], Authority],
        *,
        now: Callable[[], datetime],
        serial: Callable[[], int] = x509.random_serial_number,
        pointers: Pointers | None = None,
    ) -> None:
        """*authority* is the CA that issues to stations today."""
        self._authority = authority
        self._now = now
        self._serial = serial
        self._pointers = pointers

    async def ask(self, order: Order) -> tuple[x509.Certificate, ...]:
        authority = self._authority()
        issued = await asyncio.get_running_loop().run_in_executor(
            None,
            partial(
                issue_station_certificate,
                order.approved,
                authority,
                now=self._now(),
                lifetime=order.lifetime,
                serial=self._serial(),
                pointers=self._pointers,
            ),
        )
        return (issued.certificate, *authority.sent_with_leaf)

    async def authorities(self) -> tuple[x509.Certificate, ...]:
        return self._authority().sent_with_leaf

    async def revoke(self, revocation: Revocation) -> None:
        """The records are where we look; nobody else has to be told."""

    async def close(self) -> None:
        pass


def own_trust(authority: Authority, root: x509.Certificate) -> Trust:
    return Trust((IssuingCa(authority.certificate, authority.above, root),))
