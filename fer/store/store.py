"""The store: lessons begun, saved as they go on, found, read, renamed and deleted.

Every call names an owner and sees that owner's lessons only: a server for several teachers shows
nobody another one's. Who the owner is, the caller decides; on a laptop it is "".

A lesson that runs has one writer: the store that began it, or the one that adopted it last.
"""

from __future__ import annotations

import secrets
import time as clock
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import sqlalchemy as sa

from fer.lesson import Lesson
from fer.lesson.export import to_csv, to_json
from fer.lesson.lesson import LONGEST_NAME, clean
from fer.store import rows
from fer.store.database import PATIENCE, connect, file_url, own_file, read_url
from fer.store.errors import GoneError, StoreError, told
from fer.store.rows import Kept
from fer.store.schema import LESSONS, MOMENTS, migrate

PAGE: Final = 20  # lessons
NO_SUCH: Final = "there is no such lesson; it may have been deleted"
NOT_OURS: Final = "this lesson was deleted, or goes on in another process"
QUIET: Final = 30.0  # seconds without a save after which nobody seems to run a lesson any more


@dataclass(frozen=True)
class Page:
    """Some of the lessons that were found, and how many there are."""

    lessons: list[Kept]
    found: int


class Store:
    """Lessons in a database: by default in a file of the user's own. For any thread.

    >>> store = Store("sqlite:////tmp/lessons.sqlite3")  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str | None = None,
        now: Callable[[], float] = clock.time,
        patience: float = PATIENCE,
    ) -> None:
        read = read_url(url or file_url(own_file()))
        # For the log; a password may stand in the query too.
        self._address = read.set(query={}).render_as_string(hide_password=True)
        self._now, self._writer = now, secrets.token_hex(8)
        with told(self._address):
            self.engine = connect(read, patience)
            self._writing = self.engine.execution_options(writes=True)
            try:
                with self._writing.begin() as connection:
                    migrate(connection)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Closes its connections; one that is needed later is opened again."""
        self.engine.dispose()

    def begin(self, lesson: Lesson, owner: str = "") -> None:
        """Keeps a new lesson from here on; `save` then adds to it."""
        with told(self._address), self._writing.begin() as connection:
            known = rows.of_lesson(lesson) | {"owner": owner} | self._mark()
            connection.execute(sa.insert(LESSONS).values(known))
            rows.write(connection, lesson)

    def save(self, lesson: Lesson, owner: str = "") -> None:
        """Adds what came since the last time.

        GoneError where the lesson was deleted meanwhile, or adopted by another store.
        """
        with told(self._address), self._writing.begin() as connection:
            ours = _is(lesson.info.id, owner) & (LESSONS.c.writer == self._writer)
            update = sa.update(LESSONS).where(ours).values(rows.progress(lesson) | self._mark())
            if not connection.execute(update).rowcount:
                raise GoneError(NOT_OURS)
            rows.write(connection, lesson)

    def load(self, id: str, owner: str = "") -> Lesson:
        """A lesson as it was saved last."""
        with told(self._address), self.engine.begin() as connection:
            return _read(connection, id, owner)

    def adopt(self, id: str, owner: str = "") -> Lesson:
        """A lesson that has not ended, to go on with it: from now on no other store saves it."""
        with told(self._address), self._writing.begin() as connection:
            open_one = _is(id, owner) & LESSONS.c.ended.is_(None)
            update = sa.update(LESSONS).where(open_one).values(self._mark())
            if not connection.execute(update).rowcount:
                raise GoneError(NO_SUCH)
            return _read(connection, id, owner)

    def find(self, owner: str = "", search: str = "", page: int = 0, size: int = PAGE) -> Page:
        """Lessons, the newest first; of a search those whose name or moments hold its words."""
        wanted = LESSONS.c.owner == owner
        for word in search.lower().split():
            noted = sa.select(MOMENTS.c.lesson).where(_holds(MOMENTS.c.text, word))
            wanted &= _holds(LESSONS.c.name, word) | LESSONS.c.id.in_(noted)
        order = (LESSONS.c.started.desc(), LESSONS.c.id)
        chosen = sa.select(LESSONS).where(wanted).order_by(*order).limit(size).offset(page * size)
        with told(self._address), self.engine.begin() as connection:
            count = connection.scalar(sa.select(sa.func.count()).where(wanted)) or 0
            return Page([rows.kept(row._mapping) for row in connection.execute(chosen)], count)

    def left_open(self, owner: str = "", quiet: float = QUIET) -> list[Kept]:
        """Lessons that were cut off: not ended, and not saved for so long."""
        since = self._now() - quiet
        wanted = (LESSONS.c.owner == owner) & LESSONS.c.ended.is_(None) & (LESSONS.c.saved < since)
        chosen = sa.select(LESSONS).where(wanted).order_by(LESSONS.c.started.desc())
        with told(self._address), self.engine.begin() as connection:
            return [rows.kept(row._mapping) for row in connection.execute(chosen)]

    def end(self, id: str, owner: str = "") -> None:
        """Ends a lesson that was cut off, where it was cut off."""
        lesson = self.adopt(id, owner)
        lesson.finish(rows.broke_off(lesson))
        self.save(lesson, owner)

    def rename(self, id: str, name: str, owner: str = "") -> None:
        """Calls a lesson something else. A running one also needs `session.rename`."""
        with told(self._address), self._writing.begin() as connection:
            update = sa.update(LESSONS).where(_is(id, owner)).values(name=clean(name, LONGEST_NAME))
            if not connection.execute(update).rowcount:
                raise GoneError(NO_SUCH)

    def delete(self, id: str, owner: str = "") -> None:
        """Deletes a lesson for good: of a file, its bytes are written over too."""
        with told(self._address):
            with self._writing.begin() as connection:
                if not connection.execute(sa.delete(LESSONS).where(_is(id, owner))).rowcount:
                    raise GoneError(NO_SUCH)
            self._forget()

    def export(self, target: BinaryIO, owner: str = "") -> int:
        """Writes all lessons as a zip file, each as JSON and CSV; gives their number."""
        names = sa.select(LESSONS.c.id).where(LESSONS.c.owner == owner).order_by(LESSONS.c.started)
        with told(self._address), self.engine.begin() as connection:
            ids = list(connection.scalars(names))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for id in ids:
                try:
                    lesson = self.load(id, owner)
                except GoneError:  # deleted meanwhile
                    continue
                stem = f"{lesson.info.started:%Y-%m-%d-%H%M}-{id}"
                archive.writestr(f"{stem}.json", to_json(lesson))
                archive.writestr(f"{stem}.csv", to_csv(lesson))
        return len(ids)

    def _mark(self) -> dict[str, Any]:
        """What every save leaves in the lesson's row: who it was, and when."""
        return {"writer": self._writer, "saved": self._now()}

    def _forget(self) -> None:
        """What was deleted leaves the journal too; a server is told that the room is free."""
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as plain:
                plain.execute(sa.text("VACUUM lessons, seconds, moments, pauses, alerts"))
        if self.engine.dialect.name != "sqlite":
            return
        with self.engine.execution_options(plain=True).connect() as plain:
            busy = plain.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        if busy:
            raise StoreError(
                "the lesson is deleted, but another program is still reading the file, so its "
                "bytes stay in the journal until that has ended"
            )


def _is(id: str, owner: str) -> sa.ColumnElement[bool]:
    return sa.and_(LESSONS.c.id == id, LESSONS.c.owner == owner)


def _read(connection: sa.Connection, id: str, owner: str) -> Lesson:
    found = connection.execute(sa.select(LESSONS).where(_is(id, owner))).first()
    if found is None:
        raise GoneError(NO_SUCH)
    return rows.read(connection, found._mapping)


def _holds(column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(column).contains(word, autoescape=True)
