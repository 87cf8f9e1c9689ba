"""Help is quick because nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = (
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "alembic",
    "cryptography",
    "httpx2",
    "jsonschema_rs",
)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["station", "upgrade", "--help"], ["up", "--help"], ["demo", "--help"]],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments):
    """After asking for help neither web framework, database, cryptography nor HTTP client is loaded."""
    program = (
        "import sys\n"
        f"sys.argv = ['ocppsec', *{arguments!r}]\n"
        "from ocppsec.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    assert not ended.code, ended.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_package_is_the_command():
    """`python -m ocppsec` where the script is not on the path."""
    ran = subprocess.run(
        [sys.executable, "-m", "ocppsec", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("ocppsec ")
