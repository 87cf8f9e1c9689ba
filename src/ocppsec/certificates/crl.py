"""The list of what our CA has revoked (RFC 5280 5), for others: our own doors ask the records.

Number and date of a list are always higher than those of the one before: of two lists of one second OpenSSL takes
the one it saw first, and a revocation would be missed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

LIFETIME = timedelta(days=7)
"""Until then a list may be used by those who cannot reach us."""
REPUBLISH_AFTER = timedelta(hours=6)
BACKDATED = timedelta(minutes=10)
"""Clocks are late; and several lists of one second, each a second later than the one before, are none of the future."""
KEPT_AFTER_EXPIRY = LIFETIME + timedelta(days=1)
"""What has run out leaves the list after it was in one more (RFC 5280 3.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    serial_number: int
    revoked_at: datetime
    reason: str
    """A name of RFC 5280 5.3.1; any other text is told as unspecified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Which list of the row it is."""

    number: int
    this_update: datetime


def next_issue(before: Issue | None, now: datetime) -> Issue:
    """Later and higher than *before*, whatever the clock says."""
    at = now.replace(microsecond=0) - BACKDATED
    if before is None:
        return Issue(number=1, this_update=at)
    return Issue(number=before.number + 1, this_update=max(at, before.this_update + timedelta(seconds=1)))


def crl_builder(
    issuer: x509.Certificate, entries: Iterable[Entry], issue: Issue
) -> x509.CertificateRevocationListBuilder:
    """Ready to be signed by `ocppsec.certificates.issue.sign_crl`."""
    key = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(issue.this_update)
        .next_update(issue.this_update + LIFETIME)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key), critical=False)
        .add_extension(x509.CRLNumber(issue.number), critical=False)
    )
    for entry in sorted(entries, key=lambda one: one.serial_number):
        builder = builder.add_revoked_certificate(_revoked(entry))
    return builder


def _revoked(entry: Entry) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(entry.serial_number)
        .revocation_date(entry.revoked_at.replace(microsecond=0))
    )
    flag = reason_flag(entry.reason)
    if flag is not x509.ReasonFlags.unspecified:  # RFC 5280 5.3.1: left out then
        builder = builder.add_extension(x509.CRLReason(flag), critical=False)
    return builder.build()


def reason_flag(reason: str) -> x509.ReasonFlags:
    try:
        return x509.ReasonFlags(reason)
    except ValueError:
        return x509.ReasonFlags.unspecified


def read_issue(der: bytes) -> Issue:
    """Which one a list is; raises ValueError for what is none of ours."""
    crl = x509.load_der_x509_crl(der)
    try:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound as error:
        raise ValueError("a list without a number") from error
    return Issue(number=number, this_update=crl.last_update_utc)
