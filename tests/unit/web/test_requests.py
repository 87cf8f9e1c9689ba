"""Certificate requests through the API, and what ends when."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import rehearse_station_certificate
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.certifier import Certifier
from ocppsec.csms.expiry_watch import ExpiryWatch
from ocppsec.csms.requests_desk import RequestsDesk
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.records import CertificateRequest, RequestState

NOW = datetime.now(UTC)
REQUESTS = "/api/v1/certificate-requests"


ORGANIZATION = "CSO"


async def nobody_waits(_request, _denial):
    pass


async def no_list():
    return None


@pytest.fixture
async def asked(world):
    """Two stations; one waits for a person, one was refused."""
    for identity in ("CP1", "CP2"):
        await world.add(identity)
    csms, hierarchy = world.csms, create_hierarchy(organization=ORGANIZATION, now=NOW)
    told = {"emit": csms.events.append, "now": lambda: NOW}
    certifier = Certifier(csms.store, None, organization=ORGANIZATION, **told)
    csms.requests = RequestsDesk(
        csms.store,
        certifier,
        lambda _, approved: rehearse_station_certificate(
            approved, hierarchy.stations, now=NOW, serial=2**150
        ),
        nobody_waits,
        **told,
    )
    csms.expiry = ExpiryWatch(
        csms.store,
        lambda: SimpleNamespace(hierarchy=hierarchy),
        lambda: None,
        lambda _identity: None,
        no_list,
        lifetime=timedelta(days=90),
        **told,
    )
    serial_number = (await csms.store.station("CP1")).serial_number
    csr = make_request(new_key(KeyFamily.EC_P256), common_name=serial_number, organization=ORGANIZATION)
    kept = {
        "w1": {"identity": "CP1", "csr": csr, "state": RequestState.WAITING},
        "f1": {
            "identity": "CP2",
            "csr": "junk",
            "state": RequestState.REFUSED,
            "reasons": ("not-pem: no",),
            "public_key_sha256": None,
        },
    }
    for name, given in kept.items():
        await csms.store.add_request(
            CertificateRequest(**{"id": name, "public_key_sha256": "ab", "received_at": NOW, **given})
        )
    return world


async def listed(world, query=""):
    return [one["id"] for one in (await world.ask("GET", REQUESTS + query)).json()["requests"]]


async def test_list(asked):
    """Newest first; by station and by state."""
    assert await listed(asked) == ["f1", "w1"]
    assert await listed(asked, "?station=CP1") == ["w1"]
    assert await listed(asked, "?state=refused") == ["f1"]
    assert await listed(asked, "?limit=1") == ["f1"]
    assert (await asked.ask("GET", REQUESTS + "?state=lost")).status_code == 422


async def test_show(asked):
    """What would be signed, with every rule and its requirement; for a refused one why not."""
    shown = (await asked.ask("GET", f"{REQUESTS}/w1")).json()
    assert shown["state"] == "waiting"
    assert {one["requirement"] for one in shown["preview"]["looked_at"]} >= {"A00.FR.512", "A00.FR.509"}
    assert shown["preview"]["refusals"] == []
    refused = (await asked.ask("GET", f"{REQUESTS}/f1")).json()
    assert refused["preview"]["refusals"][0].startswith("not-pem")
    assert (await asked.ask("GET", f"{REQUESTS}/x")).json()["type"].endswith("unknown-request")


async def test_decide(asked):
    """Approved once; then neither approved nor denied again."""
    answer = await asked.ask("POST", f"{REQUESTS}/w1/approval")
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    again = await asked.ask("POST", f"{REQUESTS}/w1/approval")
    assert (again.status_code, again.json()["advice"]) == (400, "ocppsec csr list --in waiting")
    assert (await asked.ask("POST", f"{REQUESTS}/w1/denial", json={"reason": "no"})).status_code == 400
    assert (await asked.ask("POST", f"{REQUESTS}/f1/approval")).status_code == 400
    assert (await asked.ask("POST", f"{REQUESTS}/x/approval")).status_code == 404


async def test_deny(asked):
    """With a reason, which is kept."""
    assert (await asked.ask("POST", f"{REQUESTS}/w1/denial", json={})).status_code == 422
    assert (await asked.ask("POST", f"{REQUESTS}/w1/denial", json={"reason": " "})).status_code == 400
    answer = await asked.ask("POST", f"{REQUESTS}/w1/denial", json={"reason": "sold"})
    assert (answer.json()["state"], answer.json()["reasons"]) == ("denied", ["sold"])


async def test_what_ends(asked):
    """Certificates in force that end soon, the first in front; and the numbers of it."""
    for number, days in enumerate((40, 2)):
        await asked.csms.store.add_certificate(
            CertificateRecord(
                fingerprint=f"{number}b" * 32,
                identity=f"CP{number + 1}",
                serial_number=f"A{number}",
                subject="",
                public_key_sha256=f"{number:064x}",
                not_before=NOW,
                not_after=NOW + timedelta(days=days),
                state=CertificateState.ACTIVE,
                issued_at=NOW - timedelta(days=90 - days),
                chain="",
            )
        )
    within = 30 * 86_400
    found = (await asked.ask("GET", f"/api/v1/certificates?expires_within={within}")).json()
    assert ([one["identity"] for one in found["certificates"]], found["next"]) == (["CP2"], None)
    seen = (await asked.ask("GET", "/api/v1/expiry")).json()
    assert (seen["within"], seen["late"], seen["requests_waiting"]) == ({"30d": 1, "7d": 1, "1d": 0}, 1, 1)
