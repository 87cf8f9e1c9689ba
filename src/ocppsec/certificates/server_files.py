"""The server's own certificates: one with an EC key, one with an RSA key, renewed before they run out.

Two, because the four suites of A00.FR.318 need both kinds of key; both under one root, because a station that
trusts only one root must be able to meet either.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from ocppsec.certificates.facts import fingerprint, names
from ocppsec.certificates.hierarchy import Serials
from ocppsec.certificates.issue import Authority, issue_server_certificate
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, key_pem, load_key, new_key
from ocppsec.certificates.pem import BadPem, read_certificates
from ocppsec.certificates.safekeeping import PRIVATE_FILE, write_file

_NAMES = {KeyFamily.EC_P256: "server-ec.pem", KeyFamily.RSA_2048: "server-rsa.pem"}
_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCertificate:
    """What ``SSLContext.load_cert_chain(chain, key, password)`` takes."""

    chain: Path
    key: Path
    """The same file as *chain*: key and chain are replaced by one rename."""
    passphrase: bytes | None = field(repr=False)
    fingerprint: str
    not_after: datetime
    renew_at: datetime
    """When two thirds of its life are over: the next `load_or_create` from then on makes a new one."""


class ServerFiles:
    """``tls/`` of the state directory."""

    def __init__(
        self,
        directory: Path,
        *,
        authority: Authority,
        hostname: str,
        organization: str,
        now: datetime,
        passphrase: bytes | None,
        serials: Serials,
    ) -> None:
        self._directory = directory
        self._authority = authority
        self._hostname = hostname
        self._organization = organization
        self._now = now
        self._passphrase = passphrase
        self._serials = serials
        self.notes: list[str] = []

    def current(self, family: KeyFamily) -> ServerCertificate:
        """The certificate of *family* in force, made anew when the one there is of no more use."""
        path = self._directory / _NAMES[family]
        leaf, reason = self._there(path)
        if leaf is None or reason is not None:
            leaf = self._renew(path, family)
            self.notes.append(f"issued {path}: {reason}")
        return ServerCertificate(
            chain=path,
            key=path,
            passphrase=self._passphrase,
            fingerprint=fingerprint(leaf),
            not_after=leaf.not_valid_after_utc,
            renew_at=_renew_at(leaf),
        )

    def _there(self, path: Path) -> tuple[x509.Certificate | None, str | None]:
        """The certificate in *path*, and why a new one has to be made."""
        if not path.exists():
            return None, "there was none"
        try:
            key = load_key(path, self._passphrase)
            leaf = _leaf(path)
        except KeyUnusable as error:
            return None, str(error)
        except BadPem as error:
            return None, f"the old one was unreadable: {error.reason}"
        if leaf.public_key() != key.public_key():
            return None, "key and certificate did not belong together"
        return leaf, self._why_renew(leaf) or self._other_chain(path)

    def _other_chain(self, path: Path) -> str | None:
        """The CA has another certificate now, or another root's signature is sent along, or no longer."""
        sent = _chain(path)[1:]
        return None if sent == self._authority.sent_with_leaf else "what is sent with it is another chain now"

    def _why_renew(self, leaf: x509.Certificate) -> str | None:
        if names(leaf.subject, NameOID.COMMON_NAME) != (self._hostname,):
            return f"the host name is {self._hostname} now"
        if names(leaf.subject, NameOID.ORGANIZATION_NAME) != (self._organization,):
            return f"the organization is {self._organization} now"
        if not leaf.not_valid_before_utc <= self._now < _renew_at(leaf):
            return "two thirds of its life were over"
        try:
            leaf.verify_directly_issued_by(self._authority.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return "it came from another CA"
        return None

    def _renew(self, path: Path, family: KeyFamily) -> x509.Certificate:
        key = new_key(family)
        issued = issue_server_certificate(
            key.public_key(),
            self._authority,
            hostname=self._hostname,
            organization=self._organization,
            now=self._now,
            serial=self._serials(),
        )
        content = key_pem(key, self._passphrase) + issued.chain_pem.encode("ascii")
        write_file(path, content, mode=PRIVATE_FILE)
        return issued.certificate


def _leaf(path: Path) -> x509.Certificate:
    return _chain(path)[0]


def _chain(path: Path) -> tuple[x509.Certificate, ...]:
    _, begin, chain = path.read_bytes().partition(_BEGIN_CERTIFICATE)
    return read_certificates(begin + chain)


def _renew_at(leaf: x509.Certificate) -> datetime:
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    return begin + (end - begin) * 2 / 3
