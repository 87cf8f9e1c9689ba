"""The ledger as operators see it, and what revoking does to records and connections."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from ocppsec.csms.certificate_office import (
    CertificateOffice,
    RevocationReason,
    Standing,
    UnknownCertificate,
    standing,
)
from ocppsec.csms.errors import BadInput
from ocppsec.csms.ground import Ground
from ocppsec.csms.reception import Reception
from ocppsec.csms.sessions import Sessions
from ocppsec.link.link import Limits
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FINGERPRINT = "ab" * 32


def record(**changed):
    made = CertificateRecord(
        fingerprint=FINGERPRINT,
        identity="CP1",
        serial_number="ABC",
        subject="CN=SN,O=CSO",
        public_key_sha256="cd" * 32,
        not_before=NOW - timedelta(days=1),
        not_after=NOW + timedelta(days=1),
        state=CertificateState.ACTIVE,
        issued_at=NOW - timedelta(days=1),
        activated_at=NOW - timedelta(days=1),
        chain="PEM",
    )
    return replace(made, **changed)


class ShowsCertificate:
    """An open session that was let in with a certificate."""

    def __init__(self, identity, fingerprint):
        self.identity = identity
        certificate = SimpleNamespace(fingerprint=fingerprint) if fingerprint else None
        self.facts = SimpleNamespace(certificate=certificate)
        self.dropped = []

    def drop(self, reason):
        self.dropped.append(reason)


@pytest.fixture
async def house():
    store, sessions, events = MemoryStore(), Sessions(), []
    for identity in ("CP1", "CP2"):
        await store.add_station(
            NewStation(
                identity=identity,
                serial_number=identity,
                profile=SecurityProfile.TLS_CLIENT,
                password_hash=None,
                added_at=NOW,
            )
        )
    await store.add_certificate(record())
    office = CertificateOffice(store, sessions, emit=events.append, now=lambda: NOW)
    return SimpleNamespace(store=store, sessions=sessions, events=events, office=office)


@pytest.mark.parametrize(
    ("state", "at", "expected"),
    [
        pytest.param(CertificateState.PENDING, NOW, Standing.PENDING, id="pending"),
        pytest.param(CertificateState.ACTIVE, NOW, Standing.ACTIVE, id="active"),
        pytest.param(CertificateState.ACTIVE, NOW + timedelta(days=1), Standing.ACTIVE, id="last second"),
        pytest.param(CertificateState.ACTIVE, NOW + timedelta(days=2), Standing.EXPIRED, id="expired"),
        pytest.param(CertificateState.PENDING, NOW + timedelta(days=2), Standing.EXPIRED, id="never used"),
        pytest.param(CertificateState.SUPERSEDED, NOW, Standing.SUPERSEDED, id="superseded"),
        pytest.param(
            CertificateState.REVOKED, NOW + timedelta(days=2), Standing.REVOKED, id="revoked, expired"
        ),
    ],
)
def test_standing(state, at, expected):
    """How it stands is its state, until it has run out; revoked stays revoked."""
    assert standing(record(state=state), at) is expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(FINGERPRINT, id="fingerprint"),
        pytest.param(":".join(["AB"] * 32), id="as openssl prints it"),
        pytest.param("ABC", id="serial number"),
        pytest.param("0abc", id="serial number, lower case, leading zero"),
        pytest.param("0A:BC", id="serial number with colons"),
    ],
)
async def test_find(house, name):
    """A certificate is found by what any tool prints of it."""
    assert (await house.office.find(name)).fingerprint == FINGERPRINT


@pytest.mark.parametrize("name", ["", "  ", "CP1", "%", "0x12", "ab/../cd"])
async def test_find_what_is_no_name(house, name):
    """What is not hex names no certificate, and is told so."""
    with pytest.raises(BadInput):
        await house.office.find(name)


@pytest.mark.parametrize("name", ["ABD", "cd" * 32, "0"])
async def test_find_unknown(house, name):
    """A name that nobody has is told as unknown."""
    with pytest.raises(UnknownCertificate):
        await house.office.find(name)


async def test_find_ambiguous(house):
    """Two certificates with one serial number are told apart only by their fingerprints."""
    await house.store.add_certificate(
        record(fingerprint="ef" * 32, identity="CP2", public_key_sha256="12" * 32)
    )
    with pytest.raises(BadInput):
        await house.office.find("ABC")
    assert (await house.office.find("ef" * 32)).identity == "CP2"


async def test_revoke_closes_what_shows_it(house):
    """The connection with the certificate is dropped, whoever else is connected stays, and it is told once."""
    shows, other, none = (
        ShowsCertificate("CP1", FINGERPRINT),
        ShowsCertificate("CP2", "ef" * 32),
        ShowsCertificate("CP3", None),
    )
    for session in (shows, other, none):
        house.sessions.enter(session)

    revoked = await house.office.revoke("ABC", "keyCompromise")
    again = await house.office.revoke("ABC", "superseded")

    assert (revoked.closed, revoked.record.state) == (1, CertificateState.REVOKED)
    assert (len(shows.dropped), other.dropped, none.dropped) == (2, [], [])
    assert again.record.revocation_reason == "keyCompromise"
    assert [(event.name, event.closed, event.reason) for event in house.events] == [
        ("certificate-revoked", True, "keyCompromise")
    ]


async def test_who_slips_in_meanwhile(house):
    """A connection that was admitted on what the records said before is barred."""
    await house.office.revoke(FINGERPRINT, "unspecified")

    assert house.sessions.is_barred(ShowsCertificate("CP1", FINGERPRINT))
    assert not house.sessions.is_barred(ShowsCertificate("CP1", "ef" * 32))
    assert not house.sessions.is_barred(ShowsCertificate("CP1", None))


@pytest.mark.parametrize("reason", ["", "certificateHold", "KEYCOMPROMISE", "stolen", "x" * 500])
async def test_revoke_for_no_reason(house, reason):
    """A reason that is none revokes nothing: what it names decides what others do with the CRL."""
    with pytest.raises(BadInput):
        await house.office.revoke(FINGERPRINT, reason)
    assert (await house.office.find(FINGERPRINT)).state is CertificateState.ACTIVE


async def test_every_reason(house):
    """Each reason of RFC 5280 that is final can be given."""
    for number, reason in enumerate(RevocationReason):
        name = f"{number:064x}"
        await house.store.add_certificate(
            record(fingerprint=name, serial_number=f"{number + 1:X}", public_key_sha256=f"{number:064x}")
        )
        assert (await house.office.revoke(name, reason.value)).record.revocation_reason == reason.value


async def test_who_slips_in_gets_no_place(house):
    """Admitted on old records, revoked meanwhile: the newcomer is dropped, and takes nobody's place."""
    events = []
    reception = Reception(
        house.store,
        house.sessions,
        None,
        None,
        None,
        Ground(),
        None,
        None,
        limits=Limits(),
        emit=events.append,
        now=lambda: NOW,
    )
    await house.office.revoke(FINGERPRINT, "keyCompromise")
    newcomer = ShowsCertificate("CP1", FINGERPRINT)

    reception.opened(newcomer)

    assert newcomer.dropped == ["the certificate was revoked"]
    assert house.sessions.get("CP1") is None
    assert events == []


