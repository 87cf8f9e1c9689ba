"""What we certify, and what each kind of certificate says; the CA's key is used in `ocppsec.certificates.signing` alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.certificates.content import Content, Pointers
from ocppsec.certificates.facts import fingerprint, names, public_key_sha256, serial_number
from ocppsec.certificates.keys import PrivateKey, PublicKey
from ocppsec.certificates.lint import Finding, Kind, lint
from ocppsec.certificates.pem import write_chain
from ocppsec.certificates.request import ApprovedRequest
from ocppsec.certificates.signing import (
    Authority,
    IssueFailed,
    KeyElsewhere,
    LintFailed,
    probe,
    rehearsed,
    sign_crl,
    sign_root,
    sign_under,
)

__all__ = [
    "Authority",
    "IssueFailed",
    "Issued",
    "KeyElsewhere",
    "LintFailed",
    "Rehearsal",
    "issue_authority",
    "issue_cross",
    "issue_responder_certificate",
    "issue_root",
    "issue_server_certificate",
    "issue_station_certificate",
    "probe",
    "rehearse_station_certificate",
    "sign_crl",
]
"""All that issues, wherever it is written."""

STATION_LIFETIME = timedelta(days=90)
SERVER_LIFETIME = timedelta(days=90)
SHORTEST = timedelta(minutes=1)
"""Of a station's certificate, as far as settings go: a laboratory's.  What is shorter ends while it is renewed."""
BACKDATED = timedelta(hours=1)
"""Stations' clocks are late (LESSONS, stations in the field 10).  At most a tenth of the lifetime: else a
certificate of minutes would be due for renewal when it comes."""
AUTHORITY_BACKDATED = timedelta(days=1)
"""A certificate never begins before its issuer does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new certificate and what the records want to know of it."""

    certificate: x509.Certificate
    chain_pem: str
    """Leaf first, without the root, LF line ends."""
    fingerprint: str
    serial_number: str
    subject: str
    """RFC 4514."""
    public_key_sha256: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A certificate that nobody has: signed with a throw-away key, to be looked at."""

    certificate: x509.Certificate
    findings: tuple[Finding, ...]


def issue_station_certificate(
    approved: ApprovedRequest,
    authority: Authority,
    *,
    now: datetime,
    lifetime: timedelta = STATION_LIFETIME,
    serial: int,
    pointers: Pointers | None = None,
) -> Issued:
    """Certify the key of an approved request; raises `IssueFailed`.

    *serial* is a new random number (``x509.random_serial_number()``).  The certificate never outlives
    *authority*.  From the request comes the key alone.
    """
    content = _for_station(approved, authority, now, lifetime, serial, pointers)
    return _issued(sign_under(authority, content), authority)


def rehearse_station_certificate(
    approved: ApprovedRequest,
    authority: Authority,
    *,
    now: datetime,
    lifetime: timedelta = STATION_LIFETIME,
    serial: int,
    pointers: Pointers | None = None,
) -> Rehearsal:
    """What `issue_station_certificate` would sign, without the CA's key; raises `IssueFailed`."""
    content = _for_station(approved, authority, now, lifetime, serial, pointers)
    certificate = rehearsed(authority, content)
    return Rehearsal(certificate=certificate, findings=lint(certificate, content.kind))


def _for_station(
    approved: ApprovedRequest,
    authority: Authority,
    now: datetime,
    lifetime: timedelta,
    serial: int,
    pointers: Pointers | None,
) -> Content:
    return Content(
        kind=Kind.STATION,
        common_name=approved.serial_number,
        organization=approved.organization,
        key=approved.public_key,
        not_before=_begin(now, min(BACKDATED, lifetime / 10), authority),
        not_after=_end(now, lifetime, authority),
        serial=serial,
        pointers=pointers,
    )


def issue_responder_certificate(
    key: PublicKey, authority: Authority, *, now: datetime, lifetime: timedelta, serial: int
) -> x509.Certificate:
    """For who answers OCSP on behalf of *authority* (RFC 6960 4.2.2.2); raises `IssueFailed`."""
    subject = authority.certificate.subject
    (organization,) = names(subject, NameOID.ORGANIZATION_NAME)
    return sign_under(
        authority,
        Content(
            kind=Kind.OCSP_RESPONDER,
            common_name="OCSP Responder",
            organization=organization,
            key=key,
            not_before=_begin(now, BACKDATED, authority),
            not_after=_end(now, lifetime, authority),
            serial=serial,
        ),
    )


