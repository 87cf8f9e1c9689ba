"""What the commands about the CA's keys share: the state directory, what was said about it, and how they fail."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.certificates.authority_directory import (
    ISSUERS,
    AuthorityDamaged,
    AuthorityDirectory,
    NotCertifiedYet,
)
from ocppsec.certificates.custody import Custody
from ocppsec.certificates.facts import fingerprint, names, serial_number
from ocppsec.certificates.issue import Authority, IssueFailed
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.certificates.offline_root import FileRefused
from ocppsec.certificates.pem import BadPem
from ocppsec.certificates.safekeeping import (
    TooOpen,
)
from ocppsec.cli.assemble import custody_of
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import printable
from ocppsec.cli.settings import Settings, load
from ocppsec.cli.state import find_api, is_held, state_directory

_LARGEST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A state directory and what was said about it."""

    directory: Path
    settings: Settings

    @property
    def ca(self) -> Path:
        return self.directory / "ca"

    @property
    def organization(self) -> str:
        return self.settings.csms.organization

    @property
    def custody(self) -> Custody:
        return custody_of(self.settings)

    def authority(self) -> AuthorityDirectory:
        return AuthorityDirectory(
            self.ca, custody=self.custody, now=datetime.now(UTC), serials=x509.random_serial_number
        )

    @classmethod
    def of(cls, state: Path | None, config: Path | None, **flags: Any) -> "Place":
        given = {key.replace("__", "."): value for key, value in flags.items()}
        return cls(directory=state_directory(state), settings=load(config, os.environ, given).settings)


def root_of(place: Place) -> Authority:
    if not (place.ca / "root.pem").exists():
        raise AuthorityDamaged(f"{place.ca / 'root.pem'} is missing: make a root with ocppsec ca init")
    return place.authority().load_or_create_root(place.organization)


def there(place: Place) -> Path:
    if not place.ca.is_dir():
        raise Failure(
            f"there is no certificate authority in {place.ca}",
            next="make one with ocppsec ca init",
            code=ExitCode.NOT_FOUND,
        )
    return place.ca


def issuer_named(role: str) -> str:
    if role not in ISSUERS:
        raise Failure(
            f"there is no issuing CA {role!r}", next=f"one of {', '.join(ISSUERS)}", code=ExitCode.USAGE
        )
    return role


def read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_LARGEST)


def about(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial_number": serial_number(certificate),
        "sha256": fingerprint(certificate),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def named(certificate: x509.Certificate) -> str:
    common = names(certificate.subject, NameOID.COMMON_NAME)
    name = common[0] if common else certificate.subject.rfc4514_string()
    return f"{printable(name)}, until {certificate.not_valid_after_utc:%Y-%m-%d}, sha-256 {fingerprint(certificate)}"


def say_how_to_use_it(place: Place) -> None:
    if is_held(place.directory):
        print(f"Next: the server that runs here takes it up on: kill -HUP {find_api(place.directory).pid}")
    else:
        print(f"Next: ocppsec up --state {place.directory}")


@contextmanager
def told(*files: Path) -> Iterator[None]:
    """What cannot be done, in words, with an exit code."""
    which = ", ".join(map(str, files))
    try:
        yield
    except FileRefused as error:
        raise Failure(f"{which} is refused" if which else "refused", why=printable(str(error))) from error
    except TooOpen as error:
        raise Failure(
            "others can read what must be secret", why=str(error), code=ExitCode.NOT_ALLOWED
        ) from error
    except (NotCertifiedYet, IssueFailed) as error:
        raise Failure("it cannot be certified here", why=str(error)) from error
    except (AuthorityDamaged, KeyUnusable, BadPem) as error:
        raise Failure("the certificate authority cannot be used", why=str(error)) from error
    except OSError as error:
        what = error.filename or which or "a file"
        raise Failure(f"{what}: {error.strerror or error}", code=ExitCode.USAGE) from error
