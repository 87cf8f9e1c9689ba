"""The verbs of `ocppsec campaign`."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Json, State

campaign = typer.Typer(
    help="Many stations at once: a canary first, at a rate, and stop by itself.", no_args_is_help=True
)


PlanFile = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="TOML file with the plan.")]
Select = Annotated[
    str | None, typer.Option(metavar="WORDS", help="Which stations, such as 'site=de-* and observed=1'.")
]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="What is done: raise (default), renew, passwords, install-root or withdraw-root.",
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The root, in PEM, for install-root and withdraw-root."),
]
To = Annotated[int | None, typer.Option(min=2, max=3, metavar="N", help="Security profile to reach.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any key of the plan, such as rate.per_minute=60; repeatable."
    ),
]
CampaignId = Annotated[str, typer.Argument(metavar="ID", help="Id of the campaign.")]


@campaign.command("plan")
def campaign_plan(
    file: PlanFile = None,
    *,
    select: Select = None,
    to: To = None,
    kind: Kind = None,
    root: Root = None,
    settings: Set = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask up to three connected stations of each kind first; raise only.")
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """A dry run: who can be helped, who cannot and why, and in which phase.  Changes nothing."""
    from ocppsec.cli import campaign as verbs

    planned = verbs.read_plan(file, select, to, settings or [], kind=kind, root=root)
    verbs.plan(planned, ask=ask, as_json=json, state=state)


@campaign.command("start")
def campaign_start(
    file: PlanFile = None,
    *,
    select: Select = None,
    to: To = None,
    kind: Kind = None,
    root: Root = None,
    settings: Set = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how it goes until it has ended.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait with --wait.")] = 86_400.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Begin a campaign.  With --wait: exit code 0 all done, 1 not all or standing still, 6 not done in time."""
    from ocppsec.cli import campaign as verbs

    verbs.start(
        verbs.read_plan(file, select, to, settings or [], kind=kind, root=root),
        wait=wait,
        timeout=timeout,
        as_json=json,
        state=state,
    )


@campaign.command("list")
def campaign_list(json: Json = False, state: State = None) -> None:
    """The campaigns, newest first."""
    from ocppsec.cli import campaign as verbs

    verbs.show_all(as_json=json, state=state)


@campaign.command("show")
def campaign_show(
    campaign_id: CampaignId,
    *,
    stations: Annotated[bool, typer.Option("--stations", help="Each station with its reason.")] = False,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help="Only stations that are failed, lost, away, done, …")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how it goes until it has ended.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait with --wait.")] = 86_400.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Where a campaign stands, and its history."""
    from ocppsec.cli import campaign as verbs

    if wait:
        verbs.wait_for(campaign_id, timeout=timeout, as_json=json, state=state)
    else:
        verbs.show(campaign_id, stations=stations or bool(status), status=status, as_json=json, state=state)


@campaign.command("evidence")
def campaign_evidence(
    campaign_id: CampaignId,
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to: .html to read, .json for programs.")],
    state: State = None,
) -> None:
    """Write down what can be shown for each station: steps, handshakes, certificate hashes."""
    from ocppsec.cli import evidence

    evidence.of_campaign(campaign_id, out, state=state)


_TOLD = {
    "pause": "Begin nothing more for now; what is under way comes to its end.",
    "resume": "Go on after a pause or a stop; stop rules count from here.",
    "approve": "Open the next phase, where a person has to.",
    "abort": "End a campaign; what is under way comes to its end.",
    "finish": "Take no more late comers; the campaign ends when the stations it has have ended.",
    "retry": "Try those again that failed, were lost or away, also when the campaign has ended.",
}


def _tells(command: str) -> None:
    @campaign.command(command, help=_TOLD[command])
    def tell(campaign_id: CampaignId, json: Json = False, state: State = None) -> None:
        from ocppsec.cli import campaign as verbs

        verbs.tell(campaign_id, command, as_json=json, state=state)


for _command in _TOLD:
    _tells(_command)
