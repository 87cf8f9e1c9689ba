"""``ocppsec station``: register, look, explain, remove, call."""

import json
import sys
from pathlib import Path
from typing import Any

from ocppsec.cli.certificates import in_words
from ocppsec.cli.client import Api, Problem, station_path
from ocppsec.cli.failure import ExitCode, Failure
from ocppsec.cli.output import print_facts, print_json, print_table, printable
from ocppsec.cli.state import state_directory


def read_password(file: Path | None, *, from_stdin: bool) -> str | None:
    """Never from an argument: those are for all to see in the process list."""
    if file is not None and from_stdin:
        raise Failure("--password-file and --password-stdin exclude each other", code=ExitCode.USAGE)
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", code=ExitCode.USAGE) from error
    except UnicodeDecodeError:
        raise Failure(f"{file} is not text", code=ExitCode.USAGE) from None


def add(
    identity: str,
    *,
    serial: str | None,
    profile: int,
    password: str | None,
    labels: list[str],
    as_json: bool,
    state: Path | None,
) -> None:
    body = {
        "identity": identity,
        "serial_number": serial,
        "profile": profile,
        "password": password,
        "labels": read_labels(labels),
    }
    with Api.find(state_directory(state)) as api:
        added = api.post("/stations", body)
    if as_json:
        print_json(added)
        return
    print(f"station {added['identity']} is registered, serial number {added['serial_number']}")
    facts = [
        ("url", added["urls"].get(str(added["target"])) or "no door serves this profile"),
        ("identity and user name", added["identity"]),
    ]
    if added["password"]:
        facts.append(("password", added["password"]))
    print_facts(facts)
    if added["password"]:
        print("The password is shown this once: only a keyed hash of it is kept.")


