"""Another CA hears what of its own is revoked here, and what it signed that nobody takes.

Here such a certificate is refused at once, whether that CA has heard of it or not.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography import x509

from ocppsec.certificates.facts import serial_number
from ocppsec.certificates.pem import read_certificate
from ocppsec.events import Emit, RevocationNotTold, RevocationTold
from ocppsec.issuers.issuer import AskFailed, CannotRevoke, Declined, Issuer, Revocation
from ocppsec.issuers.trust import Trust
from ocppsec.registry.records import SigningOrder
from ocppsec.registry.store import Store

_AT_ONCE = 50
_TAKEN_WITHIN = timedelta(hours=1)
"""After that an answer that is in no record is nobody's."""


class RevocationTeller:
    def __init__(
        self,
        ca: Issuer,
        trust: Trust,
        store: Store,
        *,
        seconds: float,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._ca = ca
        self._trust = trust
        self._store = store
        self._seconds = seconds
        self._emit = emit
        self._now = now
        self._since = now()
        self._complained: set[str] = set()

    async def tell(self) -> None:
        """Each once; where the CA cannot be reached, again at the next look."""
        now = self._now()
        # What an earlier process was given is taken up soon after the start, or never.
        untaken = now - _TAKEN_WITHIN if now - self._since > _TAKEN_WITHIN else None
        for row in await self._store.orders_to_revoke(limit=_AT_ONCE, untaken_before=untaken):
            if row.certificate is not None:
                await self._tell_one(row, read_certificate(row.certificate))

    async def _tell_one(self, row: SigningOrder, leaf: x509.Certificate) -> None:
        issuing = self._trust.issuer_of(leaf)
        serial = serial_number(leaf)
        if issuing is None:
            await self._not_told(row, serial, "it is not of the CA that is configured now", again=False)
            return
        revocation = Revocation(
            serial_number=leaf.serial_number, issuer=issuing.certificate, reason=await self._reason(row)
        )
        try:
            async with asyncio.timeout(self._seconds):
                await self._ca.revoke(revocation)
        except TimeoutError:
            await self._not_told(row, serial, "it did not answer", again=True)
        except CannotRevoke as error:
            await self._not_told(row, serial, str(error), again=False)
        except Declined as error:
            await self._not_told(row, serial, str(error), again=not error.for_good)
        except AskFailed as error:
            await self._not_told(row, serial, str(error), again=True)
        else:
            await self._store.set_order_revocation(row.id, "told")
            self._emit(RevocationTold(identity=row.identity, issuer=row.issuer, serial_number=serial))

    async def _reason(self, row: SigningOrder) -> str:
        record = None if row.fingerprint is None else await self._store.certificate_owner(row.fingerprint)
        reason = "" if record is None else record.revocation_reason or ""
        return "cessationOfOperation" if reason == "station removed" else reason or "unspecified"

    async def _not_told(self, row: SigningOrder, serial: str, reason: str, *, again: bool) -> None:
        if not again:
            await self._store.set_order_revocation(row.id, f"not told: {reason}")
        if row.id in self._complained:
            return
        self._complained.add(row.id)
        self._emit(
            RevocationNotTold(
                identity=row.identity,
                issuer=row.issuer,
                serial_number=serial,
                reason=reason,
                tried_again=again,
            )
        )
