"""How Alembic runs here: inside the connection and transaction it is given."""

from alembic import context

connection = context.config.attributes["connection"]
# SQLite's DDL is transactional, whatever Alembic assumes; batch mode lets it alter tables.
context.configure(connection=connection, transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
