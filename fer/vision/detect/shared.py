"""Limit how many lessons search for faces at once, so that tracking keeps its processor time.

A search takes as much work as tracking ten frames, and memory for its own run of the detector.
Eight lessons without a limit would keep two processors busy with searches alone. With the limit,
each lesson searches less often on a busy server, and the tracker moves the boxes meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from fer.faces import Faces, Floats, Picture
from fer.vision.detect.base import LONGEST, Detector

FEW: Final = 4  # processors; with fewer, searching gets half of one, else one in four
Clock = Callable[[], float]


class SearchLimit:
    """Allows one search at a time per FEW processors, and on fewer a pause after each.

    The pause is as long as the CPU time of the search.
    """

    def __init__(
        self,
        processors: int,
        now: Clock = time.monotonic,
        spent: Clock = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._free = threading.BoundedSemaphore(max(processors // FEW, 1))
        self._pausing = processors < FEW
        self._now, self._spent, self._sleep = now, spent, sleep
        self._next = -float("inf")

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait until a search is allowed, and hold its place for the block."""
        with self._free:
            # Pause before and not after a search, so that a single lesson gets its result at once.
            if self._pausing and (wait := self._next - self._now()) > 0:
                self._sleep(wait)
            begun = self._spent()
            try:
                yield
            finally:
                self._next = self._now() + self._spent() - begun


class LimitedDetector:
    """A detector whose searches wait for a `SearchLimit`."""

    def __init__(self, detector: Detector, limit: SearchLimit) -> None:
        self.name, self.full_every = detector.name, detector.full_every
        self._detector, self._limit = detector, limit

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        """Return the faces of the picture, once a search is allowed."""
        with self._limit.slot():
            return self._detector.detect(frame, smallest, longest)

    def redetect(self, frame: Picture, known: Floats) -> Faces:
        """Return the faces near these boxes, once a search is allowed."""
        with self._limit.slot():
            return self._detector.redetect(frame, known)
