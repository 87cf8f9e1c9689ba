"""Who may enter: one decision before 101, made of values alone.

In this order: who is it, which profile is this connection, may this station use it, does the proof hold.  Absence
is a refusal: no record, no password hash, no certificate record, no organization each say no.  The same decision
stands behind every door, so a station that rose is refused on its old profile everywhere (A05.FR.07).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from ocppsec.certificates.facts import ClientCertificate
from ocppsec.profiles import onboarding
from ocppsec.profiles.identity import BadIdentity
from ocppsec.profiles.onboarding import Pending
from ocppsec.profiles.password import MATCHES_NOTHING
from ocppsec.profiles.presented import (
    BasicCredentials,
    Issuer,
    MalformedCredentials,
    PlainBasicAuth,
    PlainNothing,
    Presented,
    TlsBasicAuth,
    TlsClientCertificate,
    TlsNothing,
)
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.profiles.record import (
    AdmissionRecord,
    CertificateRecord,
    CertificateState,
    Onboarding,
    Way,
)
from ocppsec.profiles.refusal import RefusalReason, Refused, refuse

Verify = Callable[[str, str, bytes], bool]
"""Does this hash, of this identity, stand for this password?  See `ocppsec.profiles.password.Hasher.verify`."""


_DEMANDS = {
    SecurityProfile.NONE: "",
    SecurityProfile.BASIC: "",
    SecurityProfile.TLS_BASIC: ": TLS, a wss:// URL",
    SecurityProfile.TLS_CLIENT: ": TLS with a client certificate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A listening socket as admission sees it."""

    name: str
    profiles: frozenset[SecurityProfile]
    """What it serves; 0 only where the operator switched it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    organizations: frozenset[str]
    """A00.FR.404: the charging station operator and whom it trusts; an empty set lets no certificate in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    profile: SecurityProfile
    certificate: str | None = None
    """Fingerprint of the client certificate, on profile 3."""
    certificate_is_new: bool = False
    """True when it was only issued until now: seen in this handshake, it becomes active."""
    password_matched: int | None = None
    """Index into the record's password hashes, on profiles 1 and 2."""
    pending: Pending | None = None
    """Why it is kept in Pending until it comes again with something better; None for everybody else."""
    pending_until: datetime | None = None
    """So long."""
    expired: bool = False
    """True when its certificate has, and somebody has allowed that."""


def admit(
    door: Door,
    identity: str | BadIdentity,
    presented: Presented,
    record: AdmissionRecord | None,
    policy: Policy,
    now: datetime,
    *,
    verify: Verify,
    owner: CertificateRecord | None = None,
    in_use: bool = False,
) -> Admitted | Refused:
    """Decide.  *owner* is who a certificate belongs to that the record does not hold; see `certificate_to_look_up`.

    *in_use*: somebody is connected at this moment by the entry that lets this station in as new.
    """
    if isinstance(identity, BadIdentity):
        return refuse(
            RefusalReason.BAD_IDENTITY,
            identity="ID",
            presented=identity.reason,
            expected="the station identity",
        )
    # A store that answers with another station's record (a collation that folds case) is not believed.
    if record is None or record.identity != identity:
        return _no(RefusalReason.UNKNOWN_STATION, identity, presented, "an identity that is registered")
    profile = channel_profile(presented, record)
    if (refused := _check_profile(door, presented, record, profile)) is not None:
        return refused
    match presented:
        case PlainNothing() | TlsNothing():
            if profile is SecurityProfile.NONE:
                return Admitted(profile=profile)
            missing = _no(RefusalReason.CREDENTIALS_MISSING, identity, presented, "Basic credentials")
            return _or_as_listed(missing, presented, record, profile, now, in_use=in_use)
        case PlainBasicAuth(credentials=credentials) | TlsBasicAuth(credentials=credentials):
            if profile is SecurityProfile.NONE:  # what nobody asked for is not looked at
                return Admitted(profile=profile)
            verdict = _check_credentials(
                credentials, presented, record, profile, verify, now=now, in_use=in_use
            )
            return _or_as_listed(verdict, presented, record, profile, now, in_use=in_use)
        case TlsClientCertificate(certificate=certificate, issuer=issuer):
            if issuer is not None and issuer.manufacturer is not None:
                return _check_manufacturer(certificate, issuer, presented, record, now)
            return _check_certificate(
                certificate, issuer, presented, record, owner=owner, policy=policy, now=now
            )
        case _:
            assert_never(presented)


