"""Acceptance tests: real sockets, real TLS, the installed command.  What judges what: README.md."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rig.fixtures import (
    crew,
    house,
    identity,
    new_up,
    on_three,
    openssl,
    session_crew,
    source,
    station_on_three,
    up,
)

__all__ = [
    "crew",
    "house",
    "identity",
    "new_up",
    "on_three",
    "openssl",
    "session_crew",
    "source",
    "station_on_three",
    "up",
]
