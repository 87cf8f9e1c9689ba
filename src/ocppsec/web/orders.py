"""Which CA signs stations' certificates, and what another one was asked for."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ocppsec.csms.service import Csms
from ocppsec.registry.records import OrderState
from ocppsec.web.schemas import Shown

Limit = Annotated[int, Query(ge=1, le=1000)]


class SigningOrder(Shown):
    id: str
    identity: str
    issuer: str
    public_key_sha256: str
    state: OrderState = Field(
        description="asked; issued; refused: surely nothing was signed; unknown: something may have been;"
        " unused: something was, and is not used."
    )
    reason: str = Field(description="Why there is no certificate; empty otherwise.")
    asked_at: datetime
    ended_at: datetime | None
    certificate: str | None = Field(description="PEM of what was answered.")
    fingerprint: str | None = Field(description="Of the certificate that was taken.")
    revocation: str = Field(description="What came of telling that CA that it is revoked; empty until then.")


class SigningOrderList(Shown):
    issuer: str = Field(description="Who signs now.")
    orders: list[SigningOrder] = Field(description="Newest first.")


def orders(csms: Csms) -> APIRouter:
    router = APIRouter(tags=["certificates"])

    @router.get("/ca/orders")
    async def list_orders(
        station: str | None = None, state: OrderState | None = None, limit: Limit = 100
    ) -> SigningOrderList:
        """Each time another CA was asked for a station's certificate, and what came of it."""
        found = await csms.store.orders(identity=station, state=state, limit=limit)
        return SigningOrderList(
            issuer="our own CA" if csms.issuer is None else csms.issuer.name,
            orders=[SigningOrder.model_validate(each) for each in found],
        )

    return router
