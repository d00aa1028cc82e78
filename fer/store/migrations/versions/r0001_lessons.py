"""Create the tables of lessons, or bring those of an earlier release to the same form.

Releases before Alembic numbered their forms in `fer_schema`. The table stays and holds the numbers
1 and 2: such a release can still open a database of this revision.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from fer.store.errors import StoreError

revision: Final = "0001"
down_revision: Final = None

# Version 1, the first release's tables.
_FIRST: Final = (
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
# Version 2 adds which store saves a lesson: after another process took the lesson over, the
# first one can no longer overwrite it.
_WRITER: Final = ("ALTER TABLE lessons ADD COLUMN writer TEXT NOT NULL DEFAULT ''",)
STEPS: Final = (_FIRST, _WRITER)


def upgrade() -> None:
    """Run the steps that this database still lacks."""
    connection = op.get_bind()
    connection.execute(sa.text("CREATE TABLE IF NOT EXISTS fer_schema (version INTEGER NOT NULL)"))
    version = connection.scalar(sa.text("SELECT max(version) FROM fer_schema")) or 0
    if version > len(STEPS):
        raise StoreError(
            f"the database has schema version {version}, and this program knows versions up to "
            f"{len(STEPS)}: install the newer program that made it"
        )
    for number, step in enumerate(STEPS[version:], start=version + 1):
        for statement in step:
            connection.execute(sa.text(statement))
        connection.execute(
            sa.text("INSERT INTO fer_schema (version) VALUES (:number)"), {"number": number}
        )
