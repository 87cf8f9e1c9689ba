"""What every certificate of ours has to look like, checked before the real key signs it.

Each rule is one function with the requirement it serves; `ocppsec.certificates.signing` asks for all that apply
to a kind of certificate, and signs only what has no finding.  The rules are stricter than X.509: they describe
our profiles, not all that is valid.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocppsec.certificates.facts import is_ca, names
from ocppsec.certificates.key_rules import weakness
from ocppsec.certificates.request_names import SERIAL_NUMBER_LIMIT, looks_like_address


class Kind(StrEnum):
    ROOT = "root"
    CROSS = "cross"
    """A root's name and key, signed by another root."""
    STATION_ISSUER = "station-issuer"
    SERVER_ISSUER = "server-issuer"
    STATION = "station"
    SERVER = "server"
    OCSP_RESPONDER = "ocsp-responder"


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    requirement: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.requirement}): {self.text}"


LONGEST = {
    Kind.ROOT: timedelta(days=25 * 366),
    Kind.CROSS: timedelta(days=25 * 366),
    Kind.STATION_ISSUER: timedelta(days=8 * 366),
    Kind.SERVER_ISSUER: timedelta(days=8 * 366),
    Kind.STATION: timedelta(days=398, hours=2),
    Kind.SERVER: timedelta(days=398, hours=2),
    Kind.OCSP_RESPONDER: timedelta(days=32),
}
_AUTHORITIES = frozenset({Kind.ROOT, Kind.CROSS, Kind.STATION_ISSUER, Kind.SERVER_ISSUER})
_ISSUERS = frozenset({Kind.STATION_ISSUER, Kind.SERVER_ISSUER})
_EVERY = frozenset(Kind)
_PURPOSE = {
    Kind.STATION_ISSUER: ExtendedKeyUsageOID.CLIENT_AUTH,
    Kind.STATION: ExtendedKeyUsageOID.CLIENT_AUTH,
    Kind.SERVER_ISSUER: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Kind.OCSP_RESPONDER: ExtendedKeyUsageOID.OCSP_SIGNING,
}
_FORESEEN: frozenset[type[x509.ExtensionType]] = frozenset(
    {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
        x509.ExtendedKeyUsage,
    }
)

_BESIDES: dict[Kind, frozenset[type[x509.ExtensionType]]] = {
    Kind.SERVER: frozenset({x509.SubjectAlternativeName}),
    Kind.STATION: frozenset({x509.CRLDistributionPoints, x509.AuthorityInformationAccess}),
    Kind.OCSP_RESPONDER: frozenset({x509.OCSPNoCheck}),
}
"""What a kind may have in addition."""

