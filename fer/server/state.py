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
from fer.faces import Faces, Floats
from fer.lesson.lesson import new_id
from fer.machine import cache_folder, give_back
from fer.server import tokens
from fer.server.lessons import Lessons
from fer.server.live_sessions import BGR, Sessions, Streams
from fer.settings import Settings
from fer.store import Autosave, Store, StoreError
from fer.vision.analyzer import Analyzer
from fer.vision.classifier import Classifier

if TYPE_CHECKING:
    from fer.recordings.queue import Recordings

LOG: Final = logging.getLogger(__name__)
WARMING: Final = "the network is being loaded"
_sharing: Final = threading.Lock()


class Reader(Streams, Protocol):
    """What the process reads faces with: pipeline.Analyzer, or a test's stand-in."""

    @property
    def classifier(self) -> Classifier: ...
    def photo(self, frame: BGR) -> Faces: ...
    def read(self, frame: BGR, boxes: Floats) -> Floats: ...


@dataclass(eq=False)
class State:
    """One process's share of everything that is too dear to have twice."""

    settings: Settings
    analyzer: Reader
    sessions: Sessions
    secret: bytes = field(repr=False)
    lessons: Lessons = field(default_factory=Lessons)
    store: Store | None = None  # None where lessons can't be kept
    store_fault: str | None = None  # why they can't
    not_ready: str | None = WARMING  # why no picture can be read yet; None once one was

    @functools.cached_property
    def recordings(self) -> Recordings:
        """The recordings that are read in this process; made at the first call."""
        # Imported here: a server on which nobody reads a recording does without PyAV's 20 MB.
        from fer.recordings.job import VideoReader
        from fer.recordings.queue import Recordings

        # `Reader` names photos and live pictures only; the analyzer reads videos too.
        reader = cast(VideoReader, self.analyzer)
        return Recordings(reader, self.store, lambda: len(self.sessions))

    @classmethod
    def of(cls, settings: Settings, analyzer: Reader | None = None) -> State:
        """The state for these settings; nothing is loaded yet."""
        if analyzer is None:
            analyzer = Analyzer(
                settings.model,
                settings.runtime,
                settings.detector,
                files=settings.detector_files,
                share_searches=True,
            )
        said = settings.secret
        secret = said.encode() if said else tokens.kept_secret(cache_folder())
        store, fault = _store(settings.database_url)
        lessons = Lessons(store, Autosave(store).start() if store else None)
        sessions = Sessions(analyzer, settings.max_sessions, listener=lessons)
        return cls(settings, analyzer, sessions, secret, lessons, store, fault)

    def warm_up(self) -> None:
        """Loads everything and has it answer once, so that the first visitor needn't wait."""
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
            give_back()  # what loading left over, some 20 MB

    def issue_token(self, session_id: str | None) -> tuple[str, str]:
        """A lesson's id, a new one for None, and a token to bring its frames with."""
        session_id = new_id() if session_id is None else session_id
        return session_id, tokens.issue(self.secret, session_id, time.time())

    def check_token(self, token: str) -> str:
        """The lesson's id that the token is for, or a TokenError."""
        return tokens.check(self.secret, token, time.time())


def _store(url: str | None) -> tuple[Store | None, str | None]:
    """The store, or why there is none; lessons are then lost when they end, as the pages say."""
    try:
        return Store(url), None
    except StoreError as fault:
        LOG.error("lessons are not kept: %s", fault)
        return None, str(fault)


def shared(settings: Settings) -> State:
    """This process's state for these settings, made at the first call."""
    with _sharing:  # a cache alone would let two first callers make one each
        return _made(settings)


@functools.cache
def _made(settings: Settings) -> State:
    return State.of(settings)
