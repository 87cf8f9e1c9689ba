"""``ocppsec csr``: the commands; what they do is in `ocppsec.cli.requests`."""

from typing import Annotated

import typer

from ocppsec.cli.options import Json, State

csr = typer.Typer(help="Certificate requests of stations: list, look, approve, deny.", no_args_is_help=True)

Request = Annotated[str, typer.Argument(metavar="REQUEST", help="Id of the request.")]


@csr.command("list")
def csr_list(
    station: Annotated[str | None, typer.Option("--station", metavar="ID", help="Only of this one.")] = None,
    in_state: Annotated[
        str | None,
        typer.Option(
            "--in", metavar="STATE", help="refused, accepted, waiting, approved, denied or replaced."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many at most.")] = 100,
    json: Json = False,
    state: State = None,
) -> None:
    """What stations have asked for, newest first, and what became of it."""
    from ocppsec.cli import requests as verbs

    verbs.show_all(station, in_state, limit=limit, as_json=json, state=state)


@csr.command("show")
def csr_show(
    request: Request,
    pem: Annotated[bool, typer.Option("--pem", help="Only the request, as it came.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """One request; what would be signed for it, and every rule that it is held against before a key is touched."""
    from ocppsec.cli import requests as verbs

    verbs.show(request, pem=pem, as_json=json, state=state)


@csr.command("rules")
def csr_rules(json: Json = False) -> None:
    """What a request is judged by, each rule with its requirement and the reason that is given.  Needs no server."""
    from ocppsec.cli import requests as verbs

    verbs.rules(as_json=json)


@csr.command("approve")
def csr_approve(request: Request, json: Json = False, state: State = None) -> None:
    """Have it signed; whoever waits for it goes on at once."""
    from ocppsec.cli import requests as verbs

    verbs.approve(request, as_json=json, state=state)


@csr.command("deny")
def csr_deny(
    request: Request,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the station is told.")],
    json: Json = False,
    state: State = None,
) -> None:
    """Refuse it: the upgrade that waits for it ends with the reason, and its key is never certified."""
    from ocppsec.cli import requests as verbs

    verbs.deny(request, reason=reason, as_json=json, state=state)
