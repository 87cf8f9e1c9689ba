"""The judge is judged: audits of a zoo of broken CSMSs and stations on foreign stacks."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
