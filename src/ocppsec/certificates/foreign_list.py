"""The CRL of somebody else's CA (RFC 5280 5), read and believed only as far as its signature goes.

What is not understood is not used: a list for other certificates than those of stations, one that only says what has
changed, one that speaks for another CA.  A list that says less than all must not pass for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from ocppsec.certificates.foreign_status import CLOCKS_DIFFER, Cause, Good, Revoked, Unclear, Verdict
from ocppsec.certificates.pem import BadPem, read_blocks

LIST_LIMIT: Final = 5 * 1024 * 1024
"""Bytes: some hundred thousand certificates."""
HASHES: Final = frozenset({"sha256", "sha384", "sha512"})
_UNDERSTOOD: Final = (x509.CRLNumber, x509.AuthorityKeyIdentifier, x509.IssuingDistributionPoint)


class BadList(ValueError):  # noqa: N818  what it is, not what went wrong in us
    """No CRL of this CA that can be used; its words are fit for a log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignList:
    number: int | None
    this_update: datetime
    next_update: datetime
    revoked: Mapping[int, tuple[datetime, str]] = field(repr=False)
    """By serial number: since when, and why."""
    about: frozenset[str] | None
    """For a list that covers a part only: the names of that part, as the certificates in it give them."""

    def replaces(self, other: "ForeignList | None") -> bool:
        """Newer by number and by date: who can answer in the CA's place must not take us back in time."""
        if other is None:
            return True
        if self.number is not None and other.number is not None:
            return (self.number, self.this_update) > (other.number, other.this_update)
        return self.this_update > other.this_update

    def verdict(self, certificate: x509.Certificate, *, now: datetime, grace: timedelta) -> Verdict:
        """Revoked is believed however old the list is: it does not become untrue."""
        found = self.revoked.get(certificate.serial_number)
        if found is not None:
            return Revoked(since=found[0], reason=found[1])
        if self.about is not None and not self.about & points_of(certificate):
            return Unclear(cause=Cause.NONSENSE, reason="the CRL is about other certificates of this CA")
        if now >= self.next_update + grace:
            text = f"the newest CRL was good until {self.next_update:%Y-%m-%d %H:%M} UTC"
            return Unclear(cause=Cause.STALE, reason=text)
        return Good(source=f"CRL of {self.this_update:%Y-%m-%d %H:%M} UTC")


def read_list(body: bytes, issuer: x509.Certificate, *, now: datetime) -> ForeignList:
    """DER, or PEM as some serve it; raises `BadList`.  Takes a while for a long list: not for the event loop."""
    try:
        return _read(body, issuer, now)
    except (BadPem, ValueError, UnsupportedAlgorithm, TypeError) as error:
        raise error if isinstance(error, BadList) else BadList(f"no CRL: {error}") from error


def _read(body: bytes, issuer: x509.Certificate, now: datetime) -> ForeignList:
    crl = x509.load_der_x509_crl(_der(body))
    _check_signature(crl, issuer)
    about = _check_scope(crl)
    if crl.next_update_utc is None:
        raise BadList("the CRL does not say until when it is good")
    if crl.last_update_utc > now + CLOCKS_DIFFER:
        raise BadList(f"the CRL is of {crl.last_update_utc:%Y-%m-%d %H:%M} UTC, which has not come yet")
    return ForeignList(
        number=_number(crl),
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        revoked={entry.serial_number: _why(entry) for entry in crl},
        about=about,
    )


def _der(body: bytes) -> bytes:
    if not body.startswith(b"-----"):
        return body
    (der,) = read_blocks(body, labels=("X509 CRL",), limit=LIST_LIMIT * 2)
    return der


def _check_signature(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
    if crl.issuer != issuer.subject:
        raise BadList(f"the CRL is one of {crl.issuer.rfc4514_string()[:100]}")
    algorithm = crl.signature_hash_algorithm
    if algorithm is None or algorithm.name not in HASHES:
        raise BadList(f"the CRL is signed over {algorithm.name if algorithm else 'no hash'}")
    try:
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        may_sign = usage.crl_sign
    except x509.ExtensionNotFound:
        may_sign = True
    if not may_sign:
        raise BadList("the CA's certificate does not let it sign CRLs (RFC 5280 6.3.3)")
    if not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
        raise BadList("the CRL's signature is not the CA's")


def _check_scope(crl: x509.CertificateRevocationList) -> frozenset[str] | None:
    """RFC 5280 5.2: an extension that narrows a list is critical; whoever skips it misses revocations."""
    about: frozenset[str] | None = None
    for extension in crl.extensions:
        value = extension.value
        if isinstance(value, x509.DeltaCRLIndicator):
            raise BadList("the CRL says only what has changed since another one (a delta CRL)")
        if isinstance(value, x509.IssuingDistributionPoint):
            about = _scope(value)
        elif extension.critical and not isinstance(value, _UNDERSTOOD):
            raise BadList(f"the CRL has a critical extension {extension.oid.dotted_string}")
    return about


def _scope(point: x509.IssuingDistributionPoint) -> frozenset[str] | None:
    if point.only_contains_ca_certs or point.only_contains_attribute_certs:
        raise BadList("the CRL is not about certificates of stations")
    if point.indirect_crl or point.only_some_reasons:
        raise BadList("the CRL is an indirect one, or names only some reasons")
    if point.full_name is None and point.relative_name is None:
        return None
    return frozenset(str(name.value) for name in point.full_name or ())


def points_of(certificate: x509.Certificate) -> frozenset[str]:
    """Where the certificate says its CRL is; unread when its extensions are malformed."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(str(name.value) for point in points for name in point.full_name or ())


def _number(crl: x509.CertificateRevocationList) -> int | None:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None


def _why(entry: x509.RevokedCertificate) -> tuple[datetime, str]:
    reason = "unspecified"
    for extension in entry.extensions:
        match extension.value:
            case x509.CRLReason(reason=flag):
                reason = flag.value
            case x509.CertificateIssuer():
                raise BadList("the CRL speaks for other CAs too")
    return entry.revocation_date_utc, reason
