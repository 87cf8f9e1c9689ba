"""``ocppsec ca``: what stations have to trust, and the CAs under it."""

from pathlib import Path

from ocppsec.cli.client import Api
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json
from ocppsec.cli.state import state_directory


def show(*, pem: bool, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        authority = api.get("/ca")
        chain = [] if pem else api.get("/ca/certificates")["certificates"]
    if as_json:
        print_json({**authority, "certificates": chain})
    elif pem:
        print(authority["root_pem"], end="")
    else:
        print_facts(
            [
                ("root certificate", authority["root_certificate"]),
                ("sha-256", authority["root_sha256"]),
                *((one["role"], f"{one['subject']}, until {one['not_after'][:10]}") for one in chain),
            ]
        )
        print("Stations have to trust this root; an upgrade installs it. As PEM: ocppsec ca show --pem")


def export(role: str, *, out: Path | None, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = {one["role"]: one for one in api.get("/ca/certificates")["certificates"]}
    if role not in found:
        raise Failure(f"there is no CA {role!r}", next=f"one of {', '.join(found)}", code=ExitCode.USAGE)
    if out is not None:
        _write(out, found[role]["pem"])
    if as_json:
        print_json(found[role])
    elif out is None:
        print(found[role]["pem"], end="")


def crl(*, out: Path | None, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = api.get("/ca/crl")
    if out is not None:
        _write(out, found["pem"])
    if as_json:
        print_json(found)
    else:
        print_facts(
            [
                ("number", found["number"]),
                ("made", found["this_update"]),
                ("good until", found["next_update"]),
                ("revoked", len(found["revoked"])),
            ]
        )
        for serial in found["revoked"]:
            print(f"  {serial}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}", code=ExitCode.USAGE) from error
