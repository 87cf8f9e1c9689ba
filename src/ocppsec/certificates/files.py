"""The hierarchy and the server's certificates as files in one state directory.

::

    ca/root.key  ca/root.pem            the root
    ca/stations.key  ca/stations.pem    the CA that issues to stations
    ca/servers.key   ca/servers.pem     the CA that issues to the CSMS
    tls/server-ec.pem  tls/server-rsa.pem   key and chain in one file each

`authority_directory` says in which order, and what a kill leaves behind.  A server's key and chain share a
file, so that one rename replaces both and no reader ever sees a pair that does not match.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ocppsec.certificates.authority_directory import AuthorityDirectory
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.hash_data import CertificateHashData, HashAlgorithm, hash_data
from ocppsec.certificates.hierarchy import Hierarchy, Serials
from ocppsec.certificates.keys import KeyFamily
from ocppsec.certificates.pem import write_chain
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
    root_certificate_path: Path
    root_pem: str
    root_sha256: str
    """Fingerprint, lower-case hex."""
    station_issuers_pem: str
    """Trust anchors of the profile 3 door, to be used with ``VERIFY_X509_PARTIAL_CHAIN``: never the root."""
    server_ec: ServerCertificate
    server_rsa: ServerCertificate
    notes: tuple[str, ...]
    """What was created, completed or renewed at this start, in words; empty when all was there."""

    def root_hash_data(self, algorithm: HashAlgorithm = "SHA256") -> CertificateHashData:
        """How a station names our root (M03, M04)."""
        root = self.hierarchy.root.certificate
        return hash_data(root, root, algorithm)


def load_or_create(
    directory: Path,
    *,
    organization: str,
    hostname: str,
    now: datetime,
    custody: Custody | None = None,
    serials: Serials = x509.random_serial_number,
) -> AuthorityFiles:
    """Everything in *directory*, created or completed where it is missing.  Repeating it changes nothing.

    *organization* names a new hierarchy and the server's certificates; an old hierarchy keeps its names.
    Raises `AuthorityDamaged`, `KeyUnusable`, `TooOpen` (all with what to do in the message), `IssueFailed` and
    OSError.
    """
    _make_state_directory(directory)
    make_private_directory(directory / "ca")
    make_private_directory(directory / "tls")
    custody = custody or Custody()
    with alone_in(directory / "ca"):
        authority = AuthorityDirectory(directory / "ca", custody=custody, now=now, serials=serials)
        certificates = authority.load_or_create(organization)
        servers = ServerFiles(
            directory / "tls",
            authority=certificates.servers,
            hostname=hostname,
            organization=organization,
            now=now,
            passphrase=custody.passphrase,
            serials=serials,
        )
        ec_files, rsa_files = servers.current(KeyFamily.EC_P256), servers.current(KeyFamily.RSA_2048)
    root = certificates.root.certificate
    return AuthorityFiles(
        directory=directory,
        hierarchy=certificates,
        root_certificate_path=directory / "ca" / "root.pem",
        root_pem=write_chain((root,)),
        root_sha256=fingerprint(root),
        station_issuers_pem=write_chain((certificates.stations.certificate,)),
        server_ec=ec_files,
        server_rsa=rsa_files,
        notes=(*authority.notes, *servers.notes),
    )


def _make_state_directory(directory: Path) -> None:
    if directory.exists():
        # The operator's own directory may be readable; what is ours in it is not.
        require_unwritable_by_others(directory)
    else:
        make_private_directory(directory)
