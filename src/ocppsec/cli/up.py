"""``ocppsec up``: the CSMS as a process that says when it is ready and ends cleanly when it is told to."""

import asyncio
import json
import os
import resource
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ocppsec.cli.output import print_facts
from ocppsec.cli.serve import Served, new_loop, served
from ocppsec.cli.settings import Loaded, load
from ocppsec.cli.signals import end_on_signals, on_hangup
from ocppsec.cli.state import state_directory

_OPEN_FILES = 65_536
"""Where there is no hard limit."""


def run_up(*, state: Path | None, config: Path | None, flags: Mapping[str, Any], as_json: bool) -> None:
    os.umask(0o077)  # whatever this process writes is its own
    allow_open_files()
    directory = state_directory(state)
    loaded = load(config, os.environ, flags)
    with asyncio.Runner(loop_factory=partial(new_loop, loaded.settings.csms.loop)) as runner:
        runner.run(_up(loaded, directory, as_json=as_json))


def allow_open_files() -> None:
    """As many as the system lets us: each connection is one, and strangers may hold a thousand at each door."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _up(loaded: Loaded, directory: Path, *, as_json: bool) -> None:
    told_to_end = end_on_signals()
    async with served(loaded.settings, directory) as running:
        on_hangup(running.csms.server_certificates.reload_soon)
        if not told_to_end.is_set():
            if as_json:
                print(json.dumps(readiness(running), separators=(",", ":")), flush=True)
            else:
                say_ready(running, loaded)
        await told_to_end.wait()


def readiness(running: Served) -> dict[str, Any]:
    authority = running.csms.authority
    return {
        "ready": True,
        "doors": running.door_urls(),
        "api": running.api_url,
        "state": str(running.directory),
        "root_certificate": str(authority.root_certificate_path),
        "root_sha256": authority.root_sha256,
    }


def say_ready(running: Served, loaded: Loaded) -> None:
    authority = running.csms.authority
    print("ocppsec is ready. A station's URL is a door's URL, a slash and its identity:")
    print_facts(
        [(f"  security profile {profile}", url) for profile, url in running.door_urls().items()]
        + [
            ("  API", f"{running.api_url}/api/v1"),
            ("  state", running.directory),
            ("  root certificate", authority.root_certificate_path),
            ("  its sha-256", authority.root_sha256),
        ]
    )
    if loaded.origins["csms.hostname"] == "default":
        print(
            "Its certificates are made out to localhost, so stations elsewhere will refuse it on profiles 2 and 3:\n"
            "give it the name they reach it by with --hostname, and an address to listen on with --host 0.0.0.0."
        )
    print(f"Next: ocppsec station add CS001 --state {running.directory}", flush=True)
