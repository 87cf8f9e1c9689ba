"""What another CA was asked for, through the API and as the command line tells it."""

from datetime import UTC, datetime

import pytest

from ocppsec.cli.orders import is_open_end
from ocppsec.registry.records import OrderState, SigningOrder

NOW = datetime.now(UTC)


@pytest.fixture
async def asked(world):
    for identity in ("CP1", "CP2"):
        await world.add(identity)
    world.csms.issuer = None
    for number, identity in enumerate(("CP1", "CP1", "CP2")):
        await world.csms.store.add_order(
            SigningOrder(
                id=f"order-{number}",
                identity=identity,
                issuer="the EST server at https://ca.example",
                public_key_sha256="ab",
                state=OrderState.ASKED,
                reason="",
                asked_at=NOW,
            )
        )
    return world


async def test_orders_by_station_and_state(asked):
    async def ids(query=""):
        answer = (await asked.ask("GET", f"/api/v1/ca/orders{query}")).json()
        assert answer["issuer"] == "our own CA"
        return [one["id"] for one in answer["orders"]]

    assert await ids() == ["order-2", "order-1", "order-0"]
    assert await ids("?station=CP1&limit=1") == ["order-1"]
    assert await ids("?state=issued") == []
    assert (await asked.ask("GET", "/api/v1/ca/orders?state=lost")).status_code == 422


@pytest.mark.parametrize(
    ("state", "revocation", "expected"),
    [
        ("issued", "", False),
        ("issued", "told", False),
        ("issued", "not told: EST has no message for it", True),
        ("refused", "", False),
        ("unknown", "", True),
        ("unused", "", True),
        ("unused", "told", False),
        ("unused", "not told: no", True),
        ("asked", "", False),
    ],
)
def test_what_the_operator_of_that_ca_has_to_be_told(state, revocation, expected):
    assert is_open_end({"state": state, "revocation": revocation}) is expected
