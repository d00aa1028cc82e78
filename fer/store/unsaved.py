"""Files for lessons that a database could not take: a store takes them in when it works again.

A process that still has a lesson holds a lock on its file, so that another one with the same folder
leaves it alone; a killed process lets its locks go.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import tempfile
import time as clock
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from fer.errors import DataError
from fer.lesson import Lesson
from fer.lesson.export import FAULTS, from_dict, to_dict
from fer.machine import locked

LOG: Final = logging.getLogger(__name__)
FORMAT: Final = "fer-unsaved"
VERSION: Final = 1
RESERVE: Final = "reserve"  # a file that only takes room, for a full disk
RESERVED: Final = 8 << 20  # bytes; sixteen lessons of three quarters of an hour take 4 MB
BROKEN: Final = ".unreadable"  # the ending of a file that holds no lesson; it is kept for a person


@dataclass(frozen=True)
class UnsavedLesson:
    """A lesson in a file, whose it is, and when the file was written."""

    lesson: Lesson
    owner: str
    written: float


class UnsavedFiles:
    """A folder with a file for each lesson that could not be saved. Only its owner may read it."""

    def __init__(self, folder: Path, now: Callable[[], float] = clock.time) -> None:
        self.folder, self._now = folder, now
        self._held: dict[str, int] = {}  # by lesson's id, descriptors that hold a lock

    def write(self, lesson: Lesson, owner: str, *, hold: bool = False) -> bool:
        """Write a lesson in whole, or leave its earlier file; return False if that failed.

        With `hold`, `take_in` leaves the file alone until `remove` or `release`.
        """
        data = {"format": FORMAT, "version": VERSION, "owner": owner, "written": self._now()}
        data["lesson"] = to_dict(lesson)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = json.dumps(data, ensure_ascii=False, allow_nan=False)
            file = self._replace(self._path(lesson), text)
        except OSError as fault:
            LOG.error("lesson %s: no file in %s: %s", lesson.info.id, self.folder, fault.strerror)
            return False
        self._let_go(lesson.info.id)
        if hold:
            self._held[lesson.info.id] = os.dup(file.fileno())
        file.close()
        return True

    def reserve(self) -> None:
        """Take room on the disk, which `write` gives back when the disk is full."""
        with suppress(OSError, AttributeError):  # Windows has no posix_fallocate
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.folder / RESERVE, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, RESERVED)
            finally:
                os.close(handle)

    def release(self) -> None:
        """Let the next `take_in`, of any process, have the files that were held."""
        for lesson_id in [*self._held]:
            self._let_go(lesson_id)

    def remove(self, lesson_id: str) -> None:
        """Remove a lesson's file, if there is one."""
        self._let_go(lesson_id)
        for path in self._paths():
            if path.stem.partition("Z-")[2] == lesson_id:
                path.unlink(missing_ok=True)

    def take_in(self, take: Callable[[UnsavedLesson], None]) -> int:
        """Give each lesson to `take`, the earliest first, and remove its file; return their number.

        What `take` raises ends this, and the files that are left wait for the next call.
        """
        count = 0
        for path in self._paths():
            try:
                found = _read(path)
            except FileNotFoundError:  # another process took it in
                continue
            except OSError as fault:  # it may pass, as too many open files do: try again later
                LOG.error("%s cannot be read now: %s", path, fault)
                continue
            except DataError as fault:
                LOG.error("%s holds no lesson that can be read: %s", path, fault)
                with suppress(OSError):
                    path.rename(path.with_suffix(BROKEN))
                continue
            if found is None:  # its process has the lesson still
                continue
            take(found)
            path.unlink(missing_ok=True)
            count += 1
        return count

    def _let_go(self, lesson_id: str) -> None:
        handle = self._held.pop(lesson_id, None)
        if handle is not None:
            os.close(handle)

    def _replace(self, path: Path, text: str) -> IO[str]:
        try:
            return _replace(path, text)
        except OSError as fault:
            reserve = self.folder / RESERVE
            if fault.errno != errno.ENOSPC or not reserve.exists():
                raise
            reserve.unlink()
            return _replace(path, text)

    def _path(self, lesson: Lesson) -> Path:
        """Return the lesson's file; files in the order of their names are in the order of time."""
        return self.folder / f"{lesson.info.started.timestamp():015.3f}Z-{lesson.info.id}.json"

    def _paths(self) -> Iterator[Path]:
        with suppress(OSError):
            yield from sorted(self.folder.glob("*.json"))


def _replace(path: Path, text: str) -> IO[str]:
    """Replace a file by this text, so that a killed process leaves the old one or the new one.

    Return the new file, which is locked as long as it is open.
    """
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    file = os.fdopen(handle, "w", encoding="utf-8")
    try:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        locked(file)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):  # closing writes what is left
            file.close()
        raise
    finally:
        Path(name).unlink(missing_ok=True)
    return file


def _read(path: Path) -> UnsavedLesson | None:
    """Return the lesson in a file, None if it is held; raise DataError for any other text."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            if not locked(file):
                return None
            data = json.loads(file.read())
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise ValueError(f"it is not of the format {FORMAT} {VERSION}")
        lesson = from_dict(data["lesson"])
        return UnsavedLesson(lesson, str(data["owner"]), float(data["written"]))
    except FAULTS as fault:
        raise DataError(str(fault) or type(fault).__name__) from fault
