"""Older databases are migrated to the newest schema: completely or not at all."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from fer.lesson.seconds import whole
from fer.store import Store, StoreError
from fer.store.database import connect, file_of, file_url, read_url
from fer.store.schema import MIGRATIONS, NEWEST, TABLES, VERSION_TABLE, migrate, revision_of
from tests.lesson.classes import new_lesson

OLD = Path(__file__).parent / "version_1.sql"
# Version 2, the last one before Alembic, differs from version 1 by this.
TO_VERSION_2 = (
    "ALTER TABLE lessons ADD COLUMN writer TEXT NOT NULL DEFAULT ''",
    "INSERT INTO fer_schema (version) VALUES (2)",
)
NEXT = f"{int(NEWEST) + 1:04}"
ADD_ROOM = "ALTER TABLE lessons ADD COLUMN room TEXT NOT NULL DEFAULT 'hall'"


def columns(engine: sa.Engine) -> dict[str, set[str]]:
    inspector = sa.inspect(engine)
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
    }


def revision(engine: sa.Engine) -> str | None:
    with engine.begin() as connection:
        return revision_of(connection)


def run(url: str, *statements: str) -> None:
    if path := file_of(read_url(url)):
        path.parent.mkdir(parents=True, exist_ok=True)
    engine = connect(read_url(url)).execution_options(writes=True)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def old_database(url: str, version: int) -> None:
    """Make a database as that version's release wrote it; the dump is never changed."""
    run(url, *(one for one in OLD.read_text().split(";\n") if one.strip()))
    if version == 2:
        run(url, *TO_VERSION_2)


def with_next(tmp_path: Path, *statements: str) -> Path:
    """Return a copy of the migrations with one more revision."""
    folder = tmp_path / "100% migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    lines = [f"    op.execute({statement!r})" for statement in statements]
    script = [
        "from alembic import op",
        f"revision, down_revision = {NEXT!r}, {NEWEST!r}",
        "def upgrade():",
        *lines,
    ]
    (folder / "versions" / f"r{NEXT}_next.py").write_text("\n".join(script))
    return folder


def test_migrations_make_the_tables_that_are_used(store: Store) -> None:
    expected = {table.name: {column.name for column in table.columns} for table in TABLES}
    assert columns(store.engine) == expected | {
        "fer_schema": {"version"},
        VERSION_TABLE: {"version_num"},
    }


def test_newest_is_the_last_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_each_released_version_can_be_read(url: str, version: int) -> None:
    old_database(url, version)
    store = Store(url)
    lesson = store.load("old-lesson", "anna")
    assert (lesson.info.name, lesson.ended, lesson.duration) == ("Old times", 3.5, 3.5)
    assert whole(lesson.rows()).faces[0] == 2
    assert whole(lesson.rows()).balance[0] == 0.25
    assert [note.text for note in lesson.notes] == ["it was fine"]
    assert [(gap.start, gap.end) for gap in lesson.pauses] == [(1.5, 2.5)]
    assert [(one.alert.what, one.peak) for one in lesson.fired] == [("negative", 0.5)]
    expected = {table.name: {column.name for column in table.columns} for table in TABLES}
    assert columns(store.engine).items() >= expected.items()
    assert revision(store.engine) == NEWEST
    store.close()


def test_releases_before_alembic_still_know_the_database(store: Store) -> None:
    """They refuse a version above 2, and create the tables again if there is no version."""
    with store.engine.begin() as connection:
        versions = sa.text("SELECT version FROM fer_schema ORDER BY version")
        assert [*connection.scalars(versions)] == [1, 2]


def test_the_next_revision_keeps_stored_lessons(url: str, tmp_path: Path) -> None:
    store, migrations = Store(url), with_next(tmp_path, ADD_ROOM)
    lessons = sa.table("lessons", sa.column("id"), sa.column("room"))
    store.begin(new_lesson())
    engine = store.engine.execution_options(writes=True)
    for _ in range(2):  # a second time changes nothing
        with engine.begin() as connection:
            migrate(connection, migrations, NEXT)
            assert connection.scalar(sa.select(lessons.c.room)) == "hall"
    assert revision(engine) == NEXT
    store.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(store: Store, tmp_path: Path) -> None:
    before = columns(store.engine)
    broken = with_next(tmp_path, ADD_ROOM, *["CREATE TABLE more (x INTEGER)"] * 2)
    with (
        pytest.raises(sa.exc.DBAPIError),
        store.engine.execution_options(writes=True).begin() as connection,
    ):
        migrate(connection, broken, NEXT)
    assert columns(store.engine) == before
    assert revision(store.engine) == NEWEST


def test_an_unknown_revision_is_left_alone(url: str, tmp_path: Path) -> None:
    store = Store(url)
    with store.engine.execution_options(writes=True).begin() as connection:
        migrate(connection, with_next(tmp_path, ADD_ROOM), NEXT)
    before = columns(store.engine)
    store.close()
    with pytest.raises(StoreError, match=rf"revision {NEXT}.*install the newer program") as error:
        Store(url)
    assert "\n" not in str(error.value)
    engine = connect(read_url(url))
    assert columns(engine) == before
    engine.dispose()


def test_an_unknown_version_from_before_alembic_is_left_alone(url: str) -> None:
    old_database(url, 2)
    run(url, "INSERT INTO fer_schema (version) VALUES (3)")
    with pytest.raises(StoreError, match=r"version 3.*install the newer program"):
        Store(url)
    engine = connect(read_url(url))
    assert VERSION_TABLE not in columns(engine)
    engine.dispose()


@pytest.mark.parametrize("old", [False, True])
def test_servers_that_start_at_once_do_not_collide(url: str, old: bool) -> None:
    if old:
        old_database(url, 1)
    start, faults = threading.Barrier(4), list[Exception]()

    def open_store() -> None:
        start.wait()
        try:
            Store(url).close()
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=open_store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    engine = connect(read_url(url))
    with engine.begin() as connection:
        assert [*connection.scalars(sa.text("SELECT version FROM fer_schema"))] == [1, 2]
        assert [*connection.scalars(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))] == [
            NEWEST
        ]
    engine.dispose()


def test_the_usual_start_does_not_load_alembic(file: Path) -> None:
    """Alembic costs time and memory at each start, and is needed only once."""
    Store(file_url(file)).close()
    code = (
        "import sys; from fer.store import Store; Store(sys.argv[1]).close(); "
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, file_url(file)], check=False).returncode == 0
