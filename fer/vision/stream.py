"""The loop of a live picture: follow in every frame, read a few faces, search now and then.

Searching a whole picture costs a hundred times what following does, so it happens about once a
second, in a thread of its own, on the frame of then; the tracker carries what was found to the
frame of now. Reading goes round the faces, as many a second as the processor bears.
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

Read = Callable[[Picture, Floats], Floats]

SCAN_EVERY: Final = 1.0  # seconds between searches
SCAN_LATEST: Final = 2.0  # seconds at most, where a search is costly
SCAN_SHARE: Final = 0.15  # of one processor that searching should take at most, if that can be
RESCAN: Final = 0.4  # seconds until the next search where the picture has just changed

FACE_READS: Final = 10.0  # times a second that a face is read, where there are few
READS: Final = 120.0  # readings a second, of all faces together
READ_SHARE: Final = 0.25  # of one processor that reading may take
FIRST_READS: Final = 12  # faces at most that are read in one frame because they are new


def search_wait(cost: float) -> float:
    """Seconds between searches that take so many seconds of the processor each."""
    return min(max(cost / SCAN_SHARE, SCAN_EVERY), SCAN_LATEST)


class Scan(NamedTuple):
    """A search's result: of the frame of that time, and the processor seconds it took."""

    faces: Faces
    known: Faces  # that were looked for; none where the whole picture was searched
    time: float
    cost: float


class FaceStream:
    """Takes frames with their times from any thread; always answers with the newest state.

    A frame that comes while another is worked on is left out, so nothing ever queues. With
    `background=False` searches happen within `feed`, and the same frames always give the same
    faces, however fast the machine is. With `thorough` every frame is searched whole.
    """

    def __init__(
        self, detector: Detector, read: Read, *, background: bool = True, thorough: bool = False
    ) -> None:
        self._detector, self._read_faces, self._thorough = detector, read, thorough
        self._tracker = Tracker()
        self._searcher = ThreadPoolExecutor(1, "search") if background else None
        self._lock = threading.Lock()
        self._searching: Future[Scan] | None = None
        self._searches = 0
        self._searched = -np.inf  # time of the newest frame that a search was begun on
        self._search_cost = 0.0
        self._read_cost = 0.0  # seconds a face
        self._reads_owed = 0.0
        self._time: float | None = None
        self._faces = Faces.none()
        self.left_out = 0  # frames that came too fast

    @property
    def faces(self) -> Faces:
        """The newest state."""
        return self._faces

    def feed(self, frame: Picture, time: float | None = None) -> Faces:
        """The faces as of this BGR frame; `time` in seconds, by default the clock's."""
        if not self._lock.acquire(blocking=False):
            self.left_out += 1
            return self._faces
        try:
            self._step(frame, clock.monotonic() if time is None else time)
            return self._faces
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ends the search in progress, if there is one."""
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
            self._take_in(future.result())
        if self._searching is not None or not self._search_due(time):
            return
        known = self._tracker.faces
        regular = self._searches % self._detector.full_every == 0
        whole = self._thorough or self._tracker.unsettled or regular
        self._searches += 1
        self._searched = time
        if whole or not len(known):
            known = Faces.none()
        if self._searcher is None:
            self._take_in(self._scan(frame, time, known))
        else:
            # A copy: whoever fed the frame may draw on it meanwhile.
            self._searching = self._searcher.submit(self._scan, frame.copy(), time, known)

    def _search_due(self, time: float) -> bool:
        if self._thorough:
            return True
        wait = SCAN_EVERY
        if self._tracker.unsettled:
            wait = RESCAN
        elif self._searcher is not None:  # a recording is searched alike on every machine
            wait = search_wait(self._search_cost)
        return not 0 <= time - self._searched < wait

    def _scan(self, frame: Picture, time: float, known: Faces) -> Scan:
        begun = clock.thread_time()
        if len(known):
            found = self._detector.look(frame, known.boxes)
        else:
            found = self._detector.scan(frame)
        return Scan(found, known, time, clock.thread_time() - begun)

    def _take_in(self, scan: Scan) -> None:
        if len(scan.known):
            self._tracker.look(scan.faces, scan.known.ids, scan.time)
        else:
            self._tracker.match(scan.faces, scan.time)
        # Whole scans and looks take turns, so what they cost is told by their average.
        self._search_cost += 0.5 * (scan.cost - self._search_cost)

    def _read(self, frame: Picture, time: float, passed: float) -> None:
        faces = self._tracker.faces
        if not len(faces):
            return
        rate = min(FACE_READS * len(faces), READS)
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
