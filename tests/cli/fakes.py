"""A fake analyzer that finds the red patch of the flag in `tests.vision.media.media`."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.vision.media.videos import Video
from tests.vision.media.media import RED, Frame

SHARES = [0.82 if name == "happy" else 0.03 for name in EMOTIONS]
SAD = [0.82 if name == "sad" else 0.03 for name in EMOTIONS]
DRAWN = (0, 255, 0)


@dataclass(frozen=True)
class AnalyzedFrame:
    time: float
    frame: Frame
    faces: Faces
    progress: float | None


@dataclass
class FakeAnalyzer:
    """Raises `ends` before frame number `at`; the face of every fifth frame is sad."""

    at: int = -1
    ends: type[BaseException] = KeyboardInterrupt
    seen: int = 0
    thorough: bool | None = None  # the option with which a video was read

    def photo(self, frame: Frame) -> Faces:
        if self.seen == self.at:
            raise self.ends
        self.seen += 1
        rows, columns = np.nonzero((np.abs(frame.astype(int) - RED) < 40).all(axis=2))
        if not len(rows):
            return Faces.none()
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        return Faces.of([box], probabilities=[SHARES if self.seen % 5 else SAD])

    def video(self, source: Video, *, thorough: bool = False) -> Iterator[AnalyzedFrame]:
        self.thorough = thorough
        for time, frame in source:
            faces = self.photo(frame)
            progress = time / source.duration if source.duration else None
            yield AnalyzedFrame(time, frame, faces.but(ids=[3] * len(faces)), progress)


def annotated(frame: Frame, faces: Faces, *, blur: bool = False) -> Frame:
    """Return the frame with filled faces; if blurred, on black."""
    copy = np.zeros_like(frame) if blur else frame.copy()
    for left, top, width, height in faces.boxes.astype(int):
        copy[top : top + height, left : left + width] = DRAWN
    return copy
