"""The roots a station has installed, and the rules for adding, naming and removing them (M03, M04, M05).

With AdditionalRootCertificateCheck there is one CSMS root; a new one has to be signed by it and, until it has
worked, the old one stays as a fallback (M05.FR.09 to 16).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from ocppsec.certificates import hash_data as naming
from ocppsec.certificates.pem import BadPem, read_certificate, read_certificates, write_chain
from ocppsec.certificates.verify import VerificationFailed, verify_root
from ocppsec.ocppj.messages import (
    CertificateHashData,
    CertificateHashDataChain,
    DeleteCertificateStatus,
    GetCertificateIdUse,
    HashAlgorithm,
    InstallCertificateStatus,
    InstallCertificateUse,
)
from ocppsec.profiles.profile import SecurityProfile
from ocppsec.station.config import Traits
from ocppsec.station.remembered import InstalledRoot, OwnCertificate, Remembered
from ocppsec.station.slots import Objection

CSMS_ROOT: Final = InstallCertificateUse.CSMS_ROOT_CERTIFICATE


@lru_cache(maxsize=1024)
def parsed(pem: str) -> x509.Certificate:
    """A certificate that was checked when it was installed; parsed once for a whole fleet."""
    return read_certificate(pem)


@lru_cache(maxsize=1024)
def parsed_chain(pem: str) -> tuple[x509.Certificate, ...]:
    return read_certificates(pem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What became of an InstallCertificate."""

    status: InstallCertificateStatus
    kept: Remembered
    objection: Objection | None = None


def csms_roots(kept: Remembered, *, with_fallback: bool = False) -> tuple[x509.Certificate, ...]:
    """The installed CSMS roots.

    *with_fallback* adds the one that was replaced: our own certificate may still hang under it.
    """
    pems = [root.pem for root in kept.roots if root.use == CSMS_ROOT]
    if with_fallback and kept.fallback_root is not None:
        pems.append(kept.fallback_root)
    return tuple(parsed(pem) for pem in pems)


def has_valid_csms_root(kept: Remembered, now: datetime) -> bool:
    return any(_is_current(root, now) for root in csms_roots(kept))


def _is_current(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def install(
    kept: Remembered, use: InstallCertificateUse, pem: str, *, now: datetime, traits: Traits
) -> Installed:
    """M05: *kept* with the root, or why not."""
    old = csms_roots(kept)
    try:
        if traits.additional_root_check and use == CSMS_ROOT and old:
            return _replace(kept, pem, old[0], now)
        certificate = verify_root(pem, now=now)
    except (BadPem, VerificationFailed) as error:  # M05.FR.07
        return _rejected(kept, "InvalidCertificate", str(error))
    new = InstalledRoot(use, write_chain([certificate]))
    if new in kept.roots:  # M05.FR.17: replaced by itself
        return Installed(status=InstallCertificateStatus.ACCEPTED, kept=kept)
    if len(kept.roots) >= traits.max_roots:  # M05.FR.06
        return _rejected(kept, "OutOfStorage", f"there is room for {traits.max_roots} certificates")
    return Installed(status=InstallCertificateStatus.ACCEPTED, kept=kept.but(roots=(*kept.roots, new)))


def _rejected(kept: Remembered, reason_code: str, text: str) -> Installed:
    return Installed(
        status=InstallCertificateStatus.REJECTED,
        kept=kept,
        objection=Objection(reason_code=reason_code, text=text),
    )


def _replace(kept: Remembered, pem: str, old: x509.Certificate, now: datetime) -> Installed:
    """M05.FR.10 to 12: the one CSMS root gives way to one it has signed, and stays as the fallback."""
    new = read_certificate(pem)
    new_pem, old_pem = write_chain([new]), write_chain([old])
    if new_pem == old_pem:
        return Installed(status=InstallCertificateStatus.ACCEPTED, kept=kept)
    if not _is_current(new, now) or not _is_ca(new):
        return _rejected(kept, "InvalidCertificate", "not a currently valid CA certificate")
    try:
        new.verify_directly_issued_by(old)
    except (ValueError, TypeError, InvalidSignature):  # M05.FR.11
        return _rejected(kept, "InvalidCertificate", "not signed by the installed CSMS root")
    others = tuple(root for root in kept.roots if root.use != CSMS_ROOT)
    return Installed(
        status=InstallCertificateStatus.ACCEPTED,
        kept=kept.but(roots=(*others, InstalledRoot(CSMS_ROOT, new_pem, old_pem)), fallback_root=old_pem),
    )


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def without_fallback(kept: Remembered) -> Remembered:
    """M05.FR.13: the new root has worked."""
    return kept.but(fallback_root=None)


# -- M03: naming ------------------------------------------------------------------------------------------


def _name(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str) -> CertificateHashData:
    name = naming.hash_data(certificate, issuer, HashAlgorithm(algorithm).value)
    return CertificateHashData(
        hash_algorithm=HashAlgorithm(name.hash_algorithm),
        issuer_name_hash=name.issuer_name_hash,
        issuer_key_hash=name.issuer_key_hash,
        serial_number=name.serial_number,
    )


def _root_name(root: InstalledRoot, algorithm: str = HashAlgorithm.SHA256) -> CertificateHashData:
    return _name(parsed(root.pem), parsed(root.issuer_pem or root.pem), algorithm)


def installed_ids(
    kept: Remembered, uses: tuple[GetCertificateIdUse, ...] | None
) -> tuple[CertificateHashDataChain, ...]:
    """M03.FR.01 to 04: one entry for each matching root; *uses* None asks for all."""
    return tuple(
        CertificateHashDataChain(
            certificate_type=GetCertificateIdUse(root.use), certificate_hash_data=_root_name(root)
        )
        for root in kept.roots
        if uses is None or root.use in uses
    )


# -- M04: deleting ----------------------------------------------------------------------------------------


def delete(kept: Remembered, wanted: CertificateHashData) -> tuple[DeleteCertificateStatus, Remembered]:
    """M04: *kept* without the named certificate, or why not."""
    for root in kept.roots:
        if _same(_root_name(root, wanted.hash_algorithm), wanted):
            return _delete_root(kept, root)
    if any(_is_named(own, kept, wanted) for own in kept.certificates):  # M04.FR.06
        return DeleteCertificateStatus.FAILED, kept
    return DeleteCertificateStatus.NOT_FOUND, kept


def _delete_root(kept: Remembered, root: InstalledRoot) -> tuple[DeleteCertificateStatus, Remembered]:
    last = root.use == CSMS_ROOT and len(csms_roots(kept)) == 1
    if last and kept.security_profile >= SecurityProfile.TLS_BASIC:
        # M04.FR.03: may be refused.  Without it this station could never connect again.
        return DeleteCertificateStatus.FAILED, kept
    roots = tuple(other for other in kept.roots if other != root)
    return DeleteCertificateStatus.ACCEPTED, kept.but(roots=roots)


def _is_named(own: OwnCertificate, kept: Remembered, wanted: CertificateHashData) -> bool:
    leaf, *others = parsed_chain(own.chain_pem)
    issuers = (issuer for issuer in (*others, *csms_roots(kept)) if issuer.subject == leaf.issuer)
    return any(_same(_name(leaf, issuer, wanted.hash_algorithm), wanted) for issuer in issuers)


def _same(one: CertificateHashData, other: CertificateHashData) -> bool:
    return naming.same(_plain(one), _plain(other))


def _plain(data: CertificateHashData) -> naming.CertificateHashData:
    return naming.CertificateHashData(
        hash_algorithm=data.hash_algorithm.value,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )
