"""The three CAs of a hierarchy as files in one directory: a key and a certificate each.

A key is written before its certificate, so whatever a kill leaves behind is a key without a certificate: it
gets its certificate at the next start.  The other way round, something was lost or taken away, and then we
say what is missing rather than quietly begin a new hierarchy that no station trusts.

The key of the root may be kept on another machine (`custody`); then the CAs under it are certified there, and
until they are, there is nothing to work with.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ocppsec.certificates import hierarchy
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.hierarchy import Hierarchy, Serials
from ocppsec.certificates.issue import Authority, IssueFailed
from ocppsec.certificates.keys import PrivateKey
from ocppsec.certificates.lint import Kind
from ocppsec.certificates.pem import BadPem, read_certificate, write_chain
from ocppsec.certificates.safekeeping import PUBLIC_FILE, write_file

Create = Callable[[PrivateKey], Authority]


class AuthorityDamaged(Exception):  # noqa: N818  what it is, not what went wrong in us
    """The files of the CA do not fit together; the message says what is missing and what to do."""


class NotCertifiedYet(AuthorityDamaged):
    """The root's key is elsewhere, and it has not signed yet what we need."""


ROOT_ALONE = "root-alone"
"""A file of this name says that no CAs are to be made under the root here: the machine of an offline root."""
ISSUERS = {"stations": Kind.STATION_ISSUER, "servers": Kind.SERVER_ISSUER}
"""The CAs under the root, by the names of their files."""


class AuthorityDirectory:
    """The three CAs in ``ca/``."""

    def __init__(self, directory: Path, *, custody: Custody, now: datetime, serials: Serials) -> None:
        self._directory = directory
        self._custody = custody
        self._now = now
        self._serials = serials
        self.notes: list[str] = []

    def load_or_create(self, organization: str) -> Hierarchy:
        """Raises `AuthorityDamaged`, `KeyUnusable`, `TooOpen`, `IssueFailed`, OSError."""

        def new_station_issuer(key: PrivateKey) -> Authority:
            return hierarchy.create_station_issuer(root, key, now=self._now, serial=self._serials())

        def new_server_issuer(key: PrivateKey) -> Authority:
            return hierarchy.create_server_issuer(root, key, now=self._now, serial=self._serials())

        if (self._directory / ROOT_ALONE).exists():
            raise AuthorityDamaged(
                f"{self._directory} is that of an offline root (ca init --root only), and no CA is made under it"
                " here: the CSMS starts on another directory (ca init --root elsewhere)"
            )
        root = self.load_or_create_root(organization)
        stations = self._one("stations", new_station_issuer, issuer=root)
        servers = self._one("servers", new_server_issuer, issuer=root)
        return Hierarchy(root=root, stations=stations, servers=servers)

    def load_or_create_root(self, organization: str) -> Authority:
        """The root alone: all there is on the machine of an offline root."""

        def new_root(key: PrivateKey) -> Authority:
            return hierarchy.create_root(
                key, organization=organization, now=self._now, serial=self._serials()
            )

        self._require_root_of_issuers()
        return self._one("root", new_root, issuer=None)

    def load_issuer(self, name: str, root: Authority) -> Authority:
        """The CA *name* of `ISSUERS`, which has to be there, under *root*; nothing is created."""
        key = self._custody.key(self._directory / f"{name}.key")
        return self._loaded(self._directory / f"{name}.pem", key, root)

    def renew_issuer(self, name: str, root: Authority) -> x509.Certificate:
        """A new certificate with a later end for the key of the CA *name*; what it issued stays valid.

        Raises `NotCertifiedYet` where the root's key is elsewhere, `IssueFailed`.
        """
        old = self.load_issuer(name, root)
        assert old.key is not None, "that of the root alone can be elsewhere"
        path = self._directory / f"{name}.pem"
        if root.key is None:
            raise NotCertifiedYet(_ask_elsewhere(path))
        new = hierarchy.certify_issuer(
            root, old.key.public_key(), ISSUERS[name], now=self._now, serial=self._serials()
        )
        if new.not_valid_after_utc <= old.certificate.not_valid_after_utc:
            raise IssueFailed(
                f"a new certificate would end {new.not_valid_after_utc:%Y-%m-%d}, no later than the old one: no CA"
                " outlives its root"
            )
        write_file(path, write_chain((new,)).encode(), mode=PUBLIC_FILE)
        return new

    def issuer_key(self, name: str) -> PrivateKey:
        """The key of the CA *name* of `ISSUERS`, made when there is none: for a request."""
        path = self._directory / f"{name}.key"
        certificate = path.with_suffix(".pem")
        _require_key(path, certificate)
        key = self._custody.key(path) if certificate.exists() else self._custody.key_or_new(path, name)
        if key is None:
            raise AuthorityDamaged(f"{path} says that this key is elsewhere: only the root's can be")
        return key

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
        _require_key(key_path, certificate_path)
        if certificate_path.exists():
            return self._loaded(certificate_path, self._custody.key(key_path), issuer)
        key = self._custody.key_or_new(key_path, name)
        if key is None or (issuer is not None and issuer.key is None):
            raise NotCertifiedYet(f"{certificate_path} is missing.  {_ask_elsewhere(certificate_path)}")
        authority = create(key)
        write_file(certificate_path, write_chain((authority.certificate,)).encode(), mode=PUBLIC_FILE)
        self.notes.append(f"created {certificate_path}")
        return authority

    def _loaded(self, path: Path, key: PrivateKey | None, issuer: Authority | None) -> Authority:
        try:
            certificate = read_certificate(path.read_bytes())
        except BadPem as error:
            raise AuthorityDamaged(
                f"{path} cannot be read ({error.reason}): restore it from a backup"
            ) from error
        if key is None and issuer is not None:
            raise AuthorityDamaged(
                f"{path.with_suffix('.key')} says that this key is elsewhere: only the root's can be"
            )
        if key is not None and certificate.public_key() != key.public_key():
            raise AuthorityDamaged(f"{path} and {path.with_suffix('.key')} do not belong together")
        if not _is_issued_by(certificate, issuer.certificate if issuer else certificate):
            raise AuthorityDamaged(f"{path} was not issued by {path.with_name('root.pem')}")
        return Authority(
            certificate=certificate, key=key, above=issuer.sent_with_leaf if issuer is not None else ()
        )


def _require_key(key: Path, certificate: Path) -> None:
    if certificate.exists() and not key.exists():
        raise AuthorityDamaged(
            f"{key} is missing though {certificate} is there: restore the key from a backup."
            "  A new key would make a new CA, and what the old one issued would be trusted no longer"
        )


def _ask_elsewhere(path: Path) -> str:
    if path.stem == "root":
        return "The root's key is not on this machine: bring its certificate with ocppsec ca import"
    return (
        f"The root's key is not on this machine: write a request for {path.stem} with ocppsec ca request, have it"
        " signed where the key is, and bring the answer with ocppsec ca import"
    )


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
