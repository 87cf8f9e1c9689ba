"""What others are told of revocation, by every station CA whose certificates may still be about.

There is one, except while one root follows another and until the last certificate of the one before has ended: each
has a list of its own under its own name, and OCSP answers for whichever is asked about.
"""

from collections.abc import Callable
from datetime import datetime

from cryptography import x509

from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import FIRST_NAME, StationCa
from ocppsec.certificates.ocsp import UNAUTHORIZED
from ocppsec.csms.revocation import Revocation
from ocppsec.registry.store import Store


class Revocations:
    def __init__(
        self, store: Store, authority: Callable[[], AuthorityFiles], *, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._authority = authority
        self._now = now
        self._by_certificate: dict[x509.Certificate, Revocation] = {}

    def changed(self) -> None:
        """Something was revoked: the lists are old."""
        for each in self._by_certificate.values():
            each.changed()

    async def list_in_force(self, name: str | None = None) -> bytes | None:
        """The CRL of the station CA of that name, DER; of the one in use without a name; None for a CA we have not.

        Raises `StoreUnavailable` only when there is no list yet.
        """
        ca = self._authority().station_cas[0] if name is None else self.ca(name)
        return None if ca is None else await self._of(ca).list_in_force()

    def ca(self, name: str) -> StationCa | None:
        """The one whose lists lie under *name*.  The first name means the CA in use once its own CA is gone."""
        cas = self._authority().station_cas
        found = next((ca for ca in cas if ca.name == name), None)
        return cas[0] if found is None and name == FIRST_NAME else found

    async def answer(self, der: bytes) -> bytes:
        """The OCSP response to a request, whatever it is."""
        answer = UNAUTHORIZED
        for ca in self._authority().station_cas:
            answer = await self._of(ca).answer(der)
            if answer != UNAUTHORIZED:
                return answer
        return answer

    def _of(self, ca: StationCa) -> Revocation:
        certificate = ca.authority.certificate
        found = self._by_certificate.get(certificate)
        if found is None:
            known = {one.authority.certificate for one in self._authority().station_cas}
            for gone in self._by_certificate.keys() - known:
                del self._by_certificate[gone]
            found = self._by_certificate[certificate] = Revocation(self._store, ca, now=self._now)
        return found
