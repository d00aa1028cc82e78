"""The store: save, find, read, rename, delete and export lessons.

Every call names an owner and reaches only that owner's lessons, so that several teachers can share
a server. The caller decides who the owner is; the default "" suits a laptop.

Only one store writes a running lesson: the one that began it, or the one that adopted it last.

A store whose database is away opens it later, at a call or `check`, which pauses between its tries.
An SQLite file that was moved away or replaced is noticed at the next call: the store then makes a
new one, and `generation` grows, so that running lessons are written to it in whole.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time as clock
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final

import sqlalchemy as sa

from fer.lesson import Lesson
from fer.lesson.export import to_csv, to_json
from fer.lesson.lesson import LONGEST_NAME, clean
from fer.store import rows
from fer.store.database import (
    MIGRATION,
    PATIENCE,
    connect,
    file_of,
    file_url,
    own_file,
    read_url,
    time_left,
    time_limit,
)
from fer.store.errors import DAMAGED, MOVED, TOO_SLOW, GoneError, StoreError, database_errors
from fer.store.file import Backoff, DatabaseFile
from fer.store.rows import LessonSummary
from fer.store.schema import LESSONS, MOMENTS, NEWEST, VERSION_TABLE, migrate, revision_of
from fer.store.unsaved import UnsavedLesson

LOG: Final = logging.getLogger(__name__)

PAGE: Final = 20  # lessons that `find` returns at once
NO_SUCH: Final = "there is no such lesson; it may have been deleted"
NOT_OURS: Final = "this lesson was deleted, or another process runs it now"
QUIET: Final = 30.0  # seconds without a save after which no process seems to run a lesson


@dataclass(frozen=True)
class Page:
    """One page of a search's results."""

    lessons: list[LessonSummary]
    found: int  # on all pages


