"""Alembic migrations; `ocppsec.registry.sql.migrate` runs them."""
