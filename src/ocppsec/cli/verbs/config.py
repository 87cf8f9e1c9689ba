"""The verbs of `ocppsec config`."""

from typing import Annotated

import typer

from ocppsec.cli.options import Config, Json, State

config = typer.Typer(help="The settings of `ocppsec up`.", no_args_is_help=True)


@config.command("show")
def config_show(
    config: Config = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """The settings as file and environment make them.  Secrets are not shown."""
    from ocppsec.cli.config import show

    show(config=config, with_origin=origin, as_json=json, state=state)
