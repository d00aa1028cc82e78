"""A fake reader of videos: some faces in every frame, and frames only when a test allows."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from fer.faces import Faces
from fer.vision.analyzer import AnalyzedFrame
from fer.vision.media.videos import Video
from tests.server.fakes import HAPPY, Clock, FakeAnalyzer


@dataclass
class VideoReader(FakeAnalyzer):
    """If `held`, wait for `allow` before each frame; raise `fault` before frame number `at`."""

    faces: int = 1
    held: bool = False
    at: int = 0
    costs: tuple[Clock, float] | None = None  # a clock, and by how many seconds each frame moves it
    read: int = 0
    _allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def allow(self, frames: int = 1_000_000) -> None:
        """Let so many more frames be read."""
        self.held = frames < 1_000_000
        self._allowed.release(min(frames, 100))

    def video(self, source: Video) -> Iterator[AnalyzedFrame]:
        for time, frame in source:
            if self.held:
                assert self._allowed.acquire(timeout=20)
            if self.fault is not None and self.read >= self.at:
                raise self.fault
            if self.costs is not None:
                self.costs[0].at += self.costs[1]
            self.read += 1
            boxes = [[20 * at, 10, 16, 16] for at in range(self.faces)]
            seen = Faces.of(boxes, probabilities=[HAPPY] * self.faces) if boxes else Faces.none()
            share = min(time / source.duration, 1.0) if source.duration else None
            yield AnalyzedFrame(time, frame, seen, share)
