"""The verbs, and the one place where everything is put together.

Nothing heavy is imported before a command needs it: ``ocppsec --help`` knows neither web server, database nor
cryptography.
"""

import sys


def main() -> None:
    from ocppsec.cli.app import app
    from ocppsec.cli.failure import guarded

    sys.exit(guarded(app, as_json="--json" in sys.argv[1:]))


__all__ = ["main"]
