"""``ocppsec audit csms`` and ``ocppsec audit station``: the judge on the command line."""

import asyncio
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocppsec.cli.failure import ExitCode, Failure

if TYPE_CHECKING:
    from ocppsec.audit.finding import Finding, Report, Severity
    from ocppsec.audit.stations.lab import StationLab
    from ocppsec.audit.target import Papers

audit = typer.Typer(help="Black-box audits of a CSMS or a charging station.", no_args_is_help=True)

Only = Annotated[
    list[str] | None, typer.Option("--only", metavar="CHECK", help="This check or area alone (repeatable).")
]
Skip = Annotated[
    list[str] | None, typer.Option("--skip", metavar="CHECK", help="Not this check or area (repeatable).")
]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Junit = Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")]
Sarif = Annotated[Path | None, typer.Option(metavar="FILE", help="Write SARIF 2.1.0.")]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write one HTML page.")]
FailOn = Annotated[
    str,
    typer.Option(metavar="SEVERITY", help="Exit 1 on a fail this severe: info, low, medium, high, critical."),
]
Destructive = Annotated[
    bool, typer.Option("--destructive", help="Also change what the other side keeps; a test system only.")
]


@audit.command("door")
def door(
    urls: Annotated[
        list[str], typer.Argument(metavar="URL", help="Where stations connect, without an identity.")
    ],
    *,
    root: Annotated[Path | None, typer.Option(metavar="FILE", help="Root stations trust, PEM.")] = None,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 10.0,
    json: Json = False,
) -> None:
    """See doors as a station does, from a host in the stations' network; exit code 1 when something is wrong."""
    from ocppsec.cli.door import run

    run(urls, root=root, patience=patience, as_json=json)


@audit.command("csms")
def csms(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where the station connects, without its identity.")
    ],
    *,
    identity: Annotated[str | None, typer.Option(metavar="ID", help="A station the CSMS knows.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with its password.")
    ] = None,
    other_identity: Annotated[
        str | None, typer.Option(metavar="ID", help="Another station it knows.")
    ] = None,
    serial: Annotated[str | None, typer.Option(help="Its serial number; the identity by default.")] = None,
    organization: Annotated[str | None, typer.Option(help="O in certificates.")] = None,
    profile: Annotated[
        int | None,
        typer.Option(min=1, max=3, help="The station is on this profile; by the URL if not given."),
    ] = None,
    ws: Annotated[str | None, typer.Option(metavar="URL", help="Its ws:// door.")] = None,
    wss: Annotated[str | None, typer.Option(metavar="URL", help="Its wss:// door for profile 2.")] = None,
    mtls: Annotated[str | None, typer.Option(metavar="URL", help="Its wss:// door for profile 3.")] = None,
    root: Annotated[Path | None, typer.Option(metavar="FILE", help="Root stations trust, PEM.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The station's chain, PEM.")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key, PEM.")] = None,
    expired_certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="An expired one.")] = None,
    expired_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")] = None,
    never_booted: Annotated[
        bool, typer.Option("--never-booted", help="The station has not booted yet.")
    ] = False,
    operator: Annotated[bool, typer.Option("--operator", help="Ask me to do things at the CSMS.")] = False,
    destructive: Destructive = False,
    only: Only = None,
    skip: Skip = None,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between two connections.")] = 0.1,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 10.0,
    json: Json = False,
    junit: Junit = None,
    sarif: Sarif = None,
    html: Html = None,
    fail_on: FailOn = "low",
) -> None:
    """Audit any CSMS.  Exit code 0 nothing failed, 1 something at or above --fail-on did, 3 not reachable."""
    from ocppsec.audit.run import Limits, NotReachable, Selection, UnknownCheck, audit_csms
    from ocppsec.audit.target import BadTarget, Target, doors
    from ocppsec.cli.station import read_password

    least = _severity(fail_on)
    try:
        target = Target(
            **doors(url, ws=ws, wss=wss, mtls=mtls, profile=profile),
            identity=identity,
            password=read_password(password_file, from_stdin=False),
            other_identity=other_identity,
            serial_number=serial,
            organization=organization,
            roots=_text(root),
            papers=_papers(certificate, key),
            expired=_papers(expired_certificate, expired_key),
            never_booted=never_booted,
            operator=operator,
            destructive=destructive,
        )
        running = audit_csms(
            target,
            limits=Limits(pause=pause, patience=patience),
            selection=Selection(only=tuple(only or ()), skip=tuple(skip or ())),
            operator=_ask if operator else _nobody,
            progress=_progress(quiet=json),
        )
        report = asyncio.run(running)
    except (BadTarget, UnknownCheck) as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error
    except NotReachable as error:
        raise Failure(
            "the CSMS is not reachable", why=str(error), next="check the URL", code=ExitCode.NOT_REACHABLE
        ) from error
    _deliver(report, as_json=json, junit=junit, sarif=sarif, html=html)
    _end(report, least)


