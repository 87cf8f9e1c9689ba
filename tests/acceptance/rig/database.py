"""What can befall the server's database, done from outside as a broken disk or a careless hand would."""

import sqlite3
from contextlib import closing, contextmanager


def connect(state):
    (file,) = [path for path in state.iterdir() if path.suffix in {".db", ".sqlite", ".sqlite3"}]
    return closing(sqlite3.connect(file, isolation_level=None, timeout=10))


@contextmanager
def without_stations(state):
    """Every query about stations fails."""
    with connect(state) as database:
        database.execute("ALTER TABLE stations RENAME TO stations_gone")
        try:
            yield
        finally:
            database.execute("ALTER TABLE stations_gone RENAME TO stations")


@contextmanager
def locked(state):
    """Somebody holds the write lock and does not give it back."""
    with connect(state) as database:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")
