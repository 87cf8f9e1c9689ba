"""One CSMS root follows another: our CSMS and our stations, real sockets and real TLS."""

import asyncio
import contextlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ocppsec.certificates.generations import Generation
from ocppsec.certificates.pem import read_certificates
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.errors import BadInput
from ocppsec.csms.root_carrier import RolloverSettings
from ocppsec.csms.service import Csms
from ocppsec.ocppj.messages import InstallCertificateUse
from ocppsec.profiles.record import CertificateState
from ocppsec.registry.memory import MemoryStore
from ocppsec.registry.records import UpgradeStatus
from ocppsec.registry.store import RolloverInProgress, StoreUnavailable
from ocppsec.station.config import StationConfig, Traits
from ocppsec.station.memory import PassingMemory
from ocppsec.station.station import Station
from ocppsec.station.trust import csms_roots
from ocppsec.upgrades.rollover.phases import Phase
from ocppsec.upgrades.rollover.roots import Which

PASSWORD = "a-password-of-the-laboratory"
OLD, NEW = frozenset({Which.OLD}), frozenset({Which.NEW})
BOTH = OLD | NEW
SETTINGS = RolloverSettings(check_seconds=0.05, proof_seconds=10)
PLAIN = Traits(renewal_days=0, organization="CSO")
CHECKS = replace(PLAIN, additional_root_check=True)


class Site:
    """One CSMS and some stations; `switch_on` one, `reopen` the CSMS as a new process would."""

    def __init__(self, directory):
        self.directory, self.store, self.events = directory, MemoryStore(), []
        self.stations, self.tasks, self.memories = {}, {}, {}

    async def open(self, ws=0, wss=0, mtls=0):
        configuration = Configuration(
            state=self.directory,
            doors=default_doors("127.0.0.1", ws_port=ws, wss_port=wss, mtls_port=mtls),
            hostname="localhost",
            organization="CSO",
            rollover=SETTINGS,
        )
        self.csms = Csms(configuration, self.store, emit=self.events.append)
        await self.csms.start()

    @property
    def rollover(self):
        return self.csms.rollover

    async def reopen(self):
        ports = dict.fromkeys(urlsplit(door.url).port for door in self.csms.doors)
        await self.csms.stop()
        await self.open(*ports)

    async def close(self):
        for identity in list(self.stations):
            await self.switch_off(identity)
        await self.csms.stop()

    async def add(self, identity, *, to=2, traits=PLAIN):
        """A station on profile 2, or taken from there to 3."""
        await self.csms.add_station(identity, serial_number=f"SN-{identity}", profile=2, password=PASSWORD)
        self.memories[identity] = PassingMemory()
        self.switch_on(identity, traits=traits)
        await self.until(lambda: self.stations[identity].accepted)
        if to == 3:
            await self.raised(identity)

    async def raised(self, identity):
        begun = await self.csms.begin_upgrade(identity, 3)
        await self.until_ended(begun.id)
        ended = await self.store.upgrade(begun.id)
        assert (ended.status, ended.reason) == (UpgradeStatus.DONE, "")
        await self.until(lambda: self.connected(identity))

    def switch_on(self, identity, *, traits=PLAIN, roots=None):
        config = StationConfig(
            identity=identity,
            serial_number=f"SN-{identity}",
            url=self.csms.url_for(2),
            password=PASSWORD,
            roots=(self.csms.authority.root_pem,) if roots is None else roots,
            pace=0.02,
            traits=traits,
            reboot_seconds=0.1,
        )
        station = Station(
            config, self.memories[identity], clock=lambda: datetime.now(UTC), random=lambda: 0.5
        )
        self.stations[identity] = station
        self.tasks[identity] = asyncio.create_task(station.run())

    async def switch_off(self, identity):
        self.stations.pop(identity).stop()
        task = self.tasks.pop(identity)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def connected(self, identity):
        connection = self.csms.connection(identity)
        return connection is not None and connection.accepted

    async def until(self, condition, timeout=20):
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.01)

    async def until_ended(self, upgrade):
        async with asyncio.timeout(20):
            while (await self.store.upgrade(upgrade)).status is UpgradeStatus.OPEN:
                await asyncio.sleep(0.02)

    # -- the rollover -----------------------------------------------------------------------------------
    async def of(self, identity):
        status = await self.rollover.status()
        return next(one for one in status.stations if one.identity == identity)

    async def until_nobody_is_in_the_way(self, timeout=20):
        async with asyncio.timeout(timeout):
            while any(one.in_the_way for one in (await self.rollover.status()).stations):
                await asyncio.sleep(0.02)

    async def go_to(self, phase):
        """On from wherever it is, each phase as soon as nobody is in the way."""
        if self.rollover.phase is None:
            await self.rollover.begin()
        while self.rollover.phase not in (phase, Phase.WITHDRAW):
            await self.until_nobody_is_in_the_way()
            await self.rollover.forward(confirmed=True)

    async def finish(self):
        await self.go_to(Phase.WITHDRAW)
        await self.until_over()

    async def until_over(self):
        await self.until(lambda: self.rollover.phase is None)

    def holds(self, identity):
        """Which roots the station really has; it may tell another tale."""
        kept = self.stations[identity].remembered
        names = {root.subject for root in csms_roots(kept)}
        return len(names), kept.fallback_root is not None

    async def in_use(self, identity):
        found = await self.store.certificates(identity)
        return next(each for each in found if each.state is CertificateState.ACTIVE)


