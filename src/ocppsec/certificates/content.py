"""What our certificates say: the extensions of each kind, and nothing that a request asked for.

The leaf of a station has the extended key usage clientAuth and nothing else.  A00.FR.514 would rather have
none, so that a certificate can also serve as ISO 15118 SECC certificate; we issue none that serve both.
Stations and CSMS share one root here, and a certificate without the extension is good for any purpose: a
station's stolen key could then play the CSMS to every other station.  What we issue obeys the stricter rule;
what stations of others present may come without the extension.
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ocppsec.certificates.keys import PublicKey
from ocppsec.certificates.lint import Kind, key_usage

PURPOSES = {
    Kind.STATION_ISSUER: ExtendedKeyUsageOID.CLIENT_AUTH,
    Kind.STATION: ExtendedKeyUsageOID.CLIENT_AUTH,
    Kind.SERVER_ISSUER: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.OCSP_RESPONDER: ExtendedKeyUsageOID.OCSP_SIGNING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointers:
    """Where others find out whether a certificate is revoked; plain HTTP."""

    crl: str
    ocsp: str
    issuer: str
    """The CA's certificate, DER."""

    @classmethod
    def under(cls, base: str) -> Self:
        """Those that the API serves, reached at *base*."""
        base = base.rstrip("/")
        return cls(crl=f"{base}/pki/stations.crl", ocsp=f"{base}/pki/ocsp", issuer=f"{base}/pki/stations.cer")

    def named(self, name: str) -> Self:
        """Those of the station CA whose lists lie under *name* (`ocppsec.certificates.generations`)."""
        return replace(
            self,
            crl=self.crl.replace("/pki/stations.", f"/pki/{name}."),
            issuer=self.issuer.replace("/pki/stations.", f"/pki/{name}."),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one certificate is to say; everything else follows from its kind."""

    kind: Kind
    common_name: str
    organization: str
    key: PublicKey
    not_before: datetime
    not_after: datetime
    serial: int
    pointers: Pointers | None = None


def builder_for(content: Content, issuer: x509.Certificate | None) -> x509.CertificateBuilder:
    """Ready to be signed; *issuer* is None for a root.  Raises ValueError on a name that X.509 has no room for."""
    issuer_kind = content.kind in {Kind.STATION_ISSUER, Kind.SERVER_ISSUER}
    authority = issuer_kind or content.kind in {Kind.ROOT, Kind.CROSS}
    path_length = 0 if issuer_kind else None
    subject = _subject(content)
    subject_key = x509.SubjectKeyIdentifier.from_public_key(content.key)
    unsigned = (
        x509.CertificateBuilder()
        .serial_number(content.serial)
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .not_valid_before(content.not_before)
        .not_valid_after(content.not_after)
        .public_key(content.key)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(
            key_usage(content.kind, rsa_key=isinstance(content.key, rsa.RSAPublicKey)), critical=True
        )
        .add_extension(subject_key, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier(
                _key_identifier(issuer) if issuer else subject_key.digest, None, None
            ),
            critical=False,
        )
    )
    if content.kind in PURPOSES:
        unsigned = unsigned.add_extension(x509.ExtendedKeyUsage([PURPOSES[content.kind]]), critical=False)
    if content.kind is Kind.SERVER:
        names = x509.SubjectAlternativeName(_names_of_host(content.common_name))
        unsigned = unsigned.add_extension(names, critical=False)
    if content.kind is Kind.OCSP_RESPONDER:
        unsigned = unsigned.add_extension(x509.OCSPNoCheck(), critical=False)
    if content.pointers is not None:
        for extension in _pointing(content.pointers):
            unsigned = unsigned.add_extension(extension, critical=False)
    return unsigned


def _pointing(pointers: Pointers) -> Iterator[x509.ExtensionType]:
    crl = x509.UniformResourceIdentifier(pointers.crl)
    yield x509.CRLDistributionPoints(
        [x509.DistributionPoint(full_name=[crl], relative_name=None, reasons=None, crl_issuer=None)]
    )
    yield x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(url))
            for method, url in (
                (AuthorityInformationAccessOID.OCSP, pointers.ocsp),
                (AuthorityInformationAccessOID.CA_ISSUERS, pointers.issuer),
            )
        ]
    )


def _names_of_host(hostname: str) -> Iterator[x509.GeneralName]:
    """The subject alternative names of a server that is dialled as *hostname*."""
    try:
        address = ipaddress.ip_address(hostname)
    except ValueError:
        yield x509.DNSName(hostname)
    else:
        yield x509.IPAddress(address)
        return
    if hostname == "localhost":  # a laboratory's convenience: stations there dial 127.0.0.1
        yield x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
        yield x509.IPAddress(ipaddress.IPv6Address("::1"))


def _subject(content: Content) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, content.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, content.common_name),
        ]
    )


def _key_identifier(issuer: x509.Certificate) -> bytes:
    return issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
