"""``ocppsec config``: the settings as they add up, and where each one comes from."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocppsec.cli.output import print_facts, print_json
from ocppsec.cli.settings import KEYS, SECRETS, Loaded, load
from ocppsec.cli.state import state_directory


def show(*, config: Path | None, with_origin: bool, as_json: bool, state: Path | None) -> None:
    loaded = load(config, os.environ, {})
    rows = [("state", str(state_directory(state)), _origin_of_state(state)), *_rows(loaded)]
    if as_json and with_origin:
        print_json({key: {"value": value, "origin": origin} for key, value, origin in rows})
    elif as_json:
        print_json({key: value for key, value, _ in rows})
    else:
        print_facts([(key, f"{value}  ({origin})" if with_origin else value) for key, value, origin in rows])


def _rows(loaded: Loaded) -> Iterator[tuple[str, Any, str]]:
    tree = loaded.settings.model_dump(mode="json")
    tree["doors"] = [door.model_dump(mode="json") for door in loaded.settings.open_doors()]
    for key in KEYS:
        section, _, name = key.partition(".")
        value = tree[section][name] if name else tree[section]
        if key in SECRETS:
            value = "not set" if value is None else "set"
        yield key, value, loaded.origins[key]


def _origin_of_state(state: Path | None) -> str:
    if state is not None:
        return "--state"
    return "OCPPSEC_STATE" if os.environ.get("OCPPSEC_STATE") else "default"
