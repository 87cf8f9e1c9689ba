"""Certificate requests as operators see them: the list, what would be signed, and saying yes or no.

A decision is in the records before anybody acts on it; then whoever waits for it goes on: an upgrade, a renewal, or the
station itself when it is there.  When nobody does, the station gets the answer the next time it asks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ocppsec.certificates.issue import IssueFailed, Rehearsal
from ocppsec.certificates.lint import RULES, Kind
from ocppsec.certificates.request import ApprovedRequest, RefusedRequest
from ocppsec.csms.certifier import Certified, Certifier
from ocppsec.csms.errors import BadInput, CsmsError
from ocppsec.events import CertificateRequestDecided, Emit
from ocppsec.registry.records import CertificateRequest, RequestState
from ocppsec.registry.store import NotRegistered, Store, Superseded

REASON_LIMIT: Final = 200
"""Characters: it is told to the station, in a statusInfo."""

GoOn = Callable[[CertificateRequest, str | None], Awaitable[None]]
"""Whoever waits for the request goes on; the text is why it was denied, None when it was approved."""


class UnknownRequest(CsmsError):  # noqa: N818
    """No request has this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """One rule, held against what would be signed."""

    rule: str
    requirement: str
    finding: str
    """What broke it; empty when nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would come of a request if it were to be signed now."""

    refusals: tuple[str, ...]
    """Why it would be refused; then nothing would be signed."""
    pem: str = ""
    """What would be signed, under a signature that is worth nothing; empty where another CA decides that."""
    subject: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    looked_at: tuple[LookedAt, ...] = ()
    issued: str = ""
    """Fingerprint of the certificate that came of it and is not used yet."""


class RequestsDesk:
    def __init__(
        self,
        store: Store,
        certifier: Certifier,
        rehearse: Callable[[str, ApprovedRequest], Rehearsal] | None,
        go_on: GoOn,
        *,
        emit: Emit,
        now: Callable[[], datetime],
    ) -> None:
        """*rehearse* is None where another CA says what is in a certificate."""
        self._store = store
        self._certifier = certifier
        self._rehearse = rehearse
        self._go_on = go_on
        self._emit = emit
        self._now = now

    async def find(self, request_id: str) -> CertificateRequest:
        """Raises `UnknownRequest`."""
        found = await self._store.request(request_id)
        if found is None:
            raise UnknownRequest("no certificate request has this id", "ocppsec csr list shows all")
        return found

    async def preview(self, request: CertificateRequest) -> Preview:
        """Raises `IssueFailed` when our CA could not sign anything now."""
        try:
            # Over TLS or not was judged when it came, and a refusal is kept.
            verdict = await self._certifier.judge(request.identity, request.csr, secure=True)
        except NotRegistered:
            return Preview(refusals=(f"{request.identity} is not registered any more",))
        if isinstance(verdict, RefusedRequest):
            return Preview(refusals=tuple(str(reason) for reason in verdict.reasons))
        if isinstance(verdict, Certified):
            return Preview(refusals=(), issued=verdict.fingerprint)
        if self._rehearse is None:
            return Preview(refusals=())
        rehearse = self._rehearse
        rehearsal = await asyncio.get_running_loop().run_in_executor(
            None, partial(rehearse, request.identity, verdict)
        )
        return _preview(rehearsal)

    async def approve(self, request_id: str) -> CertificateRequest:
        """Have it signed; raises `UnknownRequest`, `BadInput` when it does not wait or would not be signed."""
        request = await self._waiting(request_id)
        try:
            objections = _objections(await self.preview(request))
        except IssueFailed as error:
            objections = (str(error),)
        if objections:
            raise BadInput(f"it would not be signed: {'; '.join(objections)}", "deny it, and say why")
        return await self._decide(request, RequestState.APPROVED, None)

    async def deny(self, request_id: str, reason: str) -> CertificateRequest:
        """Refuse its key for ever, for *reason*; raises `UnknownRequest`, `BadInput`."""
        said = reason.strip()
        if not said or len(said) > REASON_LIMIT or not said.isprintable():
            raise BadInput(
                f"a denial needs a reason of 1 to {REASON_LIMIT} printable characters",
                "the station is told it",
            )
        return await self._decide(await self._waiting(request_id), RequestState.DENIED, said)

    async def _waiting(self, request_id: str) -> CertificateRequest:
        request = await self.find(request_id)
        if request.state is not RequestState.WAITING:
            raise BadInput(
                f"this request does not wait: it is {request.state}", "ocppsec csr list --in waiting"
            )
        return request

    async def _decide(
        self, request: CertificateRequest, state: RequestState, denial: str | None
    ) -> CertificateRequest:
        reasons = () if denial is None else (denial,)
        decided = replace(request, state=state, reasons=reasons, decided_at=self._now())
        try:
            await self._store.save_request(decided, before=RequestState.WAITING)
        except Superseded:
            now = (await self.find(request.id)).state
            raise BadInput(f"this request is {now} meanwhile", f"ocppsec csr show {request.id}") from None
        self._emit(
            CertificateRequestDecided(
                identity=request.identity,
                request=request.id,
                approved=denial is None,
                reason=denial or "",
            )
        )
        await self._go_on(decided, None if denial is None else f"a person denied it: {denial}")
        return decided


def _objections(preview: Preview) -> tuple[str, ...]:
    broken = (
        f"{each.rule} ({each.requirement}): {each.finding}" for each in preview.looked_at if each.finding
    )
    return (*preview.refusals, *broken)


def _preview(rehearsal: Rehearsal) -> Preview:
    certificate: x509.Certificate = rehearsal.certificate
    broken = {finding.rule: finding.text for finding in rehearsal.findings}
    return Preview(
        refusals=(),
        pem=certificate.public_bytes(Encoding.PEM).decode(),
        subject=certificate.subject.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        looked_at=tuple(
            LookedAt(rule=rule.name, requirement=rule.requirement, finding=broken.get(rule.name, ""))
            for rule in RULES
            if Kind.STATION in rule.kinds
        ),
    )
