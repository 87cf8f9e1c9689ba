"""Processes of a run: started, spoken to, read from outside, and ended one by one by their id."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_GOODBYE_SECONDS = 20.0


class Ended(Exception):  # noqa: N818
    """A process of the run went away; the message says what it wrote last."""


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far, to the nanosecond.

    The clock is what clock_getcpuclockid(3) gives: ``CPUCLOCK_SCHED`` of the process.  ``/proc/PID/stat`` tells
    the same in hundredths of a second.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_kib(pid: int) -> int:
    """Memory of a process, each shared page counted by its share (``Pss``)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise Ended(f"process {pid} is gone")


class Child:
    """A process that speaks JSON lines."""

    def __init__(self, module: str, arguments: list[str], log: Path) -> None:
        self._module = module
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise Ended(f"{self._module} ended with {code}: {self._log.read_text()[-2000:]}")
        message: dict[str, Any] = json.loads(line)
        return message

    def end(self) -> None:
        """Close its input, which ends it; a process that does not listen is terminated."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextmanager
def child(module: str, arguments: list[str], log: Path) -> Iterator[Child]:
    started = Child(module, arguments, log)
    try:
        yield started
    finally:
        started.end()
