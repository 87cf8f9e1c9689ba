"""``ocppsec ca orders``: who signs stations' certificates, and what another CA was asked for."""

from pathlib import Path
from typing import Any

from ocppsec.cli.client import Api
from ocppsec.cli.output import print_json, print_table
from ocppsec.cli.state import state_directory


def show(*, station: str | None, open_ends: bool, as_json: bool, state: Path | None) -> None:
    """*open_ends*: only those of which that CA's operator has to be told."""
    with Api.find(state_directory(state)) as api:
        found = api.get("/ca/orders", **({} if station is None else {"station": station}), limit=1000)
    listed = [one for one in found["orders"] if not open_ends or is_open_end(one)]
    if as_json:
        print_json({**found, "orders": listed})
        return
    print(f"Stations' certificates are signed by {found['issuer']}.")
    if listed:
        print_table(["ORDER", "STATION", "ASKED", "STATE", "CA", "WHAT CAME OF IT"], map(_row, listed))
    else:
        print("No open end." if open_ends else "No other CA was asked yet.")


def is_open_end(order: dict[str, Any]) -> bool:
    """A certificate that may exist there and is nobody's, or that is revoked here and not there."""
    told = str(order["revocation"])
    nobodys = order["state"] in ("unknown", "unused") and told != "told"
    return nobodys or told.startswith("not told")


def _row(order: dict[str, Any]) -> list[str]:
    came = order["fingerprint"] or order["reason"]
    told = f"; revoked: {order['revocation']}" if order["revocation"] else ""
    asked = order["asked_at"][:16].replace("T", " ")
    return [order["id"], order["identity"], asked, order["state"], order["issuer"], f"{came}{told}"]