def channel_profile(presented: Presented, record: AdmissionRecord) -> SecurityProfile:
    """The profile this connection is on, by what is on the wire.

    Without TLS that is 1; it is 0 only for a station whose floor and target both say 0.
    """
    match presented:
        case PlainNothing() | PlainBasicAuth():
            none = record.floor == record.target == SecurityProfile.NONE
            return SecurityProfile.NONE if none else SecurityProfile.BASIC
        case TlsNothing() | TlsBasicAuth():
            return SecurityProfile.TLS_BASIC
        case TlsClientCertificate():
            return SecurityProfile.TLS_CLIENT
        case _:
            assert_never(presented)


def certificate_to_look_up(presented: Presented, record: AdmissionRecord | None) -> str | None:
    """The fingerprint whose owner `admit` needs to be told, because the record does not hold it."""
    if record is None or not isinstance(presented, TlsClientCertificate):
        return None
    fingerprint = presented.certificate.fingerprint
    return None if any(known.fingerprint == fingerprint for known in record.certificates) else fingerprint


def _check_profile(
    door: Door, presented: Presented, record: AdmissionRecord, profile: SecurityProfile
) -> Refused | None:
    if profile not in door.profiles:
        served = " or ".join(str(int(served)) for served in sorted(door.profiles))
        if profile is SecurityProfile.TLS_BASIC and SecurityProfile.TLS_CLIENT in door.profiles:
            reason, expected = RefusalReason.CERTIFICATE_MISSING, "a client certificate"
        else:
            reason, expected = RefusalReason.WRONG_DOOR, f"profile {served}, which is what this door serves"
        return _no(reason, record.identity, presented, expected)
    if profile < record.floor:  # A05.FR.07, on every door
        return _no_profile(RefusalReason.PROFILE_BELOW_FLOOR, presented, record, profile)
    if profile > record.target:  # A00.FR.002: also a profile that is too high is not the one in use
        return _no_profile(RefusalReason.PROFILE_ABOVE_TARGET, presented, record, profile)
    return None


def _check_credentials(
    credentials: BasicCredentials | MalformedCredentials,
    presented: Presented,
    record: AdmissionRecord,
    profile: SecurityProfile,
    verify: Verify,
    *,
    now: datetime,
    in_use: bool,
) -> Admitted | Refused:
    if isinstance(credentials, MalformedCredentials):
        return _no(RefusalReason.CREDENTIALS_MALFORMED, record.identity, presented, "Basic credentials")
    if credentials.user != record.identity.encode():  # A00.FR.204
        expected = f"user name {record.identity!r}"
        return _no(RefusalReason.USER_NAME_NOT_IDENTITY, record.identity, presented, expected)
    # Without a hash the same work is done in vain, so that the time does not tell who has a password.
    for index, known in enumerate(record.password_hashes or (MATCHES_NOTHING,)):
        if verify(known, record.identity, credentials.password):
            if record.onboarding is None or known != record.onboarding.password_hash:
                return Admitted(profile=profile, password_matched=index)
            once = onboarding.by(record.onboarding, Way.PASSWORD)
            if once is not None:
                return _as_new(once, presented, record, profile, now, in_use=in_use, password_matched=index)
    expected = "the registered password" if record.password_hashes else "no password: none is registered"
    return _no(RefusalReason.WRONG_PASSWORD, record.identity, presented, expected)


