"""The hierarchy and the server's certificates as files in one state directory.

::

    ca/root.key  ca/root.pem            the root
    ca/stations.key  ca/stations.pem    the CA that issues to stations
    ca/servers.key   ca/servers.pem     the CA that issues to the CSMS
    tls/server-ec.pem  tls/server-rsa.pem   key and chain in one file each
    ca/next/…  tls/next/…               the coming ones, while one root follows another (`generations`)

`authority_directory` says in which order, and what a kill leaves behind.  A server's key and chain share a
file, so that one rename replaces both and no reader ever sees a pair that does not match.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ocppsec.certificates.authority_directory import AuthorityDamaged, AuthorityDirectory
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.generations import (
    Generation,
    StationCa,
    Turn,
    begin_promotion,
    cross_sign,
    finish_promotion,
    past_station_cas,
    put_aside,
    read_generation,
)
from ocppsec.certificates.hash_data import CertificateHashData, HashAlgorithm, hash_data
from ocppsec.certificates.hierarchy import Hierarchy, Serials
from ocppsec.certificates.issue import Authority, IssueFailed
from ocppsec.certificates.keys import KeyFamily
from ocppsec.certificates.pem import read_certificate, write_chain
from ocppsec.certificates.safekeeping import (
    alone_in,
    make_private_directory,
    require_unwritable_by_others,
)
from ocppsec.certificates.server_files import ServerCertificate, ServerFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityFiles:
    """What the rest of the house needs of the CA."""

    directory: Path
    hierarchy: Hierarchy = field(repr=False)
    """What is used now: the root and the CA of the server's certificates, and the CA that issues to stations."""
    present: Generation = field(repr=False)
    coming: Generation | None = field(repr=False)
    """The one that follows, while one root follows another."""
    station_cas: tuple[StationCa, ...] = field(repr=False)
    """All whose certificates stations may have, the one in use first."""
    root_certificate_path: Path
    root_pem: str
    root_sha256: str
    """Fingerprint, lower-case hex."""
    station_issuers_pem: str
    """Trust anchors of the profile 3 door, to be used with ``VERIFY_X509_PARTIAL_CHAIN``: never the root."""
    accepted_by: tuple[str, ...]
    """Roots, PEM, each of which alone is to be enough to accept what is served."""
    server_ec: ServerCertificate
    server_rsa: ServerCertificate
    notes: tuple[str, ...]
    """What was created, completed or renewed at this start, in words; empty when all was there."""

    def root_hash_data(self, algorithm: HashAlgorithm = "SHA256") -> CertificateHashData:
        """How a station names our root (M03, M04)."""
        root = self.hierarchy.root.certificate
        return hash_data(root, root, algorithm)

    def generation(self, *, coming: bool) -> Generation:
        """That one; the one in force where none is coming."""
        return self.coming if coming and self.coming is not None else self.present


def load_or_create(
    directory: Path,
    *,
    organization: str,
    hostname: str,
    now: datetime,
    custody: Custody | None = None,
    serials: Serials = x509.random_serial_number,
    turn: Turn | None = None,
) -> AuthorityFiles:
    """Everything in *directory*, created or completed where it is missing.  Repeating it changes nothing.

    *turn* says what is used of the coming hierarchy, which has to be there then (`prepare`); None uses none of it.

    *organization* names a new hierarchy and the server's certificates; an old hierarchy keeps its names.
    Raises `AuthorityDamaged`, `KeyUnusable`, `TooOpen` (all with what to do in the message), `IssueFailed` and
    OSError.
    """
    _make_state_directory(directory)
    make_private_directory(directory / "ca")
    make_private_directory(directory / "tls")
    custody = custody or Custody()
    with alone_in(directory / "ca"):
        finish_promotion(directory / "ca", directory / "tls")
        authority = AuthorityDirectory(directory / "ca", custody=custody, now=now, serials=serials)
        present = read_generation(directory / "ca", authority.load_or_create(organization))
        coming = None if turn is None else _coming(directory, custody, now=now, serials=serials)
        turn = turn or Turn()
        past, past_notes = past_station_cas(directory / "ca", _past_station_ca(custody), now=now)
        served, other = _served(present, coming, turn)
        cross = served.form_signed_by(other.root) if other is not None and turn.crossed else None
        tls = directory / "tls" / "next" if served is coming else directory / "tls"
        make_private_directory(tls)
        servers = ServerFiles(
            tls,
            authority=served.servers(cross),
            hostname=hostname,
            organization=organization,
            now=now,
            passphrase=custody.passphrase,
            serials=serials,
        )
        ec_files, rsa_files = servers.current(KeyFamily.EC_P256), servers.current(KeyFamily.RSA_2048)
    issuing = coming if coming is not None and turn.issue_coming else present
    trusted = (*((present,) if turn.trust_present else ()), *((coming,) if coming is not None else ()))
    return AuthorityFiles(
        directory=directory,
        hierarchy=Hierarchy(
            root=served.hierarchy.root,
            stations=issuing.hierarchy.stations,
            servers=served.hierarchy.servers,
        ),
        present=present,
        coming=coming,
        station_cas=(*_station_cas(issuing, present, coming), *past),
        root_certificate_path=served.directory / "root.pem",
        root_pem=served.root_pem,
        root_sha256=fingerprint(served.root),
        station_issuers_pem=write_chain(tuple(one.hierarchy.stations.certificate for one in trusted)),
        accepted_by=tuple(
            one.root_pem for one in (served, other if turn.crossed else None) if one is not None
        ),
        server_ec=ec_files,
        server_rsa=rsa_files,
        notes=(*authority.notes, *servers.notes, *past_notes),
    )


