"""Files that survive a kill and that nobody else can read.

A file is written under another name, flushed to the disk and then renamed: a reader sees the old one or the
new one, never half of one.  What was created private has to be private still when it is read: a key that
others could read is not a secret any more, and only the operator can decide what that means.
"""

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644

_OTHERS_MAY_DO_ANYTHING = 0o077
_OTHERS_MAY_WRITE = 0o022


class TooOpen(PermissionError):  # noqa: N818  what it is, not what went wrong in us
    """Somebody else can read or change what has to be ours alone; `repair` is the command to run."""

    def __init__(self, path: Path, problem: str, repair: str) -> None:
        super().__init__(f"{path} {problem}; repair it with: {repair}")
        self.path = path
        self.repair = repair


def write_file(path: Path, content: bytes, *, mode: int) -> None:
    """Replace *path* by *content*, as a whole and for good."""
    passing = path.with_name(f".{path.name}.new")
    # Left behind by a kill, possibly with another mode: opened afresh, never reused.
    passing.unlink(missing_ok=True)
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask took away
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    passing.replace(path)
    _flush_directory(path.parent)


def make_private_directory(path: Path) -> None:
    """Create *path* for us alone; one that is there already has to be private already."""
    if not path.exists():
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        path.chmod(PRIVATE_DIRECTORY)  # whatever the umask took away
    require_private(path)


def require_private(path: Path) -> None:
    """Raise `TooOpen` unless *path* is ours and others can neither read nor change it."""
    _require(path, forbidden=_OTHERS_MAY_DO_ANYTHING, problem="can be read or changed by others")


def require_unwritable_by_others(path: Path) -> None:
    """Raise `TooOpen` when others could put files of theirs into the place of ours."""
    _require(path, forbidden=_OTHERS_MAY_WRITE, problem="can be changed by others")


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Hold *directory* against another process of ours that starts at the same moment."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(descriptor, LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _require(path: Path, *, forbidden: int, problem: str) -> None:
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise TooOpen(
            path, f"belongs to user {status.st_uid}", f"chown {os.geteuid()} {shlex.quote(str(path))}"
        )
    if stat.S_IMODE(status.st_mode) & forbidden:
        wanted = PRIVATE_DIRECTORY if stat.S_ISDIR(status.st_mode) else PRIVATE_FILE
        raise TooOpen(
            path,
            f"{problem} (mode {stat.S_IMODE(status.st_mode):o})",
            f"chmod {wanted:o} {shlex.quote(str(path))}",
        )


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
