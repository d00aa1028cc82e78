"""The tables as the store uses them, and `migrate`, which brings a database to their form.

A change of the tables is a new file in `migrations/versions`, and its number is NEWEST here. A new
database takes all revisions too, so that old and new databases end with the same tables.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from fer.emotions import EMOTIONS
from fer.lesson import INDICATORS
from fer.store.errors import StoreError

NEWEST: Final = "0001"  # the revision that this code reads and writes
MIGRATIONS: Final = Path(__file__).parent / "migrations"
VERSION_TABLE: Final = "fer_revision"  # not Alembic's usual name: others may share the database

SUMS: Final = tuple(f"sum_{name}" for name in EMOTIONS)
WORDS: Final = tuple(f"word_{name}" for name in EMOTIONS)
LOOKING: Final = tuple(f"look_{name}" for name in INDICATORS)
COUNTS: Final = ("frames", "seen", "read")

LESSONS: Final = sa.table(
    "lessons",
    *map(
        sa.column,
        (
            *("id", "owner", "name", "started", "zone", "acknowledged", "region", "model"),
            *("version", "ended", "saved", "duration", "faces", "balance", "writer"),
        ),
    ),
)
SECONDS: Final = sa.table(
    "seconds", *map(sa.column, ("lesson", "second", *COUNTS, *SUMS, *WORDS, *LOOKING))
)
MOMENTS: Final = sa.table("moments", *map(sa.column, ("lesson", "place", "kind", "text", "time")))
PAUSES: Final = sa.table("pauses", *map(sa.column, ("lesson", "place", "begun", "ended")))
ALERTS: Final = sa.table(
    "alerts",
    *map(
        sa.column,
        (
            *("lesson", "place", "what", "line", "seconds", "faces", "margin", "rest"),
            *("begun", "ended", "peak"),
        ),
    ),
)
TABLES: Final = (LESSONS, SECONDS, MOMENTS, PAUSES, ALERTS)
LOCK: Final = 3735928559  # number of a PostgreSQL advisory lock; any that no other program uses
_ALEMBIC: Final = threading.Lock()  # Alembic keeps its context in a module: one run at a time


def migrate(connection: sa.Connection, migrations: Path = MIGRATIONS, newest: str = NEWEST) -> None:
    """Bring the database to revision `newest` within the caller's transaction.

    Change everything or nothing. Raise StoreError if a newer program made the database.
    """
    if revision_of(connection) == newest:  # the usual start; it does not load Alembic
        return
    if connection.dialect.name == "postgresql":  # two servers may start at once
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # In Alembic's options % starts a variable, so one in a folder's name is doubled.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes |= {"connection": connection, "version_table": VERSION_TABLE}
    try:
        with _ALEMBIC:
            command.upgrade(config, newest)
    except CommandError as fault:
        raise StoreError(
            f"the database has schema revision {revision_of(connection)}, which this program does "
            f"not know (it knows revisions up to {newest}): install the newer program that made it"
        ) from fault


def revision_of(connection: sa.Connection) -> str | None:
    """Return the revision that the database records; None if it records none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return revision
