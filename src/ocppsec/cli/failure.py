"""How a command ends badly: what, why and what to do next on standard error, and an exit code; no traceback.

What cannot be understood as a command at all is told by the parser, as text, whatever was asked for.

What nobody foresaw is a bug: a short word for the user and a crash file for us.  The file names the exception
and the lines it went through; it holds no local variables, no arguments, and no long words that could be a
password or a key.
"""

import errno
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

import ocppsec


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_REACHABLE = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    TIMED_OUT = 6


class Failure(Exception):  # noqa: N818  ends a command; caught once, at the rim
    def __init__(self, what: str, *, why: str = "", next: str = "", code: ExitCode = ExitCode.FAILED) -> None:  # noqa: A002
        super().__init__(what)
        self.what = what
        self.why = why
        self.next = next
        self.code = code

    def tell(self, *, as_json: bool = False) -> str:
        """Lines for people, or one line of JSON for programs."""
        if as_json:
            told = {"error": self.what, "why": self.why, "next": self.next, "exit_code": int(self.code)}
            return json.dumps(told, ensure_ascii=False)
        lines = [f"error: {self.what}"]
        lines += [f"  why:  {self.why}"] if self.why else []
        lines += [f"  next: {self.next}"] if self.next else []
        return "\n".join(lines)


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, in words."""
    return (
        "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
    )


def guarded(command: Callable[[], object], *, as_json: bool = False) -> int:
    """Run *command*; gives the exit code.

    *as_json*: who was asked to answer in JSON says no in JSON, too, as the last line of standard error.
    """
    try:
        _ungrouped(command)
    except Failure as failure:
        print(failure.tell(as_json=as_json), file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return ExitCode.FAILED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); do not fail once more while flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001  the rim: told in short, kept in full
        print((full_disk(error) or bug_report(error)).tell(as_json=as_json), file=sys.stderr)
        return ExitCode.FAILED
    return ExitCode.OK


def _ungrouped(command: Callable[[], object]) -> None:
    """Run *command*; what a task group wrapped although it was alone is raised by itself."""
    alone: BaseException
    try:
        command()
        return
    except BaseExceptionGroup as group:
        alone = group
    while isinstance(alone, BaseExceptionGroup) and len(alone.exceptions) == 1:
        alone = alone.exceptions[0]
    # Not in the handler: the group would become the context of what is in it, and who follows both never ends.
    raise alone from None


def full_disk(error: BaseException) -> Failure | None:
    """A file that cannot be written for want of room, wherever that was, is no bug; None for anything else."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return Failure(
        "the disk is full" if error.errno == errno.ENOSPC else "the disk quota is used up",
        why=f"{error.filename or 'a file'} could not be written",
        next="make room where the state directory is (df), and run it again",
    )


def bug_report(error: BaseException) -> Failure:
    """Keep a crash file and say where it is."""
    where = crash_directory()
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        descriptor, path = tempfile.mkstemp(prefix=f"crash-{stamp}-", suffix=".txt", dir=where)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(describe(error))
    except OSError as unwritable:
        return Failure(f"a bug in ocppsec: {type(error).__name__}", why=f"no crash file either: {unwritable}")
    return Failure(
        f"a bug in ocppsec: {type(error).__name__}",
        why="something happened that nobody foresaw",
        next=f"please report it with the crash file {path}; it holds no secrets",
    )


def crash_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "ocppsec-crashes"


def describe(error: BaseException) -> str:
    """The exception and its way through the code, without anything that could be a secret."""
    lines = [f"ocppsec {ocppsec.__version__}, Python {sys.version.split()[0]} on {sys.platform}", ""]
    return "\n".join([*lines, *_described(error)]) + "\n"


def _described(error: BaseException, told: frozenset[int] = frozenset()) -> list[str]:
    """Each one once: exceptions may lead back to each other."""
    lines: list[str] = []
    link: BaseException | None = error
    while link is not None and id(link) not in told:
        told |= {id(link)}
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}: {without_long_words(str(link))}")
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(link.__traceback__)
        ]
        for member in link.exceptions if isinstance(link, BaseExceptionGroup) else ():
            lines += [f"  | {line}" for line in _described(member, told)]
        link = link.__cause__ or link.__context__
    return lines


def without_long_words(text: str) -> str:
    """A password has at least 16 characters (A00.FR.205), so does any key: no such word survives."""
    return re.sub(r"(?=\S*\d)\S{16,}|\S{24,}", "(not shown)", text)[:2000]
