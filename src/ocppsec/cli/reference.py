"""The reference pages, written from the code: ``python -m ocppsec.cli.reference docs/reference``.

A test compares the pages with what this module gives, so they cannot fall behind.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, cast, get_type_hints

import typer

from ocppsec import events
from ocppsec.cli.app import app
from ocppsec.cli.settings import SECRETS, SECTIONS, DoorSection, ManufacturerSection
from ocppsec.station.manners import MANNERS, Kind
from ocppsec.web.api import framework_app
from ocppsec.web.problems import TITLES

WRITTEN = "<!-- Written by `python -m ocppsec.cli.reference docs/reference`; a test keeps it true. -->"


def pages() -> dict[str, str]:
    """File name to text."""
    return {
        "cli.md": _page("Commands", _commands()),
        "settings.md": _page("Settings", _settings()),
        "api.md": _page("HTTP API", _api()),
        "events.md": _page("Events", _events()),
        "manners.md": _page("Manners of simulated stations", _manners()),
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}", "", WRITTEN, "", *lines]) + "\n"


# -- commands -----------------------------------------------------------------------------------------------
def _commands() -> Iterator[str]:
    yield "Exit codes: 0 done, 1 failed, 2 usage, 3 not reachable, 4 not allowed, 5 not found, 6 timed out."
    yield (
        "Errors say on standard error what happened, why, and what to do next; with `--json` in its last line, as an"
        " object of `error`, `why`, `next` and `exit_code`. What cannot be read as a command is always told as text."
    )
    command = cast("Any", typer.main.get_command(app))
    yield from _command(command, "ocppsec", None)


def _command(command: Any, name: str, parent: Any) -> Iterator[str]:
    context = command.context_class(command, info_name=name, parent=parent, terminal_width=100)
    yield from ("", f"## `{context.command_path}`", "", "```")
    yield from (line.rstrip() for line in command.get_help(context).splitlines())
    yield "```"
    for under, one in sorted(getattr(command, "commands", {}).items()):
        yield from _command(one, under, context)


# -- settings -----------------------------------------------------------------------------------------------
def _settings() -> Iterator[str]:
    yield "Later wins: default, TOML file (`--config`), environment, flag. An unknown key stops the start, and"
    yield "`ocppsec config show --origin` tells where each value comes from. The state directory is no setting:"
    yield "`--state`, else `OCPPSEC_STATE`, else `ocppsec` under `XDG_STATE_HOME`."
    yield from ("", "| key | environment | default | what it is |", "|---|---|---|---|")
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            key = f"{section}.{name}"
            variable = f"OCPPSEC_{section.upper()}__{name.upper()}"
            more = f", or a file: `{variable}_FILE`" if key in SECRETS else ""
            default = "" if field.default in {None, ()} else f"`{field.default}`"
            yield f"| `{key}` | `{variable}`{more} | {default} | {field.description} |"
    yield from ("", "## Doors", "")
    yield "By default there are three doors, on the ports above. `[[doors]]` in the file (or `OCPPSEC_DOORS` as"
    yield "JSON) lists others instead; one combined door:"
    yield from (
        "",
        "```toml",
        "[[doors]]",
        'name = "combined"',
        "port = 9000",
        "profiles = [1, 2, 3]",
        "```",
        "",
    )
    yield from ("| key | what it is |", "|---|---|")
    for name, field in DoorSection.model_fields.items():
        yield f"| `{name}` | {field.description} |"
    yield from ("", "## Manufacturers", "")
    yield "Each `[[manufacturers]]` (or `OCPPSEC_MANUFACTURERS` as JSON) names CAs whose certificates let a new"
    yield "station in, where `ocppsec onboarding add --by certificate` has announced it, and nothing else."
    yield from ("", "| key | default | what it is |", "|---|---|---|")
    for name, field in ManufacturerSection.model_fields.items():
        default = "" if field.is_required() or field.default in {None, ()} else f"`{field.default}`"
        yield f"| `{name}` | {default} | {field.description} |"


# -- API ----------------------------------------------------------------------------------------------------
def _api() -> Iterator[str]:
    described = framework_app(cast("Any", None), lambda: b"").openapi()
    yield "Everything under `/api` wants `Authorization: Bearer <token>`; URL and token are in `api.json` in the"
    yield "state directory while the server runs. `/openapi.json` describes all of it (OpenAPI 3.1)."
    yield from ("", "| request | what it does | answer |", "|---|---|---|")
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            says = " ".join(operation["description"].split())
            statuses = ", ".join(code for code in operation["responses"] if code.isdigit() and code < "400")
            yield f"| `{method.upper()} {path}` | {says} | {statuses} |"
    yield from ("", "## Problems", "")
    yield "Every error is a problem (RFC 9457), `type` is `urn:ocppsec:problem:` and one of these, or"
    yield "`about:blank` where the HTTP status says it all. `detail` says what is wrong, `advice` what to do."
    yield from ("", "| problem | title |", "|---|---|")
    for kind, title in sorted(TITLES.items()):
        yield f"| `{kind}` | {title} |"


# -- manners ------------------------------------------------------------------------------------------------
def _manners() -> Iterator[str]:
    yield "`ocppsec sim run --manner NAME` takes one or several, applied in this order of naming;"
    yield "`ocppsec sim fleet --manner NAME=10%` gives them to a share of a fleet. [How to](../howto/simulate.md)."
    for kind in Kind:
        yield from ("", f"## {kind.capitalize()}", "", "| manner | what a CSMS meets |", "|---|---|")
        yield from (f"| `{one.name}` | {one.says} |" for one in MANNERS.values() if one.kind == kind)


# -- events -------------------------------------------------------------------------------------------------
def _events() -> Iterator[str]:
    yield "Log lines carry these names in `event`. Those marked are also kept in `security-log.jsonl` in the state"
    yield "directory, where each row holds the SHA-256 of the row before it in `previous`. Rows that a stranger"
    yield "can cause are written at most 20 times a minute for one address and 200 times for all; the next one"
    yield "says in `left_out_before` how many were left out."
    yield from ("", "| event | security log | facts | when |", "|---|---|---|---|")
    for event in sorted(_all_events(), key=lambda one: one.name):
        hints = get_type_hints(event)
        facts = ", ".join(f"`{field.name}`" for field in fields(event) if field.name in hints)
        says = " ".join((event.__doc__ or "").split()) if not _is_signature(event) else ""
        yield f"| `{event.name}` | {'yes' if event.security else ''} | {facts} | {says} |"


def _all_events() -> list[type[events.Event]]:
    """Not ``__subclasses__``: a dataclass with slots leaves its slotless twin there."""
    named = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, events.Event)]
    return [one for one in named if one is not events.Event]


def _is_signature(event: type[events.Event]) -> bool:
    """What `dataclass` writes where nobody wrote a docstring."""
    return (event.__doc__ or "").startswith(f"{event.__name__}(")


def main() -> None:
    directory = Path(sys.argv[1])
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
