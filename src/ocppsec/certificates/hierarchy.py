"""One root, and under it one CA that issues to stations and one that issues to our own server.

One root for both, because some stations verify their *own* certificate against the CSMSRootCertificates they
have (LESSONS, stations in the field 5).  Two issuing CAs, because the endpoint trusts only the one that issues
to stations: nothing else under the root can ever be taken for a station.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.certificates.facts import names, public_key_sha256
from ocppsec.certificates.issue import Authority, issue_authority, issue_root
from ocppsec.certificates.keys import KeyFamily, PrivateKey, PublicKey, new_key
from ocppsec.certificates.lint import Kind

ROOT_LIFETIME = timedelta(days=20 * 365 + 5)
ISSUER_LIFETIME = timedelta(days=6 * 365 + 2)

Serials = Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    root: Authority
    stations: Authority
    """Issues to charging stations; the only trust anchor of the profile 3 door."""
    servers: Authority
    """Issues to the CSMS itself."""


def new_authority_key(family: KeyFamily = KeyFamily.EC_P256) -> PrivateKey:
    return new_key(family)


def create_hierarchy(
    *,
    organization: str,
    now: datetime,
    keys: Callable[[], PrivateKey] = new_authority_key,
    serials: Serials = x509.random_serial_number,
) -> Hierarchy:
    """A new hierarchy, in memory; raises `ocppsec.certificates.issue.IssueFailed`."""
    root = create_root(keys(), organization=organization, now=now, serial=serials())
    return Hierarchy(
        root=root,
        stations=create_station_issuer(root, keys(), now=now, serial=serials()),
        servers=create_server_issuer(root, keys(), now=now, serial=serials()),
    )


def create_root(key: PrivateKey, *, organization: str, now: datetime, serial: int) -> Authority:
    return issue_root(
        key,
        common_name=_common_name("CSMS Root", key.public_key()),
        organization=organization,
        now=now,
        lifetime=ROOT_LIFETIME,
        serial=serial,
    )


def create_station_issuer(root: Authority, key: PrivateKey, *, now: datetime, serial: int) -> Authority:
    return _issuer(root, key, Kind.STATION_ISSUER, now=now, serial=serial)


def create_server_issuer(root: Authority, key: PrivateKey, *, now: datetime, serial: int) -> Authority:
    return _issuer(root, key, Kind.SERVER_ISSUER, now=now, serial=serial)


def _issuer(root: Authority, key: PrivateKey, kind: Kind, *, now: datetime, serial: int) -> Authority:
    certificate = certify_issuer(root, key.public_key(), kind, now=now, serial=serial)
    return Authority(certificate=certificate, key=key, above=root.sent_with_leaf)


def certify_issuer(
    root: Authority, key: PublicKey, kind: Kind, *, now: datetime, serial: int
) -> x509.Certificate:
    """The certificate of the issuing CA with *key*, the first or the next one; raises `IssueFailed`."""
    return issue_authority(
        root,
        key,
        kind,
        common_name=name_of_issuer(kind, key),
        organization=names(root.certificate.subject, NameOID.ORGANIZATION_NAME)[0],
        now=now,
        lifetime=ISSUER_LIFETIME,
        serial=serial,
    )


def name_of_issuer(kind: Kind, key: PublicKey) -> str:
    return _common_name("Charging Station CA" if kind is Kind.STATION_ISSUER else "CSMS Server CA", key)


def _common_name(name: str, key: PublicKey) -> str:
    """Two CAs never share a name: verifiers look for issuers by it."""
    return f"{name} {public_key_sha256(key)[:8]}"