def prepare(
    directory: Path,
    *,
    organization: str,
    now: datetime,
    custody: Custody | None = None,
    serials: Serials = x509.random_serial_number,
) -> None:
    """Make the coming hierarchy beside the one in force, each root signed by the other; may be repeated.

    Raises what `load_or_create` raises; `IssueFailed` when the root's key is not here.
    """
    custody = custody or Custody()
    ca = directory / "ca"
    with alone_in(ca):
        finish_promotion(ca, directory / "tls")
        authority = AuthorityDirectory(ca, custody=custody, now=now, serials=serials)
        present = read_generation(ca, authority.load_or_create(organization))
        if present.hierarchy.root.key is None:
            raise IssueFailed(
                "the key of the root in force is not on this machine, so it cannot sign the new root: bring it"
                " here for the time of this command"
            )
        make_private_directory(ca / "next")
        coming = AuthorityDirectory(ca / "next", custody=custody, now=now, serials=serials)
        following = read_generation(ca / "next", coming.load_or_create(organization))
        cross_sign(present, following, now=now, serials=serials)


def promote(directory: Path, *, until: datetime, keep_keys: bool) -> None:
    """The coming hierarchy takes the place of the one in force; may be repeated.

    The old station CA stays in ``ca/past`` *until* its last certificate has ended, because others ask it what is
    revoked; the old root's key goes, unless *keep_keys*.
    """
    with alone_in(directory / "ca"):
        begin_promotion(directory / "ca", until=until, keep_keys=keep_keys)
        finish_promotion(directory / "ca", directory / "tls")


def set_aside(directory: Path, *, keep: bool) -> None:
    """The coming hierarchy goes; *keep* leaves its files in ``ca/past``."""
    with alone_in(directory / "ca"):
        if not finish_promotion(directory / "ca", directory / "tls"):
            put_aside(directory / "ca", directory / "tls", keep=keep)


def _coming(directory: Path, custody: Custody, *, now: datetime, serials: Serials) -> Generation:
    ca = directory / "ca" / "next"
    if not (ca / "root.pem").exists() or not (ca / "forms.pem").exists():
        raise AuthorityDamaged(
            f"{ca / 'root.pem'} or {ca / 'forms.pem'} is missing though a root rollover is under way: restore"
            f" {ca} from a backup.  Stations may trust that root already"
        )
    loading = AuthorityDirectory(ca, custody=custody, now=now, serials=serials)
    return read_generation(ca, loading.load_or_create(""))


def _served(
    present: Generation, coming: Generation | None, turn: Turn
) -> tuple[Generation, Generation | None]:
    """Whose server certificates are used, and the other one."""
    return (coming, present) if coming is not None and turn.serve_coming else (present, coming)


def _station_cas(
    issuing: Generation, present: Generation, coming: Generation | None
) -> tuple[StationCa, ...]:
    all_ = [issuing, *(one for one in (present, coming) if one is not None and one is not issuing)]
    return tuple(
        StationCa(name=one.name, authority=one.hierarchy.stations, directory=one.directory) for one in all_
    )


def _past_station_ca(custody: Custody) -> Callable[[Path], Authority]:
    def load(directory: Path) -> Authority:
        certificate = read_certificate((directory / "stations.pem").read_bytes())
        return Authority(certificate=certificate, key=custody.key(directory / "stations.key"))

    return load


def _make_state_directory(directory: Path) -> None:
    if directory.exists():
        # The operator's own directory may be readable; what is ours in it is not.
        require_unwritable_by_others(directory)
    else:
        make_private_directory(directory)
