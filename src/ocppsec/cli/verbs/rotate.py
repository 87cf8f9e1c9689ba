"""The verbs of `ocppsec ca rotate`, and `ocppsec trust`."""

from typing import Annotated

import typer

from ocppsec.cli.options import Json, State

rotate = typer.Typer(help="Replace the CSMS root, phase by phase, with a way back.", no_args_is_help=True)


@rotate.command("begin")
def rotate_begin(
    keep_old_keys: Annotated[
        bool, typer.Option("--keep-old-keys", help="Keep the old root's key in ca/past in the end.")
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Make a new root beside the one in force, rehearsed.  No station hears of it."""
    from ocppsec.cli import rollover

    rollover.begin(keep_old_keys=keep_old_keys, as_json=json, state=state)


@rotate.command("status")
def rotate_status(
    *,
    everybody: Annotated[
        bool, typer.Option("--all", help="Every station, not only those that something is said of.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until nobody is in the way of the next phase.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait.")] = 600.0,
    json: Json = False,
    state: State = None,
) -> None:
    """In which phase it is, and who is in the way of the next, with the reason."""
    from ocppsec.cli import rollover

    rollover.status(everybody=everybody, wait=wait, timeout=timeout, as_json=json, state=state)


@rotate.command("next")
def rotate_next(
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="[PHASE]", help="Its name: a repeated command does not lead one phase further then."
        ),
    ] = None,
    *,
    exceptions: Annotated[
        list[str] | None, typer.Option("--except", metavar="ID", help="A station to let behind; repeatable.")
    ] = None,
    accept_missing: Annotated[
        int, typer.Option(min=0, metavar="N", help="Let so many behind, whoever they are.")
    ] = 0,
    yes: Annotated[
        bool, typer.Option("--yes", help="For withdraw, from which there is no way back: it is meant.")
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Into the next phase: prepared, distribute, serve, issue, alone, withdraw.  Refused while it would harm."""
    from ocppsec.cli import rollover

    rollover.go_on(
        to=to, exceptions=exceptions or [], accept_missing=accept_missing, yes=yes, as_json=json, state=state
    )


@rotate.command("back")
def rotate_back(json: Json = False, state: State = None) -> None:
    """Into the phase before; no open connection notices."""
    from ocppsec.cli import rollover

    rollover.back(as_json=json, state=state)


@rotate.command("abort")
def rotate_abort(json: Json = False, state: State = None) -> None:
    """Give it up: the new root is taken out of the stations again, then thrown away."""
    from ocppsec.cli import rollover

    rollover.abort(as_json=json, state=state)


def trust(
    identity: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only of this station.")] = None,
    *,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the station now; it has to be connected.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Which station trusts which root, as it last said (GetInstalledCertificateIds)."""
    from ocppsec.cli import rollover

    rollover.trust(identity, ask=ask, as_json=json, state=state)
