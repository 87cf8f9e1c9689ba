"""The CSMS's own certificate from a public CA (ACME): fetched, tested as a station would, kept, and renewed in time.

It goes the way of a certificate that an operator brings: `ServerCertificates` sees the file change, rehearses it and
serves it from the next connection on.  Until the first one is there, those of our own CA are served; what fails leaves
everything as it is, and is tried again, later each time.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.certificates.facts import fingerprint, names
from ocppsec.certificates.issue import IssueFailed
from ocppsec.certificates.keys import KeyUnusable, key_pem
from ocppsec.certificates.pem import BadPem, read_certificates
from ocppsec.certificates.renewal import Life, due
from ocppsec.certificates.safekeeping import PRIVATE_FILE, TooOpen, make_private_directory, write_file
from ocppsec.csms.rehearsal import rehearse
from ocppsec.csms.server_certificates import OwnFiles
from ocppsec.csms.tls import BadMaterial, Chain
from ocppsec.events import Emit, PublicCertificateFailed, PublicCertificateObtained
from ocppsec.issuers.acme import AcmeSettings, obtain
from ocppsec.issuers.issuer import BadIssuer

_LOOK_SECONDS = 3600.0
FIRST_PAUSE = 900.0
"""Public CAs let a name fail a few times an hour."""
LONGEST_PAUSE = 6 * 3600.0
_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_FILE_LIMIT = 100_000
_Failure = (IssueFailed, BadIssuer, BadMaterial, KeyUnusable, TooOpen, OSError)


class PublicCertificate:
    def __init__(
        self,
        settings: AcmeSettings,
        directory: Path,
        *,
        hostname: str,
        emit: Emit,
        now: Callable[[], datetime],
        changed: Callable[[], None],
        first_pause: float = FIRST_PAUSE,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        """*directory* is ``tls`` of the state; *changed* is told that there is a new file."""
        self._settings = settings
        self._directory = directory
        self._hostname = hostname
        self._emit = emit
        self._now = now
        self._changed = changed
        self._first_pause = first_pause
        self._look_seconds = look_seconds

    async def run(self) -> None:
        """Look after it until cancelled."""
        failures = 0
        while True:
            if not await asyncio.to_thread(self.is_due):
                failures = 0
                await asyncio.sleep(self._look_seconds)
                continue
            try:
                leaf = await asyncio.to_thread(self._fetch)
            except _Failure as error:
                pause = min(self._first_pause * 2**failures, LONGEST_PAUSE)
                failures += 1
                self._emit(
                    PublicCertificateFailed(issuer=self._settings.name, reason=str(error), seconds=pause)
                )
                await asyncio.sleep(pause)
            else:
                self._emit(
                    PublicCertificateObtained(
                        issuer=self._settings.name,
                        fingerprint=fingerprint(leaf),
                        not_after=leaf.not_valid_after_utc.isoformat(),
                    )
                )
                self._changed()

    def is_due(self) -> bool:
        """None there, for another name, or two thirds of its life are over."""
        leaf = _leaf(certificate_file(self._directory))
        if leaf is None or self._hostname not in _names_of(leaf):
            return True
        return due(Life(begin=leaf.not_valid_before_utc, end=leaf.not_valid_after_utc), self._now())

    def _fetch(self) -> x509.Certificate:
        """Nothing is replaced before the new one has been met as a station would meet it."""
        make_private_directory(self._directory)
        account_key = self._directory / "acme-account.key"
        obtained = obtain(self._settings, self._hostname, account_key=account_key)
        coming = self._directory / "acme-coming.pem"
        write_file(coming, key_pem(obtained.key) + obtained.chain_pem.encode("ascii"), mode=PRIVATE_FILE)
        try:
            root = self._settings.root.read_text(encoding="ascii")
            rehearse([Chain(certificate=coming, key=coming)], hostname=self._hostname, root_pem=root)
            coming.replace(certificate_file(self._directory))
        finally:
            coming.unlink(missing_ok=True)
        return read_certificates(obtained.chain_pem, limit=_FILE_LIMIT)[0]


def certificate_file(directory: Path) -> Path:
    """Key and chain in one, so that one rename replaces both."""
    return directory / "acme.pem"


def brought_by_acme(settings: AcmeSettings, directory: Path) -> OwnFiles:
    """How `ServerCertificates` takes it."""
    path = certificate_file(directory)
    return OwnFiles(certificate=path, key=path, root=settings.root, awaited=True)


def _leaf(path: Path) -> x509.Certificate | None:
    try:
        _, begin, chain = path.read_bytes().partition(_BEGIN_CERTIFICATE)
        return read_certificates(begin + chain, limit=_FILE_LIMIT)[0]
    except (OSError, BadPem):
        return None


def _names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names(leaf.subject, NameOID.COMMON_NAME)
    return tuple(alternatives.get_values_for_type(x509.DNSName))
