"""Real stations for the tests of any CSMS: on any security profile, in one line, on the test's own event loop.

    station = await a_station("wss://localhost:9444/ocpp", profile=3, authority=authority)

comes back when the CSMS has accepted the station's boot, or raises with the CSMS's own words.  `TestAuthority` is
the PKI a CSMS under test has to believe: its root for stations, a certificate for the server.  `pytest_plugin`
makes fixtures of both.
"""

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography import x509

from ocppsec.certificates.hierarchy import Hierarchy, create_hierarchy
from ocppsec.certificates.issue import issue_server_certificate, issue_station_certificate
from ocppsec.certificates.keys import KeyFamily, key_pem, new_key
from ocppsec.certificates.pem import write_chain
from ocppsec.certificates.request import ApprovedRequest, Expected, check_request
from ocppsec.certificates.signing_request import make_request
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station import happenings as told
from ocppsec.station.conduct import Conduct
from ocppsec.station.config import FactoryCertificate, StationConfig, Traits
from ocppsec.station.happenings import Happening
from ocppsec.station.manners import with_manners
from ocppsec.station.memory import FileMemory, PassingMemory
from ocppsec.station.station import Station

ORGANIZATION: Final = "Test CSO"
PASSWORD: Final = "a-password-for-tests"  # noqa: S105  for tests
PACE: Final = 0.02
"""Waits of ten seconds are 0.2 s: nobody wants to wait for a test."""


class NotAccepted(AssertionError):  # noqa: N818  a test fails by it
    """The station was not let in within the time given; says what the CSMS said."""