def show_all(*, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        stations = list(api.pages("/stations", "stations"))
    if as_json:
        print_json({"stations": stations})
    elif not stations:
        print("no station is registered yet; next: ocppsec station add ID")
    else:
        print_table(
            ["IDENTITY", "SERIAL", "FLOOR", "TARGET", "OBSERVED", "CONNECTED", "LAST SEEN"],
            [_row(one) for one in stations],
        )


def show(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        station = api.get(station_path(identity))
        upgrades = api.get(station_path(identity, "upgrades"))["upgrades"]
        renewals = api.get(station_path(identity, "renewals"))["renewals"]
        names = ("vendor", "model", "firmware_version")
        kinds = [] if as_json else api.get("/kinds")["kinds"]
    if as_json:
        print_json({**station, "upgrades": upgrades, "renewals": renewals})
        return
    connection = station.pop("connection")
    labels = " ".join(f"{name}={value}" for name, value in station.pop("labels").items())
    facts = [(name.replace("_", " "), value) for name, value in station.items()]
    facts.append(("labels", labels))
    told = [station[name] or "" for name in names]
    facts += [("its kind", "; ".join(kind["known"])) for kind in kinds if [kind[n] for n in names] == told]
    print_facts([*facts, ("connected", _connection(connection))])
    for renewal in renewals:
        print(printable(f"renewal {renewal['id']} since {renewal['started_at'][:16]}: {in_words(renewal)}"))
    for upgrade in upgrades:
        reason = f": {upgrade['reason']}" if upgrade["reason"] else ""
        text = (
            f"upgrade {upgrade['id']} to {upgrade['target']}: {upgrade['status']}, {upgrade['step']}{reason}"
        )
        print(printable(text))


def kinds(*, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        told = api.get("/kinds")
    if as_json:
        print_json(told)
    elif not told["kinds"]:
        print("nothing is known yet: ocppsec campaign plan --ask asks, and each upgrade that ends adds to it")
    for kind in [] if as_json else told["kinds"]:
        print(printable(f"{_kind(kind)}: {kind['done']} done, {kind['failed']} failed"))
        reason = [f"last failure: {kind['reason']}"] if kind["reason"] else []
        for line in (*kind["known"], *reason):
            print(printable(f"  {line}"))


def _kind(kind: dict[str, Any]) -> str:
    return " ".join(kind[name] for name in ("vendor", "model", "firmware_version") if kind[name])


def label(identity: str, labels: list[str], *, as_json: bool, state: Path | None) -> None:
    """Set some and keep the others; an empty value takes one away."""
    with Api.find(state_directory(state)) as api:
        station = api.get(station_path(identity))
        if labels:
            merged = {**station["labels"], **read_labels(labels)}
            wanted = {name: value for name, value in merged.items() if value}
            station = api.put(station_path(identity, "labels"), {"labels": wanted})
    if as_json:
        print_json(station)
    else:
        print_facts(station["labels"].items() or [("labels", "none")])


def read_labels(labels: list[str]) -> dict[str, str]:
    read = {}
    for given in labels:
        name, equals, value = given.partition("=")
        if not equals:
            raise Failure(f"a label is written NAME=VALUE, not {given}", code=ExitCode.USAGE)
        read[name] = value
    return read


def why(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        told = api.get(station_path(identity, "why"))
    if as_json:
        print_json(told)
    else:
        print("\n".join(explanation(told)))
    if not told["registered"]:
        raise Failure(
            "no station has this identity",
            why="what is told above, the doors have seen" if told["attempts"] else "",
            next="ocppsec station list shows them all",
            code=ExitCode.NOT_FOUND,
        )


def rotate_password(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        told = api.post(station_path(identity, "password-rotation"), None, timeout=75.0)
    if as_json:
        print_json(told)
    elif told["outcome"] in ("accepted", "reboot-required"):
        print(f"station {identity} took a new password. {printable(told['detail'])}")
    if told["outcome"] not in ("accepted", "reboot-required"):
        raise Failure(
            f"the change of the password of {identity} ended: {told['outcome']}",
            why=printable(told["detail"]),
        )


def explanation(told: dict[str, Any]) -> list[str]:
    """The explanation as lines for people."""
    lines = [told["summary"]]
    for attempt in told["attempts"]:
        who = f"from {attempt['address']} at door {attempt['door']}"
        verdict = (
            attempt["outcome"] if not attempt["reason"] else f"{attempt['outcome']}, {attempt['reason']}"
        )
        lines += ["", f"{attempt['at']}  {verdict}  {who}"]
        lines += [
            f"  {name}: {attempt[name]}" for name in ("presented", "expected", "advice") if attempt[name]
        ]
    if told["advice"]:
        lines += ["", "what to do:", *(f"  - {advice}" for advice in told["advice"])]
    return [printable(line) for line in lines]


def remove(identity: str, *, as_json: bool, state: Path | None) -> None:
    with Api.find(state_directory(state)) as api:
        api.delete(station_path(identity))
    if as_json:
        print_json({"removed": identity})
    else:
        print(f"station {identity} is removed; its certificates are revoked")


def call(
    identity: str, action: str, payload: str, *, timeout: float, as_json: bool, state: Path | None
) -> None:
    body = {"action": action, "payload": read_payload(payload), "timeout": timeout}
    try:
        with Api.find(state_directory(state)) as api:
            answer = api.post(station_path(identity, "calls"), body, timeout=timeout + 15)
    except Problem as problem:
        if as_json and problem.kind == "call-refused":
            print_json({name: problem.body[name] for name in ("code", "description", "details")})
        raise
    if as_json:
        print_json(answer["payload"])
    else:
        print(json.dumps(answer["payload"], indent=2))


def read_payload(text: str) -> dict[str, Any]:
    """JSON as it stands, ``@FILE``, or ``-`` for standard input."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{text[1:]} cannot be read", why=str(error), code=ExitCode.USAGE) from error
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Failure("the payload is not JSON", why=str(error), code=ExitCode.USAGE) from error
    if not isinstance(payload, dict):
        raise Failure("the payload must be a JSON object", code=ExitCode.USAGE)
    return payload


def _row(station: dict[str, Any]) -> list[str]:
    connection = station["connection"]
    return [
        station["identity"],
        station["serial_number"],
        str(station["floor"]),
        str(station["target"]),
        "-" if station["observed"] is None else str(station["observed"]),
        f"profile {connection['profile']}" if connection else "no",
        station["last_seen_at"] or "never",
    ]


def _connection(connection: dict[str, Any] | None) -> str:
    if connection is None:
        return "no"
    tls = f", {connection['tls_version']} {connection['cipher']}" if connection["tls_version"] else ""
    kept = f", kept in Pending ({connection['pending']})" if connection["pending"] else ""
    where = f"profile {connection['profile']} from {connection['address']}"
    return f"{where} since {connection['since']}{tls}{kept}"
