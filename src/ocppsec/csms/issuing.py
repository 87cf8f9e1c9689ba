"""Who signs what was approved: the seam between our records and a CA, ours or another one.

What a CA answers is judged the same way whoever it is (`ocppsec.issuers.checks`).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from ocppsec.certificates.content import Pointers
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.issue import Issued
from ocppsec.certificates.pem import CERTIFICATE_LIMIT, read_blocks
from ocppsec.certificates.request import ApprovedRequest
from ocppsec.issuers.checks import judge
from ocppsec.issuers.issuer import Order
from ocppsec.issuers.own import OwnCa, own_trust

_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


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
        self._ca = OwnCa(lambda: authority.hierarchy.stations, now=now, serial=serial, pointers=pointers)

    async def issue(self, approved: ApprovedRequest, csr: str, *, identity: str) -> Issued:  # noqa: ARG002
        hierarchy = self._authority.hierarchy
        order = Order(request_id="", approved=approved, csr=der_of(csr), lifetime=self._lifetime)
        trust = own_trust(hierarchy.stations, hierarchy.root.certificate)
        return judge(await self._ca.ask(order), order, trust, now=self._now())


def der_of(csr: str) -> bytes:
    """Of a request that was approved, and so can be read."""
    (der,) = read_blocks(csr, labels=_LABELS, limit=CERTIFICATE_LIMIT)
    return der