class SaysAcceptedInstallsNothing:
    """A link whose station answers InstallCertificate and does no more."""

    def __init__(self, link):
        self._link = link

    def __getattr__(self, name):
        return getattr(self._link, name)

    async def call(self, action, payload, *, timeout):
        if action == "InstallCertificate":
            return {"status": "Accepted"}
        return await self._link.call(action, payload, timeout=timeout)


@pytest.fixture
async def site(tmp_path):
    async with contextlib.AsyncExitStack() as stack:
        site = Site(tmp_path / "state")
        await site.open()
        stack.push_async_callback(site.close)
        yield site


async def test_a_whole_rollover(site):
    """Stations on 2 and 3, with and without the check: in the end all have the new root alone, and nobody was out."""
    await site.add("TWO")
    await site.add("THREE", to=3)
    await site.add("CHECKS", to=3, traits=CHECKS)
    old = site.csms.authority
    before = await site.in_use("THREE")

    await site.rollover.begin()
    new = site.csms.authority.coming.root
    assert site.csms.authority.root_pem == old.root_pem  # nobody hears of it yet
    await site.rollover.forward()
    await site.until_nobody_is_in_the_way()
    shown = {one.identity: one.shows for one in (await site.rollover.status()).stations}
    assert shown == {"TWO": BOTH, "THREE": BOTH, "CHECKS": NEW}
    await site.go_to(Phase.ISSUE)
    await site.go_to(Phase.ALONE)
    await site.until_nobody_is_in_the_way()
    with pytest.raises(BadInput, match="no way back"):
        await site.rollover.forward()
    await site.rollover.forward(confirmed=True)
    await site.until_over()

    authority = site.csms.authority
    assert (authority.present.root, authority.coming) == (new, None)
    await site.until(lambda: all(site.connected(identity) for identity in site.stations))
    assert {identity: site.holds(identity) for identity in site.stations} == dict.fromkeys(
        site.stations, (1, False)
    )
    after = await site.in_use("THREE")
    assert after.fingerprint != before.fingerprint
    assert (await site.store.rollovers())[0].phase == Phase.DONE
    refused = [event for event in site.events if event.name == "connection-refused"]
    assert refused == []
    await site.add("LATER", to=3)


