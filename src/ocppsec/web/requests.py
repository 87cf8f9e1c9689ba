"""Certificate requests over HTTP: what stations have asked for, what would be signed, and deciding."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ocppsec.certificates.issue import IssueFailed
from ocppsec.csms.requests_desk import REASON_LIMIT
from ocppsec.csms.service import Csms
from ocppsec.registry import records
from ocppsec.registry.records import RequestState
from ocppsec.web.schemas import Body, Shown

Limit = Annotated[int, Query(ge=1, le=1000)]


class CertificateRequest(Shown):
    id: str
    identity: str = Field(description="The station that asks.")
    state: RequestState
    public_key_sha256: str | None = Field(description="The key it asks for; null when none could be read.")
    reasons: list[str] = Field(description="Why it was refused or denied.")
    received_at: datetime
    repeated_at: datetime | None = Field(description="When it came last; null when it came once.")
    times: int = Field(description="How often it came.")
    decided_at: datetime | None = Field(description="When a person decided.")
    fingerprint: str | None = Field(description="Of the certificate that came of it.")


class CertificateRequestList(Shown):
    requests: list[CertificateRequest] = Field(description="Newest first.")


class LookedAt(Shown):
    rule: str
    requirement: str
    finding: str = Field(description="What breaks the rule; empty when nothing does.")


class Preview(Shown):
    refusals: list[str] = Field(description="Why it would be refused now; then nothing would be signed.")
    pem: str = Field(description="What would be signed, under a signature that is worth nothing.")
    subject: str
    not_before: datetime | None
    not_after: datetime | None
    looked_at: list[LookedAt] = Field(description="The rules that what would be signed was held against.")
    issued: str = Field(description="Fingerprint of the certificate it has got already.")


class CertificateRequestInFull(CertificateRequest):
    csr: str = Field(description="PEM, as the station sent it.")
    preview: Preview | None = Field(description="Null when it is settled.")


class NewDenial(Body):
    reason: str = Field(max_length=REASON_LIMIT, description="Told to the station.")


def requests(csms: Csms) -> APIRouter:
    router = APIRouter(prefix="/certificate-requests", tags=["certificates"])

    @router.get("")
    async def list_requests(
        limit: Limit = 100, station: str | None = None, state: RequestState | None = None
    ) -> CertificateRequestList:
        """What stations have asked for, newest first: refused with reasons, accepted, waiting for a person, decided."""
        found = await csms.store.requests(identity=station, state=state, limit=limit)
        return CertificateRequestList(requests=[CertificateRequest.model_validate(one) for one in found])

    @router.get("/{request_id}")
    async def show_request(request_id: str) -> CertificateRequestInFull:
        """One request, and what would be signed for it, with every rule that it was held against."""
        found = await csms.requests.find(request_id)
        return CertificateRequestInFull(
            **CertificateRequest.model_validate(found).model_dump(),
            csr=found.csr,
            preview=await _preview(csms, found),
        )

    @router.post("/{request_id}/approval")
    async def approve_request(request_id: str) -> CertificateRequest:
        """Have it signed: an upgrade or a renewal that waits for it goes on at once."""
        return CertificateRequest.model_validate(await csms.requests.approve(request_id))

    @router.post("/{request_id}/denial")
    async def deny_request(request_id: str, body: NewDenial) -> CertificateRequest:
        """Refuse it: the upgrade that waits for it ends with the reason; its key is never certified."""
        return CertificateRequest.model_validate(await csms.requests.deny(request_id, body.reason))

    return router


async def _preview(csms: Csms, request: records.CertificateRequest) -> Preview | None:
    if request.state in (RequestState.DENIED, RequestState.REPLACED) or request.fingerprint is not None:
        return None
    try:
        return Preview.model_validate(await csms.requests.preview(request))
    except IssueFailed as error:
        return _NOTHING.model_copy(update={"refusals": [f"our CA could not sign: {error}"]})


_NOTHING = Preview(refusals=[], pem="", subject="", not_before=None, not_after=None, looked_at=[], issued="")