@audit.command("station")
def station(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Identity of the station.")],
    *,
    password_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with its password.")
    ] = None,
    serial: Annotated[str | None, typer.Option(help="Its serial number; else what it says at boot.")] = None,
    organization: Annotated[str, typer.Option(help="O of the certificate it shall ask for.")] = "Audit CSO",
    listen: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    hostname: Annotated[str, typer.Option(metavar="FQDN", help="What the station dials.")] = "localhost",
    ws_port: Annotated[int, typer.Option(min=0, max=65535, help="Without TLS; 0 takes a free one.")] = 0,
    wss_port: Annotated[int, typer.Option(min=0, max=65535, help="With TLS; 0 takes a free one.")] = 0,
    interface: Annotated[str, typer.Option(help="ocppInterface for new network profiles.")] = "Wired0",
    destructive: Destructive = False,
    only: Only = None,
    skip: Skip = None,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the station.")] = 120.0,
    json: Json = False,
    junit: Junit = None,
    sarif: Sarif = None,
    html: Html = None,
    fail_on: FailOn = "low",
) -> None:
    """Audit any charging station that can be pointed at a URL.  Exit codes as for `audit csms`."""
    from ocppsec.audit.run import Limits, NotReachable, Selection, UnknownCheck
    from ocppsec.audit.stations.lab import Subject
    from ocppsec.audit.stations.run import audit_station
    from ocppsec.cli.station import read_password

    least = _severity(fail_on)
    subject = Subject(
        identity=identity,
        password=read_password(password_file, from_stdin=False),
        serial_number=serial,
        organization=organization,
        hostname=hostname,
        listen=listen,
        ports=(ws_port, wss_port),
        interface=interface,
        destructive=destructive,
    )
    try:
        running = audit_station(
            subject,
            limits=Limits(patience=patience, check_seconds=max(240.0, 4 * patience), total_seconds=7200.0),
            selection=Selection(only=tuple(only or ()), skip=tuple(skip or ())),
            ready=_say_where,
            progress=_progress(quiet=json),
        )
        report = asyncio.run(running)
    except UnknownCheck as error:
        raise Failure(str(error), code=ExitCode.USAGE) from error
    except NotReachable as error:
        raise Failure(
            "the station did not come",
            why=str(error),
            next="set its CSMS URL to the one above, and look at its own log",
            code=ExitCode.NOT_REACHABLE,
        ) from error
    except OSError as error:
        raise Failure("cannot listen", why=str(error), code=ExitCode.FAILED) from error
    _deliver(report, as_json=json, junit=junit, sarif=sarif, html=html)
    _end(report, least)


def _say_where(lab: "StationLab") -> None:
    print(f"point the station to {lab.urls['ws']} (security profile 1)", file=sys.stderr, flush=True)


# -- what was given -------------------------------------------------------------------------------------------
def _severity(word: str) -> "Severity":
    from ocppsec.audit.finding import Severity

    try:
        return Severity(word)
    except ValueError:
        words = ", ".join(Severity)
        raise Failure(f"--fail-on {word}: it is one of {words}", code=ExitCode.USAGE) from None


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read as PEM", why=str(error), code=ExitCode.USAGE) from error


def _papers(certificate: Path | None, key: Path | None) -> "Papers | None":
    from ocppsec.audit.target import Papers

    if (certificate is None) != (key is None):
        raise Failure("a certificate and its key go together", code=ExitCode.USAGE)
    chain, private = _text(certificate), _text(key)
    return Papers(chain_pem=chain, key_pem=private.encode()) if chain and private else None


async def _nobody(what: str) -> bool:  # noqa: ARG001
    return False


async def _ask(what: str) -> bool:
    question = f"\nPlease {what}, then press Enter (n and Enter to leave it out): "
    answer = await asyncio.to_thread(partial(input, question))
    return not answer.strip().lower().startswith("n")


# -- what comes out -------------------------------------------------------------------------------------------
def _progress(*, quiet: bool) -> "Callable[[Finding], None]":
    """A line that is written over on a terminal; nothing where nobody watches."""

    def told(finding: "Finding") -> None:
        if not quiet and sys.stderr.isatty():
            print(f"\r\x1b[K{finding.about.id}: {finding.verdict}", end="", file=sys.stderr, flush=True)

    return told


def _deliver(
    report: "Report", *, as_json: bool, junit: Path | None, sarif: Path | None, html: Path | None
) -> None:
    from ocppsec.audit.report.as_json import as_json as to_json
    from ocppsec.audit.report.html import as_html
    from ocppsec.audit.report.junit import as_junit
    from ocppsec.audit.report.sarif import as_sarif
    from ocppsec.cli.output import print_json

    files: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (junit, lambda: as_junit(report)),
        (sarif, lambda: json.dumps(as_sarif(report), indent=1)),
        (html, lambda: as_html(report)),
    )
    for path, made in files:
        if path is None:
            continue
        try:
            path.write_text(made(), encoding="utf-8")
        except OSError as error:
            raise Failure(f"{path} cannot be written", why=str(error)) from error
    if as_json:
        print_json(to_json(report))
    else:
        _tell(report)


_COLOURS = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "yellow",
    "not tested": "cyan",
    "not applicable": "dim",
}


def _tell(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    from ocppsec.audit.finding import Verdict
    from ocppsec.cli.output import escaped

    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    table = Table("VERDICT", "CHECK", "WHY", box=None, pad_edge=False, header_style="bold")
    for finding in report.findings:
        colour = _COLOURS[finding.verdict]
        table.add_row(f"[{colour}]{finding.verdict}[/]", finding.about.id, escaped(finding.why))
    console.print(table)
    for finding in report.failures:
        ids = ", ".join((*finding.about.tests, *finding.about.requirements))
        console.print(
            f"\n[bold red]{finding.about.severity}[/] {escaped(finding.about.title)}  [dim]{ids}[/]"
        )
        console.print(f"  {escaped(finding.why)}\n  sent:     {escaped(finding.sent)}")
        console.print(f"  received: {escaped(finding.received)}\n  remedy:   {escaped(finding.remedy)}")
    counts = report.counts()
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    console.print(f"\n{told}; {report.seconds:.0f} s.  Only pass counts as a pass.")


def _end(report: "Report", least: "Severity") -> None:
    if report.failed_at(least):
        raise typer.Exit(ExitCode.FAILED)
