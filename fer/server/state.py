"""What the whole process shares: one analyzer, the running lessons, the secret, and readiness."""

from __future__ import annotations

import functools
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np

from fer.errors import FerError
from fer.faces import Faces, Floats, Picture
from fer.lesson.lesson import new_id
from fer.machine import cache_folder, settle_memory
from fer.server import tokens
from fer.server.lessons import LiveLessons, Streams
from fer.settings import Settings
from fer.store import Autosave, Store, StoreError
from fer.vision.analyzer import Analyzer
from fer.vision.classifier import Classifier
from fer.vision.photos import Photos

if TYPE_CHECKING:
    from fer.recordings.queue import RecordingQueue

LOG: Final = logging.getLogger(__name__)
WARMING: Final = "the network is being loaded"
_sharing: Final = threading.Lock()


class Reader(Streams, Protocol):
    """What the process reads faces with: `vision.analyzer.Analyzer`, or a test's fake."""

    @property
    def classifier(self) -> Classifier: ...
    def photo(self, frame: Picture) -> Faces: ...
    def read(self, frame: Picture, boxes: Floats) -> Floats: ...


@dataclass(eq=False)
class State:
    """What a process holds once: it is too large or too slow to make for every page."""

    settings: Settings
    analyzer: Reader
    lessons: LiveLessons
    secret: bytes = field(repr=False)
    store: Store | None = None  # None where lessons can't be kept
    store_fault: str | None = None  # why they can't
    not_ready: str | None = WARMING  # why no picture can be read yet; None once one was

    def __post_init__(self) -> None:
        self.photos = Photos(self.analyzer)

    @functools.cached_property
    def recordings(self) -> RecordingQueue:
        """The recordings that are read in this process; made at the first call."""
        # Imported here: a server on which nobody reads a recording does without PyAV's 20 MB.
        from fer.recordings.job import VideoReader
        from fer.recordings.queue import RecordingQueue

        # `Reader` names photos and live pictures only; the analyzer reads videos too.
        reader = cast(VideoReader, self.analyzer)
        return RecordingQueue(reader, self.store, lambda: len(self.lessons))

    @classmethod
    def of(cls, settings: Settings, analyzer: Reader | None = None) -> State:
        """Return the state for these settings; nothing is loaded yet."""
        if analyzer is None:
            analyzer = Analyzer(
                settings.model,
                settings.runtime,
                settings.detector,
                files=settings.detector_files,
                share_searches=True,
            )
        given = settings.secret
        secret = given.encode() if given else tokens.kept_secret(cache_folder())
        store, fault = _store(settings.database_url)
        autosave = Autosave(store) if store else None
        lessons = LiveLessons(analyzer, store, autosave, settings.max_sessions)
        if autosave is not None:
            autosave.start(lessons.save_due)
        return cls(settings, analyzer, lessons, secret, store, fault)

    def warm_up(self) -> None:
        """Load everything and read one picture, so that the first visitor need not wait."""
        blank = np.zeros((240, 320, 3), np.uint8)
        try:
            self.analyzer.photo(blank)
            self.analyzer.read(blank, np.array([[100, 60, 96, 96]], np.float32))
        except FerError as fault:
            self.not_ready = str(fault)
            LOG.error("not ready: %s", fault)
        except Exception as fault:  # whatever it is, health checks must hear of it
            self.not_ready = f"loading failed: {type(fault).__name__}"
            LOG.exception("not ready")
        else:
            self.not_ready = None
            settle_memory()

    def issue_token(self, lesson_id: str | None) -> tuple[str, str]:
        """Return a lesson's id, a new one for None, and a token for bringing its frames."""
        lesson_id = new_id() if lesson_id is None else lesson_id
        return lesson_id, tokens.issue(self.secret, lesson_id, time.time())

    def check_token(self, token: str) -> str:
        """Return the lesson's id that the token is for, or raise TokenError."""
        return tokens.check(self.secret, token, time.time())


def _store(url: str | None) -> tuple[Store | None, str | None]:
    """Return the store, or why there is none; the pages then say that no lesson is kept."""
    try:
        return Store(url), None
    except StoreError as fault:
        LOG.error("lessons are not kept: %s", fault)
        return None, str(fault)


def shared(settings: Settings) -> State:
    """Return this process's state for these settings, made at the first call."""
    with _sharing:  # a cache alone would let two first callers make two
        return _made(settings)


@functools.cache
def _made(settings: Settings) -> State:
    return State.of(settings)
