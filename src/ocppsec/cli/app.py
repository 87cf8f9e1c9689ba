"""The verbs.  Each command says here what it takes; what it does is imported when it runs."""

from typing import Annotated

import typer

import ocppsec
from ocppsec.cli.audit import audit
from ocppsec.cli.cert import cert
from ocppsec.cli.options import Config, Json, State
from ocppsec.cli.simulate import sim
from ocppsec.cli.verbs.ca import ca
from ocppsec.cli.verbs.campaign import campaign
from ocppsec.cli.verbs.config import config
from ocppsec.cli.verbs.csr import csr
from ocppsec.cli.verbs.onboarding import onboarding
from ocppsec.cli.verbs.rotate import rotate, trust
from ocppsec.cli.verbs.station import station

app = typer.Typer(
    name="ocppsec",
    help="Get charging stations from no security to mutual TLS, and keep them there.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(station, name="station")
app.add_typer(onboarding, name="onboarding")
app.add_typer(campaign, name="campaign")
ca.add_typer(rotate, name="rotate")
app.add_typer(ca, name="ca")
app.command("trust")(trust)
app.add_typer(cert, name="cert")
app.add_typer(csr, name="csr")
app.add_typer(sim, name="sim")
app.add_typer(config, name="config")
app.add_typer(audit, name="audit")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"ocppsec {ocppsec.__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    stations: Annotated[int, typer.Option(min=1, max=500, metavar="N", help="How many stations.")] = 12,
    once: Annotated[bool, typer.Option("--once", help="End when the story is told.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Show it all in one process: stations climb from profile 1 to 3, and one that goes back is refused."""
    from ocppsec.cli.demo import run_demo

    run_demo(stations=stations, once=once, as_json=json, state=state)


@app.command()
def up(
    *,
    state: State = None,
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address the doors listen on (127.0.0.1).")] = None,
    ws_port: Annotated[int | None, typer.Option(min=0, max=65535, help="Door for profile 1 (9000).")] = None,
    wss_port: Annotated[int | None, typer.Option(min=0, max=65535, help="Door for profile 2 (9443).")] = None,
    mtls_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Door for profile 3 (9444).")
    ] = None,
    api_port: Annotated[int | None, typer.Option(min=0, max=65535, help="HTTP API (8080).")] = None,
    hostname: Annotated[
        str | None, typer.Option(metavar="FQDN", help="Name stations reach this CSMS by (localhost).")
    ] = None,
    organization: Annotated[
        str | None, typer.Option(metavar="NAME", help="Operator's name in certificates (ocppsec).")
    ] = None,
    loop: Annotated[str | None, typer.Option(metavar="uvloop|asyncio", help="Event loop (uvloop).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Say that it is ready in one JSON line.")] = False,
) -> None:
    """Run the CSMS until SIGTERM or Ctrl-C.  Port 0 takes a free one."""
    from ocppsec.cli.up import run_up

    flags = {
        "csms.host": host,
        "csms.ws_port": ws_port,
        "csms.wss_port": wss_port,
        "csms.mtls_port": mtls_port,
        "csms.hostname": hostname,
        "csms.organization": organization,
        "csms.loop": loop,
        "api.port": api_port,
    }
    run_up(state=state, config=config, flags=flags, as_json=json)


@app.command()
def doctor(json: Json = False, state: State = None) -> None:
    """Look at what is wrong most often, and say what to do; exit code 1 when something is."""
    from ocppsec.cli.doctor import run

    run(as_json=json, state=state)
