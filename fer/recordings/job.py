"""A job: one recorded lesson, read by a thread of its own; any thread may ask how far it is."""

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
from fer.vision.analyzer import AnalyzedFrame
from fer.vision.media.videos import Video

LOG: Final = logging.getLogger(__name__)
UNSEEN: Final = 3600.0  # seconds; a job that no page has asked for in this time is dropped
# While classes are live: the rest after each frame, as a multiple of the time that it took. With 1
# a class of 25 lost half of its readings on two processors, with 3 almost none.
REST: Final = 3.0


class VideoReader(Protocol):
    """Detects, follows and classifies the faces of a video: an Analyzer, or a fake in tests."""

    def video(self, source: Video) -> Iterable[AnalyzedFrame]: ...


@dataclass(frozen=True)
class RecordingOrder:
    """How a recording is read, and what its lesson is called."""

    file_name: str
    plan: LessonPlan  # one without a name gets the file's, and its date
    every: float = 1.0  # seconds between the frames that are read
    stopped: str = ""  # the note at the place where reading was stopped
    damaged: str = ""  # the note at the place where a damaged recording ends


@dataclass(eq=False)
class RecordingJob:
    """A recording that waits, is being read or was read; `lesson` holds what was seen so far.

    Raises DataError if the file cannot be read.
    """

    owner: str
    order: RecordingOrder
    file: RecordingFile
    reader: VideoReader
    store: Store | None = None
    lessons: Callable[[], int] = lambda: 0  # how many classes are live
    now: Callable[[], float] = clock.monotonic

    def __post_init__(self) -> None:
        self.newest: AnalyzedFrame | None = (
            None  # the frame that was read last; None once the job is over
        )
        self.waiting = True  # until the queue starts it
        self.over = False
        self.partial = False  # whether reading was stopped before the recording's end
        self.fault: str | None = None  # why reading failed
        self.unkept: str | None = None  # why the lesson could not be stored
        self.seen = self.now()  # when a page asked for it last
        self._since: float | None = None  # when reading began
        self._share: float | None = None
        self._end = 0.0  # up to where it is read, in seconds of the recording
        self._stop = threading.Event()
        self.video = Video(self.file.path, self.order.every)
        plan, today = self.order.plan, datetime.now(UTC)
        started = (begun(self.file.path, today) or today).astimezone(plan.zone)
        name = plan.name or f"{Path(self.order.file_name).stem}, {started:%Y-%m-%d}"
        self.lesson = plan.begin(started, name=name)

    @property
    def broken(self) -> bool:
        """True if the recording turned out to be damaged or cut off."""
        return self.video.broken is not None

    @property
    def stopping(self) -> bool:
        """True once `stop` was called."""
        return self._stop.is_set()

    @property
    def share(self) -> float | None:
        """How much is read, 0 to 1; None if the recording does not say how long it is."""
        return 0.0 if self._since is None else self._share

    def left(self) -> float | None:
        """Return how many seconds the rest will take at the pace so far; None if unknown."""
        if self._since is None or not self._share:
            return None
        return (self.now() - self._since) * (1 / self._share - 1)

    def faces_seen(self) -> bool:
        """Return True if any face was detected."""
        return bool(self.lesson.rows()["seen"].any())

    def stop(self) -> None:
        """Stop after the frame that is being read; what was read stays."""
        self._stop.set()

    def run(self) -> None:
        """Read the recording to its end, delete it, and store the lesson."""
        self._since = self.now()
        try:
            with self.video as video:
                self._read(video)
        except FerError as fault:
            self.fault = str(fault)
        except Exception as fault:  # the page shows it, whatever it is
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
        """End the lesson where the reading ended, and store it if any face was detected."""
        lesson, video = self.lesson, self.video
        end, early = self._end, self.partial or self.fault is not None
        if not (early or self.broken):
            end = video.duration or end
        lesson.finish(end)
        for applies, note in ((early, self.order.stopped), (self.broken, self.order.damaged)):
            if applies:
                lesson.mark("note", note, end)
        if self.store is None or not self.faces_seen():
            return
        try:
            self.store.begin(lesson, self.owner)
        except StoreError as fault:
            self.unkept = str(fault)
