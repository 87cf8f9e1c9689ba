"""The verbs.  Each command says here what it takes; what it does is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

import ocppsec
from ocppsec.cli.audit import audit
from ocppsec.cli.cert import cert
from ocppsec.cli.options import Config, Identity, Json, PasswordFile, State
from ocppsec.cli.simulate import sim

app = typer.Typer(
    name="ocppsec",
    help="Get charging stations from no security to mutual TLS, and keep them there.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
station = typer.Typer(help="Stations: register, look, upgrade, call.", no_args_is_help=True)
campaign = typer.Typer(
    help="Raise many stations: a canary first, at a rate, and stop by itself.", no_args_is_help=True
)
ca = typer.Typer(help="The certificate authority.", no_args_is_help=True)
config = typer.Typer(help="The settings of `ocppsec up`.", no_args_is_help=True)
app.add_typer(station, name="station")
app.add_typer(campaign, name="campaign")
app.add_typer(ca, name="ca")
app.add_typer(cert, name="cert")
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


@station.command("add")
def station_add(
    identity: Identity,
    *,
    serial: Annotated[str | None, typer.Option(help="Serial number; the identity by default.")] = None,
    profile: Annotated[int, typer.Option(min=0, max=3, help="Security profile to start with.")] = 1,
    password_file: PasswordFile = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password.")] = False,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A label; may be repeated.")
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Register a station.  Without a password one is generated and printed this once."""
    from ocppsec.cli import station as verbs

    verbs.add(
        identity,
        serial=serial,
        profile=profile,
        password=verbs.read_password(password_file, from_stdin=password_stdin),
        labels=label or [],
        as_json=json,
        state=state,
    )


@station.command("import")
def station_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines: identity,password[,serial].")],
    *,
    profile: Annotated[int, typer.Option(min=0, max=2, help="Security profile to start with.")] = 1,
    json: Json = False,
    state: State = None,
) -> None:
    """Register many stations; those that are registered already stay as they are."""
    from ocppsec.cli import importing

    importing.run(file, profile=profile, as_json=json, state=state)


@station.command("list")
def station_list(json: Json = False, state: State = None) -> None:
    """All stations: floor, target and what was observed."""
    from ocppsec.cli import station as verbs

    verbs.show_all(as_json=json, state=state)


@station.command("show")
def station_show(identity: Identity, json: Json = False, state: State = None) -> None:
    """One station with its upgrades."""
    from ocppsec.cli import station as verbs

    verbs.show(identity, as_json=json, state=state)


@station.command("label")
def station_label(
    identity: Identity,
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Labels to set; NAME= takes one away.")
    ] = None,
    *,
    json: Json = False,
    state: State = None,
) -> None:
    """Set labels of a station, by which campaigns choose; without any, show them."""
    from ocppsec.cli import station as verbs

    verbs.label(identity, labels or [], as_json=json, state=state)


@station.command("why")
def station_why(identity: Identity, json: Json = False, state: State = None) -> None:
    """Why it was refused: what its last attempts presented, and what to do."""
    from ocppsec.cli import station as verbs

    verbs.why(identity, as_json=json, state=state)


@station.command("rescue")
def station_rescue(identity: Identity, json: Json = False, state: State = None) -> None:
    """What to do for a station that has not come back; exit code 1 while contact is lost."""
    from ocppsec.cli import station as verbs

    verbs.rescue(identity, as_json=json, state=state)


@station.command("rotate-password")
def station_rotate_password(identity: Identity, json: Json = False, state: State = None) -> None:
    """Give a connected station a new password that nobody sees; exit code 1 unless it took it."""
    from ocppsec.cli import station as verbs

    verbs.rotate_password(identity, as_json=json, state=state)


@station.command("remove")
def station_remove(identity: Identity, json: Json = False, state: State = None) -> None:
    """Forget a station, revoke its certificates and close its connection."""
    from ocppsec.cli import station as verbs

    verbs.remove(identity, as_json=json, state=state)


