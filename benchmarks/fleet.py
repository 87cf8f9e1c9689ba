"""The stations of a run: identities, passwords and certificates, the same for both servers.

Made once a run in a directory that also becomes the state directory of our server; every server that is started
works on a fresh copy of it.
"""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

from ocppsec.certificates.facts import public_key_sha256
from ocppsec.certificates.files import AuthorityFiles, load_or_create
from ocppsec.certificates.issue import Issued, issue_station_certificate
from ocppsec.certificates.keys import KeyFamily, key_pem, new_key
from ocppsec.certificates.request import ApprovedRequest, Expected, check_request
from ocppsec.certificates.signing_request import make_request
from ocppsec.csms.configuration import Configuration, default_doors
from ocppsec.csms.service import Csms
from ocppsec.profiles.password import generate
from ocppsec.profiles.record import CertificateRecord, CertificateState
from ocppsec.registry.open import open_store

ORGANIZATION = "Benchmark"
HOSTNAME = "localhost"
DATABASE = "ocppsec.db"
_FILE = "fleet.json"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One station.  Those of profile 1 have a password, those of profile 3 a certificate."""

    identity: str
    profile: int
    password: str = ""
    certificate: str = ""
    """PEM file with key and chain, relative to the fleet's directory."""
    fingerprint: str = ""

    def __repr__(self) -> str:
        return f"Member({self.identity!r}, profile={self.profile})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    directory: Path
    members: tuple[Member, ...]

    def of_profile(self, profile: int) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.profile == profile)

    @property
    def root(self) -> Path:
        return self.directory / "ca" / "root.pem"

    def copy_to(self, directory: Path) -> "Fleet":
        shutil.copytree(self.directory, directory)
        return Fleet(directory=directory, members=self.members)


def load(directory: Path) -> Fleet:
    members = msgspec.json.decode((directory / _FILE).read_bytes(), type=tuple[Member, ...])
    return Fleet(directory=directory, members=members)


async def create(directory: Path, size: int) -> Fleet:
    """*size* stations of profile 1 and as many of profile 3, with our CA and registered in our store."""
    authority = load_or_create(directory, organization=ORGANIZATION, hostname=HOSTNAME, now=datetime.now(UTC))
    (directory / "stations").mkdir(mode=0o700)
    basic = [Member(identity=f"BASIC{number:05}", profile=1, password=generate()) for number in range(size)]
    mutual = [_certified(directory, authority, f"MUTUAL{number:05}") for number in range(size)]
    fleet = Fleet(directory=directory, members=(*basic, *mutual))
    (directory / _FILE).write_bytes(msgspec.json.encode(fleet.members))
    await _register(fleet)
    return fleet


def configuration(directory: Path) -> Configuration:
    """Our server's settings: the defaults, on free ports of the loopback."""
    return Configuration(
        state=directory,
        doors=default_doors("127.0.0.1", ws_port=0, wss_port=0, mtls_port=0),
        hostname=HOSTNAME,
        organization=ORGANIZATION,
    )


async def _register(fleet: Fleet) -> None:
    store = await open_store(fleet.directory / DATABASE)
    csms = Csms(configuration(fleet.directory), store, emit=lambda _event: None)
    await csms.start()
    try:
        await asyncio.gather(*(_add(csms, fleet, member) for member in fleet.members))
    finally:
        await csms.stop()
        await store.close()


async def _add(csms: Csms, fleet: Fleet, member: Member) -> None:
    """Those of profile 3 are stations that were here before: their certificate has been seen."""
    await csms.add_station(member.identity, profile=member.profile, password=member.password or None)
    if member.certificate:
        await csms.store.add_certificate(_record(fleet, member))


def _certified(directory: Path, authority: AuthorityFiles, identity: str) -> Member:
    key = new_key(KeyFamily.EC_P256)
    request = make_request(key, common_name=identity, organization=ORGANIZATION)
    approved = check_request(request, Expected(serial_number=identity, organization=ORGANIZATION))
    assert isinstance(approved, ApprovedRequest)
    issued: Issued = issue_station_certificate(
        approved,
        authority.hierarchy.stations,
        now=datetime.now(UTC),
        serial=x509.random_serial_number(),
    )
    name = f"stations/{identity}.pem"
    (directory / name).write_bytes(key_pem(key) + issued.chain_pem.encode())
    return Member(identity=identity, profile=3, certificate=name, fingerprint=issued.fingerprint)


def _record(fleet: Fleet, member: Member) -> CertificateRecord:
    pem = (fleet.directory / member.certificate).read_text()
    chain = pem[pem.index("-----BEGIN CERTIFICATE-----") :]
    certificate = x509.load_pem_x509_certificates(chain.encode())[0]
    return CertificateRecord(
        fingerprint=member.fingerprint,
        identity=member.identity,
        serial_number=f"{certificate.serial_number:X}",
        subject=certificate.subject.rfc4514_string(),
        public_key_sha256=public_key_sha256(certificate.public_key()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        state=CertificateState.ACTIVE,
        issued_at=certificate.not_valid_before_utc,
        chain=chain,
        activated_at=certificate.not_valid_before_utc,
    )
