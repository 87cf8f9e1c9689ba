"""Lets the tests of this folder import what is beside them, and the acceptance tests' ways to a real server."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "acceptance")]
