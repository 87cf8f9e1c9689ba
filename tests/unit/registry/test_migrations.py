"""The schema is what the migrations make, and a newer one is refused."""

import sqlite3
import stat
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from ocppsec.registry.open import open_store
from ocppsec.registry.sql import migrate as module
from ocppsec.registry.sql.migrate import SchemaTooNew, configuration
from ocppsec.registry.sql.tables import metadata
from ocppsec.registry.store import StoreUnavailable


@pytest.fixture
async def database(tmp_path):
    path = tmp_path / "registry.db"
    await (await open_store(path)).close()
    return path


def columns(inspector):
    return {
        (table, column["name"], str(column["type"]), column["nullable"], column["primary_key"])
        for table in inspector.get_table_names()
        if table != "alembic_version"
        for column in inspector.get_columns(table)
    }


def _texts(constraint):
    return {name: str(value) for name, value in constraint.get("dialect_options", {}).items()}


def constraints(inspector):
    return {
        (table, str({**constraint, "dialect_options": _texts(constraint)}))
        for table in metadata.tables
        for constraint in (
            *inspector.get_check_constraints(table),
            *inspector.get_unique_constraints(table),
            *inspector.get_foreign_keys(table),
            *inspector.get_indexes(table),
        )
    }


async def test_schema_is_all_migrations(database):
    """What all migrations make is what the tables say: columns, types, keys, indexes, checks."""
    migrated, declared = create_engine(f"sqlite:///{database}"), create_engine("sqlite://")
    with migrated.connect() as one, declared.connect() as other:
        metadata.create_all(other)
        assert compare_metadata(MigrationContext.configure(one), metadata) == []
        assert columns(inspect(one)) == columns(inspect(other))
        assert constraints(inspect(one)) == constraints(inspect(other))
    migrated.dispose()
    declared.dispose()


async def test_opening_again_changes_nothing(database):
    """A database of this version is opened as it is."""

    def schema():
        connection = sqlite3.connect(database)
        found = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        connection.close()
        return found

    before = schema()
    await (await open_store(f"sqlite:///{database}")).close()

    assert schema() == before


async def test_a_newer_database_is_refused(database):
    """A database that a newer version wrote is refused in plain words, and left as it is."""
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()

    with pytest.raises(SchemaTooNew, match=r"9999.*newer"):
        await open_store(database)

    connection = sqlite3.connect(database)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    connection.close()


async def test_a_migration_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """Killed half-way, a migration has not happened; the next start does it."""
    path = tmp_path / "registry.db"

    def breaks(config, revision):
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (way)")
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(module.command, "upgrade", breaks)
        with pytest.raises((StoreUnavailable, sqlite3.OperationalError)):
            await open_store(path)

    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    await (await open_store(path)).close()


def test_one_line_of_migrations():
    """The migrations form one line from the first to the newest."""
    script = ScriptDirectory.from_config(configuration())

    assert len(script.get_heads()) == len(script.get_bases()) == 1


async def test_files_are_private(tmp_path):
    """Database, log and index are for their owner alone, whatever the umask, also when they were not before."""
    path = tmp_path / "registry.db"
    path.touch()
    path.chmod(0o644)

    store = await open_store(path)
    await store.ping()

    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == {"registry.db": 0o600, "registry.db-wal": 0o600, "registry.db-shm": 0o600}
    await store.close()


async def test_how_it_writes(tmp_path):
    """Write-ahead log, every commit flushed to the disk, a bounded wait for locks, foreign keys on."""
    store = await open_store(tmp_path / "registry.db")
    settings = {}
    for engine in (store._database.read, store._database.write):
        async with engine.connect() as connection:
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys"):
                settings.setdefault(name, set()).add(
                    (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                )
    await store.close()

    assert settings == {
        "journal_mode": {"wal"},
        "synchronous": {2},
        "busy_timeout": {2000},
        "foreign_keys": {1},
    }


@pytest.mark.parametrize("url", ["postgresql://u:secret@h/d", "memory://"])
async def test_other_databases(url):
    """A database of another kind is refused without repeating the URL."""
    with pytest.raises(ValueError, match="no store for") as refused:
        await open_store(url)
    assert "secret" not in str(refused.value)


async def test_older_certificates_become_due(tmp_path):
    """A certificate that was issued before due dates were kept is due after two thirds of its life."""
    path = tmp_path / "registry.db"
    engine = create_engine(f"sqlite:///{path}")
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text(
                "INSERT INTO certificates (fingerprint, identity, serial_number, subject, public_key_sha256,"
                " not_before, not_after, state, issued_at, chain) VALUES ('f', 'CP1', '1', 's', 'k',"
                " '2026-01-01 00:00:00.000000', '2026-04-01 00:00:00.000000', 'active',"
                " '2026-01-01 00:00:00.000000', 'c')"
            )
        )
    engine.dispose()

    store = await open_store(path)
    (record,) = await store.certificates("CP1")
    await store.close()

    assert record.renew_at == datetime(2026, 3, 2, tzinfo=UTC)