async def test_a_station_that_never_got_the_root_is_in_the_way(site):
    """Served is only what all can accept; the station is named, with the reason, and may be let behind by name."""
    await site.add("HERE")
    await site.add("AWAY")
    await site.switch_off("AWAY")
    await site.until(lambda: not site.connected("AWAY"))
    await site.go_to(Phase.DISTRIBUTE)
    await site.until(lambda: site.rollover.carrier.part("HERE").settled)
    with pytest.raises(
        BadInput, match="AWAY: nothing proves that it has the new root: not connected"
    ) as told:
        await site.rollover.forward()
    assert "HERE" not in str(told.value)
    assert site.rollover.phase is Phase.DISTRIBUTE
    with pytest.raises(BadInput, match="NOBODY"):
        await site.rollover.forward(exceptions=["NOBODY"])
    view = await site.rollover.forward(exceptions=["AWAY"])
    assert (view.operation.phase, view.operation.exceptions) == (Phase.SERVE, ("AWAY",))


async def test_a_station_that_lost_the_root_is_in_the_way(site):
    """What it proved an hour ago is asked once more before something relies on it."""
    await site.add("LOSES")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    station = site.stations["LOSES"]
    kept = station.remembered
    new = site.csms.authority.coming.root_pem
    station._inner.keep(kept.but(roots=tuple(root for root in kept.roots if root.pem != new)))
    session = site.csms._sessions.get("LOSES")
    session.link = SaysAcceptedInstallsNothing(session.link)
    with pytest.raises(
        BadInput, match="does not list the new root: InstallCertificate was answered Accepted"
    ):
        await site.rollover.forward()
    assert site.rollover.phase is Phase.DISTRIBUTE
    assert (await site.of("LOSES")).shows == OLD


@pytest.mark.parametrize("phase", [Phase.DISTRIBUTE, Phase.SERVE, Phase.ISSUE, Phase.ALONE])
async def test_the_way_back(site, phase):
    """From each phase to the old root alone: stations with the new one, the check or the new certificate stay in."""
    await site.add("TWO")
    await site.add("CHECKS", to=3, traits=CHECKS)
    old = site.csms.authority.root_pem
    await site.go_to(phase)
    if phase is Phase.ALONE:
        await site.until_nobody_is_in_the_way()
    await site.rollover.back()
    assert site.rollover.phase is not phase
    await site.rollover.abort()
    await site.until_over()
    assert site.csms.authority.root_pem == old
    assert (await site.store.rollovers())[0].phase == Phase.ABORTED
    assert {site.holds(identity) for identity in ("TWO", "CHECKS")} <= {(1, False), (1, True)}
    await site.reopen()
    await site.until(lambda: site.connected("TWO") and site.connected("CHECKS"))
    _, issuer = read_certificates((await site.in_use("CHECKS")).chain)
    assert issuer == site.csms.authority.present.hierarchy.stations.certificate
    if phase is Phase.ALONE:
        # The old root is in the one that checks as the new one has signed it: it is the old root all the same.
        await site.finish()
        assert {site.holds(identity) for identity in site.stations} == {(1, False)}


@pytest.mark.parametrize("phase", [Phase.SERVE, Phase.ALONE])
async def test_a_new_process_goes_on(site, phase):
    """Every phase is taken up where it stood: what is served, who has proven what."""
    await site.add("TWO")
    await site.add("THREE", to=3)
    await site.go_to(phase)
    served, trusted = site.csms.authority.root_sha256, site.csms.authority.station_issuers_pem
    await site.reopen()
    assert site.rollover.phase is phase
    assert (site.csms.authority.root_sha256, site.csms.authority.station_issuers_pem) == (served, trusted)
    await site.until(lambda: site.connected("TWO") and site.connected("THREE"))
    await site.finish()


async def test_upgrades_go_on_meanwhile(site):
    """A station raised in any phase gets the root that its certificate hangs under, and the new one with it."""
    for number, phase in enumerate((Phase.DISTRIBUTE, Phase.SERVE, Phase.ISSUE, Phase.ALONE)):
        await site.go_to(phase)
        await site.add(f"CP{number}", to=3)
        await site.add(f"CHECKS{number}", to=3, traits=CHECKS)
    await site.finish()
    await site.until(lambda: all(site.connected(identity) for identity in site.stations))
    assert {site.holds(identity) for identity in site.stations} == {(1, False)}


