"""Reading one recorded lesson in the background: a thread works, any other may look."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from fer.errors import FerError
from fer.lesson.lesson import LessonPlan
from fer.recordings.upload import RecordingFile, begun
from fer.store import Store, StoreError
from fer.vision.analyzer import Step
from fer.vision.media.videos import Video

LOG: Final = logging.getLogger(__name__)
UNSEEN: Final = 3600.0  # seconds that nobody asks for it, after which a recording is let go
# While classes are live: the rest after each frame, in parts of the time that it took. With 1 a
# class of 25 lost half of its readings on two processors, with 3 next to none.
REST: Final = 3.0


class VideoReader(Protocol):
    """What finds, follows and reads the faces: pipeline.Analyzer, or a test's stand-in."""

    def video(self, source: Video) -> Iterable[Step]: ...


@dataclass(frozen=True)
class Order:
    """What is to be made of a recording."""

    file_name: str
    plan: LessonPlan  # one without a name gets the file's, and its date
    every: float = 1.0  # seconds between readings
    stopped: str = ""  # the note where reading was ended early
    damaged: str = ""  # the note where a recording ends that is not whole


@dataclass(eq=False)
class Job:
    """A recording that waits, is read or has been read; `session` is what was seen so far."""

    owner: str
    order: Order
    file: RecordingFile
    reader: VideoReader
    store: Store | None = None
    lessons: Callable[[], int] = lambda: 0  # how many classes are live beside it
    now: Callable[[], float] = clock.monotonic

    def __post_init__(self) -> None:
        """DataError where the file is none that can be read."""
        self.newest: Step | None = None  # the frame that was read last; None once it is over
        self.over = False
        self.partial = False  # whether it was ended before the recording did
        self.fault: str | None = None  # what kept it from going on
        self.unkept: str | None = None  # why its lesson could not be kept
        self.seen = self.now()  # when somebody asked for it last
        self._since: float | None = None  # when its turn came
        self._share: float | None = None
        self._end = 0.0  # up to where it is read, in its own seconds
        self._stop = threading.Event()
        self.video = Video(self.file.path, self.order.every)
        plan, today = self.order.plan, datetime.now(UTC)
        started = (begun(self.file.path, today) or today).astimezone(plan.zone)
        name = plan.name or f"{Path(self.order.file_name).stem}, {started:%Y-%m-%d}"
        self.lesson = plan.begin(started, name=name)

    @property
    def broken(self) -> bool:
        """Whether the recording turned out to be damaged or cut off."""
        return self.video.broken is not None

    @property
    def stopping(self) -> bool:
        """Whether it is told to end."""
        return self._stop.is_set()

    @property
    def share(self) -> float | None:
        """How much is read, 0 to 1; None where the recording doesn't tell its length."""
        return 0.0 if self._since is None else self._share

    def left(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None while nobody knows."""
        if self._since is None or not self._share:
            return None
        return (self.now() - self._since) * (1 / self._share - 1)

    def faces_seen(self) -> bool:
        """Whether there was any face."""
        return bool(self.lesson.rows()["seen"].any())

    def stop(self) -> None:
        """Ends the reading after the frame that is being read; what was read stays."""
        self._stop.set()

    def run(self) -> None:
        """Reads it to the end, deletes the recording, and keeps the lesson."""
        self._since = self.now()
        try:
            with self.video as video:
                self._read(video)
        except FerError as fault:
            self.fault = str(fault)
        except Exception as fault:  # the page must hear of it, whatever it is
            LOG.exception("a recording could not be read")
            self.fault = type(fault).__name__
        finally:
            self.newest = None
            self.file.close()
            try:
                self._finish()
            finally:
                self.over = True

    def _read(self, video: Video) -> None:
        since = self.now()
        for step in self.reader.video(video):
            if self._stop.is_set():
                self.partial = True
                return
            self.lesson.add(step.faces, step.time)
            self.newest, self._share = step, step.progress
            self._end = min(step.time + self.order.every, video.duration or float("inf"))
            if self.now() - self.seen > UNSEEN:
                self.stop()
            if self.lessons():
                self._stop.wait(REST * (self.now() - since))
            since = self.now()

    def _finish(self) -> None:
        """Ends the lesson where the reading did, and keeps it if anybody was seen."""
        lesson, video = self.lesson, self.video
        end, early = self._end, self.partial or self.fault is not None
        if not (early or self.broken):
            end = video.duration or end
        lesson.finish(end)
        for so, note in ((early, self.order.stopped), (self.broken, self.order.damaged)):
            if so:
                lesson.mark("note", note, end)
        if self.store is None or not self.faces_seen():
            return
        try:
            self.store.begin(lesson, self.owner)
        except StoreError as fault:
            self.unkept = str(fault)