def issue_server_certificate(
    key: PublicKey,
    authority: Authority,
    *,
    hostname: str,
    organization: str,
    now: datetime,
    lifetime: timedelta = SERVER_LIFETIME,
    serial: int,
) -> Issued:
    """A certificate for the CSMS at *hostname*; raises `IssueFailed`.

    A00.FR.510: the common name is the FQDN that stations dial.  A00.FR.511 would rather have no subject
    alternative name, but most TLS libraries look nowhere else, so the same name stands there too.
    """
    certificate = sign_under(
        authority,
        Content(
            kind=Kind.SERVER,
            common_name=hostname,
            organization=organization,
            key=key,
            not_before=_begin(now, BACKDATED, authority),
            not_after=_end(now, lifetime, authority),
            serial=serial,
        ),
    )
    return _issued(certificate, authority)


def issue_root(
    key: PrivateKey,
    *,
    common_name: str,
    organization: str,
    now: datetime,
    lifetime: timedelta,
    serial: int,
) -> Authority:
    """A self-signed root; raises `IssueFailed`."""
    content = Content(
        kind=Kind.ROOT,
        common_name=common_name,
        organization=organization,
        key=key.public_key(),
        not_before=_seconds(now - AUTHORITY_BACKDATED),
        not_after=_seconds(now + lifetime),
        serial=serial,
    )
    return Authority(certificate=sign_root(content, key), key=key)


def issue_cross(
    root: x509.Certificate, by: Authority, *, now: datetime, lifetime: timedelta, serial: int
) -> x509.Certificate:
    """*root* once more, with its own name and key but signed by the root *by*; raises `IssueFailed`.

    Whoever trusts *by* alone accepts what hangs under *root* when this is sent along (RFC 5280 3.2, cross
    certificate), and M05.FR.10 wants a new CSMS root in this form.  It outlives neither of the two.
    """
    (common_name,) = names(root.subject, NameOID.COMMON_NAME)
    (organization,) = names(root.subject, NameOID.ORGANIZATION_NAME)
    key = root.public_key()
    assert isinstance(key, PublicKey), "a root of ours"
    content = Content(
        kind=Kind.CROSS,
        common_name=common_name,
        organization=organization,
        key=key,
        not_before=_begin(now, AUTHORITY_BACKDATED, by),
        not_after=min(_end(now, lifetime, by), root.not_valid_after_utc),
        serial=serial,
    )
    return sign_under(by, content)


def issue_authority(
    root: Authority,
    key: PublicKey,
    kind: Kind,
    *,
    common_name: str,
    organization: str,
    now: datetime,
    lifetime: timedelta,
    serial: int,
) -> x509.Certificate:
    """The certificate of an issuing CA of *kind* under *root*; raises `IssueFailed`."""
    content = Content(
        kind=kind,
        common_name=common_name,
        organization=organization,
        key=key,
        not_before=_begin(now, AUTHORITY_BACKDATED, root),
        not_after=_end(now, lifetime, root),
        serial=serial,
    )
    return sign_under(root, content)


def _begin(now: datetime, backdated: timedelta, authority: Authority) -> datetime:
    return max(_seconds(now - backdated), authority.certificate.not_valid_before_utc)


def _end(now: datetime, lifetime: timedelta, authority: Authority) -> datetime:
    end = authority.certificate.not_valid_after_utc
    if now >= end:
        raise IssueFailed(f"the CA {authority.certificate.subject.rfc4514_string()} expired at {end}")
    if lifetime <= timedelta(0):
        raise IssueFailed(f"a lifetime of {lifetime} is none")
    return min(_seconds(now + lifetime), end)


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)  # all that X.509 has


def _issued(certificate: x509.Certificate, authority: Authority) -> Issued:
    return Issued(
        certificate=certificate,
        chain_pem=write_chain((certificate, *authority.sent_with_leaf)),
        fingerprint=fingerprint(certificate),
        serial_number=serial_number(certificate),
        subject=certificate.subject.rfc4514_string(),
        public_key_sha256=public_key_sha256(certificate.public_key()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