@station.command("upgrade")
def station_upgrade(
    identity: Identity,
    *,
    to: Annotated[int, typer.Option(min=1, max=3, metavar="N", help="Security profile to reach.")],
    wait: Annotated[bool, typer.Option("--wait", help="Show the steps until it has ended.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait with --wait.")] = 600.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Take a station to a higher security profile.  Exit code 0 done, 1 failed, 6 not done in time."""
    from ocppsec.cli import upgrade

    upgrade.run(identity, to=to, wait=wait, timeout=timeout, as_json=json, state=state)


@station.command("evidence")
def station_evidence(
    upgrade: Annotated[
        str, typer.Argument(metavar="UPGRADE", help="Id of the upgrade; station show tells it.")
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to: .html to read, .json for programs.")],
    state: State = None,
) -> None:
    """Write down what can be shown for one upgrade: steps, handshakes, certificate hashes."""
    from ocppsec.cli import evidence

    evidence.of_upgrade(upgrade, out, state=state)


@station.command("call")
def station_call(
    identity: Identity,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="OCPP 2.0.1 request.")],
    payload: Annotated[str, typer.Argument(metavar="JSON|@FILE|-", help="Its payload.")] = "{}",
    *,
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds to wait.")] = 30.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Send any OCPP request to a connected station and print its answer; exit code 1 on CALLERROR."""
    from ocppsec.cli import station as verbs

    verbs.call(identity, action, payload, timeout=timeout, as_json=json, state=state)


PlanFile = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="TOML file with the plan.")]
Select = Annotated[
    str | None, typer.Option(metavar="WORDS", help="Which stations, such as 'site=de-* and observed=1'.")
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
    settings: Set = None,
    json: Json = False,
    state: State = None,
) -> None:
    """A dry run: who can be raised, who cannot and why, and in which phase.  Changes nothing."""
    from ocppsec.cli import campaign as verbs

    verbs.plan(verbs.read_plan(file, select, to, settings or []), as_json=json, state=state)


@campaign.command("start")
def campaign_start(
    file: PlanFile = None,
    *,
    select: Select = None,
    to: To = None,
    settings: Set = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how it goes until it has ended.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait with --wait.")] = 86_400.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Begin a campaign.  With --wait: exit code 0 all raised, 1 not all or standing still, 6 not done in time."""
    from ocppsec.cli import campaign as verbs

    verbs.start(
        verbs.read_plan(file, select, to, settings or []),
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


@campaign.command("pause")
def campaign_pause(campaign_id: CampaignId, json: Json = False, state: State = None) -> None:
    """Begin nothing more for now; what is under way comes to its end."""
    from ocppsec.cli import campaign as verbs

    verbs.tell(campaign_id, "pause", as_json=json, state=state)


@campaign.command("resume")
def campaign_resume(campaign_id: CampaignId, json: Json = False, state: State = None) -> None:
    """Go on after a pause or a stop; stop rules count from here."""
    from ocppsec.cli import campaign as verbs

    verbs.tell(campaign_id, "resume", as_json=json, state=state)


@campaign.command("approve")
def campaign_approve(campaign_id: CampaignId, json: Json = False, state: State = None) -> None:
    """Open the next phase, where a person has to."""
    from ocppsec.cli import campaign as verbs

    verbs.tell(campaign_id, "approve", as_json=json, state=state)


@campaign.command("abort")
def campaign_abort(campaign_id: CampaignId, json: Json = False, state: State = None) -> None:
    """End a campaign; what is under way comes to its end."""
    from ocppsec.cli import campaign as verbs

    verbs.tell(campaign_id, "abort", as_json=json, state=state)


@campaign.command("retry")
def campaign_retry(campaign_id: CampaignId, json: Json = False, state: State = None) -> None:
    """Try those again that failed, were lost or away, also when the campaign has ended."""
    from ocppsec.cli import campaign as verbs

    verbs.tell(campaign_id, "retry", as_json=json, state=state)


@station.command("certs")
def station_certs(identity: Identity, json: Json = False, state: State = None) -> None:
    """Ask a connected station which certificates it holds (GetInstalledCertificateIds)."""
    from ocppsec.cli import installed

    installed.show(identity, as_json=json, state=state)


@station.command("install-cert")
def station_install_cert(
    identity: Identity,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PEM of one root.")],
    *,
    use: Annotated[
        str,
        typer.Option(
            metavar="USE",
            help="CSMSRootCertificate, ManufacturerRootCertificate, V2GRootCertificate or MORootCertificate.",
        ),
    ] = "CSMSRootCertificate",
    json: Json = False,
    state: State = None,
) -> None:
    """Put a root into a station; done when the station shows it.  Exit code 1 when it does not."""
    from ocppsec.cli import installed

    installed.install(identity, file, use=use, as_json=json, state=state)


@station.command("delete-cert")
def station_delete_cert(
    identity: Identity,
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="As `station certs` shows it.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Even our own root.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Take a certificate out of a station; done when the station no longer shows it."""
    from ocppsec.cli import installed

    installed.delete(identity, serial, force=force, as_json=json, state=state)


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
