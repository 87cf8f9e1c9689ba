"""What both servers under test share: they say where they listen, collect garbage on demand, and stop.

One JSON line out when ready; then a line in, a line out: ``lean``, ``collect``, ``stop``.  The end of the input
stops too.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop


async def serve_until_told(urls: dict[int, str]) -> None:
    """Announce *urls* (profile to door) and return when told to stop."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin.fileno(), lambda: lines.put_nowait(sys.stdin.readline().strip()))
    _say({"urls": urls})
    while (line := await lines.get()) not in ("stop", ""):
        collected = gc.collect() + gc.collect()
        if line == "lean":
            _give_back()
        _say({"collected": collected})
    loop.remove_reader(sys.stdin.fileno())


def _give_back() -> None:
    """Return free heap to the system: what was freed before must not house what is measured next."""
    with contextlib.suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Both run on uvloop."""
    uvloop.run(main())


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)
