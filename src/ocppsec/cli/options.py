"""Options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="State directory; else OCPPSEC_STATE, else ocppsec under XDG_STATE_HOME.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file with settings.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="Identity of the station.")]
PasswordFile = Annotated[Path | None, typer.Option(metavar="FILE", help="File that holds the password.")]