async def test_others_hear_of_it(house):
    """Whoever tells others of revocations is told that there is one more."""
    told = []
    house.office.on_revoked = lambda: told.append("changed")
    await house.office.revoke(FINGERPRINT, "superseded")
    assert told == ["changed"]


@pytest.mark.parametrize(
    ("reason", "falls"),
    [("keyCompromise", True), ("cessationOfOperation", True), ("superseded", False)],
)
async def test_what_was_issued_on_its_word(house, reason, falls):
    """With the certificate in force falls the one that was asked for by it and not used yet; not when it is replaced."""
    pending = record(
        fingerprint="11" * 32, public_key_sha256="11" * 32, serial_number="1", state=CertificateState.PENDING
    )
    await house.store.add_certificate(pending)
    await house.office.revoke(FINGERPRINT, reason)
    states = {one.fingerprint: one.state for one in await house.store.certificates("CP1")}
    assert states[FINGERPRINT] is CertificateState.REVOKED
    assert (states["11" * 32] is CertificateState.REVOKED) == falls


async def test_a_later_one_stands_on_its_own(house):
    """Revoking what was replaced long ago leaves the one in force, and what that has asked for, alone."""
    for number, state in (("22", CertificateState.ACTIVE), ("33", CertificateState.PENDING)):
        made = record(
            fingerprint=number * 32, public_key_sha256=number * 32, serial_number=number, state=state
        )
        await house.store.add_certificate(made)
    await house.store.set_certificate_state(FINGERPRINT, CertificateState.SUPERSEDED, at=NOW)
    await house.office.revoke(FINGERPRINT, "keyCompromise")
    states = {one.fingerprint[:2]: one.state for one in await house.store.certificates("CP1")}
    assert states == {
        "ab": CertificateState.REVOKED,
        "22": CertificateState.ACTIVE,
        "33": CertificateState.PENDING,
    }


async def test_who_is_told(house):
    """Whoever renews the station's certificate hears of it."""
    told = []
    house.office.on_revoked_of = told.append
    await house.office.revoke(FINGERPRINT, "keyCompromise")
    assert told == ["CP1"]
