"""Whose certificates the doors believe: our own CAs for stations, and those of manufacturers for new ones.

TLS says that some anchor has signed; which one it was, and whether that one is valid itself, is found here, because
admission judges a manufacturer's certificate by other rules than ours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from ocppsec.certificates.foreign_status import StatusRule
from ocppsec.certificates.pem import read_certificates, write_chain

_ALL = 1_000_000
"""Characters; ours, and read from our own disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manufacturer:
    """Who makes stations and signs their first certificates (A00.FR.804)."""

    name: str
    certificates: tuple[x509.Certificate, ...]
    """The CAs that issue to stations themselves, not a root above them."""
    rule: StatusRule
    organizations: frozenset[str] | None = None
    """Which O its certificates have to bear; None for any."""


@dataclass(frozen=True, slots=True)
class Anchor:
    certificate: x509.Certificate
    manufacturer: Manufacturer | None
    """None: ours."""


class Anchors:
    def __init__(self, own_pem: str, manufacturers: Sequence[Manufacturer]) -> None:
        """Our own are named first: a certificate of ours never counts as a manufacturer's."""
        own = [Anchor(certificate, None) for certificate in read_certificates(own_pem, limit=_ALL)]
        foreign = [
            Anchor(certificate, maker) for maker in manufacturers for certificate in maker.certificates
        ]
        self._ours_alone = not foreign
        self._by_name: dict[bytes, list[Anchor]] = {}
        for anchor in (*own, *foreign):
            self._by_name.setdefault(anchor.certificate.subject.public_bytes(), []).append(anchor)
        self.pem = write_chain(_unique(anchor.certificate for anchor in (*own, *foreign)))

    def issuer_of(self, der: bytes) -> Anchor | None:
        """The anchor that has signed the certificate itself, not a CA below it; None when there is none now."""
        try:
            leaf = x509.load_der_x509_certificate(der)
            named = self._by_name.get(leaf.issuer.public_bytes(), [])
        except ValueError:  # malformed: nobody we know has signed that
            return None
        if len(named) == 1 and self._ours_alone:
            return named[0]  # TLS has verified it, and whether it is ours the records say, by its hash
        return next((anchor for anchor in named if _is_signed(leaf, anchor.certificate)), None)


def _unique(certificates: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    return tuple(dict.fromkeys(certificates))


def _is_signed(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
