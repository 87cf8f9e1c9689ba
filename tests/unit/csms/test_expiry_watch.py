"""What ends when, and who is told of before a station is cut off."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ocppsec.certificates.crl import Issue, crl_builder
from ocppsec.certificates.hierarchy import create_hierarchy
from ocppsec.certificates.issue import sign_crl
from ocppsec.csms.expiry_watch import ExpiryWatch
from ocppsec.observability.expiry import ExpiryGauges
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import NewStation

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIFE = timedelta(days=90)


class Watched:
    """A store with stations whose certificates have so many days left."""

    def __init__(self):
        self.store, self.events, self.renewals = MemoryStore(), [], {}
        self.clock = [NOW]
        self.hierarchy = create_hierarchy(organization="CSO", now=NOW)
        self.server_ends = NOW + timedelta(days=40)
        self.watch = ExpiryWatch(
            self.store,
            lambda: SimpleNamespace(hierarchy=self.hierarchy),
            lambda: self.server_ends,
            self.renewals.get,
            self.crl,
            lifetime=LIFE,
            emit=self.events.append,
            now=lambda: self.clock[0],
        )

    async def crl(self):
        authority = self.hierarchy.stations
        issue = Issue(number=1, this_update=NOW)
        return sign_crl(crl_builder(authority.certificate, (), issue), authority)

    async def station(self, identity, *, left, life=LIFE, state=CertificateState.ACTIVE):
        await self.store.add_station(
            NewStation(
                identity=identity,
                serial_number=identity,
                profile=SecurityProfile.TLS_CLIENT,
                password_hash=None,
                added_at=NOW,
            )
        )
        end = NOW + left
        await self.store.add_certificate(
            CertificateRecord(
                fingerprint=identity,
                identity=identity,
                serial_number="A",
                subject="",
                public_key_sha256=identity,
                not_before=end - life,
                not_after=end,
                state=state,
                issued_at=end - life,
                chain="",
            )
        )

    def told(self):
        return [(event.identity, event.renewal) for event in self.events]


@pytest.fixture
def watched():
    return Watched()


@pytest.mark.parametrize(
    ("left", "told"),
    [
        pytest.param(timedelta(days=60), False, id="not due"),
        pytest.param(timedelta(days=25), False, id="its renewal is due"),
        pytest.param(timedelta(days=15, seconds=1), False, id="just before the last sixth"),
        pytest.param(timedelta(days=15), True, id="the last sixth"),
        pytest.param(timedelta(days=-1), True, id="it has ended"),
    ],
)
async def test_who_is_told_of(watched, left, told):
    """In the last sixth of its life, as long as it is the one in force."""
    await watched.station("CS1", left=left)
    await watched.station("CS2", left=left, state=CertificateState.SUPERSEDED)
    found = await watched.watch.look()
    assert [event.identity for event in watched.events] == (["CS1"] if told else [])
    assert found.late == int(told)


async def test_one_that_was_issued_shorter(watched):
    """The last sixth is of its own life, not of those that are issued today."""
    await watched.station("CS1", left=timedelta(days=5), life=timedelta(days=9))
    await watched.watch.look()
    assert watched.events == []


async def test_told_once_and_when_it_changes(watched):
    """Not at every look; again when its renewal stands elsewhere, with where and why."""
    await watched.station("CS1", left=timedelta(days=3))
    for _ in range(3):
        await watched.watch.look()
    watched.renewals["CS1"] = SimpleNamespace(step="stuck: signs", reason="CA away")
    for _ in range(2):
        await watched.watch.look()
    assert watched.told() == [("CS1", "none is open"), ("CS1", "stuck: signs CA away")]


async def test_what_is_found(watched):
    """The first end of each kind, how many end soon, and how old the CRL is."""
    for number, days in enumerate((0.5, 3, 20, 60)):
        await watched.station(f"CS{number}", left=timedelta(days=days))
    found = await watched.watch.look()
    assert found.within == {"30d": 3, "7d": 2, "1d": 1}
    assert found.first["station"] == NOW + timedelta(days=0.5)
    assert found.first["server"] == watched.server_ends
    assert found.first["root"] == watched.hierarchy.root.certificate.not_valid_after_utc
    assert set(found.first) == {"station", "server", "root", "stations-ca", "servers-ca"}
    assert (found.crl_made_at, found.crl_good_until) == (NOW, NOW + timedelta(days=7))


async def test_as_prometheus_reads_it(watched):
    """Nothing before the first look; then moments since 1970, and counts."""
    registry = CollectorRegistry()
    registry.register(ExpiryGauges(lambda: watched.watch.newest))
    assert generate_latest(registry) == b""
    await watched.station("CS1", left=timedelta(hours=5))
    await watched.watch.look()
    text = generate_latest(registry).decode()
    end = (NOW + timedelta(hours=5)).timestamp()
    (line,) = [line for line in text.splitlines() if 'not_after_seconds{kind="station"}' in line]
    assert float(line.split()[-1]) == end
    assert 'ocppsec_station_certificates_ending{within="1d"} 1.0' in text
    assert "ocppsec_stations_late 1.0" in text
    assert "\nocppsec_crl_made_at_seconds 1." in text
