"""The verbs of `ocppsec station`."""

from pathlib import Path
from typing import Annotated

import typer

from ocppsec.cli.options import Identity, Json, PasswordFile, State

station = typer.Typer(help="Stations: register, look, upgrade, call.", no_args_is_help=True)


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
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A label for all in the file; may be repeated."),
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Register many stations; those that are registered already stay as they are."""
    from ocppsec.cli import importing

    importing.run(file, profile=profile, labels=label or [], as_json=json, state=state)


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
    """Why it was refused: what its last attempts presented, and what to do.  Exit code 5 for who is not registered."""
    from ocppsec.cli import station as verbs

    verbs.why(identity, as_json=json, state=state)


@station.command("rescue")
def station_rescue(
    identity: Identity,
    *,
    do: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="retry, watch, give-up, new-password or open-profile."),
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with it. For --do.")] = "",
    time: Annotated[str | None, typer.Option("--for", metavar="TIME", help="How long to watch: 30d.")] = None,
    profile: Annotated[int | None, typer.Option(min=1, max=3, help="Which profile to open.")] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """What to do for a station that has not come back, exit code 1 while contact is lost; with --do, do it."""
    from ocppsec.cli import rescue

    if do is None:
        rescue.explain(identity, as_json=json, state=state)
    else:
        rescue.do(identity, do, reason=reason, time=time, profile=profile, as_json=json, state=state)


@station.command("downgrade")
def station_downgrade(
    identity: Identity,
    *,
    to: Annotated[int, typer.Option(min=2, max=2, metavar="2", help="2; there is no other step down.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept for ever, with who asked.")],
    wait: Annotated[bool, typer.Option("--wait", help="Show the steps until it has ended.")] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait with --wait.")] = 600.0,
    json: Json = False,
    state: State = None,
) -> None:
    """Take a station from profile 3 to 2, only where its AllowSecurityProfileDowngrade is on."""
    from ocppsec.cli import upgrade

    upgrade.lower(identity, to=to, reason=reason, wait=wait, timeout=timeout, as_json=json, state=state)


@station.command("kinds")
def station_kinds(json: Json = False, state: State = None) -> None:
    """What upgrades have found out about stations of each vendor, model and firmware."""
    from ocppsec.cli import station as verbs

    verbs.kinds(as_json=json, state=state)


@station.command("interventions")
def station_interventions(identity: Identity, json: Json = False, state: State = None) -> None:
    """What people had done to a station outside of the ordinary way: when, who, why."""
    from ocppsec.cli import rescue

    rescue.interventions(identity, as_json=json, state=state)


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
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only ask what it would be asked first; exit code 1 when it would fail."
        ),
    ] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Take a station to a higher security profile.  Exit code 0 done, 1 failed, 6 not done in time."""
    from ocppsec.cli import upgrade

    if dry_run:
        upgrade.ask_first(identity, to=to, as_json=json, state=state)
        return
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


@station.command("allow-expired")
def station_allow_expired(
    identity: Identity,
    *,
    time: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="So long: 30m, 2h, at most 7d.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Take it back now.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Let one station in with an expired certificate, in Pending, to renew it at once; without options, tell of it."""
    from ocppsec.cli import onboarding

    onboarding.allow_expired(identity, time=time, end=end, as_json=json, state=state)
