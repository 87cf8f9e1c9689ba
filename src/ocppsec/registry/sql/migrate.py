"""Brings a database to the newest schema when it is opened, and refuses one that is newer than this program."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ocppsec.registry.store import StoreUnavailable

_MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"


class SchemaTooNew(StoreUnavailable):
    """A later version of ocppsec has written this database."""


def migrate(connection: Connection) -> None:
    """Run what is missing inside the transaction *connection* is in: killed half-way, nothing has happened."""
    current = current_version(connection)
    config = configuration()
    script = ScriptDirectory.from_config(config)
    if current == script.get_current_head():
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise SchemaTooNew(
            f"the database has schema version {current}, which this version of ocppsec does not know: "
            "it was written by a newer one. Start that, or restore a copy made before."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def current_version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
