"""``ocppsec ca show | export | crl``: what stations have to trust, the CAs under it, and what is revoked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocppsec.certificates.facts import fingerprint, serial_number
from ocppsec.certificates.inventory import MISSING, ROLES, Held, ends_soon, inventory
from ocppsec.certificates.pem import write_chain
from ocppsec.cli.client import Api
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json
from ocppsec.cli.state import state_directory


def show(*, pem: bool, as_json: bool, state: Path | None) -> None:
    """From the files alone: a server need not run."""
    found = _found(state)
    root = found["root"]
    if as_json:
        print_json(_described(found))
    elif pem:
        print(_pem(root), end="")
    else:
        print_facts(_facts(found))
        if root.certificate is not None:
            print("Stations have to trust this root; an upgrade installs it. As PEM: ocppsec ca show --pem")
        waiting = [one for one in found.values() if one.certificate is None and one.key != MISSING]
        if missing := [one.role for one in waiting]:
            print(f"Not certified yet: {', '.join(missing)}. Next: ocppsec ca request, ocppsec ca import")


def export(role: str, *, out: Path | None, as_json: bool, state: Path | None) -> None:
    if role not in ROLES:
        raise Failure(f"there is no CA {role!r}", next=f"one of {', '.join(ROLES)}", code=ExitCode.USAGE)
    found = _found(state)[role]
    pem = _pem(found)
    if out is not None:
        write_text(out, pem)
    if as_json:
        print_json(_one(found))
    elif out is None:
        print(pem, end="")


def crl(*, out: Path | None, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = api.get("/ca/crl")
    if out is not None:
        write_text(out, found["pem"])
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


def _found(state: Path | None) -> dict[str, Held]:
    directory = state_directory(state) / "ca"
    if not directory.is_dir():
        raise Failure(
            f"there is no certificate authority in {directory}",
            next="make one with ocppsec ca init, or let ocppsec up make it",
            code=ExitCode.NOT_FOUND,
        )
    return {one.role: one for one in inventory(directory)}


def _pem(held: Held) -> str:
    if held.certificate is None:
        why = held.damage or "it is not there"
        raise Failure(
            f"{held.path} cannot be shown", why=why, next="ocppsec ca show", code=ExitCode.NOT_FOUND
        )
    return write_chain((held.certificate,))


def _described(found: dict[str, Held]) -> dict[str, Any]:
    root = found["root"].certificate
    return {
        "root_pem": write_chain((root,)) if root else None,
        "root_sha256": fingerprint(root) if root else None,
        "root_certificate": str(found["root"].path),
        "certificates": [_one(one) for one in found.values()],
    }


def _one(held: Held) -> dict[str, Any]:
    told: dict[str, Any] = {"role": held.role, "key": held.key, "damage": held.damage or None}
    if held.certificate is None:
        return {**told, "pem": None}
    return {
        **told,
        "subject": held.certificate.subject.rfc4514_string(),
        "serial_number": serial_number(held.certificate),
        "sha256": fingerprint(held.certificate),
        "not_before": held.certificate.not_valid_before_utc.isoformat(),
        "not_after": held.certificate.not_valid_after_utc.isoformat(),
        "ends_soon": ends_soon(held.certificate, datetime.now(UTC)),
        "pem": write_chain((held.certificate,)),
    }


def _facts(found: dict[str, Held]) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = []
    root = found["root"].certificate
    if root is not None:
        facts += [("root certificate", found["root"].path), ("sha-256", fingerprint(root))]
    for role, one in found.items():
        if one.certificate is None and one.key == MISSING:
            continue  # the machine of an offline root has no other CA
        facts += [(role, _in_words(one)), ("  its key", one.key)]
    return facts


def _in_words(held: Held) -> str:
    if held.certificate is None:
        return held.damage or "no certificate yet"
    soon = "  (ends soon)" if ends_soon(held.certificate, datetime.now(UTC)) else ""
    until = f"{held.certificate.not_valid_after_utc:%Y-%m-%d}"
    return f"{held.certificate.subject.rfc4514_string()}, until {until}{soon}"


def write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}", code=ExitCode.USAGE) from error
