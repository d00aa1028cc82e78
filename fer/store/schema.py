"""The tables, and the steps by which an older database becomes one of today.

A step is never changed once it was published: a new wish is a new step at the end. A new database
takes all of them too, so both ways lead to the same tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from fer.emotions import EMOTIONS
from fer.lesson import INDICATORS
from fer.store.errors import StoreError

SUMS: Final = tuple(f"sum_{name}" for name in EMOTIONS)
WORDS: Final = tuple(f"word_{name}" for name in EMOTIONS)
LOOKING: Final = tuple(f"look_{name}" for name in INDICATORS)
COUNTS: Final = ("frames", "seen", "read")

Step = Sequence[str]

# 1: as it began.
_FIRST: Final[Step] = (
    """CREATE TABLE lessons (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
        started DOUBLE PRECISION NOT NULL, zone INTEGER NOT NULL,
        acknowledged DOUBLE PRECISION, region TEXT NOT NULL,
        model TEXT NOT NULL, version TEXT NOT NULL,
        ended DOUBLE PRECISION, saved DOUBLE PRECISION NOT NULL,
        duration DOUBLE PRECISION NOT NULL, faces DOUBLE PRECISION, balance DOUBLE PRECISION)""",
    "CREATE INDEX lessons_by_owner ON lessons (owner, started)",
    """CREATE TABLE seconds (
        lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, second INTEGER NOT NULL,
        frames INTEGER NOT NULL, seen INTEGER NOT NULL, read INTEGER NOT NULL,
        sum_angry DOUBLE PRECISION NOT NULL, sum_disgust DOUBLE PRECISION NOT NULL,
        sum_fear DOUBLE PRECISION NOT NULL, sum_happy DOUBLE PRECISION NOT NULL,
        sum_sad DOUBLE PRECISION NOT NULL, sum_surprise DOUBLE PRECISION NOT NULL,
        sum_neutral DOUBLE PRECISION NOT NULL,
        word_angry INTEGER NOT NULL, word_disgust INTEGER NOT NULL, word_fear INTEGER NOT NULL,
        word_happy INTEGER NOT NULL, word_sad INTEGER NOT NULL, word_surprise INTEGER NOT NULL,
        word_neutral INTEGER NOT NULL,
        look_negative INTEGER NOT NULL, look_confused INTEGER NOT NULL,
        look_flat INTEGER NOT NULL, look_positive INTEGER NOT NULL,
        PRIMARY KEY (lesson, second))""",
    """CREATE TABLE moments (
        lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, place INTEGER NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL, time DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (lesson, place))""",
    """CREATE TABLE pauses (
        lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, place INTEGER NOT NULL,
        begun DOUBLE PRECISION NOT NULL, ended DOUBLE PRECISION,
        PRIMARY KEY (lesson, place))""",
    """CREATE TABLE alerts (
        lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, place INTEGER NOT NULL,
        what TEXT NOT NULL, line DOUBLE PRECISION NOT NULL, seconds INTEGER NOT NULL,
        faces INTEGER NOT NULL, margin DOUBLE PRECISION NOT NULL, rest INTEGER NOT NULL,
        begun DOUBLE PRECISION NOT NULL, ended DOUBLE PRECISION, peak DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (lesson, place))""",
)
# 2: who saves a lesson, so that a process that lost it can't write over the one that goes on.
_WRITER: Final[Step] = ("ALTER TABLE lessons ADD COLUMN writer TEXT NOT NULL DEFAULT ''",)
STEPS: Final[tuple[Step, ...]] = (_FIRST, _WRITER)

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
_LOCK: Final = 3735928559  # any number that nobody else takes


def migrate(connection: sa.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Brings the database up to date, within the caller's transaction: whole or not at all."""
    if connection.dialect.name == "postgresql":  # two servers may start at once
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS fer_schema (version INTEGER NOT NULL)"))
    version = connection.scalar(sa.text("SELECT max(version) FROM fer_schema")) or 0
    if version > len(steps):
        raise StoreError(
            f"the database has the form {version}, and this program knows forms up to "
            f"{len(steps)}: use the newer program that made it"
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        for statement in step:
            connection.execute(sa.text(statement))
        connection.execute(
            sa.text("INSERT INTO fer_schema (version) VALUES (:number)"), {"number": number}
        )
