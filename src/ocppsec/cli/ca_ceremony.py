"""``ocppsec ca init | request | sign-request | import | renew | passphrase``: what is done with the CA's keys, by hand.

None of them needs a server.  What replaces a certificate may be done while one runs, which takes it up on SIGHUP;
what touches keys waits until none does.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from ocppsec.certificates import hierarchy
from ocppsec.certificates.authority_directory import (
    ISSUERS,
    AuthorityDamaged,
    AuthorityDirectory,
    NotCertifiedYet,
)
from ocppsec.certificates.custody import Custody, Elsewhere, keep_elsewhere, place_in
from ocppsec.certificates.facts import fingerprint, names, serial_number
from ocppsec.certificates.issue import Authority, IssueFailed
from ocppsec.certificates.keys import KeyUnusable
from ocppsec.certificates.offline_root import Answer, FileRefused, read_answer, read_issuer_request
from ocppsec.certificates.passphrase import Passphrases, change_passphrase
from ocppsec.certificates.pem import BadPem, read_certificate, write_chain
from ocppsec.certificates.safekeeping import (
    PUBLIC_FILE,
    TooOpen,
    alone_in,
    make_private_directory,
    write_file,
)
from ocppsec.certificates.signing_request import make_authority_request
from ocppsec.cli.assemble import custody_of
from ocppsec.cli.ca import show, write_text
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json
from ocppsec.cli.settings import Settings, load
from ocppsec.cli.state import find_api, held, is_held, prepare, state_directory

_LARGEST = 100_000


class Root(StrEnum):
    """Where the root's key is."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    ONLY = "only"
    """Here, and nothing else is: the machine of an offline root."""


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


def init(
    *,
    root: Root,
    key_family: str | None,
    organization: str | None,
    config: Path | None,
    as_json: bool,
    state: Path | None,
) -> None:
    place = Place.of(state, config, ca__key_family=key_family, csms__organization=organization)
    prepare(place.directory)
    with _told(), held(place.directory):
        make_private_directory(place.ca)
        with alone_in(place.ca):
            _init(place, root)
    show(pem=False, as_json=as_json, state=place.directory)
    if root is Root.ELSEWHERE and not as_json:
        print(
            f"Next: take {place.ca}/stations.csr and servers.csr to the machine with the root's key, sign them there"
            " (ocppsec ca sign-request), and bring the certificates: ocppsec ca import FILE..."
        )


def _init(place: Place, root: Root) -> None:
    authority = place.authority()
    key = place.ca / "root.key"
    elsewhere = key.exists() and isinstance(place_in(key), Elsewhere)
    if key.exists() and elsewhere != (root is Root.ELSEWHERE):
        raise Failure(
            f"{place.ca} holds a certificate authority whose root's key is {'elsewhere' if elsewhere else 'here'}",
            next="ocppsec ca show says what is there; another authority needs another --state DIR",
            code=ExitCode.NOT_ALLOWED,
        )
    match root:
        case Root.HERE:
            authority.load_or_create(place.organization)
        case Root.ONLY:
            authority.load_or_create_root(place.organization)
        case Root.ELSEWHERE:
            keep_elsewhere(key)
            for name in ISSUERS:
                pem = _request(authority, name, place.organization)
                write_file(place.ca / f"{name}.csr", pem.encode("ascii"), mode=PUBLIC_FILE)


def request(
    role: str,
    *,
    out: Path | None,
    config: Path | None,
    organization: str | None,
    as_json: bool,
    state: Path | None,
) -> None:
    place = Place.of(state, config, csms__organization=organization)
    name = _issuer(role)
    with _told(), alone_in(_there(place)):
        pem = _request(place.authority(), name, place.organization)
    if out is not None:
        write_text(out, pem)
    if as_json:
        print_json({"role": name, "pem": pem})
    elif out is None:
        print(pem, end="")


def _request(authority: AuthorityDirectory, name: str, organization: str) -> str:
    key = authority.issuer_key(name)
    kind = ISSUERS[name]
    common_name = hierarchy.name_of_issuer(kind, key.public_key())
    return make_authority_request(key, kind, common_name=common_name, organization=organization)


def sign_request(
    file: Path, *, out: Path | None, config: Path | None, as_json: bool, state: Path | None
) -> None:
    place = Place.of(state, config)
    with _told(file), alone_in(_there(place)):
        wanted = read_issuer_request(_read(file))
        root = _root(place)
        certificate = hierarchy.certify_issuer(
            root, wanted.key, wanted.kind, now=datetime.now(UTC), serial=x509.random_serial_number()
        )
    pem = write_chain((certificate,))
    if out is not None:
        write_text(out, pem)
    if as_json:
        print_json({"kind": wanted.kind, **_about(certificate), "pem": pem})
    elif out is None:
        print(pem, end="")
    else:
        print(f"signed {out}: {_named(certificate)}")


