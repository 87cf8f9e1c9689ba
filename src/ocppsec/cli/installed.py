"""``ocppsec station certs | install-cert | delete-cert``: what a station holds."""

from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_json, print_table
from ocppsec.cli.state import state_directory

_PLACE = "installed-certificates"
_SECONDS = 90.0
"""A change asks the station up to three times."""


def show(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = api.get(station_path(identity, _PLACE))["certificates"]
    if as_json:
        print_json({"certificates": found})
    elif not found:
        print(f"{identity} says that it holds no certificate")
    else:
        print_table(["USE", "ALGORITHM", "SERIAL", "ISSUER KEY HASH", ""], map(_row, found))


def _row(one: dict[str, Any]) -> list[str]:
    data = one["hash_data"]
    return [
        one["certificate_type"],
        data["hash_algorithm"],
        data["serial_number"],
        data["issuer_key_hash"][:16] + "…",
        "our root" if one["ours"] else "",
    ]


def install(identity: str, file: Path, *, use: str, as_json: bool, state: Path | None) -> None:
    try:
        pem = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read as PEM", why=str(error), code=ExitCode.USAGE) from error
    with Api.find(state_directory(state)) as api:
        changed = api.post(station_path(identity, _PLACE), {"certificate": pem, "use": use}, timeout=_SECONDS)
    _tell(identity, changed, wanted=True, as_json=as_json)


def delete(identity: str, serial: str, *, force: bool, as_json: bool, state: Path | None) -> None:
    if not serial.replace(":", "").isalnum():
        raise Failure("a serial number is hex", next=f"ocppsec station certs {identity}", code=ExitCode.USAGE)
    path = station_path(identity, _PLACE, serial.replace(":", ""))
    with Api.find(state_directory(state)) as api:
        changed = api.delete(f"{path}?force=true" if force else path, timeout=_SECONDS)
    _tell(identity, changed, wanted=False, as_json=as_json)


def _tell(identity: str, changed: dict[str, Any], *, wanted: bool, as_json: bool) -> None:
    """Done only when the station says so when it is asked again."""
    if as_json:
        print_json(changed)
    if changed["status"] != "Accepted" or changed["shown"] is not wanted:
        what = "shows it" if changed["shown"] else "does not show it"
        raise Failure(
            f"{identity} answered {changed['status']}, and {what} when asked again",
            why=changed["reason"],
            next=f"ocppsec station certs {identity}",
        )
    if not as_json:
        print(f"done: {identity} answered Accepted, and {'shows' if wanted else 'no longer shows'} it")
