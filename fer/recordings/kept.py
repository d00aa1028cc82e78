"""Recordings that wait or are read, in a folder, so that a server that is started again goes on.

Each has a video and a note in JSON. The process that reads a recording holds a lock on its video,
which a killed process lets go, so that two servers with one folder never read the same recording.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time as clock
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from fer.lesson import Alert
from fer.lesson.lesson import LessonPlan
from fer.machine import locked

LOG: Final = logging.getLogger(__name__)
VIDEO: Final = ".video"
NOTE: Final = ".json"
FAULTS: Final = (ValueError, KeyError, TypeError, AttributeError, OSError)


@dataclass(frozen=True)
class RecordingOrder:
    """The settings with which a recording is read."""

    file_name: str
    plan: LessonPlan  # a lesson without a name gets the file's name and the date
    every: float = 1.0  # seconds between the frames that are read
    stopped: str = ""  # the text of the note where reading was stopped
    damaged: str = ""  # the text of the note where a damaged recording ends
    lesson_id: str = ""  # the queue sets it, and when it was asked to read
    begun: datetime | None = None


@dataclass(frozen=True)
class KeptFile:
    """The open, locked video of a recording, and where its note is."""

    path: Path
    note: Path
    file: IO[bytes]

    def remove(self) -> None:
        """Delete the video and its note; a second call changes nothing."""
        if not self.file.closed:
            for path in (self.note, self.path):  # before the lock goes
                path.unlink(missing_ok=True)
            self.file.close()


@dataclass(frozen=True)
class KeptRecording:
    """A recording that an earlier process left; `file` is None if its video is gone."""

    owner: str
    order: RecordingOrder
    file: KeptFile | None


class RecordingFolder:
    """A folder for recordings and their notes, which its owner only may read."""

    def __init__(self, folder: Path, now: Callable[[], float] = clock.time) -> None:
        self.folder, self._now = folder, now

    def new_file(self, lesson_id: str) -> KeptFile | None:
        """Return a new video file, locked; None if there can be none here."""
        if sys.platform == "win32":  # there a recording is copied to a temporary file
            return None
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._video(lesson_id), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as fault:
            LOG.warning("%s: a restart will lose recordings: %s", self.folder, fault.strerror)
            return None
        return self._lock(lesson_id, os.fdopen(handle, "r+b"))

    def write_note(self, owner: str, order: RecordingOrder) -> None:
        """Write down whose recording this is, and how it is read."""
        note = {"owner": owner, "order": _to_dict(order)}
        temporary = self._note(order.lesson_id).with_suffix(".part")
        with suppress(OSError):  # it is read all the same, but not after a restart
            temporary.write_text(json.dumps(note), encoding="utf-8")
            temporary.replace(self._note(order.lesson_id))

    def touch(self, lesson_id: str) -> None:
        """Note that a page has asked for the recording."""
        with suppress(OSError):
            os.utime(self._note(lesson_id))

    def left(self, unseen: float) -> Iterator[KeptRecording]:
        """Yield what an earlier process left, in the order in which it was begun.

        Delete videos without a note, and recordings that no page has shown for `unseen` seconds.
        """
        notes = sorted(filter(None, map(self._read, self.folder.glob(f"*{NOTE}"))), key=_begun)
        for note, age in notes:
            lesson_id = note.order.lesson_id
            file = self._lock(lesson_id)
            if file is None and self._video(lesson_id).exists():
                continue  # another process reads it
            if file is not None and age > unseen:
                file.remove()
                file = None
            if file is None:
                self._note(lesson_id).unlink(missing_ok=True)
            yield replace(note, file=file)
        self._remove_orphans()

    def _read(self, path: Path) -> tuple[KeptRecording, float] | None:
        try:
            note = json.loads(path.read_text(encoding="utf-8"))
            age = self._now() - path.stat().st_mtime
            return KeptRecording(str(note["owner"]), _from_dict(note["order"]), None), age
        except FAULTS as fault:
            LOG.error("%s cannot be read, so its recording is dropped: %s", path, fault)
            path.unlink(missing_ok=True)  # its video goes as one without a note
            return None

    def _lock(self, lesson_id: str, file: IO[bytes] | None = None) -> KeptFile | None:
        """Open and lock a video; return None if it is gone, or another process has it."""
        path = self._video(lesson_id)
        try:
            file = file or path.open("r+b")
        except OSError:
            return None
        if locked(file):
            return KeptFile(path, self._note(lesson_id), file)
        file.close()
        return None

    def _remove_orphans(self) -> None:
        for path in [*self.folder.glob(f"*{VIDEO}")]:
            if not self._note(path.stem).exists() and (file := self._lock(path.stem)):
                file.remove()

    def _video(self, lesson_id: str) -> Path:
        return self.folder / f"{lesson_id}{VIDEO}"

    def _note(self, lesson_id: str) -> Path:
        return self.folder / f"{lesson_id}{NOTE}"


def _begun(found: tuple[KeptRecording, float]) -> datetime:
    begun = found[0].order.begun
    assert begun is not None  # `_from_dict` has read it
    return begun


def _to_dict(order: RecordingOrder) -> dict[str, Any]:
    plan = order.plan
    return {name: getattr(order, name) for name in ("file_name", "every", "stopped", "damaged")} | {
        "lesson_id": order.lesson_id,
        "begun": order.begun and order.begun.isoformat(),
        "plan": {
            name: getattr(plan, name)
            for name in ("name", "unnamed", "region", "model", "version", "individuals")
        }
        | {
            "acknowledged": plan.acknowledged and plan.acknowledged.isoformat(),
            "alerts": [asdict(alert) for alert in plan.alerts],
            "zone": _zone_name(plan.zone, order.begun),
        },
    }


def _from_dict(data: dict[str, Any]) -> RecordingOrder:
    plan = dict(data["plan"])
    acknowledged = plan["acknowledged"]
    plan |= {
        "acknowledged": acknowledged and datetime.fromisoformat(acknowledged),
        "alerts": tuple(Alert(**one) for one in plan["alerts"]),
        "zone": _zone(plan["zone"]),
    }
    begun = datetime.fromisoformat(data["begun"])
    return RecordingOrder(**(data | {"plan": LessonPlan(**plan), "begun": begun}))


def _zone_name(zone: tzinfo | None, at: datetime | None) -> str | int | None:
    """Return a zone's name, or its seconds from UTC if it has none."""
    if zone is None:
        return None
    if isinstance(zone, ZoneInfo):
        return zone.key
    return round((zone.utcoffset(at) or timedelta()).total_seconds())


def _zone(name: str | int | None) -> tzinfo | None:
    if name is None:
        return None
    return ZoneInfo(name) if isinstance(name, str) else timezone(timedelta(seconds=name))
