"""Who signs what was approved: the seam between our records and a CA, ours or another one.

What a CA answers is judged the same way whoever it is (`ocppsec.issuers.checks`).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from ocppsec.certificates.content import Pointers
from ocppsec.certificates.generations import Generation
from ocppsec.certificates.issue import Issued, Rehearsal, rehearse_station_certificate
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
    """Our own CA; while one root follows another it depends on the station which."""

    def __init__(
        self,
        generation_for: Callable[[str], Generation],
        *,
        lifetime: timedelta,
        now: Callable[[], datetime],
        serial: Callable[[], int],
        pointers: Pointers | None = None,
    ) -> None:
        self._generation_for = generation_for
        self._lifetime = lifetime
        self._now = now
        self._serial = serial
        self._pointers = pointers

    def rehearse(self, identity: str, approved: ApprovedRequest) -> Rehearsal:
        """What it would sign now for this station; raises `IssueFailed`."""
        generation = self._generation_for(identity)
        return rehearse_station_certificate(
            approved,
            generation.hierarchy.stations,
            now=self._now(),
            lifetime=self._lifetime,
            serial=self._serial(),
            pointers=None if self._pointers is None else self._pointers.named(generation.name),
        )

    async def issue(self, approved: ApprovedRequest, csr: str, *, identity: str) -> Issued:
        generation = self._generation_for(identity)
        stations = generation.hierarchy.stations
        pointers = None if self._pointers is None else self._pointers.named(generation.name)
        ca = OwnCa(lambda: stations, now=self._now, serial=self._serial, pointers=pointers)
        order = Order(request_id="", approved=approved, csr=der_of(csr), lifetime=self._lifetime)
        return judge(await ca.ask(order), order, own_trust(stations, generation.root), now=self._now())


def der_of(csr: str) -> bytes:
    """Of a request that was approved, and so can be read."""
    (der,) = read_blocks(csr, labels=_LABELS, limit=CERTIFICATE_LIMIT)
    return der
