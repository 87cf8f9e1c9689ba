"""The ledger and revoking through the API."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocppsec.profiles.record import CertificateRecord, CertificateState

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECORD = CertificateRecord(
    fingerprint="ab" * 32,
    identity="CP1",
    serial_number="ABC",
    subject="CN=SN,O=CSO",
    public_key_sha256="cd" * 32,
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=1),
    state=CertificateState.ACTIVE,
    issued_at=NOW,
    chain="-----BEGIN CERTIFICATE-----\n",
)


@pytest.fixture
async def ledger(world):
    await world.add("CP1")
    for number in range(5):
        record = replace(
            RECORD,
            fingerprint=f"{number}b" * 32,
            serial_number=f"AB{number}",
            public_key_sha256=f"{number:064x}",
            issued_at=NOW + timedelta(seconds=number),
        )
        await world.csms.store.add_certificate(record)
    return world


async def test_list_by_pages(ledger):
    """All certificates come, page by page, without their chains."""
    path, found = "/api/v1/certificates?limit=2", []
    while path:
        page = (await ledger.ask("GET", path)).json()
        found += page["certificates"]
        path = page["next"] and f"/api/v1/certificates?limit=2&cursor={page['next']}"
    assert [one["serial_number"] for one in found] == [f"AB{number}" for number in range(5)]
    assert {one["standing"] for one in found} == {"active"}
    assert "chain" not in found[0]


async def test_list_of_a_station(ledger):
    """One station's are given newest first, and still when the station is gone."""
    await ledger.ask("DELETE", "/api/v1/stations/CP1")
    found = (await ledger.ask("GET", "/api/v1/stations/CP1/certificates")).json()["certificates"]
    assert [one["serial_number"] for one in found] == ["AB4", "AB3", "AB2", "AB1", "AB0"]
    assert {one["standing"] for one in found} == {"revoked"}


async def test_revoke(ledger):
    """A revocation is answered with how the certificate stands now, and shows in the list by state."""
    answer = await ledger.ask("POST", "/api/v1/certificates/ab3/revocation", json={"reason": "superseded"})
    assert answer.status_code == 200
    assert answer.json()["connections_closed"] == 0
    assert answer.json()["certificate"]["standing"] == "revoked"
    shown = (await ledger.ask("GET", "/api/v1/certificates/AB3")).json()
    assert (shown["revocation_reason"], shown["chain"]) == ("superseded", RECORD.chain)
    listed = (await ledger.ask("GET", "/api/v1/certificates?state=revoked")).json()
    assert [one["serial_number"] for one in listed["certificates"]] == ["AB3"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        pytest.param("GET", "/certificates/ff", None, 404, id="unknown"),
        pytest.param("GET", "/certificates/CP1", None, 400, id="not hex"),
        pytest.param(
            "POST", "/certificates/ff/revocation", {"reason": "superseded"}, 404, id="revoke unknown"
        ),
        pytest.param("POST", "/certificates/ab3/revocation", {"reason": "stolen"}, 422, id="no such reason"),
        pytest.param("POST", "/certificates/ab3/revocation", {}, 422, id="without a reason"),
        pytest.param("GET", "/certificates?cursor=%25", None, 422, id="foreign cursor"),
        pytest.param("GET", "/certificates?state=expired", None, 422, id="no state of the records"),
    ],
)
async def test_what_is_refused(ledger, problem, method, path, body, status):
    """Nothing is revoked by a request that is not right."""
    answer = await ledger.ask(method, f"/api/v1{path}", json=body)
    assert answer.status_code == status
    problem(answer)
    assert (await ledger.csms.store.ledger(state=CertificateState.REVOKED)) == []
