"""Which CA we take certificates of stations from: what the operator configured, judged before anything is asked.

The issuing CAs become trust anchors of the door of profile 3, the root never does: what else lives under it is nobody's
station.  The root is what a station installs that verifies its own certificate (PKI facts, EVerest).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ocppsec.certificates.facts import is_ca
from ocppsec.certificates.key_rules import too_weak
from ocppsec.certificates.pem import BadPem, read_certificates, write_chain
from ocppsec.issuers.issuer import BadIssuer

_FILE_LIMIT = 100_000
_LONGEST_PATH = 5


class BadTrust(BadIssuer):
    """The configured CA certificates cannot be used."""


@dataclass(frozen=True, slots=True)
class IssuingCa:
    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]
    """Nearest first, without the root; sent along with what this CA issues."""
    root: x509.Certificate


@dataclass(frozen=True, slots=True)
class Trust:
    """At least one CA, each with its way to a root."""

    issuing: tuple[IssuingCa, ...]

    @property
    def anchors_pem(self) -> str:
        """For the door of profile 3, with ``VERIFY_X509_PARTIAL_CHAIN``."""
        return write_chain(each.certificate for each in self.issuing)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return tuple(dict.fromkeys(each.root for each in self.issuing))

    def issuer_of(self, leaf: x509.Certificate) -> IssuingCa | None:
        return next((each for each in self.issuing if is_issued_by(leaf, each.certificate)), None)


def read_trust(path: Path, *, now: datetime) -> Trust:
    """From a PEM file with the root, the CA that issues, and what is between; raises `BadTrust`."""
    try:
        found = read_certificates(path.read_bytes(), limit=_FILE_LIMIT)
    except OSError as error:
        raise BadTrust(f"{path} cannot be read: {error.strerror}") from error
    except BadPem as error:
        raise BadTrust(f"{path} cannot be read as certificates: {error.reason}") from error
    try:
        return trust_in(found, now=now)
    except BadTrust as error:
        raise BadTrust(f"{path}: {error}") from error


def trust_in(certificates: tuple[x509.Certificate, ...], *, now: datetime) -> Trust:
    """CAs that issued no other CA among *certificates* are taken for those that issue to stations.

    Those that have ended are left out; raises `BadTrust`.
    """
    for each in certificates:
        _judge(each)
    ended = [each for each in certificates if now > each.not_valid_after_utc]
    certificates = tuple(each for each in certificates if each not in ended)
    if not certificates and ended:
        raise BadTrust(
            f"{ended[0].subject.rfc4514_string()} ended {ended[0].not_valid_after_utc:%Y-%m-%d %H:%M}Z"
        )
    roots = tuple(each for each in certificates if is_issued_by(each, each))
    between = tuple(each for each in certificates if each not in roots)
    lowest = tuple(
        each for each in between if not any(is_issued_by(other, each) for other in between if other != each)
    )
    if not roots:
        raise BadTrust("there is no root in it: add the self-signed certificate of the CA")
    if not lowest:
        # A root that issues leaves would have to be an anchor of the door, with all that is under it.
        raise BadTrust(
            "there is only a root in it: add the CA under it that issues to stations; a root that does so"
            " itself is not taken"
        )
    return Trust(tuple(_with_path(each, between, roots) for each in lowest))


def _with_path(
    issuing: x509.Certificate, between: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]
) -> IssuingCa:
    path: list[x509.Certificate] = [issuing]
    while len(path) <= _LONGEST_PATH:
        root = next((each for each in roots if is_issued_by(path[-1], each)), None)
        if root is not None:
            _judge_lengths((*path, root))
            return IssuingCa(issuing, tuple(path[1:]), root)
        above = next((each for each in between if each not in path and is_issued_by(path[-1], each)), None)
        if above is None:
            break
        path.append(above)
    raise BadTrust(f"{path[-1].subject.rfc4514_string()} leads to no root in it")


def _judge_lengths(path: tuple[x509.Certificate, ...]) -> None:
    for below, each in enumerate(path):
        length = each.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        if length is not None and length < below:
            name = each.subject.rfc4514_string()
            raise BadTrust(f"{name} allows {length} CAs below it, there are {below}")


def _judge(certificate: x509.Certificate) -> None:
    name = certificate.subject.rfc4514_string()
    try:
        authority, extensions = is_ca(certificate.extensions), certificate.extensions
        weak = too_weak(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadTrust(f"{name} cannot be read: {error}") from error
    if not authority:
        raise BadTrust(f"{name} is not the certificate of a CA")
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not usage.key_cert_sign:
        raise BadTrust(f"{name} may not sign certificates")
    if weak is not None:
        raise BadTrust(f"{name}: {weak}")


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """By name and by signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
