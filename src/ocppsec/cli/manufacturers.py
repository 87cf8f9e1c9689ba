"""The manufacturers of the settings: their CAs read from files, and refused when they are none.

A start with a CA that cannot be trusted is refused, because stations would be refused later without a word of why.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from ocppsec.certificates.facts import is_ca
from ocppsec.certificates.foreign_status import StatusPolicy, StatusRule
from ocppsec.certificates.key_rules import too_weak
from ocppsec.certificates.pem import BadPem, read_certificates
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.settings import ManufacturerSection
from ocppsec.csms.anchors import Manufacturer

_LIMIT = 200_000
"""Characters; some dozens of CAs."""


def manufacturers_of(sections: Iterable[ManufacturerSection]) -> tuple[Manufacturer, ...]:
    """Raises `Failure`."""
    made: dict[x509.Certificate, str] = {}
    found = tuple(_manufacturer(section) for section in sections)
    for maker in found:
        for certificate in maker.certificates:
            if made.setdefault(certificate, maker.name) != maker.name:
                raise Failure(
                    f"manufacturer {maker.name}: {certificate.subject.rfc4514_string()} is also one of "
                    f"{made[certificate]}",
                    why="whose certificate a station shows could not be told",
                    next="name each CA once",
                    code=ExitCode.USAGE,
                )
    return found


def _manufacturer(section: ManufacturerSection) -> Manufacturer:
    return Manufacturer(
        name=section.name,
        certificates=_authorities(section),
        rule=StatusRule(
            policy=StatusPolicy(section.status),
            crl=section.crl,
            ocsp=section.ocsp,
            grace=timedelta(seconds=section.grace),
        ),
        organizations=frozenset(section.organizations) or None,
    )


def _authorities(section: ManufacturerSection) -> tuple[x509.Certificate, ...]:
    path = Path(section.ca).expanduser()
    where = f"manufacturer {section.name}: {path}"
    try:
        found = read_certificates(path.read_bytes(), limit=_LIMIT)
    except OSError as error:
        raise Failure(f"{where} cannot be read: {error.strerror}", code=ExitCode.USAGE) from error
    except BadPem as error:
        raise Failure(f"{where} is not certificates in PEM: {error.reason}", code=ExitCode.USAGE) from error
    for certificate in found:
        why = _why_not(certificate)
        if why is not None:
            raise Failure(
                f"{where}: {certificate.subject.rfc4514_string()} {why}",
                next="name the CA that issues to the stations, as the manufacturer gives it",
                code=ExitCode.USAGE,
            )
    return found


def _why_not(certificate: x509.Certificate) -> str | None:
    try:
        if not is_ca(certificate.extensions):
            return "is not the certificate of a CA"
        weak = too_weak(certificate.public_key())
    except ValueError as error:
        return f"is malformed: {error}"
    return None if weak is None else f"is too weak: {weak}"