def _or_as_listed(
    verdict: Admitted | Refused,
    presented: Presented,
    record: AdmissionRecord,
    profile: SecurityProfile,
    now: datetime,
    *,
    in_use: bool,
) -> Admitted | Refused:
    """Who is only listed is not asked for what it cannot have; with a password of its own it needs no list."""
    listed = onboarding.by(record.onboarding, Way.LISTED)
    if listed is None or isinstance(verdict, Admitted):
        return verdict
    return _as_new(listed, presented, record, profile, now, in_use=in_use)


def _as_new(
    entry: Onboarding,
    presented: Presented,
    record: AdmissionRecord,
    profile: SecurityProfile,
    now: datetime,
    *,
    in_use: bool = False,
    password_matched: int | None = None,
    expired: bool = False,
) -> Admitted | Refused:
    shut = onboarding.why_shut(entry, now, in_use=in_use)
    if shut is not None:
        reason, expected = shut
        return _no(reason, record.identity, presented, expected)
    return Admitted(
        profile=profile,
        password_matched=password_matched,
        pending=Pending.ONBOARDING,
        pending_until=entry.until,
        expired=expired,
    )


def _check_manufacturer(
    certificate: ClientCertificate,
    issuer: Issuer,
    presented: Presented,
    record: AdmissionRecord,
    now: datetime,
) -> Admitted | Refused:
    """A00.FR.406, 804: good for one thing, to be replaced at once."""

    def no(reason: RefusalReason, expected: str) -> Refused:
        return _no(reason, record.identity, presented, expected)

    entry = onboarding.by(record.onboarding, Way.CERTIFICATE)
    if entry is None:
        return no(RefusalReason.MANUFACTURER_CERTIFICATE, "a certificate issued by this CSMS to this station")
    if entry.manufacturer not in (None, issuer.manufacturer):
        return no(RefusalReason.MANUFACTURER_CERTIFICATE, f"a certificate of {entry.manufacturer}")
    if certificate.is_ca:
        return no(RefusalReason.MANUFACTURER_CERTIFICATE, "the certificate of a station, not of a CA")
    if len(certificate.common_names) > 1:
        return no(RefusalReason.SEVERAL_COMMON_NAMES, f"a certificate with CN {record.serial_number!r}")
    if certificate.common_names != (record.serial_number,):
        return no(
            RefusalReason.CERTIFICATE_OF_ANOTHER_STATION, f"a certificate with CN {record.serial_number!r}"
        )
    owners = issuer.organizations
    if owners is not None and not (
        certificate.organizations and owners.issuperset(certificate.organizations)
    ):
        return no(RefusalReason.ORGANIZATION_MISMATCH, _organizations(owners))
    if issuer.revoked is not None:
        return no(RefusalReason.CERTIFICATE_REVOKED, f"a certificate in force: {issuer.revoked}")
    if issuer.unclear is not None:
        return no(
            RefusalReason.CERTIFICATE_STATUS_UNKNOWN, f"a certificate known to be good: {issuer.unclear}"
        )
    expired = _check_dates(certificate, issuer, presented, record, now)
    if isinstance(expired, Refused):
        return expired
    # One key is one station: that somebody is in by it does not matter.
    return _as_new(entry, presented, record, SecurityProfile.TLS_CLIENT, now, expired=expired)


def _check_certificate(
    certificate: ClientCertificate,
    issuer: Issuer | None,
    presented: Presented,
    record: AdmissionRecord,
    *,
    owner: CertificateRecord | None,
    policy: Policy,
    now: datetime,
) -> Admitted | Refused:
    def no(reason: RefusalReason, expected: str) -> Refused:
        return _no(reason, record.identity, presented, expected)

    serial_number = f"a certificate with CN {record.serial_number!r}, as registered"
    if len(certificate.common_names) > 1:
        return no(RefusalReason.SEVERAL_COMMON_NAMES, serial_number)
    known = _record_of(certificate, record, owner)
    if known is None:
        return no(RefusalReason.CERTIFICATE_UNKNOWN, "a certificate issued by this CSMS to this station")
    if known.state is CertificateState.REVOKED:
        return no(RefusalReason.CERTIFICATE_REVOKED, "a certificate that is not revoked")
    if known.identity != record.identity:
        return no(RefusalReason.CERTIFICATE_OF_ANOTHER_STATION, "a certificate issued to this station")
    if certificate.common_names != (record.serial_number,):  # A00.FR.405
        return no(RefusalReason.CERTIFICATE_OF_ANOTHER_STATION, serial_number)
    if not certificate.organizations or not policy.organizations.issuperset(certificate.organizations):
        return no(RefusalReason.ORGANIZATION_MISMATCH, _organizations(policy.organizations))  # A00.FR.404
    expired = _check_dates(certificate, issuer, presented, record, now)
    if isinstance(expired, Refused):
        return expired
    if known.state is CertificateState.SUPERSEDED and not _newer_unproven(known, record):
        return no(RefusalReason.CERTIFICATE_SUPERSEDED, "the newest certificate of this station")
    return Admitted(
        profile=SecurityProfile.TLS_CLIENT,
        certificate=known.fingerprint,
        certificate_is_new=known.state is CertificateState.PENDING,
        pending=Pending.EXPIRED if expired else None,
        pending_until=record.expired_until if expired else None,
        expired=expired,
    )


def _check_dates(
    certificate: ClientCertificate,
    issuer: Issuer | None,
    presented: Presented,
    record: AdmissionRecord,
    now: datetime,
) -> bool | Refused:
    """True for an expired certificate that somebody has allowed, for this station and until now (A00.FR.429).

    TLS does not look at dates while such an allowance is open, so all of them are looked at here, each time.
    """

    def no(reason: RefusalReason, expected: str) -> Refused:
        return _no(reason, record.identity, presented, f"{expected} on {now:%Y-%m-%d %H:%M} UTC")

    if issuer is None or now < issuer.not_before or now > issuer.not_after:
        return no(RefusalReason.ISSUER_NOT_VALID, "a certificate whose CA is trusted and valid")
    if now < certificate.not_before:
        return no(RefusalReason.CERTIFICATE_NOT_YET_VALID, "a certificate valid")
    if now <= certificate.not_after:
        return False
    if record.expired_until is None or now > record.expired_until:
        return no(RefusalReason.CERTIFICATE_EXPIRED, "a certificate that is valid")
    return True


def _organizations(allowed: frozenset[str]) -> str:
    return "organization " + (
        " or ".join(repr(name) for name in sorted(allowed)) or "none: no one is configured"
    )


def _record_of(
    certificate: ClientCertificate, record: AdmissionRecord, owner: CertificateRecord | None
) -> CertificateRecord | None:
    for known in (*record.certificates, *([owner] if owner else [])):
        if known.fingerprint == certificate.fingerprint:
            return known
    return None


def _newer_unproven(old: CertificateRecord, record: AdmissionRecord) -> bool:
    """True when newer ones were only issued, and none of them was ever seen.

    A02.FR.28: a station on which the new certificate does not work goes back to the old one, so the old one is
    good until the new one has connected once (spec 3.2).
    """
    newer = [known for known in record.certificates if known.issued_at > old.issued_at]
    return bool(newer) and all(known.state is CertificateState.PENDING for known in newer)


def _no(reason: RefusalReason, identity: str, presented: Presented, expected: str) -> Refused:
    return refuse(reason, identity=identity, presented=presented.describe(), expected=expected)


def _no_profile(
    reason: RefusalReason, presented: Presented, record: AdmissionRecord, profile: SecurityProfile
) -> Refused:
    floor, target = int(record.floor), int(record.target)
    expected = f"profile {floor}" if floor == target else f"profile {floor} to {target}"
    expected += _DEMANDS[record.floor]  # E201 6.3.4: a plain connection learns that TLS is demanded
    return refuse(
        reason,
        identity=record.identity,
        presented=f"profile {int(profile)}: {presented.describe()}",
        expected=expected,
        floor=floor,
        profile=int(profile),
    )
