"""The ledger on the command line: list, show, revoke."""

from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json, print_table
from ocppsec.cli.state import state_directory
from ocppsec.upgrades.campaign.durations import BadDuration, seconds

_MOST = 500
_NAMED_BY = frozenset("0123456789abcdefABCDEF:")


def show_all(station: str | None, expires_in: str | None, *, as_json: bool, state: Path | None) -> None:
    if expires_in is not None:
        found = _ending(station, expires_in, state)
    else:
        with Api.find(state_directory(state)) as api:
            found = (
                list(api.pages("/certificates", "certificates"))
                if station is None
                else api.get(station_path(station, "certificates"))["certificates"]
            )
        found.sort(key=lambda one: one["issued_at"], reverse=True)
        found.sort(key=lambda one: one["identity"])
    if as_json:
        print_json({"certificates": found})
    elif expires_in is not None and not found:
        whose = "no station's certificate" if station is None else f"no certificate of {station}"
        print(f"{whose} ends within {expires_in}")
    elif not found:
        whom = "" if station is None else f" to {station}"
        print(f"no certificate was issued{whom} yet; stations get theirs on the way to profile 3")
    else:
        print_table(
            ["STATION", "STANDING", "VALID UNTIL", "RENEWAL", "SERIAL", "FINGERPRINT"], map(_row, found)
        )
        if expires_in is not None and len(found) == _MOST:
            print(f"… and perhaps more: these are the first {_MOST} to end")


def _ending(station: str | None, expires_in: str, state: Path | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]]
    try:
        within = round(seconds(expires_in, "--expires-in"))
    except BadDuration as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error
    with Api.find(state_directory(state)) as api:
        found = api.get("/certificates", expires_within=within, limit=_MOST)["certificates"]
        if station is not None:
            found = [one for one in found if one["identity"] == station]
            if not found:
                api.check_known(station)
    return found


def _row(one: dict[str, Any]) -> list[str]:
    until = one["not_after"][:16].replace("T", " ")
    return [
        one["identity"],
        one["standing"],
        until,
        in_words(one["renewal"]),
        one["serial_number"],
        one["fingerprint"],
    ]


def in_words(renewal: dict[str, Any] | None) -> str:
    """Where a renewal stands, and why it does not go on."""
    if renewal is None:
        return ""
    reason = f": {renewal['reason']}" if renewal["reason"] else ""
    return f"{renewal['step']}{reason}"


def show(name: str, *, pem: bool, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = api.get(_path(name))
    if as_json:
        print_json(found)
    elif pem:
        print(found["chain"], end="")
    else:
        chain = found.pop("chain")
        found["renewal"] = in_words(found["renewal"])
        print_facts([(key.replace("_", " "), value) for key, value in found.items()])
        print_facts([("certificates in the chain", chain.count("BEGIN CERTIFICATE"))])


def revoke(name: str, *, reason: str, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        revoked = api.post(_path(name) + "/revocation", {"reason": reason})
    if as_json:
        print_json(revoked)
        return
    one = revoked["certificate"]
    print(f"revoked: {one['serial_number']} of {one['identity']}, {one['revocation_reason']}")
    if revoked["connections_closed"]:
        print("the station was connected with it; that connection is closed")
    if one["revocation_reason"] != reason:
        print(f"It was revoked already, at {one['revoked_at'][:16]}; the reason given then stays.")
    print("It is refused from now on, and its key is never certified again.")
    print(f"next: ocppsec station why {one['identity']}")


def renew(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        renewal = api.post(station_path(identity, "renewals"), None)
    if as_json:
        print_json(renewal)
        return
    print(f"renewal {renewal['id']} of {identity}: {in_words(renewal)}")
    print(f"It is done when {identity} has connected with the new certificate.")
    print(f"next: ocppsec cert list --station {identity}")


def _path(name: str) -> str:
    """Hex and nothing else, so that it stays in its place in the URL."""
    if not name or not _NAMED_BY.issuperset(name):
        raise Failure(
            "a certificate is named by its SHA-256 fingerprint or its serial number, in hex",
            next="ocppsec cert list shows both",
            code=ExitCode.USAGE,
        )
    return f"/certificates/{name.replace(':', '').lower()}"
