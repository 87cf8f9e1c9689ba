"""``ocppsec ca request | sign-request | import``: a root on another machine, by file.

None of them needs a server.  One that runs takes up what was imported on SIGHUP.
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ocppsec.certificates import hierarchy
from ocppsec.certificates.authority_directory import (
    ISSUERS,
    AuthorityDirectory,
)
from ocppsec.certificates.custody import Elsewhere, place_in
from ocppsec.certificates.offline_root import Answer, read_answer, read_issuer_request
from ocppsec.certificates.pem import read_certificate, write_chain
from ocppsec.certificates.safekeeping import (
    PUBLIC_FILE,
    alone_in,
    write_file,
)
from ocppsec.certificates.signing_request import make_authority_request
from ocppsec.cli.ca import write_text
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
    name = issuer_named(role)
    with told(), alone_in(there(place)):
        pem = request_of(place.authority(), name, place.organization)
    if out is not None:
        write_text(out, pem)
    if as_json:
        print_json({"role": name, "pem": pem})
    elif out is None:
        print(pem, end="")


def request_of(authority: AuthorityDirectory, name: str, organization: str) -> str:
    key = authority.issuer_key(name)
    kind = ISSUERS[name]
    common_name = hierarchy.name_of_issuer(kind, key.public_key())
    return make_authority_request(key, kind, common_name=common_name, organization=organization)


def sign_request(
    file: Path, *, out: Path | None, config: Path | None, as_json: bool, state: Path | None
) -> None:
    place = Place.of(state, config)
    with told(file), alone_in(there(place)):
        wanted = read_issuer_request(read(file))
        root = root_of(place)
        certificate = hierarchy.certify_issuer(
            root, wanted.key, wanted.kind, now=datetime.now(UTC), serial=x509.random_serial_number()
        )
    pem = write_chain((certificate,))
    if out is not None:
        write_text(out, pem)
    if as_json:
        print_json({"kind": wanted.kind, **about(certificate), "pem": pem})
    elif out is None:
        print(pem, end="")
    else:
        print(f"signed {out}: {named(certificate)}")


def import_files(files: list[Path], *, config: Path | None, as_json: bool, state: Path | None) -> None:
    place = Place.of(state, config)
    with told(*files), alone_in(there(place)):
        answer = _judged(place, [read(file) for file in files])
        written = [("root", answer.root), *answer.issuers.items()]
        # The root first: a kill leaves what `ca import` or the next start can go on with.
        for name, certificate in written:
            write_file(place.ca / f"{name}.pem", write_chain((certificate,)).encode(), mode=PUBLIC_FILE)
    if as_json:
        print_json({"imported": [{"role": name, **about(one)} for name, one in written]})
        return
    for name, certificate in written:
        print(f"{name}: {named(certificate)}")
    say_how_to_use_it(place)


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
