"""From a request to a certificate that admission knows: what is recorded, and what a repetition gets."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from ocppsec.certificates.files import load_or_create
from ocppsec.certificates.keys import KeyFamily, new_key
from ocppsec.certificates.request import ApprovedRequest, RefusedRequest
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.certifier import Certified, Certifier
from ocppsec.csms.issuing import OwnIssuer
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ORGANIZATION = "Example CSO"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    directory = tmp_path_factory.mktemp("state")
    directory.chmod(0o700)
    return load_or_create(directory, organization=ORGANIZATION, hostname="csms.example", now=NOW)


@pytest.fixture
async def store():
    store = MemoryStore()
    for identity in ("CS001", "CS002"):
        await store.add_station(
            NewStation(
                identity=identity,
                serial_number=f"SN-{identity}",
                profile=SecurityProfile.TLS_BASIC,
                password_hash=None,
                added_at=NOW,
            )
        )
    return store


@pytest.fixture
def certifier(store, authority):
    return Certifier(
        store,
        OwnIssuer(
            lambda _: authority.present,
            lifetime=timedelta(days=90),
            now=lambda: NOW,
            serial=x509.random_serial_number,
        ),
        organization=ORGANIZATION,
        emit=lambda _: None,
        now=lambda: NOW,
    )


def request(identity="CS001", key=None):
    key = key or new_key(KeyFamily.EC_P256)
    return make_request(key, common_name=f"SN-{identity}", organization=ORGANIZATION)


async def test_a_certificate_is_pending_until_it_is_seen(store, certifier):
    """LESSONS 11: signed is not used; only a handshake makes it active, and the one before superseded."""
    first = await certifier.certify("CS001", request())
    assert isinstance(first, Certified)
    assert [record.state for record in await store.certificates("CS001")] == [CertificateState.PENDING]
    await store.activate_certificate(first.fingerprint, NOW)

    second = await certifier.certify("CS001", request())
    states = {record.fingerprint: record.state for record in await store.certificates("CS001")}
    assert states == {
        first.fingerprint: CertificateState.ACTIVE,
        second.fingerprint: CertificateState.PENDING,
    }
    await store.activate_certificate(second.fingerprint, NOW)
    states = {record.fingerprint: record.state for record in await store.certificates("CS001")}
    assert states[first.fingerprint] is CertificateState.SUPERSEDED


async def test_a_repeated_request_gets_the_same_certificate(store, certifier):
    """A02.FR.17: a station that asks again, or a CSMS that starts again, causes no second certificate."""
    csr = request()
    first = await certifier.certify("CS001", csr)
    assert await certifier.certify("CS001", csr) == first
    assert await certifier.receive("CS001", csr, secure=True) == first
    assert len(await store.certificates("CS001")) == 1


async def test_a_key_that_was_used_is_not_certified_again(store, certifier):
    """A02.FR.02: once its certificate was seen, a request needs a new key."""
    csr = request()
    first = await certifier.certify("CS001", csr)
    await store.activate_certificate(first.fingerprint, NOW)
    assert isinstance(await certifier.certify("CS001", csr), RefusedRequest)


async def test_the_key_of_another_station_is_refused_with_an_alarm(certifier):
    """Whoever has two stations' names on one key is not what a station is."""
    key = new_key(KeyFamily.EC_P256)
    await certifier.certify("CS001", request("CS001", key))
    verdict = await certifier.certify("CS002", request("CS002", key))
    assert isinstance(verdict, RefusedRequest)
    assert verdict.alarming


async def test_what_the_station_reports_is_no_reference(certifier):
    """LESSONS 5: the serial number the operator registered is wanted, and no other."""
    approved = await certifier.receive("CS001", request("CS001"), secure=True)
    assert isinstance(approved, ApprovedRequest)
    assert approved.serial_number == "SN-CS001"
    assert isinstance(await certifier.receive("CS001", request("CS002"), secure=True), RefusedRequest)


@pytest.mark.parametrize("at", ["certificates", "key_is_known"])
async def test_a_request_that_is_repeated_while_it_is_signed(store, certifier, monkeypatch, at):
    """A02.FR.17: its certificate is kept between two looks at the records; the key is no other station's for that.

    Refused, the station would forget the key that its certificate is just on the way for.
    """
    csr, really = request(), getattr(store, at)

    async def just_before(*arguments):
        monkeypatch.setattr(store, at, really)
        found = await really(*arguments)
        await certifier.certify("CS001", csr)
        return found

    monkeypatch.setattr(store, at, just_before)
    assert not isinstance(await certifier.receive("CS001", csr, secure=True), RefusedRequest)


async def test_two_at_a_time_get_the_same_certificate(store, certifier, monkeypatch):
    """Whoever is kept second gets what was kept first; what it had signed itself nobody sees."""
    csr, add = request(), store.add_certificate

    async def another_is_quicker(record):
        monkeypatch.setattr(store, "add_certificate", add)
        await certifier.certify("CS001", csr)
        await add(record)

    monkeypatch.setattr(store, "add_certificate", another_is_quicker)
    certified = await certifier.certify("CS001", csr)
    assert isinstance(certified, Certified)
    (kept,) = await store.certificates("CS001")
    assert certified.fingerprint == kept.fingerprint
