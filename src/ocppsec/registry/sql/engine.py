"""Connections to the database, and what to call it when it fails.

Two engines on one database: `read` for single statements, each of which sees one moment; `write` for transactions, one
at a time, which take the write lock when they begin and are on the disk when they end.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ocppsec.registry.store import StoreUnavailable

BUSY_SECONDS: Final = 2.0
"""How long a locked database is waited for; then the answer is 503 rather than a hanging handshake."""

_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # in WAL only FULL survives a power cut after the commit
    "PRAGMA foreign_keys = ON",
)


@dataclass(frozen=True, slots=True)
class Database:
    """An open database, and the file it has to be."""

    read: AsyncEngine
    write: AsyncEngine
    path: Path
    _file: tuple[int, int] = field(repr=False)

    def check_file(self) -> None:
        """SQLite goes on writing into a file that was deleted or replaced; that is an outage, not a success."""
        if _identify(self.path) != self._file:
            raise StoreUnavailable(f"the database file {self.path.name} was moved, deleted or replaced")

    async def dispose(self) -> None:
        await self.read.dispose()
        await self.write.dispose()


def connect(path: Path) -> Database:
    """Make the file, for its owner alone, unless it is there, and the engines; nothing is opened yet."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise StoreUnavailable(f"{path}: {error.strerror}") from error
    url = URL.create("sqlite+aiosqlite", database=str(path))  # as text, a "?" in the path would end it
    read = create_async_engine(
        url,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        pool_size=2,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS + 1,
    )
    write = create_async_engine(
        url,
        hide_parameters=True,  # an error's text must not hold a password hash
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS + 1,
    )
    for engine in (read, write):
        event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(write.sync_engine, "begin", _begin_immediate)
    return Database(read, write, path, _identify(path))


def _identify(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise StoreUnavailable(f"{path.name}: {error.strerror}") from error
    return found.st_dev, found.st_ino


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later would fail at once where it could have waited.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def outages() -> Iterator[None]:
    """Every failure of the database inside becomes `StoreUnavailable`; broken constraints pass as they are."""
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeout as error:
        raise StoreUnavailable("the database is busy") from error
    except DBAPIError as error:
        raise StoreUnavailable(_reason(error.orig)) from error
    except OSError as error:
        raise StoreUnavailable(error.strerror or type(error).__name__) from error


@contextmanager
def understood() -> Iterator[None]:
    """A stored value that has no meaning here, such as a profile 7, is an outage: not somebody to let in."""
    try:
        yield
    except ValueError as error:
        raise StoreUnavailable("the database holds a value this version does not understand") from error


def _reason(error: BaseException | None) -> str:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "the database is locked by another process" if said == "database is locked" else said
