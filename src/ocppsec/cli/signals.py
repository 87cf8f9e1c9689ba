"""SIGTERM and Ctrl-C as an event: what runs ends by itself, in good order, with exit code 0."""

import asyncio
import signal
from collections.abc import Callable


def end_on_signals() -> asyncio.Event:
    """Set by the first signal; the next ones are heard too and change nothing."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    return told


def on_hangup(act: Callable[[], object]) -> None:
    """SIGHUP: look at the files again."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, act)
