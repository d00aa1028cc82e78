"""Alembic's scripts for the tables of lessons; `fer.store.schema.migrate` runs them."""
