"""``ocppsec sim``: what its commands take; what they do is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Json, PasswordFile

sim = typer.Typer(help="Simulated charging stations.", no_args_is_help=True)

Url = Annotated[str, typer.Option(help="URL of the CSMS, without the identity.")]
Profile = Annotated[
    int | None,
    typer.Option(
        min=0, max=3, metavar="N", help="Security profile to begin with; else as its means suggest."
    ),
]
Root = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="PEM of a CSMS root it trusts from the start.")
]
Organization = Annotated[
    str, typer.Option(metavar="NAME", help="OrganizationName as the factory set it; CSRs want one.")
]
Edition = Annotated[str, typer.Option(metavar="3|errata", help="Of OCPP 2.0.1, where they differ.")]

# Of a fleet.
Count = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="How many stations; 100, or all in the file.")
]
Prefix = Annotated[str, typer.Option(help="Identities are PREFIX00000 and so on.")]
Passwords = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Stations as lines: identity,password[,serial].")
]
PasswordPattern = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Password of each; {identity} and {number} are filled in."),
]
Certificates = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="IDENTITY.pem for each: private key and chain, for profile 3."),
]
Manners = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME[+NAME][=SHARE]", help="How a share of them misbehaves: half-open=10%."),
]
Ramp = Annotated[float, typer.Option(min=0.1, metavar="N", help="Stations started each second.")]
Storm = Annotated[
    float | None,
    typer.Option(min=0, metavar="S", help="Break all connections after S seconds; SIGUSR1 does it again."),
]
Duration = Annotated[
    float | None, typer.Option(min=0.1, metavar="S", help="End after S seconds; else with Ctrl-C.")
]
Pace = Annotated[float, typer.Option(min=0, help="How long a second of the waits between attempts lasts.")]
Meter = Annotated[
    float,
    typer.Option(min=0, metavar="S", help="Charge all the time, with a TransactionEvent every S seconds."),
]
Source = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Connect from this address of the machine.")
]
ReportJson = Annotated[bool, typer.Option("--json", help="The report in JSON.")]
Report = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there too, in JSON.")]
Each = Annotated[bool, typer.Option("--each", help="The report in JSON tells of every station too.")]
FleetState = Annotated[
    Path | None, typer.Option("--state", metavar="DIR", help="What the stations keep over a restart.")
]


@sim.command("run")
def sim_run(
    *,
    url: Url,
    identity: Annotated[str, typer.Option(metavar="ID", help="Identity of the station.")],
    password_file: PasswordFile = None,
    serial: Annotated[str | None, typer.Option(help="Serial number; the identity by default.")] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="PEM: its private key and certificate chain, for profile 3."),
    ] = None,
    profile: Profile = None,
    root: Root = None,
    organization: Organization = "",
    edition: Edition = "errata",
    manner: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="How it misbehaves; see `sim manners`.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Tell what happens as JSON lines.")] = False,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="What the station keeps over a restart.")
    ] = None,
) -> None:
    """Run one simulated station until Ctrl-C."""
    from ocppsec.cli.sim import run

    run(
        url=url,
        identity=identity,
        serial=serial,
        password_file=password_file,
        certificate=certificate,
        profile=profile,
        roots=root or [],
        organization=organization,
        edition=edition,
        manners=manner or [],
        as_json=json,
        state=state,
    )


@sim.command("manners")
def sim_manners(json: Json = False) -> None:
    """How simulated stations may misbehave, by name."""
    from ocppsec.cli.sim import show_manners

    show_manners(as_json=json)


@sim.command("fleet")
def sim_fleet(
    *,
    url: Url,
    count: Count = None,
    prefix: Prefix = "CS",
    passwords: Passwords = None,
    password_pattern: PasswordPattern = None,
    certificates: Certificates = None,
    profile: Profile = None,
    root: Root = None,
    organization: Organization = "",
    edition: Edition = "errata",
    manner: Manners = None,
    ramp: Ramp = 100.0,
    storm: Storm = None,
    duration: Duration = None,
    pace: Pace = 1.0,
    meter: Meter = 0.0,
    source: Source = None,
    json: ReportJson = False,
    report: Report = None,
    each: Each = False,
    state: FleetState = None,
) -> None:
    """Run many stations in one process; exit code 1 when one without a manner was never let in."""
    from ocppsec.cli.fleet import Wanted, run

    run(
        Wanted(
            url=url,
            count=count,
            prefix=prefix,
            passwords=passwords,
            password_pattern=password_pattern,
            certificates=certificates,
            profile=profile,
            roots=root or [],
            organization=organization,
            edition=edition,
            manners=manner or [],
            ramp=ramp,
            storm=storm,
            duration=duration,
            pace=pace,
            state=state,
            as_json=json,
            report=report,
            each=each,
            meter=meter,
            source=source,
        )
    )
