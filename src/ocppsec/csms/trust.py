"""Which CSMS roots stations have, as they last said themselves (M03): kept, and told in our words.

An answer counts for the moment it was given.  A root of ours is known by its hash data, in each form and algorithm;
others keep the name the station gives them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ocppsec.certificates.facts import fingerprint
from ocppsec.certificates.files import AuthorityFiles
from ocppsec.certificates.generations import Generation
from ocppsec.certificates.hash_data import CertificateHashData, HashAlgorithm, same
from ocppsec.ocppj.messages import CertificateHashData as OnTheWire
from ocppsec.ocppj.messages import CertificateHashDataChain, GetCertificateIdUse
from ocppsec.registry.records import TrustReport
from ocppsec.registry.store import NotRegistered, Store

ALGORITHMS: tuple[HashAlgorithm, ...] = ("SHA256", "SHA384", "SHA512")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoot:
    """One CSMS root in a station."""

    serial_number: str
    sha256: str | None
    """Of our root that it is; None for one we do not know."""
    role: str
    """``in force``, ``coming``, or ``foreign``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    identity: str
    at: datetime
    roots: tuple[TrustedRoot, ...]


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


_decoder = msgspec.json.Decoder(tuple[_Kept, ...])


class TrustBook:
    def __init__(
        self, store: Store, authority: Callable[[], AuthorityFiles], *, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._authority = authority
        self._now = now

    async def told(self, identity: str, chains: Sequence[CertificateHashDataChain]) -> None:
        """A station has answered GetInstalledCertificateIds."""
        named = [
            _kept(chain.certificate_hash_data)
            for chain in chains
            if chain.certificate_type is GetCertificateIdUse.CSMS_ROOT_CERTIFICATE
        ]
        await self._store.save_trust(
            TrustReport(identity=identity, at=self._now(), roots=msgspec.json.encode(named).decode())
        )

    def is_ours(self, named: OnTheWire) -> bool:
        """True for a root of ours: the one in force or the coming one, in whatever form and algorithm."""
        authority = self._authority()
        return any(
            generation is not None and is_root(named, generation)
            for generation in (authority.present, authority.coming)
        )

    async def of(self, identity: str) -> Trust:
        """What it said last; raises `NotRegistered` when that is nothing, as of a station removed meanwhile."""
        report = await self._store.trust_of(identity)
        if report is None:
            raise NotRegistered(identity)
        return self._trust(report, self._authority())

    async def page(self, *, after: str | None = None, limit: int = 100) -> list[Trust]:
        """What stations have said, ordered by identity."""
        authority = self._authority()
        return [
            self._trust(report, authority) for report in await self._store.trust(after=after, limit=limit)
        ]

    def _trust(self, report: TrustReport, authority: AuthorityFiles) -> Trust:
        named = _decoder.decode(report.roots)
        return Trust(
            identity=report.identity,
            at=report.at,
            roots=tuple(_known(one, authority) for one in named),
        )


def _kept(data: OnTheWire) -> _Kept:
    return _Kept(
        hash_algorithm=data.hash_algorithm.value,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )


def _known(named: _Kept, authority: AuthorityFiles) -> TrustedRoot:
    for role, generation in (("in force", authority.present), ("coming", authority.coming)):
        if generation is not None and is_root(named, generation):
            return TrustedRoot(
                serial_number=named.serial_number, sha256=fingerprint(generation.root), role=role
            )
    return TrustedRoot(serial_number=named.serial_number, sha256=None, role="foreign")


def is_root(named: _Kept | OnTheWire, generation: Generation) -> bool:
    """True when *named* is the root of *generation*, in whatever form and algorithm."""
    algorithm = next((one for one in ALGORITHMS if one == str(named.hash_algorithm).upper()), None)
    if algorithm is None:
        return False
    theirs = CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=named.issuer_name_hash,
        issuer_key_hash=named.issuer_key_hash,
        serial_number=named.serial_number,
    )
    return any(same(theirs, ours) for ours in generation.names_of_root(algorithm))
