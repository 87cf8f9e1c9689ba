"""Orders at other CAs, in memory."""

from dataclasses import replace
from datetime import datetime

from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory.certificates import Certificates
from ocppsec.registry.records import OrderState, SigningOrder
from ocppsec.registry.store import REFUSED_ORDERS_KEPT, Superseded


class Orders(Certificates):
    def __init__(self) -> None:
        super().__init__()
        self._orders: dict[str, SigningOrder] = {}

    async def add_order(self, order: SigningOrder) -> None:
        self._registered(order.identity)
        self._orders[order.id] = order
        refused = await self.orders(
            identity=order.identity, state=OrderState.REFUSED, limit=len(self._orders)
        )
        for old in refused[REFUSED_ORDERS_KEPT:]:
            del self._orders[old.id]

    async def end_order(self, order: SigningOrder) -> None:
        self._check_open()
        stored = self._orders.get(order.id)
        if stored is None or stored.state is not OrderState.ASKED:
            raise Superseded(f"order {order.id} has ended already")
        self._orders[order.id] = replace(
            stored,
            state=order.state,
            reason=order.reason,
            ended_at=order.ended_at,
            certificate=order.certificate,
            fingerprint=order.fingerprint,
        )

    async def orders(
        self, *, identity: str | None = None, state: OrderState | None = None, limit: int = 100
    ) -> list[SigningOrder]:
        self._check_open()
        found = [
            each
            for each in self._orders.values()
            if (identity is None or each.identity == identity) and (state is None or each.state is state)
        ]
        return found[::-1][: max(0, limit)]

    async def order_for_key(self, public_key_sha256: str) -> SigningOrder | None:
        issued = await self.orders(state=OrderState.ISSUED, limit=len(self._orders))
        return next((each for each in issued if each.public_key_sha256 == public_key_sha256), None)

    async def orders_to_revoke(
        self, *, limit: int, untaken_before: datetime | None = None
    ) -> list[SigningOrder]:
        self._check_open()
        found = [each for each in self._orders.values() if self._to_revoke(each, untaken_before)]
        return found[: max(0, limit)]

    def _to_revoke(self, order: SigningOrder, untaken_before: datetime | None) -> bool:
        if order.revocation:
            return False
        taken = self._certificates.get(order.fingerprint or "")
        if taken is not None:
            return taken.state is CertificateState.REVOKED
        if order.state is OrderState.ISSUED and order.ended_at is not None and untaken_before is not None:
            return order.ended_at < untaken_before
        return order.state is OrderState.UNUSED

    async def set_order_revocation(self, order_id: str, words: str) -> None:
        self._check_open()
        if order_id in self._orders:
            self._orders[order_id] = replace(self._orders[order_id], revocation=words)