Check = Callable[[x509.Certificate, Kind], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    requirement: str
    kinds: frozenset[Kind]
    check: Check


def lint(certificate: x509.Certificate, kind: Kind) -> tuple[Finding, ...]:
    """Every rule that *certificate* breaks as a certificate of *kind*; empty when it may be signed."""
    try:
        _ = certificate.extensions
    except ValueError as error:
        return (Finding("extensions-readable", "RFC 5280 4.2", str(error)),)
    return tuple(
        Finding(rule.name, rule.requirement, text)
        for rule in RULES
        if kind in rule.kinds and (text := rule.check(certificate, kind)) is not None
    )


def _version(certificate: x509.Certificate, _: Kind) -> str | None:
    return None if certificate.version is x509.Version.v3 else f"version {certificate.version.name}"


def _serial(certificate: x509.Certificate, _: Kind) -> str | None:
    bits = certificate.serial_number.bit_length()
    # A random number of 159 bits has fewer than 100 once in 10^17 certificates.
    if certificate.serial_number <= 0 or not 100 <= bits <= 159:
        return f"a serial number of {bits} bits"
    return None


def _lifetime(certificate: x509.Certificate, kind: Kind) -> str | None:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime <= timedelta(0):
        return "it ends before it begins"
    return None if lifetime <= LONGEST[kind] else f"valid for {lifetime.days} days"


def _key(certificate: x509.Certificate, _: Kind) -> str | None:
    return weakness(certificate.public_key())


def _hash(certificate: x509.Certificate, _: Kind) -> str | None:
    algorithm = certificate.signature_hash_algorithm
    name = "no hash" if algorithm is None else algorithm.name
    return None if name in {"sha256", "sha384", "sha512"} else f"signed over {name}"


def _organization(certificate: x509.Certificate, _: Kind) -> str | None:
    found = names(certificate.subject, NameOID.ORGANIZATION_NAME)
    return None if len(found) == 1 and found[0].strip() else f"organizations {found!r}"


def _common_name(certificate: x509.Certificate, _: Kind) -> str | None:
    found = names(certificate.subject, NameOID.COMMON_NAME)
    return None if len(found) == 1 and found[0].strip() else f"common names {found!r}"


def _station_name(certificate: x509.Certificate, _: Kind) -> str | None:
    for name in names(certificate.subject, NameOID.COMMON_NAME):
        if len(name) > SERIAL_NUMBER_LIMIT:
            return f"{name!r} is longer than {SERIAL_NUMBER_LIMIT} characters"
        if looks_like_address(name):
            return f"{name!r} looks like a URL or an IP address"
    return None


def _basic_constraints(certificate: x509.Certificate, kind: Kind) -> str | None:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return "missing"
    if not extension.critical:
        return "not critical"
    if is_ca(certificate.extensions) != (kind in _AUTHORITIES):
        return f"CA is {extension.value.ca}"
    return None


def _path_length(certificate: x509.Certificate, kind: Kind) -> str | None:
    try:
        length = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    except x509.ExtensionNotFound:
        return None  # that is another rule's finding
    # An issuing CA makes no CAs.  The root is unlimited, so that a next root can be cross-signed under it.
    wanted = 0 if kind in _ISSUERS else None
    return None if length == wanted else f"path length {length}, not {wanted}"


def _key_usage(certificate: x509.Certificate, kind: Kind) -> str | None:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        return "missing"
    if not extension.critical:
        return "not critical"
    wanted = key_usage(kind, rsa_key=isinstance(certificate.public_key(), rsa.RSAPublicKey))
    return None if extension.value == wanted else f"{extension.value!r}"


def key_usage(kind: Kind, *, rsa_key: bool) -> x509.KeyUsage:
    """A00.FR.512.  Only RSA can transport keys: the TLS_RSA suites of A00.FR.318 need it."""
    authority = kind in _AUTHORITIES
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=rsa_key and not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _purpose(certificate: x509.Certificate, kind: Kind) -> str | None:
    try:
        found = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        found = []
    wanted = [_PURPOSE[kind]] if kind in _PURPOSE else []
    return None if found == wanted else f"purposes {[usage.dotted_string for usage in found]}"


def _subject_key(certificate: x509.Certificate, _: Kind) -> str | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return "missing"
    wanted = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    return None if found == wanted else "it is not that of the key"


def _authority_key(certificate: x509.Certificate, _: Kind) -> str | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return "missing"
    return None if found.key_identifier else "without key identifier"


def _only_foreseen(certificate: x509.Certificate, kind: Kind) -> str | None:
    foreseen = _FORESEEN | _BESIDES.get(kind, frozenset())
    odd = [
        extension.oid.dotted_string
        for extension in certificate.extensions
        if type(extension.value) not in foreseen
    ]
    return f"extensions {odd}" if odd else None


def _server_names(certificate: x509.Certificate, _: Kind) -> str | None:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "no subject alternative name"
    present = {str(name.value) for name in alternatives}
    missing = [name for name in names(certificate.subject, NameOID.COMMON_NAME) if name not in present]
    return f"{missing} not among the alternative names" if missing else None


def _no_check(certificate: x509.Certificate, _: Kind) -> str | None:
    try:
        certificate.extensions.get_extension_for_class(x509.OCSPNoCheck)
    except x509.ExtensionNotFound:
        return "missing: whoever asks for a status would have to ask for the responder's too"
    return None


def _plain_pointers(certificate: x509.Certificate, _: Kind) -> str | None:
    """Whoever needs TLS to find out whether a certificate is revoked cannot find out."""
    odd = [url for url in _pointers(certificate) if not url.startswith("http://")]
    return f"{odd}" if odd else None


def _pointers(certificate: x509.Certificate) -> Iterator[str]:
    for extension in certificate.extensions:
        match extension.value:
            case x509.CRLDistributionPoints() as points:
                names = (name for point in points for name in point.full_name or ())
            case x509.AuthorityInformationAccess() as accesses:
                names = (access.access_location for access in accesses)
            case _:
                continue
        yield from (str(name.value) for name in names)


def _self_issued(certificate: x509.Certificate, kind: Kind) -> str | None:
    same = certificate.issuer == certificate.subject
    return None if same == (kind is Kind.ROOT) else "issuer and subject are " + ("one" if same else "two")


RULES = (
    Rule("version", "RFC 5280 4.1.2.1", _EVERY, _version),
    Rule("serial-number", "A00.FR.508, RFC 5280 4.1.2.2", _EVERY, _serial),
    Rule("lifetime", "PKI policy", _EVERY, _lifetime),
    Rule("key", "A00.FR.501, 502, 503", _EVERY, _key),
    Rule("hash", "A00.FR.504, 506", _EVERY, _hash),
    Rule("organization", "A00.FR.509", _EVERY, _organization),
    Rule("common-name", "A00.FR.510, 511", _EVERY, _common_name),
    Rule("station-name", "A00.FR.511", frozenset({Kind.STATION}), _station_name),
    Rule("server-names", "A00.FR.510", frozenset({Kind.SERVER}), _server_names),
    Rule("basic-constraints", "RFC 5280 4.2.1.9", _EVERY, _basic_constraints),
    Rule("path-length", "RFC 5280 4.2.1.9", _AUTHORITIES, _path_length),
    Rule("key-usage", "A00.FR.512", _EVERY, _key_usage),
    Rule("purpose", "A00.FR.512", _EVERY, _purpose),
    Rule("subject-key-identifier", "RFC 5280 4.2.1.2", _EVERY, _subject_key),
    Rule("authority-key-identifier", "RFC 5280 4.2.1.1", _EVERY, _authority_key),
    Rule("extensions", "PKI policy", _EVERY, _only_foreseen),
    Rule("no-check", "RFC 6960 4.2.2.2.1", frozenset({Kind.OCSP_RESPONDER}), _no_check),
    Rule("pointers", "RFC 5280 8", frozenset({Kind.STATION}), _plain_pointers),
    Rule("self-issued", "RFC 5280 3.2", _EVERY, _self_issued),
)