def import_files(files: list[Path], *, config: Path | None, as_json: bool, state: Path | None) -> None:
    place = Place.of(state, config)
    with _told(*files), alone_in(_there(place)):
        answer = _judged(place, [_read(file) for file in files])
        written = [("root", answer.root), *answer.issuers.items()]
        # The root first: a kill leaves what `ca import` or the next start can go on with.
        for name, certificate in written:
            write_file(place.ca / f"{name}.pem", write_chain((certificate,)).encode(), mode=PUBLIC_FILE)
    if as_json:
        print_json({"imported": [{"role": name, **_about(one)} for name, one in written]})
        return
    for name, certificate in written:
        print(f"{name}: {_named(certificate)}")
    _say_how_to_use_it(place)


def _judged(place: Place, files: list[bytes]) -> Answer:
    key = place.ca / "root.key"
    if not key.exists() or not isinstance(place_in(key), Elsewhere):
        raise Failure(
            "the root's key is on this machine, so nothing has to be imported",
            next="ocppsec ca renew stations|servers certifies anew; ocppsec ca init --root elsewhere is for another"
            " directory",
            code=ExitCode.NOT_ALLOWED,
        )
    authority = place.authority()
    present = place.ca / "root.pem"
    keys = {name: (authority.issuer_key(name).public_key(), kind) for name, kind in ISSUERS.items()}
    return read_answer(
        files,
        root=read_certificate(present.read_bytes()) if present.exists() else None,
        keys=keys,
        now=datetime.now(UTC),
    )


def renew(role: str, *, config: Path | None, as_json: bool, state: Path | None) -> None:
    place = Place.of(state, config)
    name = _issuer(role)
    with _told(), alone_in(_there(place)):
        certificate = place.authority().renew_issuer(name, _root(place))
    if as_json:
        print_json({"role": name, **_about(certificate)})
        return
    print(f"{name}: {_named(certificate)}")
    _say_how_to_use_it(place)


def passphrase(
    *, new_file: Path | None, to_clear: bool, config: Path | None, as_json: bool, state: Path | None
) -> None:
    place = Place.of(state, config)
    if (new_file is None) == (not to_clear):
        raise Failure("say either --new-file FILE or --clear", code=ExitCode.USAGE)
    with _told(), held(place.directory), alone_in(_there(place)):
        new = None if new_file is None else _read(new_file).rstrip(b"\r\n")
        if new == b"":
            raise Failure(f"{new_file} is empty", code=ExitCode.USAGE)
        changed = change_passphrase(place.directory, Passphrases(old=place.custody.passphrase, new=new))
    if as_json:
        print_json({"changed": [str(path) for path in changed]})
        return
    print(f"{len(changed)} key files changed")
    print("Next: give the server the new passphrase (OCPPSEC_CA__PASSPHRASE_FILE), and see that it starts")


# -- what they share -----------------------------------------------------------------------------------------
def _root(place: Place) -> Authority:
    if not (place.ca / "root.pem").exists():
        raise AuthorityDamaged(f"{place.ca / 'root.pem'} is missing: make a root with ocppsec ca init")
    return place.authority().load_or_create_root(place.organization)


def _there(place: Place) -> Path:
    if not place.ca.is_dir():
        raise Failure(
            f"there is no certificate authority in {place.ca}",
            next="make one with ocppsec ca init",
            code=ExitCode.NOT_FOUND,
        )
    return place.ca


def _issuer(role: str) -> str:
    if role not in ISSUERS:
        raise Failure(
            f"there is no issuing CA {role!r}", next=f"one of {', '.join(ISSUERS)}", code=ExitCode.USAGE
        )
    return role


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_LARGEST)


def _about(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "subject": certificate.subject.rfc4514_string(),
        "serial_number": serial_number(certificate),
        "sha256": fingerprint(certificate),
        "not_after": certificate.not_valid_after_utc.isoformat(),
    }


def _named(certificate: x509.Certificate) -> str:
    common = names(certificate.subject, NameOID.COMMON_NAME)
    name = common[0] if common else certificate.subject.rfc4514_string()
    return f"{name}, until {certificate.not_valid_after_utc:%Y-%m-%d}, sha-256 {fingerprint(certificate)}"


def _say_how_to_use_it(place: Place) -> None:
    if is_held(place.directory):
        print(f"Next: the server that runs here takes it up on: kill -HUP {find_api(place.directory).pid}")
    else:
        print(f"Next: ocppsec up --state {place.directory}")


@contextmanager
def _told(*files: Path) -> Iterator[None]:
    """What cannot be done, in words, with an exit code."""
    named = ", ".join(map(str, files))
    try:
        yield
    except FileRefused as error:
        raise Failure(f"{named} is refused" if named else "refused", why=str(error)) from error
    except TooOpen as error:
        raise Failure(
            "others can read what must be secret", why=str(error), code=ExitCode.NOT_ALLOWED
        ) from error
    except (NotCertifiedYet, IssueFailed) as error:
        raise Failure("it cannot be certified here", why=str(error)) from error
    except (AuthorityDamaged, KeyUnusable, BadPem) as error:
        raise Failure("the certificate authority cannot be used", why=str(error)) from error
    except OSError as error:
        what = error.filename or named or "a file"
        raise Failure(f"{what}: {error.strerror or error}", code=ExitCode.USAGE) from error
