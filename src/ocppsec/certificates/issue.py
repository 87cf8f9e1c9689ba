"""Where certificates are signed: the only module that uses a CA key.

Every certificate is signed twice.  First with a throw-away key, and that rehearsal is linted; only when
nothing is found the real key signs the same bytes, which are compared and verified before anyone gets them
(Boulder's issuance cycle).  So no certificate with a finding ever exists under a real key.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ocppsec.certificates.content import PURPOSES, Content, Pointers, builder_for
from ocppsec.certificates.facts import (
    extended_key_usage,
    fingerprint,
    names,
    public_key_sha256,
    serial_number,
)
from ocppsec.certificates.keys import KeyFamily, KeyUnusable, PrivateKey, PublicKey, family_of, new_key
from ocppsec.certificates.lint import Finding, Kind, lint
from ocppsec.certificates.pem import write_chain
from ocppsec.certificates.request import ApprovedRequest

STATION_LIFETIME = timedelta(days=90)
SERVER_LIFETIME = timedelta(days=90)
SHORTEST = timedelta(minutes=1)
"""Of a station's certificate, as far as settings go: a laboratory's.  What is shorter ends while it is renewed."""
BACKDATED = timedelta(hours=1)
"""Stations' clocks are late (LESSONS, stations in the field 10).  At most a tenth of the lifetime: else a
certificate of minutes would be due for renewal when it comes."""
AUTHORITY_BACKDATED = timedelta(days=1)
"""A certificate never begins before its issuer does."""

_LEAVES = frozenset({Kind.STATION, Kind.SERVER})


class IssueFailed(Exception):  # noqa: N818  what happened
    """We could not issue; nothing was signed that anyone could use."""


class KeyElsewhere(IssueFailed):
    """The CA's key is not on this machine: it signs where its key is."""


class LintFailed(IssueFailed):
    """The rehearsal broke rules: the real key was never used."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA: its certificate, its key, and the CAs between it and the root."""

    certificate: x509.Certificate
    key: PrivateKey | None = field(repr=False)
    """None for a CA whose key is kept elsewhere: it can be trusted and cannot sign."""
    above: tuple[x509.Certificate, ...] = ()
    """Nearest first, without the root; sent along with what this CA issues."""

    @property
    def sent_with_leaf(self) -> tuple[x509.Certificate, ...]:
        """What follows the leaf in a chain: never the root (A02: stations have it)."""
        is_root = self.certificate.issuer == self.certificate.subject
        return self.above if is_root else (self.certificate, *self.above)


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
    return _issued(_issue(authority, content), authority)


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
    certificate = _rehearse(_builder(content, authority.certificate), _key_of(authority))
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
    return _issue(
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


def sign_crl(builder: x509.CertificateRevocationListBuilder, authority: Authority) -> bytes:
    """DER; raises `IssueFailed` when the key is not that of the CA."""
    key = _key_of(authority)
    try:
        signed = builder.sign(key, _hash_for(key))
    except KeyUnusable as error:
        raise IssueFailed(str(error)) from error
    if not signed.is_signature_valid(authority.certificate.public_key()):  # type: ignore[arg-type]
        raise IssueFailed("the CA's key does not belong to the CA's certificate")
    return signed.public_bytes(Encoding.DER)


def _hash_for(key: PrivateKey) -> SHA256 | SHA384:
    """RSA signs with PKCS#1 v1.5, which every station verifies; A00.FR.505 would rather have RSA-PSS or ECDSA."""
    return SHA384() if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256 else SHA256()


def _key_of(authority: Authority) -> PrivateKey:
    if authority.key is None:
        name = authority.certificate.subject.rfc4514_string()
        raise KeyElsewhere(f"the key of {name} is not on this machine: have it sign where its key is")
    return authority.key


def probe(authority: Authority) -> None:
    """Sign something of no use; raises `IssueFailed` when the key does not sign, as in a token that was taken away."""
    try:
        key, data = _key_of(authority), b"ocppsec looks whether the CA can sign"
        if isinstance(key, ec.EllipticCurvePrivateKey):
            key.sign(data, ec.ECDSA(_hash_for(key)))
        else:
            key.sign(data, PKCS1v15(), _hash_for(key))
    except KeyUnusable as error:
        raise IssueFailed(str(error)) from error


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
    certificate = _issue(
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
    return Authority(certificate=_sign(content, None, key), key=key)


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
    return _sign(content, by.certificate, _key_of(by))


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
    return _issue(root, content)


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


def _issue(authority: Authority, content: Content) -> x509.Certificate:
    purposes = extended_key_usage(authority.certificate.extensions)
    wanted = PURPOSES[content.kind].dotted_string
    if content.kind in _LEAVES and (purposes is None or wanted not in purposes):
        # One CA a purpose: the profile 3 door trusts whatever the station-issuing CA ever signed.
        raise IssueFailed(
            f"{authority.certificate.subject.rfc4514_string()} issues no {content.kind} certificates"
        )
    return _sign(content, authority.certificate, _key_of(authority))


def _sign(content: Content, issuer: x509.Certificate | None, key: PrivateKey) -> x509.Certificate:
    """Rehearse, lint, sign, compare, verify; *issuer* is None for a root."""
    builder = _builder(content, issuer)
    rehearsal = _rehearse(builder, key)
    findings = lint(rehearsal, content.kind)
    if findings:
        raise LintFailed(findings)
    try:
        certificate = builder.sign(key, _hash_for(key))
    except KeyUnusable as error:  # a token that does not answer
        raise IssueFailed(str(error)) from error
    if certificate.tbs_certificate_bytes != rehearsal.tbs_certificate_bytes:
        raise IssueFailed("what was signed is not what was rehearsed")
    _read_back(certificate, content, issuer)
    return certificate


def _builder(content: Content, issuer: x509.Certificate | None) -> x509.CertificateBuilder:
    try:
        return builder_for(content, issuer)
    except ValueError as error:  # a name too long, an address that is no name
        raise IssueFailed(f"{content.common_name!r} cannot be certified: {error}") from error


def _rehearse(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    """As *key* would sign it, by a key of the same kind."""
    return builder.sign(_stand_in(family_of(key.public_key())), _hash_for(key))


def _read_back(certificate: x509.Certificate, content: Content, issuer: x509.Certificate | None) -> None:
    """What leaves us is parsed again and held against what was wanted."""
    again = x509.load_der_x509_certificate(certificate.public_bytes(Encoding.DER))
    try:
        again.verify_directly_issued_by(issuer or again)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise IssueFailed("the CA's key does not belong to the CA's certificate") from error
    if again.public_key() != content.key:
        raise IssueFailed("what was signed holds another key than was asked for")


@cache
def _stand_in(family: KeyFamily) -> PrivateKey:
    """A throw-away key like the real one: it signs rehearsals, which nobody keeps."""
    return new_key(KeyFamily.RSA_2048 if family.startswith("rsa") else family)


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
