"""``campaign evidence`` and ``station evidence``: what happened, as a file that can be handed on."""

import json
from pathlib import Path

from ocppsec.cli.client import Api, campaign_path, upgrade_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.state import state_directory


def of_campaign(campaign_id: str, out: Path, *, state: Path | None) -> None:
    _write(campaign_path(campaign_id, "evidence"), out, state=state)


def of_upgrade(upgrade_id: str, out: Path, *, state: Path | None) -> None:
    _write(upgrade_path(upgrade_id, "evidence"), out, state=state)


def _write(path: str, out: Path, *, state: Path | None) -> None:
    """Fetch the evidence at *path* of the API and write it to *out*, in the form its name asks for."""
    from ocppsec.web.evidence_page import digest, page

    if out.suffix not in (".html", ".json"):
        raise Failure(f"{out.name} says no form", next="name it .html or .json", code=ExitCode.USAGE)
    with Api.find(state_directory(state)) as api:
        evidence = api.get(path)
    text = (
        page(evidence) if out.suffix == ".html" else json.dumps(evidence, indent=2, ensure_ascii=False) + "\n"
    )
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{out} cannot be written", why=error.strerror or str(error)) from error
    print(f"{out} written; SHA-256 of the evidence: {digest(evidence)}")
