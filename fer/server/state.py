"""The state that a whole process shares: analyzer, live lessons, store, and the token secret."""

from __future__ import annotations

import functools
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np

from fer.errors import FerError
from fer.faces import Faces, Floats, Picture
from fer.lesson.lesson import new_id
from fer.machine import cache_folder, data_folder, settle_memory
from fer.server import tokens
from fer.server.lessons import LiveLessons, Streams
from fer.settings import Settings
from fer.store import Autosave, Store, StoreError, UnsavedFiles
from fer.vision.analyzer import Analyzer
from fer.vision.classifier import Classifier
from fer.vision.media.decoder import Decoder, OwnDecoder, server_decoder
from fer.vision.photos import Photos

if TYPE_CHECKING:
    from fer.recordings.queue import RecordingQueue

LOG: Final = logging.getLogger(__name__)
LOADING: Final = "the network is being loaded"
RECORDINGS: Final = "recordings"  # the folder with those that wait or are read
UNSAVED: Final = "unsaved"  # the folder with the lessons that a database could not take
_sharing: Final = threading.Lock()


class Reader(Streams, Protocol):
    """Reads faces: `vision.analyzer.Analyzer`, or a test's fake."""

    @property
    def classifier(self) -> Classifier: ...
    def photo(self, frame: Picture) -> Faces: ...
    def read(self, frame: Picture, boxes: Floats) -> Floats: ...


@dataclass(eq=False)
class State:
    """Everything of which a process has one, because it is large or slow to make."""

    settings: Settings
    analyzer: Reader
    lessons: LiveLessons
    secret: bytes = field(repr=False)
    store: Store | None = None  # None if lessons cannot be stored
    store_fault: str | None = None  # the reason, if there is no store
    not_ready: str | None = LOADING  # why no picture can be read yet; None once one was
    decoder: Decoder = field(default_factory=OwnDecoder)  # of what visitors bring

    def __post_init__(self) -> None:
        self.photos = Photos(self.analyzer, self.decoder)
        self._making = threading.Lock()
        self._recordings: RecordingQueue | None = None

    @property
    def recordings(self) -> RecordingQueue:
        """Return the queue of recordings, made at the first call."""
        with self._making:  # since Python 3.12 `cached_property` takes no lock
            self._recordings = self._recordings or self._make_recordings()
            return self._recordings

    def _make_recordings(self) -> RecordingQueue:
        # Imported here: many servers never read a recording.
        from fer.recordings.job import VideoReader
        from fer.recordings.kept import RecordingFolder
        from fer.recordings.queue import Kept, RecordingQueue

        # `Reader` declares photos and live frames only; the analyzer reads videos too.
        reader = cast(VideoReader, self.analyzer)
        kept = Kept(
            RecordingFolder(_beside(self.store, RECORDINGS)),
            None if self.store is None else _unsaved_files(self.store),
        )
        return RecordingQueue(
            reader, self.store, lambda: len(self.lessons), kept=kept, decoder=self.decoder
        )

    def resume_recordings(self) -> None:
        """Go on with the recordings that an earlier process has left, if there are any."""
        if any(_beside(self.store, RECORDINGS).glob("*")):
            self.recordings.resume()

    @classmethod
    def of(
        cls,
        settings: Settings,
        analyzer: Reader | None = None,
        decoder: Decoder | None = None,
    ) -> State:
        """Return the state for these settings, without loading the network."""
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
        autosave = Autosave(store, files=_unsaved_files(store)) if store else None
        lessons = LiveLessons(analyzer, store, autosave, settings.max_sessions)
        if autosave is not None:
            if store is not None and store.fault is None:
                autosave.take_in()  # before a page asks for the lesson that it was cut off from
            autosave.start(lessons.save_due)
        return cls(
            settings, analyzer, lessons, secret, store, fault, decoder=decoder or server_decoder()
        )

    def warm_up(self) -> None:
        """Load the network and read one picture, so that the first visitor need not wait."""
        blank = np.zeros((240, 320, 3), np.uint8)
        try:
            self.decoder.start()
            self.analyzer.photo(blank)
            self.analyzer.read(blank, np.array([[100, 60, 96, 96]], np.float32))
        except FerError as fault:
            self.not_ready = str(fault)
            LOG.error("the server cannot read pictures: %s", fault)
        except Exception as fault:  # the health check must report it, whatever it is
            self.not_ready = f"loading failed: {type(fault).__name__}"
            LOG.exception("the server cannot read pictures")
        else:
            self.not_ready = None
            settle_memory()

    def unreadable_because(self) -> str | None:
        """Return why no picture can be read; None if one can, or as long as nothing has failed."""
        return None if self.not_ready == LOADING else self.not_ready

    def unsaved_because(self) -> str | None:
        """Return why no lesson can be saved at present; None as far as is known one can."""
        return self.store_fault or (self.store.fault if self.store is not None else None)

    def take_over(self, old: str, new: str) -> None:
        """Give all stored lessons of an owner to another."""
        if self.store is not None:
            self.store.change_owner(old, new)

    def issue_token(self, lesson_id: str | None, owner: str = "") -> tuple[str, str]:
        """Return a lesson's id (a new one for None), and a token that allows sending its frames.

        `owner` is the one in the browser's cookie; "" in a browser without cookies.
        """
        lesson_id = new_id() if lesson_id is None else lesson_id
        return lesson_id, tokens.issue(self.secret, lesson_id, owner, time.time())

    def check_token(self, token: str, owner: str = "") -> str:
        """Return the id of the owner's lesson that a token is for; raise TokenError if invalid."""
        return tokens.check(self.secret, token, owner, time.time())


def _store(url: str | None) -> tuple[Store | None, str | None]:
    """Return the store and None, or None and the reason why there can be none.

    A store whose database is away is returned too: it opens it when that is back.
    """
    try:
        store = Store(url, later=True)
    except StoreError as fault:
        LOG.error("lessons cannot be stored: %s", fault)
        return None, str(fault)
    if store.fault is not None:
        LOG.error("lessons cannot be stored yet: %s", store.fault)
    return store, None


def _unsaved_files(store: Store) -> UnsavedFiles:
    """Return the files for lessons that the store cannot take."""
    return UnsavedFiles(_beside(store, UNSAVED))


def _beside(store: Store | None, name: str) -> Path:
    """Return a folder beside the store's file, or in the user's data folder."""
    if store is not None and store.file is not None:
        return store.file.path.parent / name
    try:
        return data_folder() / name
    except RuntimeError:  # no home folder
        return cache_folder() / name


def shared(settings: Settings) -> State:
    """Return this process's state for these settings, made at the first call."""
    with _sharing:  # a cache alone could make two for two first callers
        return _made(settings)


@functools.cache
def _made(settings: Settings) -> State:
    return State.of(settings)
