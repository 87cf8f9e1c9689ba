"""The verbs of `ocppsec onboarding`."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Identity, Json, PasswordFile, State

onboarding = typer.Typer(help="New stations: who is expected, and how far they are.", no_args_is_help=True)

By = Annotated[
    str,
    typer.Option(
        metavar="WAY",
        help="How it shows that it is the one: listed (identity and serial number), password (for once) or "
        "certificate (its manufacturer's).",
    ),
]
To = Annotated[int, typer.Option(min=1, max=3, metavar="N", help="Profile it is raised to by itself.")]
From = Annotated[int, typer.Option(min=1, max=3, help="Lowest profile it may come on.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="So long its way in is open: 2h, 7d.")]
Connections = Annotated[int, typer.Option(min=1, metavar="N", help="So often it may come in by it.")]
Manufacturer = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of [[manufacturers]] in the settings; any by default."),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="A label; may be repeated.")
]


@onboarding.command("add")
def onboarding_add(
    identity: Identity,
    *,
    by: By,
    serial: Annotated[str | None, typer.Option(help="Serial number; the identity by default.")] = None,
    to: To = 3,
    profile: From = 1,
    time: For = "7d",
    connections: Connections = 20,
    manufacturer: Manufacturer = None,
    password_file: PasswordFile = None,
    label: Labels = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Expect one new station.  A one-time password is generated and printed this once."""
    from ocppsec.cli import onboarding as verbs
    from ocppsec.cli.station import read_password

    terms = verbs.Terms(
        by=by,
        target=to,
        profile=profile,
        time=time,
        connections=connections,
        manufacturer=manufacturer,
        labels=label or [],
    )
    password = read_password(password_file, from_stdin=False)
    verbs.add(identity, terms, serial=serial, password=password, as_json=json, state=state)


@onboarding.command("import")
def onboarding_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines: identity,serial[,password].")],
    *,
    by: By,
    to: To = 3,
    profile: From = 1,
    time: For = "7d",
    connections: Connections = 20,
    manufacturer: Manufacturer = None,
    label: Labels = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Expect many.  One-time passwords that were generated are printed: identity,password,serial."""
    from ocppsec.cli import onboarding as verbs

    terms = verbs.Terms(
        by=by,
        target=to,
        profile=profile,
        time=time,
        connections=connections,
        manufacturer=manufacturer,
        labels=label or [],
    )
    verbs.import_all(file, terms, as_json=json, state=state)


@onboarding.command("list")
def onboarding_list(
    stage: Annotated[
        str | None, typer.Option(metavar="STAGE", help="Only those that are open, raising, done or expired.")
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Who is expected, and how far those are that came."""
    from ocppsec.cli import onboarding as verbs

    verbs.show_all(stage, as_json=json, state=state)


@onboarding.command("show")
def onboarding_show(identity: Identity, json: Json = False, state: State = None) -> None:
    """How far one is, and why it does not go on."""
    from ocppsec.cli import onboarding as verbs

    verbs.show(identity, as_json=json, state=state)


@onboarding.command("remove")
def onboarding_remove(identity: Identity, json: Json = False, state: State = None) -> None:
    """Expect one no more; who is in by that name is sent away."""
    from ocppsec.cli import onboarding as verbs

    verbs.remove(identity, as_json=json, state=state)
