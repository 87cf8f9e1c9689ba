"""``ocppsec cert``: the commands; what they do is in `ocppsec.cli.certificates`."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Json, State

cert = typer.Typer(help="Certificates: the ledger, one of them, files.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="FINGERPRINT|SERIAL", help="SHA-256 or serial number, in hex.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="PEM; of a chain the first is looked at.")]


@cert.command("list")
def cert_list(
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="Only of this one.")] = None,
    expires_in: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only those in force that end within 30d, 12h or 15m; first end first."
        ),
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Every certificate issued to a station, with how it stands."""
    from ocppsec.cli import certificates as verbs

    verbs.show_all(station, expires_in, as_json=json, state=state)


@cert.command("show")
def cert_show(
    name: Name,
    pem: Annotated[bool, typer.Option("--pem", help="Only the chain.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """One certificate: whose it is, how it stands, and since when."""
    from ocppsec.cli import certificates as verbs

    verbs.show(name, pem=pem, as_json=json, state=state)


@cert.command("revoke")
def cert_revoke(
    name: Name,
    *,
    reason: Annotated[
        str,
        typer.Option(
            metavar="REASON",
            help="unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or "
            "privilegeWithdrawn (RFC 5280).",
        ),
    ],
    json: Json = False,
    state: State = None,
) -> None:
    """Refuse it from now on, close the connection that uses it, never certify its key again."""
    from ocppsec.cli import certificates as verbs

    verbs.revoke(name, reason=reason, as_json=json, state=state)


@cert.command("renew")
def cert_renew(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Identity of the station.")],
    json: Json = False,
    state: State = None,
) -> None:
    """Renew a station's certificate now; a renewal that is stuck is tried again at once."""
    from ocppsec.cli import certificates as verbs

    verbs.renew(identity, as_json=json, state=state)


@cert.command("inspect")
def cert_inspect(file: File, json: Json = False) -> None:
    """What a certificate file says, every certificate in it.  Needs no server."""
    from ocppsec.cli import certificate_files as verbs

    verbs.inspect(file, as_json=json)


@cert.command("lint")
def cert_lint(
    file: File,
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="root, station-issuer, server-issuer, station or server; read from the certificate by default.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Hold it against our rules, each with its requirement: exit code 0 none broken, 1 some, 2 not readable."""
    from ocppsec.cli import certificate_files as verbs

    verbs.lint_file(file, kind=kind, as_json=json)


@cert.command("needs-renewal")
def cert_needs_renewal(
    file: File,
    *,
    expires_in: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|PERCENT",
            help="Such as 30d, 12h or 15m before its end, or 75% of its life; two thirds of its life by default.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Exit code 0 it has to be renewed, 1 not yet, 2 there is no such file or certificate."""
    from ocppsec.cli import certificate_files as verbs

    verbs.needs_renewal(file, expires_in=expires_in, as_json=json)
