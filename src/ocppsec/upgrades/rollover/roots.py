"""The two roots of a rollover, and how a station names them.

A station may hold a root in more than one form: self-signed, or signed by the other root where it looks closer
(AdditionalRootCertificateCheck, M05.FR.10).  Each form has its own hash data; whichever is listed, it is that root.
"""

from enum import StrEnum

import msgspec

from ocppsec.ocppj.messages import (
    CertificateHashData,
    GetCertificateIdUse,
    GetInstalledCertificateIdsResponse,
)
from ocppsec.upgrades.plan import RootHash


class Which(StrEnum):
    OLD = "old"
    NEW = "new"

    @property
    def other(self) -> "Which":
        return Which.NEW if self is Which.OLD else Which.OLD


class Root(msgspec.Struct, frozen=True, kw_only=True):
    pem: str
    """Self-signed."""
    signed_pem: str
    """The same root, signed by the other one."""
    hashes: tuple[RootHash, ...]
    """Of every form, in every hash algorithm that a station may choose."""


class Roots(msgspec.Struct, frozen=True, kw_only=True):
    old: Root
    new: Root

    def of(self, which: Which) -> Root:
        return self.old if which is Which.OLD else self.new


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says it has as CSMSRootCertificate, in its own words (M04.FR.07)."""

    old: tuple[CertificateHashData, ...] = ()
    new: tuple[CertificateHashData, ...] = ()
    others: int = 0

    @property
    def shows(self) -> frozenset[Which]:
        return frozenset(which for which in Which if self.of(which))

    def of(self, which: Which) -> tuple[CertificateHashData, ...]:
        return self.old if which is Which.OLD else self.new


def listed(response: GetInstalledCertificateIdsResponse, roots: Roots) -> Listed:
    """Which of the two roots *response* names.  NotFound, or an empty answer, names none."""
    named = [
        chain.certificate_hash_data
        for chain in response.certificate_hash_data_chain or ()
        if chain.certificate_type is GetCertificateIdUse.CSMS_ROOT_CERTIFICATE
    ]
    found = {which: tuple(one for one in named if _is(one, roots.of(which))) for which in Which}
    known = sum(len(each) for each in found.values())
    return Listed(old=found[Which.OLD], new=found[Which.NEW], others=len(named) - known)


def _is(named: CertificateHashData, root: Root) -> bool:
    return any(_key(named) == _key(known) for known in root.hashes)


def _key(data: CertificateHashData | RootHash) -> tuple[str, str, str, str]:
    # Hexadecimal is written in either case, serial numbers with and without leading zeros.
    return (
        str(data.hash_algorithm).upper(),
        data.issuer_name_hash.lower(),
        data.issuer_key_hash.lower(),
        data.serial_number.lower().lstrip("0"),
    )
