"""Certificate requests on the command line: list, show, approve, deny."""

from pathlib import Path
from typing import Any

from ocppsec.certificates.reasons import ALARMING, POLICY
from ocppsec.cli.client import Api, request_path
from ocppsec.cli.output import print_facts, print_json, print_table
from ocppsec.cli.state import state_directory


def show_all(
    station: str | None, in_state: str | None, *, limit: int, as_json: bool, state: Path | None
) -> None:
    chosen: dict[str, str | int] = {"limit": limit}
    chosen |= {"station": station} if station is not None else {}
    chosen |= {"state": in_state} if in_state is not None else {}
    with Api.find(state_directory(state)) as api:
        found = api.get("/certificate-requests", **chosen)["requests"]
        if station is not None and not found:
            api.check_known(station)
    if as_json:
        print_json({"requests": found})
    elif not found:
        print("no such request; stations ask on the way to profile 3, and to renew")
    else:
        print_table(["REQUEST", "STATION", "STATE", "RECEIVED", "TIMES", "REASON"], map(_row, found))


def _row(one: dict[str, Any]) -> list[str]:
    received = one["received_at"][:16].replace("T", " ")
    return [one["id"], one["identity"], one["state"], received, str(one["times"]), "; ".join(one["reasons"])]


def show(request: str, *, pem: bool, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        found = api.get(request_path(request))
    if as_json:
        print_json(found)
    elif pem:
        print(found["csr"].rstrip("\n"))
    else:
        _tell(found)


def _tell(found: dict[str, Any]) -> None:
    preview = found.pop("preview")
    found.pop("csr")
    found["reasons"] = "; ".join(found["reasons"])
    print_facts([(key.replace("_", " "), value) for key, value in found.items()])
    if preview is not None:
        print()
        _tell_preview(preview)
    if found["state"] == "waiting":
        print()
        print(f"next: ocppsec csr approve {found['id']}   or   ocppsec csr deny {found['id']} --reason TEXT")


def _tell_preview(preview: dict[str, Any]) -> None:
    if preview["refusals"]:
        print("It would be refused now:")
        for refusal in preview["refusals"]:
            print(f"  {refusal}")
    elif preview["issued"]:
        print(f"It has got the certificate {preview['issued']}, which was not seen in a handshake yet.")
    elif not preview["pem"]:
        print("It keeps our rules. Another CA says what is in the certificate; that is judged when it comes.")
    else:
        print("Would be signed:")
        validity = f"{preview['not_before']} to {preview['not_after']}"
        print_facts([("subject", preview["subject"]), ("valid", validity)])
        print()
        rows = [
            [each["rule"], each["finding"] or "kept", each["requirement"]] for each in preview["looked_at"]
        ]
        print_table(["RULE", "RESULT", "REQUIREMENT"], rows)


def rules(*, as_json: bool) -> None:
    found = [
        {
            "reason": str(one.code),
            "requirement": one.requirement,
            "rule": one.rule,
            "alarm": one.code in ALARMING,
        }
        for one in POLICY
    ]
    if as_json:
        print_json({"rules": found})
    else:
        print_table(
            ["REASON", "REQUIREMENT", "RULE"],
            [[str(one["reason"]), str(one["requirement"]), str(one["rule"])] for one in found],
        )


def approve(request: str, *, as_json: bool, state: Path | None) -> None:
    _decide(request, "approval", None, as_json=as_json, state=state)


def deny(request: str, *, reason: str, as_json: bool, state: Path | None) -> None:
    _decide(request, "denial", {"reason": reason}, as_json=as_json, state=state)


def _decide(
    request: str, what: str, body: dict[str, str] | None, *, as_json: bool, state: Path | None
) -> None:
    with Api.find(state_directory(state)) as api:
        decided = api.post(f"{request_path(request)}/{what}", body)
    if as_json:
        print_json(decided)
        return
    print(f"{decided['state']}: request {decided['id']} of {decided['identity']}")
    print(f"next: ocppsec station show {decided['identity']}")
