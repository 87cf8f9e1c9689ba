"""Another CA signs: the order is kept before it is asked, the answer is judged, and it hears what was revoked.

What a crash leaves behind is an order of which nobody knows what came.  No such CA can be asked for that, so the order
is listed and told; a certificate that came of it opens no door, for it is in nobody's record.  An answer that arrived is
kept before anything else happens: after a crash the same request gets that certificate, and no second one is asked for.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from cryptography import x509

from ocppsec.certificates.issue import Issued
from ocppsec.certificates.pem import read_certificate, write_chain
from ocppsec.certificates.request import ApprovedRequest
from ocppsec.csms.foreign_revocation import RevocationTeller
from ocppsec.csms.issuing import der_of
from ocppsec.events import (
    CertificateAsked,
    CertificateUnaccounted,
    Emit,
    IssuerFound,
    IssuerInDoubt,
    StoreUnavailable,
)
from ocppsec.issuers.checks import BadAnswer, judge
from ocppsec.issuers.choice import ForeignCa, open_ca
from ocppsec.issuers.issuer import (
    AskFailed,
    Issuer,
    NotAsked,
    NotYet,
    Order,
)
from ocppsec.issuers.trust import Trust, read_trust
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.records import OrderState, SigningOrder
from ocppsec.registry.store import RegistryError, Store, Superseded

_LOOK_SECONDS = 300.0
"""So often a CA that could not be told of a revocation is tried again."""
_CLOSE_SECONDS = 2.0
_MOST_RECOVERED = 10_000


def open_foreign(
    settings: ForeignCa, store: Store, *, lifetime: timedelta, emit: Emit, now: Callable[[], datetime]
) -> "ForeignIssuer":
    """Reads files and asks nobody; raises `BadIssuer`."""
    trust = read_trust(settings.ca, now=now())
    return ForeignIssuer(
        open_ca(settings), trust, store, lifetime=lifetime, seconds=settings.seconds, emit=emit, now=now
    )


class ForeignIssuer:
    def __init__(
        self,
        ca: Issuer,
        trust: Trust,
        store: Store,
        *,
        lifetime: timedelta,
        seconds: float,
        emit: Emit,
        now: Callable[[], datetime],
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._ca = ca
        self.trust = trust
        self._store = store
        self._lifetime = lifetime
        self._seconds = seconds
        self._emit = emit
        self._now = now
        self._new_id = new_id
        self._look_seconds = look_seconds
        self._sent_with_leaf = tuple(write_chain((each.certificate, *each.above)) for each in trust.issuing)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._revoked = asyncio.Event()
        self._teller = RevocationTeller(ca, trust, store, seconds=seconds, emit=emit, now=now)
        self._talking: asyncio.Task[None] | None = None
        self._undecided: dict[str, SigningOrder] = {}
        """By key: the CA wants to be asked for these again."""

    @property
    def name(self) -> str:
        return self._ca.name

    # -- life -------------------------------------------------------------------------------------------
    async def recover(self) -> None:
        """Say of every order that an earlier process left open that nobody knows what came of it."""
        reason = "the CSMS ended while the CA was asked"
        for row in await self._store.orders(state=OrderState.ASKED, limit=_MOST_RECOVERED):
            with contextlib.suppress(Superseded):
                await self._store.end_order(
                    replace(row, state=OrderState.UNKNOWN, reason=reason, ended_at=self._now())
                )
                self._unaccounted(row, reason)

    async def run(self) -> None:
        """Look whether it is there, then tell it what is revoked, until cancelled."""
        await self._to_its_end(self.look())
        while True:
            self._revoked.clear()
            await self._to_its_end(self._tell_or_say())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._revoked.wait()

    async def _to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Cancelled in the middle, the HTTP client would leave its socket behind: `close` waits a moment for it."""
        self._talking = asyncio.get_running_loop().create_task(work)
        await asyncio.shield(self._talking)

    async def _tell_or_say(self) -> None:
        try:
            await self.tell()
        except RegistryError as error:
            self._emit(StoreUnavailable(doing="looking for revocations to tell", reason=str(error)))

    async def look(self) -> None:
        """An operator wants to know at the start, not when the first station asks, that something is wrong."""
        reason = ""
        try:
            async with asyncio.timeout(self._seconds):
                shown = await self._ca.authorities()
        except TimeoutError:
            reason = f"{self.name} did not answer within {self._seconds:g} s"
        except AskFailed as error:
            reason = str(error)
        else:
            known = {each.certificate for each in self.trust.issuing} | set(self.trust.roots)
            if known.isdisjoint(shown):
                names = "; ".join(each.subject.rfc4514_string()[:100] for each in shown[:3]) or "none"
                reason = f"the CAs it shows are not those of issuer.ca: {names}"
        if reason:
            self._emit(IssuerInDoubt(issuer=self.name, reason=reason))
        else:
            self._emit(IssuerFound(issuer=self.name))

    def revoked(self) -> None:
        """Something was: `run` looks at once."""
        self._revoked.set()

    async def close(self) -> None:
        """May be called twice."""
        if self._talking is not None and not self._talking.done():
            await asyncio.wait({self._talking}, timeout=_CLOSE_SECONDS)
            self._talking.cancel()
            await asyncio.gather(self._talking, return_exceptions=True)
        await self._ca.close()

    async def tell(self) -> None:
        """See `RevocationTeller.tell`."""
        await self._teller.tell()

    # -- issuing ----------------------------------------------------------------------------------------
    async def issue(self, approved: ApprovedRequest, csr: str, *, identity: str) -> Issued:
        """As `ocppsec.csms.issuing.Issuer`; raises `RegistryError` too, and then nobody was asked."""
        key = approved.public_key_sha256
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            known = await self._store.certificates(identity)
            undecided = self._undecided.pop(key, None)
            order = Order(
                request_id=undecided.id if undecided is not None else self._new_id(),
                approved=approved,
                csr=der_of(csr),
                lifetime=self._lifetime,
                renews=any(
                    each.state is CertificateState.ACTIVE and self._is_its(each.chain) for each in known
                ),
            )
            return await self._taken_before(order) or await self._ask(order, identity, undecided)

    def _is_its(self, chain: str) -> bool:
        return any(chain.endswith(sent) for sent in self._sent_with_leaf)

    async def _taken_before(self, order: Order) -> Issued | None:
        """An answer for this very key that arrived just before a crash."""
        row = await self._store.order_for_key(order.approved.public_key_sha256)
        if row is None or row.certificate is None or row.revocation:
            return None
        try:
            return self._judged((read_certificate(row.certificate),), order)
        except BadAnswer:  # it has ended meanwhile, or its CA is no longer configured
            return None

    async def _ask(self, order: Order, identity: str, undecided: SigningOrder | None) -> Issued:
        row = undecided or await self._ordered(order, identity)
        try:
            issued = self._judged(await self._answer(order), order)
        except NotYet:  # the order stays open, and is asked for again
            self._undecided[order.approved.public_key_sha256] = row
            raise
        except BadAnswer as error:
            await self._ended(row, error, certificate=error.certificate)
            raise AskFailed(
                f"{self.name} answered with something else than was asked for: {error}"
            ) from error
        except AskFailed as error:
            await self._ended(row, error)
            raise
        await self._store.end_order(
            replace(
                row,
                state=OrderState.ISSUED,
                ended_at=self._now(),
                certificate=write_chain((issued.certificate,)),
                fingerprint=issued.fingerprint,
            )
        )
        return issued

    async def _ordered(self, order: Order, identity: str) -> SigningOrder:
        """Kept before the CA is asked."""
        row = SigningOrder(
            id=order.request_id,
            identity=identity,
            issuer=self.name,
            public_key_sha256=order.approved.public_key_sha256,
            state=OrderState.ASKED,
            reason="",
            asked_at=self._now(),
        )
        await self._store.add_order(row)
        self._emit(CertificateAsked(identity=identity, issuer=self.name, order=row.id))
        return row

    async def _answer(self, order: Order) -> tuple[x509.Certificate, ...]:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ca.ask(order)
        except TimeoutError:
            raise AskFailed(f"{self.name} did not answer within {self._seconds:g} s") from None

    def _judged(self, answer: tuple[x509.Certificate, ...], order: Order) -> Issued:
        return judge(answer, order, self.trust, now=self._now())

    async def _ended(
        self, row: SigningOrder, error: AskFailed, *, certificate: x509.Certificate | None = None
    ) -> None:
        if certificate is not None:
            state = OrderState.UNUSED
        else:
            state = OrderState.REFUSED if isinstance(error, NotAsked) else OrderState.UNKNOWN
        pem = None if certificate is None else write_chain((certificate,))
        ended = replace(row, state=state, reason=str(error), ended_at=self._now(), certificate=pem)
        try:
            await self._store.end_order(ended)
        except RegistryError as failure:  # the next start finds it open, and tells
            self._emit(StoreUnavailable(doing="keeping what a CA answered", reason=str(failure)))
        if state is not OrderState.REFUSED:
            self._unaccounted(row, str(error))
        if state is OrderState.UNUSED:
            self.revoked()

    def _unaccounted(self, row: SigningOrder, reason: str) -> None:
        self._emit(
            CertificateUnaccounted(identity=row.identity, issuer=row.issuer, order=row.id, reason=reason)
        )