async def test_what_the_doors_serve(site):
    """A stranger's client with one root: old alone, both, both, new alone."""
    await site.add("TWO")
    accepted = {}
    await site.rollover.begin()
    roots = {"old": site.csms.authority.present.root_pem, "new": site.csms.authority.coming.root_pem}
    for phase in (Phase.DISTRIBUTE, Phase.SERVE, Phase.ISSUE, Phase.ALONE):
        await site.go_to(phase)
        accepted[phase] = {name for name, root in roots.items() if await accepts(site, root)}
    assert accepted == {
        Phase.DISTRIBUTE: {"old"},
        Phase.SERVE: {"old", "new"},
        Phase.ISSUE: {"old", "new"},
        Phase.ALONE: {"new"},
    }
    await site.rollover.back()
    assert await accepts(site, roots["old"])
    await site.rollover.back()
    await site.rollover.back()
    assert [name for name in roots if await accepts(site, roots[name])] == ["old", "new"]


async def accepts(site, root):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root)
    address = urlsplit(site.csms.url_for(2))
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port, ssl=context)
    except ssl.SSLCertVerificationError:
        return False
    writer.close()
    return True


async def test_no_connection_is_dropped_for_a_new_root(site):
    """Serving the new root, and going back, is for the next handshake: nobody who is in is sent away."""
    await site.add("TWO")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    since = site.csms.connection("TWO").since
    await site.rollover.forward()
    await site.rollover.back()
    assert site.csms.connection("TWO").since == since


async def test_one_at_a_time_and_only_with_a_root_of_ours(site):
    """A second rollover is refused while one is open."""
    await site.rollover.begin()
    with pytest.raises(RolloverInProgress):
        await site.rollover.begin()
    view = await site.rollover.abort()
    assert view.operation.phase is Phase.ABORTED
    assert not (site.directory / "ca" / "next").exists()
    with pytest.raises(BadInput, match="no root is being replaced"):
        await site.rollover.status()


async def test_another_station_under_the_same_name_proves_anew(site):
    """A proof belongs to a station, not to its name."""
    await site.add("CP1")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    await site.csms.remove_station("CP1")
    await site.csms.add_station("CP1", profile=2, password=PASSWORD)
    await site.switch_off("CP1")
    with pytest.raises(BadInput, match="CP1: nothing proves"):
        await site.rollover.forward()
    view = await site.rollover.forward(accept_missing=1)  # so many, whoever they are; then they have names
    assert (view.operation.phase, view.operation.exceptions) == (Phase.SERVE, ("CP1",))


async def test_who_trusts_what_is_known(site):
    """As the stations say it: by root, with the forms they have."""
    await site.add("CP1")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    (trust,) = await site.csms.trust.page()
    assert [root.role for root in trust.roots] == ["in force", "coming"]
    found = await site.csms.installed.all("CP1")
    assert [one.ours for one in found] == [True, True]
    assert {one.certificate_type for one in found} == {InstallCertificateUse.CSMS_ROOT_CERTIFICATE}


async def test_what_one_root_would_refuse_is_not_served(site, monkeypatch):
    """Rehearsed with each root alone: without the cross certificate those with the old one would be out."""
    await site.add("TWO")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    monkeypatch.setattr(Generation, "form_signed_by", lambda *_: None)
    with pytest.raises(BadInput, match="a station would refuse it"):
        await site.rollover.forward()
    assert site.rollover.phase is Phase.DISTRIBUTE
    assert site.csms.authority.root_pem == site.csms.authority.present.root_pem
    assert (await site.store.open_rollover()).phase == Phase.DISTRIBUTE


