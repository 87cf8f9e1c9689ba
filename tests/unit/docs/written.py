"""What documents say, and what there is: read as text and syntax trees, nothing is imported."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "ocppsec"
_TEST = re.compile(r"`([a-z_A-Z0-9/]+\.py)::(test_\w+)`")


def rows(page: Path) -> list[list[str]]:
    """The cells of every table row, without heads and rules."""
    lines = page.read_text(encoding="utf-8").splitlines()
    body = []
    for number, line in enumerate(lines):
        is_head = number + 1 < len(lines) and lines[number + 1].startswith("|---")
        if line.startswith("| ") and not is_head:
            body.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return body


def named_tests(text: str) -> list[tuple[str, str]]:
    """File under `tests/` and function, as often as they are named."""
    return _TEST.findall(text)


@cache
def tests_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def missing_tests(text: str) -> list[str]:
    """Named tests that do not exist."""
    return [
        f"{file}::{name}"
        for file, name in named_tests(text)
        if not (ROOT / "tests" / file).is_file() or name not in tests_in(ROOT / "tests" / file)
    ]
