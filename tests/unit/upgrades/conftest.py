"""Lets the tests of this folder import the doubles beside them (import-mode importlib adds no path)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
