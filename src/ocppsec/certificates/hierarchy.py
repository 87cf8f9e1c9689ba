"""One root, and under it one CA that issues to stations and one that issues to our own server.

One root for both, because some stations verify their *own* certificate against the CSMSRootCertificates they
have (LESSONS, stations in the field 5).  Two issuing CAs, because the endpoint trusts only the one that issues
to stations: nothing else under the root can ever be taken for a station.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ocppsec.certificates.facts import names, public_key_sha256
from ocppsec.certificates.issue import Authority, issue_authority, issue_root
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


def new_authority_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def create_hierarchy(
    *,
    organization: str,
    now: datetime,
    keys: Callable[[], ec.EllipticCurvePrivateKey] = new_authority_key,
    serials: Serials = x509.random_serial_number,
) -> Hierarchy:
    """A new hierarchy, in memory; raises `ocppsec.certificates.issue.IssueFailed`."""
    root = create_root(keys(), organization=organization, now=now, serial=serials())
    return Hierarchy(
        root=root,
        stations=create_station_issuer(root, keys(), now=now, serial=serials()),
        servers=create_server_issuer(root, keys(), now=now, serial=serials()),
    )


def create_root(
    key: ec.EllipticCurvePrivateKey, *, organization: str, now: datetime, serial: int
) -> Authority:
    return issue_root(
        key,
        common_name=_common_name("CSMS Root", key),
        organization=organization,
        now=now,
        lifetime=ROOT_LIFETIME,
        serial=serial,
    )


def create_station_issuer(
    root: Authority, key: ec.EllipticCurvePrivateKey, *, now: datetime, serial: int
) -> Authority:
    return _issuer(root, key, Kind.STATION_ISSUER, "Charging Station CA", now=now, serial=serial)


def create_server_issuer(
    root: Authority, key: ec.EllipticCurvePrivateKey, *, now: datetime, serial: int
) -> Authority:
    return _issuer(root, key, Kind.SERVER_ISSUER, "CSMS Server CA", now=now, serial=serial)


def _issuer(
    root: Authority, key: ec.EllipticCurvePrivateKey, kind: Kind, name: str, *, now: datetime, serial: int
) -> Authority:
    return issue_authority(
        root,
        key,
        kind,
        common_name=_common_name(name, key),
        organization=names(root.certificate.subject, NameOID.ORGANIZATION_NAME)[0],
        now=now,
        lifetime=ISSUER_LIFETIME,
        serial=serial,
    )


def _common_name(name: str, key: ec.EllipticCurvePrivateKey) -> str:
    """Two CAs never share a name: verifiers look for issuers by it."""
    return f"{name} {public_key_sha256(key.public_key())[:8]}"
