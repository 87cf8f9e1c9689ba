"""``ocppsec ca init | renew | passphrase``: what is done by hand with the CA's keys on the machine that has them.

None of them needs a server.  What replaces a certificate may be done while one runs, which takes it up on SIGHUP;
what touches keys waits until none does.
"""

from enum import StrEnum
from pathlib import Path

from cryptography.x509.oid import NameOID

from ocppsec.certificates.authority_directory import (
    ISSUERS,
    ROOT_ALONE,
)
from ocppsec.certificates.custody import Elsewhere, keep_elsewhere, place_in
from ocppsec.certificates.facts import names
from ocppsec.certificates.keys import ShortPassphrase, check_new_passphrase
from ocppsec.certificates.passphrase import Passphrases, change_passphrase
from ocppsec.certificates.pem import read_certificates
from ocppsec.certificates.safekeeping import (
    PUBLIC_FILE,
    alone_in,
    make_private_directory,
    write_file,
)
from ocppsec.cli.ca import show
from ocppsec.cli.ca_offline import request_of
from ocppsec.cli.ca_place import (
    Place,
    about,
    issuer_named,
    named,
    read,
    root_of,
    say_how_to_use_it,
    there,
    told,
)
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json
from ocppsec.cli.state import held, prepare
from ocppsec.upgrades.counted import counted


class Root(StrEnum):
    """Where the root's key is."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    ONLY = "only"
    """Here, and nothing else is: the machine of an offline root."""


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
    with told(), held(place.directory):
        make_private_directory(place.ca)
        with alone_in(place.ca):
            if organization is not None:
                _check_name(place, organization)
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
            write_file(place.ca / ROOT_ALONE, b"no CSMS starts here\n", mode=PUBLIC_FILE)
        case Root.ELSEWHERE:
            keep_elsewhere(key)
            for name in ISSUERS:
                pem = request_of(authority, name, place.organization)
                write_file(place.ca / f"{name}.csr", pem.encode("ascii"), mode=PUBLIC_FILE)


def renew(role: str, *, config: Path | None, as_json: bool, state: Path | None) -> None:
    place = Place.of(state, config)
    name = issuer_named(role)
    with told(), alone_in(there(place)):
        certificate = place.authority().renew_issuer(name, root_of(place))
    if as_json:
        print_json({"role": name, **about(certificate)})
        return
    print(f"{name}: {named(certificate)}")
    say_how_to_use_it(place)


def passphrase(
    *, new_file: Path | None, to_clear: bool, config: Path | None, as_json: bool, state: Path | None
) -> None:
    place = Place.of(state, config)
    if (new_file is None) == (not to_clear):
        raise Failure("say either --new-file FILE or --clear", code=ExitCode.USAGE)
    with told(), alone_in(there(place)), held(place.directory):
        new = None if new_file is None else read(new_file).rstrip(b"\r\n")
        if new == b"":
            raise Failure(f"{new_file} is empty", code=ExitCode.USAGE)
        _check_length(new, new_file)
        changed = change_passphrase(place.directory, Passphrases(old=place.custody.passphrase, new=new))
    if as_json:
        print_json({"changed": [str(path) for path in changed]})
        return
    print(f"{counted(len(changed), 'key file')} changed")
    then = "start the server without" if to_clear else "give the server the new passphrase"
    print(f"Next: {then} (OCPPSEC_CA__PASSPHRASE_FILE), and see that it starts")


def _check_length(passphrase: bytes | None, file: Path | None) -> None:
    try:
        check_new_passphrase(passphrase)
    except ShortPassphrase as error:
        raise Failure(
            f"{file} holds no passphrase for a CA's keys: {error}",
            why="who copies the files can try every short one",
            next="openssl rand -base64 24 makes one",
            code=ExitCode.USAGE,
        ) from error


def _check_name(place: Place, organization: str) -> None:
    """An authority keeps its name: it is in its certificates."""
    present = place.ca / "root.pem"
    if not present.exists():
        return
    (root, *_) = read_certificates(read(present))
    own = names(root.subject, NameOID.ORGANIZATION_NAME)
    if organization not in own:
        raise Failure(
            f"{place.ca} holds the certificate authority of {', '.join(own) or 'nobody'}, not of {organization}",
            why="the name is in its certificates; they were made with it and are not changed",
            next="leave --organization out to keep it; another authority needs another --state DIR",
            code=ExitCode.NOT_ALLOWED,
        )
