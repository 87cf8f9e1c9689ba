"""What lies in the directory of a hierarchy: each CA's certificate, where its key is, and whether it ends soon.

Read from the files alone: no key is opened and no token is asked, so it needs neither passphrase nor PIN.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ocppsec.certificates.custody import Elsewhere, place_in
from ocppsec.certificates.key_place import KeyPlace
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.certificates.pem import BadPem, read_certificate
from ocppsec.certificates.safekeeping import TooOpen

ROLES = ("root", "stations", "servers")
MISSING = "missing"
_WARNED = 1 / 6
"""Of a CA's life: a year for an issuing CA of ours, more than three for a root, whose successor has to reach every
station."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One CA as the files have it."""

    role: str
    path: Path
    certificate: x509.Certificate | None
    """None where there is none (yet)."""
    damage: str
    """Why the certificate cannot be read; empty when it can, or when there is none."""
    key: str
    """Where the key is, in words."""


def inventory(directory: Path) -> Iterator[Held]:
    for role in ROLES:
        path = directory / f"{role}.pem"
        certificate, damage = _certificate(path)
        yield Held(
            role=role,
            path=path,
            certificate=certificate,
            damage=damage,
            key=where_key_is(directory / f"{role}.key"),
        )


def _certificate(path: Path) -> tuple[x509.Certificate | None, str]:
    try:
        return read_certificate(path.read_bytes()), ""
    except FileNotFoundError:
        return None, ""
    except BadPem as error:
        return None, error.reason
    except OSError as error:
        return None, error.strerror or str(error)


def where_key_is(path: Path) -> str:
    try:
        place = place_in(path)
        match place:
            case Elsewhere():
                return "on another machine"
            case KeyPlace():
                return str(place)
            case None:
                encrypted = b"ENCRYPTED" in path.read_bytes()
                return f"{path}, {'encrypted' if encrypted else 'in clear'}"
    except FileNotFoundError:
        return MISSING
    except (KeyUnusable, TooOpen) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    """True in the last sixth of a CA's life, and after its end."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= end - (end - begin) * _WARNED
