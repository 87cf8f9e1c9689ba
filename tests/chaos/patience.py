"""Asking and waiting through all the outages."""

import asyncio
import contextlib
import time

from ocppsec.csms.errors import CsmsError
from ocppsec.link.errors import CallFailed
from ocppsec.registry.store import RegistryError

PATIENCE = 240.0
POLL = 0.15
TROUBLE = 8.0
"""Seconds of trouble for a part that has no end of its own while things break; who is unable never comes to one."""


async def patiently(ask):
    for _ in range(200):
        try:
            return await ask()
        except RegistryError:
            await asyncio.sleep(0.05)
    raise AssertionError("the store never came back")


async def anyhow(ask):
    """What a person asks, who sees that it was not done and asks again later."""
    with contextlib.suppress(CsmsError, RegistryError, CallFailed):
        return await ask()


async def until(found, seconds):
    """True as soon as *found*, which may have to be awaited, is true; False after *seconds*."""
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if await answer if asyncio.iscoroutine(answer) else answer:
            return True
        if time.monotonic() > end:
            return False
        await asyncio.sleep(POLL)


async def through(faults, part, again, arrived):
    """Let *part* be done while things break, then until it is done; True when it was.

    *again* is what a person does, and does once more as long as it has not arrived.
    """

    async def tried():
        await again()
        return await arrived()

    with faults.trouble(part):
        if await until(tried, TROUBLE):
            return True
    return await until(tried, PATIENCE)
