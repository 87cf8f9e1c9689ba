"""Official test ids of the OCTT against the installed command; the rig is that of the acceptance tests.

Each file says in our words what the official test checks (the documents themselves are the Open Charge Alliance's).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "acceptance"))

from rig.fixtures import crew, identity, on_three, openssl, session_crew, source, station_on_three, up

__all__ = ["crew", "identity", "on_three", "openssl", "session_crew", "source", "station_on_three", "up"]
