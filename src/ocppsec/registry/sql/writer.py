"""One writer for the database: what waits together is committed together.

While one transaction goes to the disk the next changes gather, so a thousand stations that boot at once cost a few
disk flushes instead of a thousand.  Each caller still waits until its own change is durable.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ocppsec.registry.sql.engine import Database, outages
from ocppsec.registry.store import RegistryError, StoreUnavailable

Work = Callable[[AsyncConnection], Awaitable[Any]]
"""Checks, then changes: it raises a `RegistryError` only before it has changed anything."""

_TOGETHER: Final = 256
_GATHER_SECONDS: Final = 0.01
"""A commit costs ten thread hops and a flush, whatever its size: what comes in the next moment shares it."""
_WAITING: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    work: Work | None
    statement: Executable | None
    values: Mapping[str, Any] | None
    conflict: RegistryError | None
    done: asyncio.Future[Any]

    def finish(self, outcome: Any) -> None:
        if self.done.done():  # whoever waited was cancelled
            return
        if isinstance(outcome, BaseException):
            self.done.set_exception(outcome)
        else:
            self.done.set_result(outcome)


class Writer:
    """Owns the task that writes; `close` ends it when everything is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: deque[_Job] = deque()
        self._task: asyncio.Task[None] | None = None

    def submit(self, work: Work, *, conflict: RegistryError | None = None) -> asyncio.Future[Any]:
        """What *work* returns, once it is durable.  A broken constraint is raised as *conflict*."""
        return self._enqueue(work=work, statement=None, values=None, conflict=conflict)

    def execute(self, statement: Executable, values: Mapping[str, Any]) -> asyncio.Future[Any]:
        """A change that cannot be refused; neighbours with the same statement run as one."""
        return self._enqueue(work=None, statement=statement, values=values, conflict=None)

    async def close(self) -> None:
        if self._task is not None:
            await self._task

    def _enqueue(self, **job: Any) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if len(self._jobs) >= _WAITING:
            done.set_exception(StoreUnavailable("too many changes wait for the database"))
            return done
        self._jobs.append(_Job(**job, done=done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="registry writer")
        return done

    async def _run(self) -> None:
        try:
            while self._jobs:
                await asyncio.sleep(_GATHER_SECONDS)
                jobs = [self._jobs.popleft() for _ in range(min(_TOGETHER, len(self._jobs)))]
                try:
                    await self._settle(jobs)
                finally:  # cancelled: nobody may wait for ever
                    for job in jobs:
                        job.done.cancel()
        finally:
            while self._jobs:
                self._jobs.popleft().done.cancel()

    async def _settle(self, jobs: Sequence[_Job]) -> None:
        try:
            outcomes = await self._commit(jobs)
        except StoreUnavailable as error:  # would fail alone as well, after another wait each
            outcomes = [error for _ in jobs]
        except Exception as error:  # noqa: BLE001  goes to the one who asked
            if len(jobs) > 1:  # all was rolled back: each alone, so that only the guilty hears of it
                for job in jobs:
                    await self._settle([job])
                return
            conflict = jobs[0].conflict if isinstance(error, IntegrityError) else None
            outcomes = [conflict or error]
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.finish(outcome)

    async def _commit(self, jobs: Sequence[_Job]) -> list[Any]:
        outcomes: list[Any] = []
        self._database.check_file()
        with outages():
            async with self._database.write.begin() as connection:
                for statement, group in groupby(jobs, key=lambda job: job.statement):
                    outcomes += await _carry_out(connection, statement, list(group))
        return outcomes


async def _carry_out(connection: AsyncConnection, statement: Any, jobs: Sequence[_Job]) -> list[Any]:
    if statement is not None:
        await connection.execute(statement, [dict(job.values or {}) for job in jobs])
        return [None for _ in jobs]
    outcomes: list[Any] = []
    for job in jobs:
        assert job.work is not None
        try:
            outcomes.append(await job.work(connection))
        except RegistryError as error:
            outcomes.append(error)
    return outcomes