async def test_each_station_ca_tells_what_it_has_revoked(site):
    """Two lists meanwhile, and the old one goes on afterwards: others still meet its certificates."""
    await site.add("CP1", to=3)
    await site.add("CP2", to=3)
    old = (await site.in_use("CP1")).fingerprint
    await site.go_to(Phase.ISSUE)
    await site.go_to(Phase.ALONE)
    await site.until_nobody_is_in_the_way()
    new = (await site.in_use("CP2")).fingerprint
    name = site.csms.authority.coming.name
    await site.finish()
    await site.csms.certificates.revoke(old, "keyCompromise")
    await site.csms.certificates.revoke(new, "keyCompromise")

    lists = {
        each: x509.load_der_x509_crl(await site.csms.revocation.list_in_force(each))
        for each in ("stations", name)
    }
    serials = {
        fingerprint: int((await site.csms.certificates.find(fingerprint)).serial_number, 16)
        for fingerprint in (old, new)
    }
    assert {each: [one.serial_number for one in found] for each, found in lists.items()} == {
        "stations": [serials[old]],
        name: [serials[new]],
    }
    for fingerprint, each in ((old, "stations"), (new, name)):
        leaf, issuer = read_certificates((await site.csms.certificates.find(fingerprint)).chain)
        assert lists[each].is_signature_valid(issuer.public_key())
        question = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, SHA256()).build()
        answer = ocsp.load_der_ocsp_response(
            await site.csms.revocation.answer(question.public_bytes(Encoding.DER))
        )
        assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert await site.csms.revocation.list_in_force("stations-00000000") is None


async def test_who_boots_is_asked_again(site):
    """What it had before may be gone with a reset to the factory: until it has said so, nothing is proven."""
    await site.add("CP1")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    await site.switch_off("CP1")
    site.memories["CP1"] = PassingMemory()
    site.switch_on("CP1")
    await site.until(lambda: len(told_of(site, "CP1", "installs the new root (InstallCertificate)")) == 2)
    await site.until_nobody_is_in_the_way()
    assert site.holds("CP1") == (2, False)


def told_of(site, identity, step):
    return [
        event
        for event in site.events
        if event.name == "rollover-stepped" and (event.identity, event.step) == (identity, step)
    ]


async def test_a_change_whose_answer_was_lost(site, monkeypatch):
    """The phase was kept, and nobody was told: it is served as soon as the store is back."""
    await site.add("CP1")
    await site.go_to(Phase.DISTRIBUTE)
    await site.until_nobody_is_in_the_way()
    kept = site.store.save_rollover

    async def kept_and_lost(row):
        await kept(row)
        raise StoreUnavailable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(site.store, "save_rollover", kept_and_lost)
        with pytest.raises(StoreUnavailable):
            await site.rollover.forward()
    await site.until(lambda: site.rollover.phase is Phase.SERVE)
    assert site.csms.authority.root_pem == site.csms.authority.coming.root_pem
    await site.rollover.forward()


async def test_a_beginning_whose_answer_was_lost(site, monkeypatch):
    """Kept all the same: it is found at once, its stations are taken up, and there is no second one."""
    await site.add("ABLE")
    begin = site.store.begin_rollover

    async def kept_and_lost(row):
        await begin(row)
        raise StoreUnavailable("the answer was lost")

    with monkeypatch.context() as patched:
        patched.setattr(site.store, "begin_rollover", kept_and_lost)
        with pytest.raises(StoreUnavailable):
            await site.rollover.begin()
    with pytest.raises(RolloverInProgress):
        await site.rollover.begin()
    await site.go_to(Phase.DISTRIBUTE)
    await site.until(lambda: site.rollover.carrier.part("ABLE").settled)


async def test_a_row_of_another_version_keeps_no_door_shut(site):
    """The phase is all that has to be known to serve what stations expect."""
    await site.add("CP1")
    await site.go_to(Phase.SERVE)
    row = await site.store.open_rollover()
    await site.store.save_rollover(replace(row, state="{}"))
    await site.reopen()
    assert site.rollover.phase is Phase.SERVE
    await site.until(lambda: site.connected("CP1"))
    await site.rollover.back()
