"""Who must trust us in a root rollover, and how it stands with each."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from ocppsec.certificates.content import Content, builder_for
from ocppsec.certificates.files import load_or_create, prepare
from ocppsec.certificates.generations import Turn
from ocppsec.certificates.lint import Kind
from ocppsec.certificates.pem import write_chain
from ocppsec.csms.rollover_standings import Standings
from ocppsec.csms.root_carrier import Part
from ocppsec.csms.sessions import Sessions
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import Attempt, AttemptOutcome, NewStation
from ocppsec.upgrades.rollover.phases import Operation
from ocppsec.upgrades.rollover.roots import Which
from ocppsec.upgrades.rollover.station import Goal

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENTERED = Operation(entered_at=NOW.isoformat())


class Parts:
    """A carrier that knows nothing but what it is told."""

    def __init__(self):
        self.known = {}

    def part(self, identity):
        return self.known.get(identity)


def part(**changed):
    known = {
        "step": "",
        "shows": None,
        "believed": None,
        "stuck": "",
        "settled": True,
        "met_at": None,
        "goal": Goal(wanted=Which.NEW),
    }
    return Part(**(known | changed))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    state = tmp_path_factory.mktemp("ca") / "state"
    load_or_create(state, organization="CSO", hostname="csms.example", now=NOW)
    prepare(state, organization="CSO", now=NOW)
    return load_or_create(state, organization="CSO", hostname="csms.example", now=NOW, turn=Turn())


@pytest.fixture
async def store():
    store = MemoryStore()
    for number, profile in enumerate(SecurityProfile):
        await store.add_station(
            NewStation(
                identity=f"CP{number}",
                serial_number=f"SN-{number}",
                profile=profile,
                password_hash=None,
                added_at=NOW,
            )
        )
    return store


@pytest.fixture
def parts():
    return Parts()


@pytest.fixture
def upgrading():
    return set()


@pytest.fixture
def standings(store, parts, upgrading, authority):
    return Standings(store, Sessions(), parts, lambda: upgrading, lambda: authority, now=lambda: NOW)


def certificate(authority, which, state, *, issued_at, ends=NOW + timedelta(days=90)):
    generation = authority.coming if which is Which.NEW else authority.present
    issuer = generation.hierarchy.stations
    content = Content(
        kind=Kind.STATION,
        common_name="SN-3",
        organization="CSO",
        key=ec.generate_private_key(ec.SECP256R1()).public_key(),
        not_before=NOW - timedelta(days=100),
        not_after=ends,
        serial=x509.random_serial_number(),
    )
    made = builder_for(content, issuer.certificate).sign(issuer.key, SHA256())
    return CertificateRecord(
        fingerprint=f"{made.serial_number:x}",
        identity="CP3",
        serial_number=f"{made.serial_number:X}",
        subject="",
        public_key_sha256=f"{made.serial_number:x}",
        not_before=NOW,
        not_after=ends,
        state=state,
        issued_at=issued_at,
        chain=write_chain((made, issuer.certificate)),
    )


async def of(standings, identity):
    return next(one for one in await standings.all(ENTERED) if one.identity == identity)


async def test_who_must_trust_us(standings, store, upgrading):
    """All on profile 2 or 3, and those that are being taken there; not one whose upgrade has failed."""
    await store.set_target("CP1", SecurityProfile.TLS_BASIC)
    assert await standings.members() == {"CP2", "CP3"}
    upgrading.add("CP1")
    assert await standings.members() == {"CP1", "CP2", "CP3"}


@pytest.mark.parametrize(
    ("records", "under"),
    [
        pytest.param([], set(), id="none"),
        pytest.param([(Which.OLD, "active", 1)], {Which.OLD}, id="old"),
        pytest.param([(Which.OLD, "superseded", 1), (Which.NEW, "active", 2)], {Which.NEW}, id="renewed"),
        pytest.param([(Which.OLD, "active", 1), (Which.NEW, "pending", 2)], {Which.OLD, Which.NEW}, id="being renewed"),
        pytest.param([(Which.NEW, "active", 1), (Which.OLD, "pending", 2)], {Which.OLD, Which.NEW}, id="and back"),
        pytest.param([(Which.OLD, "pending", 1), (Which.NEW, "active", 2)], {Which.NEW}, id="never used"),
        pytest.param([(Which.OLD, "pending", 1)], {Which.OLD}, id="its first one"),
        pytest.param([(Which.OLD, "revoked", 1)], set(), id="revoked"),
    ],
)  # fmt: skip
async def test_under_which_roots_it_may_come(standings, store, authority, records, under):
    """The certificate in force, and what was issued after it: whichever it shows next."""
    for which, state, minute in records:
        record = certificate(authority, which, CertificateState(state), issued_at=NOW + minute * MINUTE)
        await store.add_certificate(record)
    assert (await of(standings, "CP3")).certificates == under


async def test_a_certificate_that_has_ended_binds_nobody(standings, store, authority):
    """It opens no door any more."""
    await store.add_certificate(
        certificate(authority, Which.OLD, CertificateState.ACTIVE, issued_at=NOW - MINUTE, ends=NOW)
    )
    assert (await of(standings, "CP3")).certificates == frozenset()
    assert await standings.last_end() == NOW


async def test_met_is_since_the_phase_began(standings, parts):
    """A handshake of before took something else."""
    parts.known = {"CP2": part(met_at=NOW - MINUTE), "CP3": part(met_at=NOW)}
    assert [(await of(standings, identity)).met for identity in ("CP2", "CP3")] == [False, True]


async def test_what_is_known_of_its_roots(standings, parts):
    """What it lists; nothing while it is in doubt."""
    parts.known = {"CP2": part(believed=frozenset({Which.NEW})), "CP3": part(shows=frozenset({Which.OLD}))}
    assert [(await of(standings, identity)).shows for identity in ("CP2", "CP3")] == [None, {Which.OLD}]


async def test_why_nothing_goes_on(standings, store, parts):
    """Stuck with a reason; away, with what a door saw from where it last came, since the phase began."""
    parts.known = {"CP2": part(stuck="no room")}
    assert (await of(standings, "CP2")).problem == "no room"
    assert (await of(standings, "CP3")).problem == "not connected, never seen"

    def attempt(at, outcome, identity, reason):
        return Attempt(
            at=at,
            outcome=outcome,
            door="wss",
            address="10.0.0.1",
            identity=identity,
            profile=None,
            reason=reason,
        )

    await store.record_attempt(attempt(NOW - 3 * MINUTE, AttemptOutcome.ADMITTED, "CP3", ""))
    await store.record_attempt(attempt(NOW - MINUTE, AttemptOutcome.HANDSHAKE_FAILED, None, "BEFORE"))
    assert "door" not in (await of(standings, "CP3")).problem
    await store.record_attempt(attempt(NOW + MINUTE, AttemptOutcome.HANDSHAKE_FAILED, None, "UNKNOWN_CA"))
    assert (await of(standings, "CP3")).problem.endswith("at the door: UNKNOWN_CA from 10.0.0.1")
