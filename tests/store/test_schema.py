"""Older databases become today's, whole or not at all."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from fer.lesson.seconds import whole
from fer.store import Store, StoreError
from fer.store.database import connect, file_url, read_url
from fer.store.schema import STEPS, TABLES, migrate
from tests.lesson.classes import new_lesson

OLD = Path(__file__).parent / "version_1.sql"
NEXT = (*STEPS, ("ALTER TABLE lessons ADD COLUMN room TEXT NOT NULL DEFAULT 'hall'",))


def columns(engine: sa.Engine) -> dict[str, set[str]]:
    inspector = sa.inspect(engine)
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
    }


def versions(engine: sa.Engine) -> list[int]:
    with engine.begin() as connection:
        return list(connection.scalars(sa.text("SELECT version FROM fer_schema ORDER BY version")))


def test_the_steps_make_the_tables_that_are_used(store: Store) -> None:
    expected = {table.name: {column.name for column in table.columns} for table in TABLES}
    assert columns(store.engine) == expected | {"fer_schema": {"version"}}
    assert versions(store.engine) == [*range(1, len(STEPS) + 1)]


def test_a_database_of_version_1_can_be_read(url: str) -> None:
    """The file was written down when version 1 was published, and stays as it is."""
    engine = connect(read_url(url))
    with engine.begin() as connection:
        for statement in OLD.read_text().split(";\n"):
            if statement.strip():
                connection.execute(sa.text(statement))
    engine.dispose()
    store = Store(url)
    lesson = store.load("old-lesson", "anna")
    assert (lesson.info.name, lesson.ended, lesson.duration) == ("Old times", 3.5, 3.5)
    assert whole(lesson.rows()).faces[0] == 2
    assert whole(lesson.rows()).balance[0] == 0.25
    assert [note.text for note in lesson.notes] == ["it was fine"]
    assert [(gap.start, gap.end) for gap in lesson.pauses] == [(1.5, 2.5)]
    assert [(one.alert.what, one.peak) for one in lesson.fired] == [("negative", 0.5)]
    store.close()


def test_a_next_step_keeps_what_is_there(url: str) -> None:
    store = Store(url)
    lessons = sa.table("lessons", sa.column("id"), sa.column("room"))
    store.begin(new_lesson())
    engine = store.engine.execution_options(writes=True)
    with engine.begin() as connection:
        migrate(connection, NEXT)
    with engine.begin() as connection:
        migrate(connection, NEXT)  # a second time changes nothing
        assert connection.scalar(sa.select(lessons.c.room)) == "hall"
    assert versions(engine) == [*range(1, len(NEXT) + 1)]
    store.close()


def test_a_step_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    before = columns(store.engine)
    broken = (*NEXT, ("CREATE TABLE more (x INTEGER)", "CREATE TABLE more (x INTEGER)"))
    with (
        pytest.raises(sa.exc.DBAPIError),
        store.engine.execution_options(writes=True).begin() as connection,
    ):
        migrate(connection, broken)
    assert columns(store.engine) == before
    assert versions(store.engine) == [*range(1, len(STEPS) + 1)]


def test_a_newer_database_is_left_alone(file: Path) -> None:
    store = Store(file_url(file))
    with store.engine.execution_options(writes=True).begin() as connection:
        migrate(connection, NEXT)
    store.close()
    with pytest.raises(StoreError, match="the newer program that made it"):
        Store(file_url(file))
