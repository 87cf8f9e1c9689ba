"""The station's own certificates: open requests, the judgement of what comes back, old and new (A02, A03).

At most two certificates are kept: the one that last worked, and a newer one that has not connected yet
(A02.FR.10).  Which of them is used is decided by `to_present`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ocppsec.certificates.keys import PublicKey
from ocppsec.certificates.pem import read_certificates, write_chain
from ocppsec.certificates.verify import VerificationFailed, VerifiedChain, verify_chain
from ocppsec.station.remembered import OpenRequest, OwnCertificate, Remembered
from ocppsec.station.slots import Objection
from ocppsec.station.trust import csms_roots, parsed_chain

MAX_OPEN: Final = 4
"""A late certificate for an earlier request is still welcome (spec §14.6, 14)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who our certificates have to be made out to."""

    serial_number: str
    organization: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a CertificateSigned; `objection` None means accepted."""

    kept: Remembered
    objection: Objection | None = None


def with_request(kept: Remembered, csr: str, key: str) -> Remembered:
    """*kept* with one more open request."""
    return kept.but(requests=(*kept.requests, OpenRequest(csr, key))[-MAX_OPEN:])


def without_request(kept: Remembered, key: str) -> Remembered:
    """After the CSMS rejected it (A02.FR.12): the key pair is forgotten."""
    return kept.but(requests=tuple(request for request in kept.requests if request.key != key))


def judge(
    kept: Remembered, chain_pem: str, *, subject: Subject, max_chain_size: int, now: datetime
) -> Judgement:
    """A02.FR.06: is this chain for a key of ours, made out to us, valid now, under an installed CSMS root?"""
    if len(chain_pem) > max_chain_size:  # A02.FR.16
        return _no(kept, "TooLargeElement", f"more than {max_chain_size} characters")
    try:
        mine = _key_of(kept, read_certificates(chain_pem)[0])
    except (ValueError, UnsupportedAlgorithm) as error:
        return _no(kept, "InvalidCertificate", f"cannot be read: {error}")
    if mine is None:
        return _no(kept, "InvalidCertificate", "not for a key this station asked a certificate for")
    key, public_key = mine
    try:
        verified = _verify(chain_pem, kept, public_key, subject, now)
    except VerificationFailed as error:
        return _no(kept, "InvalidCertificate", str(error))
    return Judgement(kept=_with_certificate(kept, OwnCertificate(write_chain(verified.chain), key)))


def _no(kept: Remembered, reason_code: str, text: str) -> Judgement:
    return Judgement(kept=kept, objection=Objection(reason_code=reason_code, text=text))


def _verify(
    chain_pem: str, kept: Remembered, public_key: PublicKey, subject: Subject, now: datetime
) -> VerifiedChain:
    return verify_chain(
        chain_pem,
        roots=csms_roots(kept, with_fallback=True),
        public_key=public_key,
        now=now,
        common_name=subject.serial_number,
        organization=subject.organization,
    )


def _key_of(kept: Remembered, leaf: x509.Certificate) -> tuple[str, PublicKey] | None:
    """The key of ours *leaf* is for: of an open request, or of a certificate that arrives twice."""
    wanted = _bytes(leaf.public_key())
    ours = [(request.key, _requested(request)) for request in kept.requests]
    ours += [(own.key, parsed_chain(own.chain_pem)[0].public_key()) for own in kept.certificates]
    for key, public_key in ours:
        if _bytes(public_key) == wanted:
            assert isinstance(public_key, PublicKey)
            return key, public_key
    return None


def _requested(request: OpenRequest) -> object:
    return x509.load_pem_x509_csr(request.csr.encode("ascii")).public_key()


def _bytes(public_key: object) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _with_certificate(kept: Remembered, new: OwnCertificate) -> Remembered:
    """The proven one stays until the new one has connected; an unproven one in between goes (A02.FR.10)."""
    others = tuple(own for own in kept.certificates[:1] if own.key != new.key)
    return without_request(kept, new.key).but(certificates=(*others, new))


def to_present(kept: Remembered, *, recovering: bool) -> OwnCertificate | None:
    """The newest, but the one that worked before when nothing else connects (A02.FR.28)."""
    if not kept.certificates:
        return None
    return kept.certificates[0 if recovering else -1]


def after_connection(kept: Remembered, used: OwnCertificate) -> tuple[Remembered, bool]:
    """A02.FR.10: only *used* stays.  True when a newer one was thrown away for it (A02.FR.29)."""
    discarded = used in kept.certificates and used != kept.certificates[-1]
    return kept.but(certificates=(used,)), discarded


def has_valid_certificate(kept: Remembered, *, subject: Subject, now: datetime) -> bool:
    """A05.FR.03: is there one to reach profile 3 with?"""
    own = to_present(kept, recovering=False)
    if own is None:
        return False
    public_key = parsed_chain(own.chain_pem)[0].public_key()
    assert isinstance(public_key, PublicKey)
    try:
        _verify(own.chain_pem, kept, public_key, subject, now)
    except VerificationFailed:
        return False
    return True


def renewal_due(kept: Remembered, *, days: int) -> datetime | None:
    """A03: when to ask for the next certificate of one's own accord: *days* before the newest ends.

    One that lives for less than three times that is renewed when a third of its life is left, or it would be
    renewed on the day it came.
    """
    own = to_present(kept, recovering=False)
    if own is None:
        return None
    leaf = parsed_chain(own.chain_pem)[0]
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return leaf.not_valid_after_utc - min(timedelta(days=days), life / 3)


def keys_in_use(kept: Remembered) -> frozenset[str]:
    """The names of the private keys that must not be lost; all others may go."""
    return frozenset(own.key for own in kept.certificates) | {request.key for request in kept.requests}
