"""``ocppsec ca``: what stations have to trust."""

from pathlib import Path

from ocppsec.cli.client import Api
from ocppsec.cli.output import print_facts, print_json
from ocppsec.cli.state import state_directory


def show(*, pem: bool, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        authority = api.get("/ca")
    if as_json:
        print_json(authority)
    elif pem:
        print(authority["root_pem"], end="")
    else:
        print_facts(
            [("root certificate", authority["root_certificate"]), ("sha-256", authority["root_sha256"])]
        )
        print("Stations have to trust this root; an upgrade installs it. As PEM: ocppsec ca show --pem")
