"""What a CA answered is judged: the same for our own CA and for everybody else's (PKI facts, external CAs).

Of an answer only the certificate of the requested key is taken; what is sent along with it comes from our own
configuration.  Every finding is told at once, in words, and with one finding nothing is recorded or delivered.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ocppsec.certificates.facts import (
    CLIENT_AUTH,
    extended_key_usage,
    fingerprint,
    is_ca,
    names,
    public_key_sha256,
    serial_number,
)
from ocppsec.certificates.issue import Issued
from ocppsec.certificates.lint import Kind, lint
from ocppsec.certificates.pem import CHAIN_LIMIT, write_chain
from ocppsec.issuers.issuer import AskFailed, Order
from ocppsec.issuers.trust import IssuingCa, Trust, is_issued_by

CLOCKS_DIFFER = timedelta(minutes=5)
"""So much later than asked a certificate may end, and so much ahead of ours the CA's clock may be."""
_RULES = frozenset({"version", "key", "hash", "lifetime", "station-name", "self-issued"})
"""Of our own lint: those that protect us whoever signed.  The others are our house style."""
_UNDERSTOOD: tuple[type[x509.ExtensionType], ...] = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
)
_MOST_SERIAL_BITS = 159  # RFC 5280 4.1.2.2: at most 20 octets, and positive


class BadAnswer(AskFailed):
    """The CA answered with something that is not what was asked for; nothing of it is used."""

    def __init__(self, text: str, *, certificate: x509.Certificate | None = None) -> None:
        super().__init__(text)
        self.certificate = certificate
        """For the requested key: it exists at the CA, and nobody is to use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    leaf: x509.Certificate
    issuing: IssuingCa | None
    order: Order
    now: datetime


def judge(answer: tuple[x509.Certificate, ...], order: Order, trust: Trust, *, now: datetime) -> Issued:
    """The certificate of *order* as it is recorded and delivered; raises `BadAnswer` with every reason."""
    leaf = _certificate_of(answer, order)
    try:
        case = _Case(leaf=leaf, issuing=trust.issuer_of(leaf), order=order, now=now)
        found = [text for check in CHECKS for text in check(case)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadAnswer(f"its certificate cannot be read: {error}", certificate=leaf) from error
    if found or case.issuing is None:
        raise BadAnswer("; ".join(found), certificate=leaf)
    chain = write_chain((leaf, case.issuing.certificate, *case.issuing.above))
    if len(chain) > CHAIN_LIMIT:
        raise BadAnswer(
            f"with its CAs it has {len(chain)} characters, CertificateSigned takes {CHAIN_LIMIT}",
            certificate=leaf,
        )
    return Issued(
        certificate=leaf,
        chain_pem=chain,
        fingerprint=fingerprint(leaf),
        serial_number=serial_number(leaf),
        subject=leaf.subject.rfc4514_string(),
        public_key_sha256=public_key_sha256(leaf.public_key()),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def _certificate_of(answer: tuple[x509.Certificate, ...], order: Order) -> x509.Certificate:
    """In whatever order they come (RFC 7030 4.2.3 has none): the one for the requested key."""
    if not answer:
        raise BadAnswer("there is no certificate in it")
    wanted = [each for each in answer if _key(each) == order.approved.public_key_sha256]
    if not wanted:
        raise BadAnswer("it certifies another key than the one that was requested")
    if len(set(wanted)) > 1:
        raise BadAnswer("there is more than one certificate for the requested key in it")
    return wanted[0]


def _key(certificate: x509.Certificate) -> str | None:
    try:
        return public_key_sha256(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _names(case: _Case) -> Iterator[str]:
    subject, order = case.leaf.subject, case.order
    if (found := names(subject, NameOID.COMMON_NAME)) != (order.common_name,):  # A00.FR.405
        yield f"common name {_said(found)}, not {order.common_name!a}"
    if (found := names(subject, NameOID.ORGANIZATION_NAME)) != (order.organization,):  # A00.FR.404
        yield f"organization {_said(found)}, not {order.organization!a}"


def _said(found: tuple[str, ...]) -> str:
    return ", ".join(f"{name[:64]!a}" for name in found[:3]) or "missing"


def _authority(case: _Case) -> Iterator[str]:
    if is_ca(case.leaf.extensions):
        yield "it is the certificate of a CA"


def _usage(case: _Case) -> Iterator[str]:
    try:
        usage = case.leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.digital_signature:
        yield "its key usage has no digitalSignature"
    if usage.key_cert_sign or usage.crl_sign:
        yield "its key usage lets it sign certificates or CRLs"


def _purpose(case: _Case) -> Iterator[str]:
    # Stations trust the root of this CA too: with another purpose one station could play the CSMS to all others.
    purposes = extended_key_usage(case.leaf.extensions)
    if purposes is None:
        yield "it has no extended key usage, which makes it good for a server too; it has to be clientAuth alone"
    elif purposes != {CLIENT_AUTH}:
        yield f"its extended key usage is {', '.join(sorted(purposes))}; it has to be clientAuth alone"


def _critical(case: _Case) -> Iterator[str]:
    for extension in case.leaf.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            yield f"a critical extension {extension.oid.dotted_string} that stations need not understand"


def _serial(case: _Case) -> Iterator[str]:
    number = case.leaf.serial_number
    if number <= 0 or number.bit_length() > _MOST_SERIAL_BITS:
        yield f"its serial number is not positive or has more than 20 octets ({number.bit_length()} bits)"


def _dates(case: _Case) -> Iterator[str]:
    begin, end = case.leaf.not_valid_before_utc, case.leaf.not_valid_after_utc
    if begin > case.now + CLOCKS_DIFFER:
        yield f"it begins {begin:%Y-%m-%d %H:%M}Z, the clock here says {case.now:%Y-%m-%d %H:%M}Z"
    if end <= case.now:
        yield f"it ended {end:%Y-%m-%d %H:%M}Z, the clock here says {case.now:%Y-%m-%d %H:%M}Z"
    longest = case.now + case.order.lifetime
    if end > longest + CLOCKS_DIFFER:
        yield (
            f"it is valid until {end:%Y-%m-%d %H:%M}Z, asked for was {longest:%Y-%m-%d %H:%M}Z at the latest:"
            " set ca.station_days, or the CA's profile, to what you want"
        )
    if case.issuing is not None and end > case.issuing.certificate.not_valid_after_utc:
        yield "it outlives the CA that issued it"


def _issuer(case: _Case) -> Iterator[str]:
    if case.issuing is None:
        name = case.leaf.issuer.rfc4514_string()[:200]
        yield f"its issuer {name!a} is none of the CAs configured (issuer.ca), or did not sign it"
        return
    path = (case.issuing.certificate, *case.issuing.above, case.issuing.root)
    for each in path:
        if not each.not_valid_before_utc <= case.now <= each.not_valid_after_utc:
            yield f"the CA {each.subject.rfc4514_string()} is not valid today"
    if not all(is_issued_by(below, above) for below, above in pairwise(path)):
        yield "its chain leads to no configured root"


def _lint(case: _Case) -> Iterator[str]:
    for finding in lint(case.leaf, Kind.STATION):
        if finding.rule in _RULES:
            yield str(finding)


Check = Callable[[_Case], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    _names,
    _authority,
    _usage,
    _purpose,
    _critical,
    _serial,
    _dates,
    _issuer,
    _lint,
)
