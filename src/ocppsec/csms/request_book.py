"""Every certificate request of a station, and what became of it: refused, accepted, waiting, approved, denied.

A request is known by the key it asks for: the same key again is the same request, counted and not kept again
(A02.FR.17: stations repeat theirs), another key is another one.  What a person said of a key holds for that key.
"""

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ocppsec.certificates.approval import Approval, needs_person
from ocppsec.certificates.reasons import Reason, ReasonCode
from ocppsec.certificates.request import ApprovedRequest, RefusedRequest
from ocppsec.events import CertificateRequestWaits, Emit
from ocppsec.registry.records import CertificateRequest, RequestState
from ocppsec.registry.store import Store, Superseded

_MAY_BE_SIGNED = (RequestState.ACCEPTED, RequestState.APPROVED)


@dataclass(frozen=True, slots=True)
class Waits:
    """For a person, here or at another CA."""

    request: str
    ca: str = ""
    """That CA, in words; it is asked again by and by."""


@dataclass(frozen=True, slots=True)
class Newer:
    """The station has asked again meanwhile, with another key: that is the one it holds."""

    csr: str


class RequestBook:
    def __init__(
        self,
        store: Store,
        *,
        approval: Approval = Approval.RULE,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._approval = approval
        self._emit = emit
        self._now = now

    async def refused(self, identity: str, csr: str, key: str | None, verdict: RefusedRequest) -> None:
        """Keep a request that broke rules, and which; one that is repeated is counted."""
        reasons = tuple(str(reason) for reason in verdict.reasons)
        newest = next(iter(await self._store.requests(identity=identity, limit=1)), None)
        if newest is not None and newest.csr == csr and newest.state is RequestState.REFUSED:
            await self._again(newest, reasons=reasons)
            return
        await self._add(identity, csr, key, RequestState.REFUSED, reasons)

    async def received(
        self, identity: str, csr: str, approved: ApprovedRequest, *, with_certificate: bool
    ) -> ApprovedRequest | Waits | RefusedRequest:
        """What follows for a request that keeps the rules; kept when this returns."""
        known = await self._store.request_for_key(identity, approved.public_key_sha256)
        if known is not None:
            match known.state:
                case RequestState.DENIED:
                    await self._again(known)
                    return _denied(known)
                case RequestState.WAITING:
                    await self._again(known)
                    return Waits(known.id)
                case RequestState.ACCEPTED | RequestState.APPROVED:
                    await self._again(known)
                    return approved
                case RequestState.REFUSED | RequestState.REPLACED:
                    pass  # looked at anew
        return await self._first(identity, csr, approved, with_certificate=with_certificate)

    async def permission(
        self, identity: str, csr: str, approved: ApprovedRequest
    ) -> ApprovedRequest | Waits | Newer | RefusedRequest:
        """Whether it may be signed now; safe to ask again, also after a restart."""
        known = await self._store.request_for_key(identity, approved.public_key_sha256)
        if known is None or known.state is RequestState.REFUSED:
            return await self._first(identity, csr, approved, with_certificate=False)
        match known.state:
            case RequestState.ACCEPTED | RequestState.APPROVED:
                return approved
            case RequestState.WAITING:
                return Waits(known.id)
            case RequestState.DENIED:
                return _denied(known)
            case RequestState.REPLACED:
                return await self._newest(identity)

    async def _newest(self, identity: str) -> Newer | RefusedRequest:
        for each in await self._store.requests(identity=identity):
            if each.state in (*_MAY_BE_SIGNED, RequestState.WAITING):
                return Newer(each.csr)
        return RefusedRequest((Reason(ReasonCode.REPLACED, "the station has sent another request since"),))

    async def issued(self, identity: str, key: str, fingerprint: str) -> None:
        """A certificate came of it."""
        known = await self._store.request_for_key(identity, key)
        if known is not None and known.state in _MAY_BE_SIGNED and known.fingerprint != fingerprint:
            await self._store.save_request(replace(known, fingerprint=fingerprint), before=known.state)

    async def _first(
        self, identity: str, csr: str, approved: ApprovedRequest, *, with_certificate: bool
    ) -> ApprovedRequest | Waits:
        key = approved.public_key_sha256
        if not needs_person(self._approval, with_certificate=with_certificate):
            await self._add(identity, csr, key, RequestState.ACCEPTED)
            return approved
        kept = await self._add(identity, csr, key, RequestState.WAITING)
        self._emit(CertificateRequestWaits(identity=identity, request=kept.id, public_key_sha256=key))
        return Waits(kept.id)

    async def _add(
        self,
        identity: str,
        csr: str,
        key: str | None,
        state: RequestState,
        reasons: tuple[str, ...] = (),
    ) -> CertificateRequest:
        kept = CertificateRequest(
            id=secrets.token_hex(8),
            identity=identity,
            csr=csr,
            public_key_sha256=key,
            state=state,
            reasons=reasons,
            received_at=self._now(),
        )
        await self._store.add_request(kept)
        return kept

    async def _again(self, known: CertificateRequest, *, reasons: tuple[str, ...] | None = None) -> None:
        again = replace(
            known,
            times=known.times + 1,
            repeated_at=self._now(),
            reasons=known.reasons if reasons is None else reasons,
        )
        with contextlib.suppress(Superseded):  # decided in this very moment: how often it came matters less
            await self._store.save_request(again, before=known.state)


def _denied(request: CertificateRequest) -> RefusedRequest:
    said = "; ".join(request.reasons)
    return RefusedRequest((Reason(ReasonCode.DENIED, f"a person denied it: {said}"),))
