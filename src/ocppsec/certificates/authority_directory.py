"""The three CAs of a hierarchy as files in one directory: a key and a certificate each.

A key is written before its certificate, so whatever a kill leaves behind is a key without a certificate: it
gets its certificate at the next start.  The other way round, something was lost or taken away, and then we
say what is missing rather than quietly begin a new hierarchy that no station trusts.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ocppsec.certificates import hierarchy
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.hierarchy import Hierarchy, Serials
from ocppsec.certificates.issue import Authority
from ocppsec.certificates.keys import PrivateKey
from ocppsec.certificates.pem import BadPem, read_certificate, write_chain
from ocppsec.certificates.safekeeping import PUBLIC_FILE, write_file

Create = Callable[[PrivateKey], Authority]


class AuthorityDamaged(Exception):  # noqa: N818  what it is, not what went wrong in us
    """The files of the CA do not fit together; the message says what is missing and what to do."""


class AuthorityDirectory:
    """The three CAs in ``ca/``."""

    def __init__(self, directory: Path, *, custody: Custody, now: datetime, serials: Serials) -> None:
        self._directory = directory
        self._custody = custody
        self._now = now
        self._serials = serials
        self.notes: list[str] = []

    def load_or_create(self, organization: str) -> Hierarchy:
        def new_root(key: PrivateKey) -> Authority:
            return hierarchy.create_root(
                key, organization=organization, now=self._now, serial=self._serials()
            )

        def new_station_issuer(key: PrivateKey) -> Authority:
            return hierarchy.create_station_issuer(root, key, now=self._now, serial=self._serials())

        def new_server_issuer(key: PrivateKey) -> Authority:
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
        key = self._custody.key_or_new(key_path, name)
        if certificate_path.exists():
            return self._loaded(certificate_path, key, issuer)
        authority = create(key)
        write_file(certificate_path, write_chain((authority.certificate,)).encode(), mode=PUBLIC_FILE)
        self.notes.append(f"created {certificate_path}")
        return authority

    def _loaded(self, path: Path, key: PrivateKey, issuer: Authority | None) -> Authority:
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
