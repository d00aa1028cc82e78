"""The loop over a stream's frames: track every frame, read some faces, detect once a second.

Detection takes a hundred times the work of tracking, so it runs about once a second in its own
thread, on the frame of that time; the tracker then moves the result to the newest frame. Faces
are read in turn, as many per second as the processor allows.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np

from fer.faces import Faces, Floats, Picture
from fer.vision.detect import Detector
from fer.vision.track import Tracker

ReadFaces = Callable[[Picture, Floats], Floats]  # a frame and boxes to probabilities, (n, 7)

DETECT_EVERY: Final = 1.0  # seconds between searches
DETECT_AT_LATEST: Final = 2.0  # seconds at most, where a search is costly
DETECT_SHARE: Final = 0.15  # share of one processor for searches, as far as the limits above allow
DETECT_AFTER_CHANGE: Final = 0.4  # seconds until the next search after a scene cut

READS_PER_FACE: Final = 10.0  # a second, at most
READS: Final = 120.0  # a second, of all faces together, at most
READ_SHARE: Final = 0.25  # share of one processor for reading
FIRST_READS: Final = 12  # new faces read in one frame, at most


def search_wait(cost: float) -> float:
    """Return the seconds between searches that take `cost` seconds of CPU time each."""
    return min(max(cost / DETECT_SHARE, DETECT_EVERY), DETECT_AT_LATEST)


class SearchResult(NamedTuple):
    """The faces found in one frame."""

    faces: Faces
    known: Faces  # the faces that were redetected; none if the whole frame was searched
    time: float  # of the frame
    cost: float  # seconds of CPU time


class FaceStream:
    """Reads the faces in a stream of frames. Safe to call from several threads.

    A frame that comes while another is being processed is left out, so no frame waits in a queue.
    With `background=False` searches run inside `feed`, and the same frames give the same faces on
    every machine. With `thorough` every whole frame is searched.
    """

    def __init__(
        self,
        detector: Detector,
        read: ReadFaces,
        *,
        background: bool = True,
        thorough: bool = False,
    ) -> None:
        self._detector, self._read_faces, self._thorough = detector, read, thorough
        self._tracker = Tracker()
        self._searcher = ThreadPoolExecutor(1, "search") if background else None
        self._lock = threading.Lock()
        self._searching: Future[SearchResult] | None = None
        self._searches = 0
        self._searched = -np.inf  # time of the newest frame that was given to a search
        self._search_cost = 0.0  # seconds of CPU time, on average
        self._read_cost = 0.0  # seconds of CPU time per face, on average
        self._reads_owed = 0.0  # readings allowed since the last one
        self._time: float | None = None
        self._faces = Faces.none()
        self.left_out = 0  # frames that came while another was being processed

    @property
    def faces(self) -> Faces:
        """Return the faces of the newest frame."""
        return self._faces

    def feed(self, frame: Picture, time: float | None = None) -> Faces:
        """Return the faces in this BGR frame; `time` in seconds, by default the clock's.

        If another frame is being processed, this one is left out and the last faces are returned.
        """
        if not self._lock.acquire(blocking=False):
            self.left_out += 1
            return self._faces
        try:
            self._step(frame, clock.monotonic() if time is None else time)
            return self._faces
        finally:
            self._lock.release()

    def close(self) -> None:
        """Wait for the running search, if any, and end its thread."""
        if self._searcher is not None:
            self._searcher.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> FaceStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _step(self, frame: Picture, time: float) -> None:
        passed = 0.0 if self._time is None else min(max(time - self._time, 0.0), 1.0)
        self._time = time
        self._tracker.move(frame, time)
        self._search(frame, time)
        self._read(frame, time, passed)
        self._faces = self._tracker.faces

    def _search(self, frame: Picture, time: float) -> None:
        if self._searching is not None and self._searching.done():
            future, self._searching = self._searching, None
            self._match(future.result())
        if self._searching is not None or not self._search_due(time):
            return
        known = self._tracker.faces
        regular = self._searches % self._detector.full_every == 0
        whole = self._thorough or self._tracker.needs_detection or regular
        self._searches += 1
        self._searched = time
        if whole or not len(known):
            known = Faces.none()
        if self._searcher is None:
            self._match(self._detect(frame, time, known))
        else:
            # A copy, because the caller may draw on its frame meanwhile.
            self._searching = self._searcher.submit(self._detect, frame.copy(), time, known)

    def _search_due(self, time: float) -> bool:
        if self._thorough:
            return True
        wait = DETECT_EVERY
        if self._tracker.needs_detection:
            wait = DETECT_AFTER_CHANGE
        elif self._searcher is not None:  # without a thread, results must not depend on speed
            wait = search_wait(self._search_cost)
        return not 0 <= time - self._searched < wait

    def _detect(self, frame: Picture, time: float, known: Faces) -> SearchResult:
        begun = clock.thread_time()
        if len(known):
            found = self._detector.redetect(frame, known.boxes)
        else:
            found = self._detector.detect(frame)
        return SearchResult(found, known, time, clock.thread_time() - begun)

    def _match(self, result: SearchResult) -> None:
        if len(result.known):
            self._tracker.match_around(result.faces, result.known.ids, result.time)
        else:
            self._tracker.match(result.faces, result.time)
        # Searches of the whole frame and around known faces differ in cost: take the average.
        self._search_cost += 0.5 * (result.cost - self._search_cost)

    def _read(self, frame: Picture, time: float, passed: float) -> None:
        faces = self._tracker.faces
        if not len(faces):
            return
        rate = min(READS_PER_FACE * len(faces), READS)
        new = int((~faces.known).sum())
        if self._searcher is not None:
            rate = min(rate, READ_SHARE / max(self._read_cost, 1e-6))
            new = min(new, FIRST_READS)
        self._reads_owed = min(self._reads_owed + rate * passed, len(faces))
        count = max(int(self._reads_owed + 1e-6), new)
        self._reads_owed -= min(count, self._reads_owed)
        ids = self._tracker.due(count)
        if not len(ids):
            return
        begun = clock.thread_time()
        picked = faces[np.isin(faces.ids, ids)]
        self._tracker.read(picked.ids, self._read_faces(frame, picked.boxes), time)
        cost = (clock.thread_time() - begun) / len(picked)
        self._read_cost += 0.1 * (cost - self._read_cost) if self._read_cost else cost
