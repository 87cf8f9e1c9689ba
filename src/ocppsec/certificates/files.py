"""The hierarchy and the server's certificates as files in one state directory.

::

    ca/root.key  ca/root.pem            the root
    ca/stations.key  ca/stations.pem    the CA that issues to stations
    ca/servers.key   ca/servers.pem     the CA that issues to the CSMS
    tls/server-ec.pem  tls/server-rsa.pem   key and chain in one file each

A key is written before its certificate, so whatever a kill leaves behind is a key without a certificate: it
gets its certificate at the next start.  The other way round, something was lost or taken away, and then we
say what is missing rather than quietly begin a new hierarchy that no station trusts.  A server's key and chain
share a file, so that one rename replaces both and no reader ever sees a pair that does not match.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from ocppsec.certificates import hierarchy
from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.hash_data import CertificateHashData, HashAlgorithm, hash_data
from ocppsec.certificates.hierarchy import Hierarchy, Serials
from ocppsec.certificates.issue import Authority
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, load_key, save_key
from ocppsec.certificates.pem import BadPem, read_certificate, write_chain
from ocppsec.certificates.safekeeping import (
    PUBLIC_FILE,
    alone_in,
    make_private_directory,
    require_unwritable_by_others,
    write_file,
)
from ocppsec.certificates.server_files import ServerCertificate, ServerFiles

Create = Callable[[ec.EllipticCurvePrivateKey], Authority]


class AuthorityDamaged(Exception):  # noqa: N818  what it is, not what went wrong in us
    """The files of the CA do not fit together; the message says what is missing and what to do."""


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
    passphrase: bytes | None = None,
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
    with alone_in(directory / "ca"):
        authority = _AuthorityDirectory(directory / "ca", passphrase=passphrase, now=now, serials=serials)
        certificates = authority.load_or_create(organization)
        servers = ServerFiles(
            directory / "tls",
            authority=certificates.servers,
            hostname=hostname,
            organization=organization,
            now=now,
            passphrase=passphrase,
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


class _AuthorityDirectory:
    """The three CAs in ``ca/``."""

    def __init__(self, directory: Path, *, passphrase: bytes | None, now: datetime, serials: Serials) -> None:
        self._directory = directory
        self._passphrase = passphrase
        self._now = now
        self._serials = serials
        self.notes: list[str] = []

    def load_or_create(self, organization: str) -> Hierarchy:
        def new_root(key: ec.EllipticCurvePrivateKey) -> Authority:
            return hierarchy.create_root(
                key, organization=organization, now=self._now, serial=self._serials()
            )

        def new_station_issuer(key: ec.EllipticCurvePrivateKey) -> Authority:
            return hierarchy.create_station_issuer(root, key, now=self._now, serial=self._serials())

        def new_server_issuer(key: ec.EllipticCurvePrivateKey) -> Authority:
            return hierarchy.create_server_issuer(root, key, now=self._now, serial=self._serials())

        self._require_root_of_issuers()
        root = self._one("root", new_root, issuer=None)
        stations = self._one("stations", new_station_issuer, issuer=root)
        servers = self._one("servers", new_server_issuer, issuer=root)
        return Hierarchy(root=root, stations=stations, servers=servers)

    def _require_root_of_issuers(self) -> None:
        """A root is never made when there are CAs that an older one signed."""
        root = self._directory / "root.pem"
        orphans = [name for name in ("stations", "servers") if (self._directory / f"{name}.pem").exists()]
        if orphans and not root.exists():
            raise AuthorityDamaged(
                f"{root} is missing though {self._directory / orphans[0]}.pem is there: restore it from a"
                " backup.  A new root would be trusted by no station"
            )

    def _one(self, name: str, create: Create, *, issuer: Authority | None) -> Authority:
        key_path, certificate_path = self._directory / f"{name}.key", self._directory / f"{name}.pem"
        if certificate_path.exists() and not key_path.exists():
            raise AuthorityDamaged(
                f"{key_path} is missing though {certificate_path} is there: restore the key from a backup."
                "  A new key would make a new CA, and what the old one issued would be trusted no longer"
            )
        key = self._key(key_path)
        if certificate_path.exists():
            return self._loaded(certificate_path, key, issuer)
        authority = create(key)
        write_file(certificate_path, write_chain((authority.certificate,)).encode(), mode=PUBLIC_FILE)
        self.notes.append(f"created {certificate_path}")
        return authority

    def _key(self, path: Path) -> ec.EllipticCurvePrivateKey:
        if not path.exists():
            key = hierarchy.new_authority_key()
            save_key(path, key, self._passphrase)
            return key
        loaded = load_key(path, self._passphrase)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise KeyUnusable(f"{path} is no EC key: OCPP wants CA signatures by ECDSA (A00.FR.505)")
        return loaded

    def _loaded(self, path: Path, key: ec.EllipticCurvePrivateKey, issuer: Authority | None) -> Authority:
        try:
            certificate = read_certificate(path.read_bytes())
        except BadPem as error:
            raise AuthorityDamaged(
                f"{path} cannot be read ({error.reason}): restore it from a backup"
            ) from error
        if certificate.public_key() != key.public_key():
            raise AuthorityDamaged(f"{path} and {path.with_suffix('.key')} do not belong together")
        if not _is_issued_by(certificate, issuer.certificate if issuer else certificate):
            raise AuthorityDamaged(f"{path} was not issued by {path.with_name('root.pem')}")
        return Authority(
            certificate=certificate, key=key, above=issuer.sent_with_leaf if issuer is not None else ()
        )


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