class TestAuthority:
    """A root, a CA for stations and one for servers, made for one test run and in memory only."""

    __test__ = False  # pytest collects by names

    def __init__(self, hierarchy: Hierarchy, organization: str) -> None:
        self._hierarchy = hierarchy
        self.organization = organization

    @classmethod
    def create(cls, organization: str = ORGANIZATION) -> Self:
        return cls(create_hierarchy(organization=organization, now=datetime.now(UTC)), organization)

    @property
    def root_pem(self) -> str:
        """What stations trust, and what a CSMS may trust for client certificates together with `chain_pem`."""
        return write_chain([self._hierarchy.root.certificate])

    @property
    def chain_pem(self) -> str:
        """The CA that issues to stations, and the root above it."""
        return write_chain([self._hierarchy.stations.certificate, self._hierarchy.root.certificate])

    def server_files(self, directory: Path, hostname: str = "localhost") -> tuple[Path, Path]:
        """Certificate chain and private key for the CSMS under test, as files."""
        key = new_key(KeyFamily.EC_P256)
        issued = issue_server_certificate(
            key.public_key(),
            self._hierarchy.servers,
            hostname=hostname,
            organization=self.organization,
            now=datetime.now(UTC),
            serial=x509.random_serial_number(),
        )
        chain_file, key_file = directory / f"{hostname}.pem", directory / f"{hostname}.key"
        chain_file.write_text(issued.chain_pem, encoding="ascii")
        key_file.touch(mode=0o600)
        key_file.write_bytes(key_pem(key))
        return chain_file, key_file

    def server_context(self, directory: Path, *, profile: int, hostname: str = "localhost") -> ssl.SSLContext:
        """A context for a CSMS in Python, for profile 2 or 3; the files it is made of go to *directory*."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*self.server_files(directory, hostname))
        if profile == SecurityProfile.TLS_CLIENT:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.chain_pem)
        return context

    def station_certificate(
        self, serial_number: str, *, lifetime: timedelta = timedelta(days=90)
    ) -> FactoryCertificate:
        """A ChargingStationCertificate made out to *serial_number*, with its private key."""
        key = new_key(KeyFamily.EC_P256)
        csr = make_request(key, common_name=serial_number, organization=self.organization)
        approved = check_request(csr, Expected(serial_number=serial_number, organization=self.organization))
        assert isinstance(approved, ApprovedRequest)  # the request is ours
        issued = issue_station_certificate(
            approved,
            self._hierarchy.stations,
            now=datetime.now(UTC),
            lifetime=lifetime,
            serial=x509.random_serial_number(),
        )
        return FactoryCertificate(chain_pem=issued.chain_pem, key_pem=key_pem(key))


@dataclass(frozen=True, slots=True)
class TestStation:
    """A running station.  `station` is the station itself, `happened` everything it told so far, in order."""

    __test__ = False

    station: Station
    happened: list[Happening]
    _task: asyncio.Task[None]

    @property
    def profile(self) -> int:
        """Of the connection that stands or is being made."""
        return self.station.profile

    @property
    def accepted(self) -> bool:
        """Connected, and its boot was accepted."""
        return self.station.accepted

    async def until(self, condition: Callable[[Station], bool], *, timeout: float = 10.0) -> None:
        """Until *condition* holds of the station; raises TimeoutError."""
        await self.station.until(condition, timeout=timeout)

    def of(self, *kinds: type[Happening]) -> list[Happening]:
        """What happened, of these kinds only."""
        return [happening for happening in self.happened if isinstance(happening, kinds)]

    async def stop(self) -> None:
        """Hang up in good order; harmless when repeated."""
        self.station.stop()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()  # a bug of the station's is the test's business

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def a_station(
    url: str,
    *,
    profile: int | None = None,
    identity: str = "TEST001",
    serial_number: str | None = None,
    password: str | None = None,
    authority: TestAuthority | None = None,
    certificate: FactoryCertificate | None = None,
    roots: Sequence[str] = (),
    manners: Sequence[str] = (),
    traits: Traits | None = None,
    pace: float = PACE,
    state: Path | None = None,
    wait: float | None = 10.0,
) -> TestStation:
    """A station that *url* has accepted.

    *authority* gives it what it lacks: the root for TLS, the certificate for profile 3.  *state* is a directory that
    outlives it.  *wait* None does not wait for the CSMS.  Raises `NotAccepted`, and the station is stopped.
    """
    config = StationConfig(
        identity=identity,
        serial_number=serial_number or identity,
        url=url.rstrip("/"),
        password=password or (PASSWORD if profile in (1, 2) else None),
        profile=None if profile is None else SecurityProfile(profile),
        roots=tuple(roots) or ((authority.root_pem,) if authority else ()),
        certificate=certificate or _issued(authority, serial_number or identity, profile),
        traits=traits or Traits(organization=authority.organization if authority else ORGANIZATION),
        pace=pace,
        reboot_seconds=1.0,
    )
    running = _started(config, manners, state)
    if wait is not None:
        try:
            await running.until(lambda station: station.accepted, timeout=wait)
        except TimeoutError:
            why = _why(running, wait)
            await running.stop()
            raise NotAccepted(why) from None
    return running


def _issued(
    authority: TestAuthority | None, serial_number: str, profile: int | None
) -> FactoryCertificate | None:
    if authority is None or profile != SecurityProfile.TLS_CLIENT:
        return None
    return authority.station_certificate(serial_number)


def _started(config: StationConfig, manners: Sequence[str], state: Path | None) -> TestStation:
    happened: list[Happening] = []
    conduct = with_manners(Conduct(config=config, clock=lambda: datetime.now(UTC)), manners)
    memory = PassingMemory() if state is None else FileMemory(state)
    station = conduct.station(memory, random=random.random, observe=happened.append)
    return TestStation(station, happened, asyncio.create_task(station.run(), name=config.identity))


def _why(running: TestStation, wait: float) -> str:
    identity = running.station.config.identity
    last = next(
        iter(reversed(running.of(told.Refused, told.ConnectFailed, told.Booted, told.Disconnected))), None
    )
    match last:
        case told.Refused(body=body):
            words = f"the CSMS refused: {body}"
        case told.ConnectFailed(stage=stage, reason=reason):
            words = f"no connection ({stage}): {reason}"
        case told.Booted(status=status):
            words = f"its boot was answered {status}"
        case told.Disconnected(code=code, reason=reason):
            words = f"the CSMS closed with {code} {reason}".rstrip()
        case _:
            words = "the CSMS gave no answer"
    return f"{identity} was not accepted within {wait:g} s: {words}"
