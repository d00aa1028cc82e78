"""A job: the reading of one recorded lesson, in its own thread. Any thread may read its state."""

from __future__ import annotations

import logging
import threading
import time as clock
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from fer.errors import FerError
from fer.recordings.kept import RecordingOrder
from fer.recordings.upload import RecordingFile, recorded_at
from fer.store import GoneError, Store, StoreError, UnsavedFiles
from fer.vision.analyzer import AnalyzedFrame
from fer.vision.media.decoder import Decoder, Film, OwnDecoder

LOG: Final = logging.getLogger(__name__)
UNSEEN: Final = 3600.0  # seconds; a job that no page has shown for so long is removed
# While a class is live, the pause after each frame, as a multiple of the frame's own time. With 1,
# a class of 25 lost half of its readings on two processors; with 3, almost none.
REST: Final = 3.0


class VideoReader(Protocol):
    """Detects, follows and classifies the faces of a video: an Analyzer, or a test's fake."""

    def video(self, source: Film) -> Iterable[AnalyzedFrame]: ...


@dataclass(eq=False)
class RecordingJob:
    """A recording that waits, is being read or was read; `lesson` holds the numbers so far.

    Making one raises DataError if the file cannot be read.
    """

    owner: str
    order: RecordingOrder
    file: RecordingFile
    reader: VideoReader
    store: Store | None = None
    lesson_count: Callable[[], int] = lambda: 0  # of the live lessons
    now: Callable[[], float] = clock.monotonic
    decoder: Decoder = field(default_factory=OwnDecoder)
    unsaved: UnsavedFiles | None = None  # for the lesson, if the store cannot take it
    client: str = ""  # the network address that brought it

    def __post_init__(self) -> None:
        self.newest: AnalyzedFrame | None = (
            None  # the frame that was read last; None once the job is over
        )
        self.waiting = True  # until the queue starts it
        self.over = False
        self.partial = False  # whether reading was stopped before the recording's end
        self.fault: str | None = None  # why reading failed
        self.store_fault: str | None = None  # why the lesson could not be stored
        self.seen = self.noted = self.now()  # when a page last asked for it
        self._began: float | None = None  # when reading began
        self._share: float | None = None
        self._end = 0.0  # how far it is read, in seconds of the recording
        self._stop = threading.Event()
        self.video = self.decoder.film(self.file.path, self.order.every, self.order.file_name)
        plan, today = self.order.plan, self.order.begun or datetime.now(UTC)
        started = (recorded_at(self.video.created, today) or today).astimezone(plan.zone)
        name = plan.name or f"{Path(self.order.file_name).stem}, {started:%Y-%m-%d}"
        self.lesson = plan.begin(started, name=name, lesson_id=self.order.lesson_id)

    @property
    def broken(self) -> bool:
        """Return True if the recording turned out to be damaged or cut off."""
        return self.video.broken is not None

    @property
    def stopping(self) -> bool:
        """Return True once `stop` was called."""
        return self._stop.is_set()

    @property
    def share(self) -> float | None:
        """Return how much is read, 0 to 1; None if the recording's length is unknown."""
        return 0.0 if self._began is None else self._share

    def left(self) -> float | None:
        """Return how many seconds the rest will take at the speed so far; None if unknown."""
        if self._began is None or not self._share:
            return None
        return (self.now() - self._began) * (1 / self._share - 1)

    def faces_seen(self) -> bool:
        """Return True if any face was detected."""
        return bool(self.lesson.rows()["seen"].any())

    def stop(self) -> None:
        """Stop after the current frame; the lesson keeps what was read."""
        self._stop.set()

    def run(self) -> None:
        """Read the recording to its end, delete it, and store the lesson."""
        self._began = self.now()
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
            try:
                self._finish()
            finally:
                self.file.close()  # not earlier: a process that is killed now must read it again
                self.over = True

    def _read(self, video: Film) -> None:
        begun = self.now()
        for step in self.reader.video(video):
            if self._stop.is_set():
                self.partial = True
                return
            self.lesson.add(step.faces, step.time)
            self.newest, self._share = step, step.progress
            self._end = min(step.time + self.order.every, video.duration or float("inf"))
            if self.now() - self.seen > UNSEEN:
                self.stop()
            if self.lesson_count():
                self._stop.wait(REST * (self.now() - begun))
            begun = self.now()

    def _finish(self) -> None:
        """End the lesson where reading ended, and store it if any face was detected."""
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
        except GoneError:  # an earlier process was killed after it had stored the lesson
            LOG.info("lesson %s is stored already", lesson.info.id)
        except StoreError as fault:
            self.store_fault = str(fault)
            if self.unsaved is not None:
                self.unsaved.write(lesson, self.owner)
