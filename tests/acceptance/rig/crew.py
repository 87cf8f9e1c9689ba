"""Foreign stations at work in a thread of their own, so that a test can run commands meanwhile."""

import asyncio
import contextlib
import threading

from foreign.station_on_mobilityhouse import ForeignStation


class Crew:
    """An event loop in a thread, and the stations on it."""

    def __init__(self, directory):
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks = {}
        self.told = {}
        """What each station told, by identity."""

    def power_on(self, identity, *, url, password, serial=None, **more):
        """Start a station; one that was there before goes on with its flash memory."""
        told = self.told.setdefault(identity, [])
        station = ForeignStation(
            self._directory / identity,
            identity=identity,
            serial=serial or identity,
            url=url,
            password=password,
            tell=lambda **what: told.append(what),
            **more,
        )
        self._tasks[identity] = asyncio.run_coroutine_threadsafe(station.run(), self._loop)
        return station

    def power_off(self, identity):
        self._tasks.pop(identity).cancel()

    def booted(self, identity, profile):
        return any(what == {"event": "booted", "profile": profile} for what in self.told.get(identity, ()))

    def in_loop(self, function, *arguments):
        self._loop.call_soon_threadsafe(function, *arguments)

    def await_(self, coroutine, timeout=15):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def close(self):
        async def end():
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        with contextlib.suppress(TimeoutError):
            self.await_(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
