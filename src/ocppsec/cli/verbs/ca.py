"""The verbs of `ocppsec ca`."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Json, State

ca = typer.Typer(help="The certificate authority.", no_args_is_help=True)


@ca.command("show")
def ca_show(
    pem: Annotated[bool, typer.Option("--pem", help="Only the root certificate.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """The root that stations have to trust, and the CAs under it."""
    from ocppsec.cli.ca import show

    show(pem=pem, as_json=json, state=state)


@ca.command("export")
def ca_export(
    role: Annotated[
        str, typer.Argument(metavar="root|stations|servers", help="Which of the three certificates.")
    ] = "root",
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write; else standard output.")
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """A CA certificate as PEM; keys stay where they are."""
    from ocppsec.cli.ca import export

    export(role, out=out, as_json=json, state=state)


@ca.command("crl")
def ca_crl(
    *,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="File to write it to, as PEM.")] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """The list of revoked certificates in force: its number, until when it is good, and what is on it."""
    from ocppsec.cli.ca import crl

    crl(out=out, as_json=json, state=state)
