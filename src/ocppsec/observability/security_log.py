"""The security log: JSON lines, append-only, each row with the hash of the row before.

Row *n* says in ``previous`` the SHA-256 of row *n - 1* exactly as it stands in the file (without its newline);
the first row says 64 zeros.  So nothing inside can be changed or taken out unnoticed.  Rows cut off at the end
show only to somebody who noted the last hash elsewhere, which is why `verify` gives it.  A row that was torn by
a crash or a full disk is closed and chained over, not removed.
"""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRST = "0" * 64
_TAIL = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Intact:
    rows: int
    last: str
    """Hash of the last row: keep it elsewhere to notice rows cut off later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    row: int
    reason: str


class SecurityLog:
    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "a+b", buffering=0)
        self._previous: str | None = self._close_torn_row()
        """None while the last row may be torn."""

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; raises `OSError` when the disk does not take it."""
        previous = self._close_torn_row() if self._previous is None else self._previous
        line = json.dumps({**row, "previous": previous}, ensure_ascii=True, default=str).encode() + b"\n"
        self._previous = None
        if self._file.write(line) != len(line):  # a disk that fills up takes a part and does not complain
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._previous = _hash(line.removesuffix(b"\n"))

    def close(self) -> None:
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def _close_torn_row(self) -> str:
        size = self._file.seek(0, os.SEEK_END)
        if size == 0:
            return FIRST
        self._file.seek(max(0, size - _TAIL))
        tail = self._file.read(_TAIL)
        if not tail.endswith(b"\n"):
            self._file.write(b"\n")
        return _hash(tail.removesuffix(b"\n").rpartition(b"\n")[2])


def verify(path: Path) -> Intact | Broken:
    """Read the log from the start and check every link."""
    previous, rows = FIRST, 0
    with path.open("rb") as file:
        for rows, line in enumerate(file, start=1):
            named = _previous_of(line)
            if named is not None and named != previous:
                return Broken(row=rows, reason="the row before it was changed or taken out")
            if named is None and rows == 1:
                return Broken(row=rows, reason="not a row of this log")
            previous = _hash(line.removesuffix(b"\n"))
    return Intact(rows=rows, last=previous)


def _previous_of(line: bytes) -> str | None:
    """None for a row torn by a crash: the next row's hash covers it."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    previous = row.get("previous", "") if isinstance(row, dict) else ""
    return previous if isinstance(previous, str) else ""


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
