"""The verbs of `ocppsec ca`."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Config, Json, State

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


Issuer = Annotated[str, typer.Argument(metavar="stations|servers", help="Which issuing CA.")]
Organization = Annotated[
    str | None, typer.Option(metavar="NAME", help="Operator's name in certificates (ocppsec).")
]


@ca.command("init")
def ca_init(
    *,
    root: Annotated[
        str,
        typer.Option(
            metavar="here|elsewhere|only",
            help="Where the root's key is: with the others, on another machine, or alone here as the offline root.",
        ),
    ] = "here",
    key_family: Annotated[
        str | None,
        typer.Option(metavar="FAMILY", help="ec-p256, ec-p384, rsa-2048, rsa-3072 or rsa-4096 (ec-p256)."),
    ] = None,
    organization: Organization = None,
    config: Config = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Make the certificate authority ahead of `up`.  Repeating it completes what a kill interrupted."""
    from ocppsec.cli import ca_ceremony as ceremony

    if root not in tuple(ceremony.Root):
        raise typer.BadParameter(f"one of {', '.join(ceremony.Root)}", param_hint="--root")
    ceremony.init(
        root=ceremony.Root(root),
        key_family=key_family,
        organization=organization,
        config=config,
        as_json=json,
        state=state,
    )


@ca.command("request")
def ca_request(
    role: Issuer,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write; else standard output.")
    ] = None,
    organization: Organization = None,
    config: Config = None,
    json: Json = False,
    state: State = None,
) -> None:
    """A request of an issuing CA, for the machine that has the root's key.  Same key, also when it has a certificate."""
    from ocppsec.cli import ca_offline

    ca_offline.request(role, out=out, config=config, organization=organization, as_json=json, state=state)


@ca.command("sign-request")
def ca_sign_request(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `ca request` wrote.")],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write; else standard output.")
    ] = None,
    config: Config = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Certify an issuing CA with the root's key, on the machine that has it."""
    from ocppsec.cli import ca_offline

    ca_offline.sign_request(file, out=out, config=config, as_json=json, state=state)


@ca.command("import")
def ca_import(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="PEM of issuing CAs, and of the root the first time."),
    ],
    *,
    config: Config = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Take up what the root elsewhere has signed, if it keeps every rule."""
    from ocppsec.cli import ca_offline

    ca_offline.import_files(files, config=config, as_json=json, state=state)


@ca.command("renew")
def ca_renew(role: Issuer, *, config: Config = None, json: Json = False, state: State = None) -> None:
    """A new certificate with a later end for the key of an issuing CA; what it issued stays valid."""
    from ocppsec.cli import ca_ceremony as ceremony

    ceremony.renew(role, config=config, as_json=json, state=state)


@ca.command("orders")
def ca_orders(
    *,
    station: Annotated[str | None, typer.Option(metavar="ID", help="Only of this station.")] = None,
    open_ends: Annotated[
        bool, typer.Option("--open-ends", help="Only what the operator of that CA has to be told.")
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Who signs stations' certificates, and what another CA was asked for."""
    from ocppsec.cli import orders

    orders.show(station=station, open_ends=open_ends, as_json=json, state=state)


@ca.command("passphrase")
def ca_passphrase(
    *,
    new_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File that holds the new passphrase.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Keep the keys without a passphrase.")] = False,
    config: Config = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Encrypt every key file anew.  The present passphrase is ca.passphrase; a kill loses nothing: say it again."""
    from ocppsec.cli import ca_ceremony as ceremony

    ceremony.passphrase(new_file=new_file, to_clear=clear, config=config, as_json=json, state=state)
