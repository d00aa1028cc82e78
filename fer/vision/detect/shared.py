"""Searching for many lessons at once, without taking the processor from following their faces.

A search takes as much work as following ten frames, and the memory of its own run of the detector.
Were each lesson to search when it likes, eight of them would keep two processors busy with that
alone. So they take turns here, with a pause after each; on a busy server a lesson then searches
more seldom, and the tracker follows meanwhile.
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


class Turns:
    """So many at a time, and after each a pause as long as the work that it was."""

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
    def turn(self) -> Iterator[None]:
        """Waits for one's turn, and holds it for the block."""
        with self._free:
            # Paused before and not after, so that who searches alone never waits for the answer.
            if self._pausing and (wait := self._next - self._now()) > 0:
                self._sleep(wait)
            begun = self._spent()
            try:
                yield
            finally:
                self._next = self._now() + self._spent() - begun


class InTurn:
    """A detector whose searches take turns."""

    def __init__(self, detector: Detector, turns: Turns) -> None:
        self.name, self.full_every = detector.name, detector.full_every
        self._detector, self._turns = detector, turns

    def scan(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        """The faces of the picture."""
        with self._turns.turn():
            return self._detector.scan(frame, smallest, longest)

    def look(self, frame: Picture, known: Floats) -> Faces:
        """The faces around these boxes."""
        with self._turns.turn():
            return self._detector.look(frame, known)
