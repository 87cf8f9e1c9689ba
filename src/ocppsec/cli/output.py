"""What commands print: JSON for programs, tables and lines for people.  Standard output is for answers alone."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """One document; indented for people, one line for programs."""
    print(json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escaped(cell) for cell in row))
    # Not on a terminal nothing is cut or wrapped: the reader may be `grep`.
    width = None if sys.stdout.isatty() else 10_000
    Console(width=width, highlight=False, soft_wrap=not sys.stdout.isatty()).print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Aligned ``name  value`` lines; what is not known shows as a dash."""
    lines = [(name, "-" if value is None or value == "" else printable(str(value))) for name, value in facts]
    width = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        print(f"{name:<{width}}  {value}")


def escaped(text: str) -> str:
    from rich.markup import escape

    return escape(printable(text))


def printable(text: str) -> str:
    """Stations choose some of these words: no control character of theirs reaches a terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