class Store:
    """Lessons in a database, by default the user's own file. Any thread may call it.

    >>> store = Store("sqlite:////tmp/lessons.sqlite3")  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str | None = None,
        now: Callable[[], float] = clock.time,
        patience: float = PATIENCE,
        *,
        later: bool = False,
    ) -> None:
        """Open the database; with `later`, keep the error in `fault` if it cannot be opened now."""
        read = read_url(url or file_url(own_file()))
        # For the log. The query is left out because it may hold a password too.
        self._address = read.set(query={}).render_as_string(hide_password=True)
        self._now, self._patience, self._writer = now, patience, secrets.token_hex(8)
        self._faults: dict[str, str] = {}  # why the last call that reads or writes failed
        self.generation = 0  # how often another file took the place of the first
        self.moved_at: datetime | None = None  # when the last of them did
        with database_errors(self._address):
            self.engine = connect(read, patience)
        self._writing = self.engine.execution_options(writes=True)
        path = file_of(read)
        self.file = None if path is None else DatabaseFile(path)
        self._opening, self._opened = threading.Lock(), False
        self._pause = Backoff()
        try:
            self._open()
        except StoreError as fault:
            self._faults["read"] = str(fault)
            if not later:
                self.close()
                raise

    @property
    def fault(self) -> str | None:
        """Return why lessons cannot be stored or read at present; None as far as is known."""
        return next(iter([*self._faults.values()]), None)

    def close(self) -> None:
        """Close all connections; a later call opens a new one."""
        self.engine.dispose()

    def check(self) -> None:
        """Raise StoreError if lessons cannot be stored: the database is away, moved or damaged."""
        if self.file is not None and self._opened and not self.file.moved():
            try:
                self.file.check_pages()
            except StoreError as fault:
                self._faults["read"] = str(fault)
                raise
        writes = self.fault is not None  # only what is in trouble is tried by writing
        with self._transaction(writes=writes) as connection:
            table = VERSION_TABLE
            unchanged = f"UPDATE {table} SET version_num = version_num"
            connection.execute(sa.text(unchanged if writes else f"SELECT * FROM {table}"))

    def begin(self, lesson: Lesson, owner: str = "") -> None:
        """Store a lesson in whole. `save` then adds what comes later.

        A second call changes nothing: it comes if the first one's answer was lost. Raise GoneError
        if another owner or another store has the lesson.
        """
        values = rows.lesson_row(lesson) | {"owner": owner} | self._save_stamp()
        with self._transaction(writes=True) as connection:
            row = sa.select(LESSONS.c.id).where(LESSONS.c.id == lesson.info.id)
            if connection.execute(row).first() is None:
                connection.execute(sa.insert(LESSONS).values(values))
            else:
                self._update(connection, lesson, owner)
            rows.write(connection, lesson)

    def save(self, lesson: Lesson, owner: str = "") -> None:
        """Store what is new in a lesson since the last save.

        Raise GoneError if the lesson was deleted, or another store adopted it.
        """
        with self._transaction(writes=True) as connection:
            self._update(connection, lesson, owner)
            rows.write(connection, lesson)

    def take_in(self, unsaved: UnsavedLesson) -> None:
        """Store a lesson that a file holds, unless more of it is stored already."""
        lesson, owner = unsaved.lesson, unsaved.owner
        stamp = self._save_stamp() | {"saved": unsaved.written}
        values = rows.lesson_row(lesson) | {"owner": owner} | stamp
        with self._transaction(writes=True) as connection:
            chosen = sa.select(LESSONS).where(LESSONS.c.id == lesson.info.id)
            known = connection.execute(chosen).first()
            if known is None:
                connection.execute(sa.insert(LESSONS).values(values))
            elif known.owner != owner or not _adds(lesson, known):
                LOG.warning("lesson %s is stored already; its file is dropped", lesson.info.id)
                return
            else:
                update = sa.update(LESSONS).where(_matches(lesson.info.id, owner))
                connection.execute(update.values(rows.progress(lesson) | stamp))
            rows.write(connection, lesson)

    def load(self, lesson_id: str, owner: str = "") -> Lesson:
        """Return a lesson as of its last save."""
        with self._transaction() as connection:
            return _read(connection, lesson_id, owner)

    def adopt(self, lesson_id: str, owner: str = "") -> Lesson:
        """Return a lesson that has not ended; from now on only this store can save it."""
        with self._transaction(writes=True) as connection:
            unfinished = _matches(lesson_id, owner) & LESSONS.c.ended.is_(None)
            update = sa.update(LESSONS).where(unfinished).values(self._save_stamp())
            if not connection.execute(update).rowcount:
                raise GoneError(NO_SUCH)
            return _read(connection, lesson_id, owner)

    def find(self, owner: str = "", search: str = "", page: int = 0, size: int = PAGE) -> Page:
        """Return one page of the lessons, newest first.

        With `search`, only lessons with each of its words in their name or in a note.
        """
        wanted = LESSONS.c.owner == owner
        for word in search.lower().split():
            noted = sa.select(MOMENTS.c.lesson).where(_contains(MOMENTS.c.text, word))
            wanted &= _contains(LESSONS.c.name, word) | LESSONS.c.id.in_(noted)
        order = (LESSONS.c.started.desc(), LESSONS.c.id)
        chosen = sa.select(LESSONS).where(wanted).order_by(*order).limit(size).offset(page * size)
        with self._transaction() as connection:
            count = connection.scalar(sa.select(sa.func.count()).where(wanted)) or 0
            return Page([rows.summary(row._mapping) for row in connection.execute(chosen)], count)

    def left_open(self, owner: str = "", quiet: float = QUIET) -> list[LessonSummary]:
        """Return the lessons that have not ended and were not saved for `quiet` seconds."""
        since = self._now() - quiet
        wanted = (LESSONS.c.owner == owner) & LESSONS.c.ended.is_(None) & (LESSONS.c.saved < since)
        chosen = sa.select(LESSONS).where(wanted).order_by(LESSONS.c.started.desc())
        with self._transaction() as connection:
            return [rows.summary(row._mapping) for row in connection.execute(chosen)]

    def end(self, lesson_id: str, owner: str = "") -> None:
        """End a lesson that was cut off, at its last second or note."""
        lesson = self.adopt(lesson_id, owner)
        lesson.finish(rows.end_of_data(lesson))
        self.save(lesson, owner)

    def change_owner(self, old: str, new: str) -> None:
        """Give all lessons of an owner to another."""
        with self._transaction(writes=True) as connection:
            mine = LESSONS.c.owner == old
            connection.execute(sa.update(LESSONS).where(mine).values(owner=new))

    def rename(self, lesson_id: str, name: str, owner: str = "") -> None:
        """Give a stored lesson another name. For a running lesson call `LiveLesson.rename`."""
        with self._transaction(writes=True) as connection:
            new_name = clean(name, LONGEST_NAME)
            update = sa.update(LESSONS).where(_matches(lesson_id, owner)).values(name=new_name)
            if not connection.execute(update).rowcount:
                raise GoneError(NO_SUCH)

    def delete(self, lesson_id: str, owner: str = "") -> None:
        """Delete a lesson for good; in an SQLite file its bytes are overwritten too."""
        with database_errors(self._address), time_limit(self._patience):
            with self._transaction(writes=True) as connection:
                deletion = sa.delete(LESSONS).where(_matches(lesson_id, owner))
                if not connection.execute(deletion).rowcount:
                    raise GoneError(NO_SUCH)
            self._free_space()

    def export(self, target: BinaryIO, owner: str = "") -> int:
        """Write a zip file with each lesson as JSON and as CSV; return the number of lessons."""
        query = sa.select(LESSONS.c.id).where(LESSONS.c.owner == owner).order_by(LESSONS.c.started)
        with self._transaction() as connection:
            ids = list(connection.scalars(query))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for lesson_id in ids:
                try:
                    lesson = self.load(lesson_id, owner)
                except GoneError:  # deleted meanwhile
                    continue
                stem = f"{lesson.info.started:%Y-%m-%d-%H%M}-{lesson_id}"
                archive.writestr(f"{stem}.json", to_json(lesson))
                archive.writestr(f"{stem}.csv", to_csv(lesson))
        return len(ids)

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction, which takes `patience` seconds at most."""
        engine = self._writing if writes else self.engine
        try:
            with database_errors(self._address), time_limit(self._patience):
                self._ensure_open()
                with engine.begin() as connection:
                    yield connection
        except GoneError:
            raise
        except StoreError as fault:
            self._faults["write" if writes else "read"] = str(fault)
            raise
        if writes:
            self._faults.clear()
        else:  # another program may let us read and not write
            self._faults.pop("read", None)

    def _ensure_open(self) -> None:
        """Open the database if it is not open; raise StoreError if that fails, or must wait."""
        if self._opened and (self.file is None or not self.file.moved()):
            if self.file is not None and self.file.damaged:
                raise StoreError(DAMAGED)  # what is written now would be lost at the next start
            return
        if not self._opening.acquire(timeout=time_left(self._patience)):
            raise StoreError(TOO_SLOW)
        try:
            if self._opened and self.file is not None and self.file.moved():
                self._leave_moved_file()
            if not self._opened:
                self._pause.check(self.fault)
                self._open()
        finally:
            self._opening.release()

    def _open(self) -> None:
        """Make the file and the tables, or bring them to the form that this program uses."""
        try:
            with database_errors(self._address), time_limit(self._patience):
                if self.file is not None:
                    self.file.prepare()
                with self.engine.begin() as connection:
                    known = revision_of(connection)
                if known != NEWEST:
                    with time_limit(MIGRATION, afresh=True), self._writing.begin() as connection:
                        migrate(connection)
        except StoreError:
            self._pause.grow()
            raise
        if self._pause.tries:
            LOG.warning("%s: the database is there again", self._address)
        self._opened, self._pause = True, Backoff()

    def _leave_moved_file(self) -> None:
        """Open what is at the file's place now, or make a new file; raise StoreError once."""
        LOG.error("%s: the file was moved away or replaced while it was in use", self._address)
        if self.file is not None and not self.file.damaged:
            with suppress(sa.exc.SQLAlchemyError), self._plain() as plain:
                # What the journal still holds goes into the old file, wherever that is now.
                plain.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        self.engine.dispose()
        self._opened, self.generation = False, self.generation + 1
        self.moved_at = datetime.fromtimestamp(self._now()).astimezone()
        self._open()
        raise StoreError(MOVED)

    def _plain(self) -> sa.Connection:
        """Return a connection for what SQLite does only outside a transaction."""
        return self.engine.execution_options(plain=True).connect()

    def _save_stamp(self) -> dict[str, Any]:
        """Return the columns that every save sets: which store wrote the lesson, and when."""
        return {"writer": self._writer, "saved": self._now()}

    def _update(self, connection: sa.Connection, lesson: Lesson, owner: str) -> None:
        """Write the lesson's own row; raise GoneError if it is not this store's to save."""
        ours = _matches(lesson.info.id, owner) & (LESSONS.c.writer == self._writer)
        values = rows.progress(lesson) | self._save_stamp()
        if not connection.execute(sa.update(LESSONS).where(ours).values(values)).rowcount:
            raise GoneError(NOT_OURS)

    def _free_space(self) -> None:
        """Remove deleted bytes from SQLite's journal; let PostgreSQL use their space again."""
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
                plain.execute(sa.text("VACUUM lessons, seconds, moments, pauses, alerts"))
        if self.engine.dialect.name != "sqlite":
            return
        with self._plain() as plain:
            busy = plain.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        if busy:
            raise StoreError(
                "the lesson is deleted, but another program is still reading the file, so its "
                "bytes stay in the journal until that has ended"
            )


def _adds(lesson: Lesson, known: sa.Row[Any]) -> bool:
    """Return True if a lesson from a file has more than the stored one."""
    if (lesson.ended is None) != (known.ended is None):
        return known.ended is None
    return lesson.duration >= float(known.duration)


def _matches(lesson_id: str, owner: str) -> sa.ColumnElement[bool]:
    return sa.and_(LESSONS.c.id == lesson_id, LESSONS.c.owner == owner)


def _read(connection: sa.Connection, lesson_id: str, owner: str) -> Lesson:
    found = connection.execute(sa.select(LESSONS).where(_matches(lesson_id, owner))).first()
    if found is None:
        raise GoneError(NO_SUCH)
    return rows.read(connection, found._mapping)


def _contains(column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(column).contains(word, autoescape=True)
