"""Files for lessons that a database could not take: a store takes them in when it works again."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time as clock
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer.errors import DataError
from fer.lesson import Lesson
from fer.lesson.export import FAULTS, from_dict, to_dict

LOG: Final = logging.getLogger(__name__)
FORMAT: Final = "fer-unsaved"
VERSION: Final = 1
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

    def write(self, lesson: Lesson, owner: str) -> bool:
        """Write a lesson in whole, or leave its earlier file; return False if that failed."""
        data = {"format": FORMAT, "version": VERSION, "owner": owner, "written": self._now()}
        data["lesson"] = to_dict(lesson)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _replace(self._path(lesson), json.dumps(data, ensure_ascii=False, allow_nan=False))
        except OSError as fault:
            LOG.error("lesson %s: no file in %s: %s", lesson.info.id, self.folder, fault.strerror)
            return False
        return True

    def remove(self, lesson_id: str) -> None:
        """Remove a lesson's file, if there is one."""
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
            except (OSError, DataError) as fault:
                LOG.error("%s holds no lesson that can be read: %s", path, fault)
                with suppress(OSError):
                    path.rename(path.with_suffix(BROKEN))
                continue
            take(found)
            path.unlink(missing_ok=True)
            count += 1
        return count

    def _path(self, lesson: Lesson) -> Path:
        """Return the lesson's file; files in the order of their names are in the order of time."""
        return self.folder / f"{lesson.info.started.timestamp():015.3f}Z-{lesson.info.id}.json"

    def _paths(self) -> Iterator[Path]:
        with suppress(OSError):
            yield from sorted(self.folder.glob("*.json"))


def _replace(path: Path, text: str) -> None:
    """Replace a file by this text, so that a killed process leaves the old one or the new one."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _read(path: Path) -> UnsavedLesson:
    """Return the lesson in a file; raise DataError for any other text."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise ValueError(f"it is not of the format {FORMAT} {VERSION}")
        lesson = from_dict(data["lesson"])
        return UnsavedLesson(lesson, str(data["owner"]), float(data["written"]))
    except FAULTS as fault:
        raise DataError(str(fault) or type(fault).__name__) from fault
