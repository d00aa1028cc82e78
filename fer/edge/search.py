"""A search that fits into a small computer's memory: a smaller picture, a part at a time.

What a detector needs grows with the picture it is given at once: CenterFace takes 160 MB for
1280x720, Haar 95. In bands it is a fraction of that, for about as much work again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from fer.detect import LONGEST, Detector
from fer.detect.base import LooksByScan, Picture, best_of, reduction, shrunk
from fer.faces import Faces, Floats

SIDE: Final = 960  # pixels: the longest side of a picture that is searched
BAND: Final = 128  # rows searched at once
SHARED: Final = 40  # rows that two bands share: faces up to that height are whole in one of them
ENOUGH: Final = 32  # pixels: a face of this height is found as well as any larger one
EDGE: Final = 6  # pixels from a cut within which a face may be cut too


class SmallSearch(LooksByScan):
    """Any detector, in bands of a picture made smaller first."""

    def __init__(self, detector: Detector, side: int = SIDE, band: int = BAND) -> None:
        self.name, self.full_every = detector.name, detector.full_every
        self._detector, self._side, self._band = detector, side, band

    def scan(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        scale = reduction(frame, ENOUGH, smallest, min(longest, self._side))
        small, factors = shrunk(frame, scale)
        parts = [*self._parts(small, smallest * scale)]
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("boxes", "confidence", "landmarks")
        }
        kept = best_of(columns["boxes"], columns["confidence"])
        return Faces.of(
            columns["boxes"][kept] / np.tile(factors, 2),
            confidence=columns["confidence"][kept],
            landmarks=columns["landmarks"][kept] / factors,
        )

    def look(self, frame: Picture, known: Floats) -> Faces:
        if isinstance(self._detector, LooksByScan):
            return super().look(frame, known)
        return self._detector.look(frame, known)  # Haar looks at small pieces anyway

    def _parts(self, picture: Picture, smallest: float) -> Iterator[Faces]:
        """What each band holds whole, and what the whole picture holds at half its size."""
        height = picture.shape[0]
        if height <= self._band:
            yield self._detector.scan(picture, smallest)
            return
        step = self._band - SHARED
        for top in range(0, height - SHARED, step):
            bottom = min(top + self._band, height)
            found = self._detector.scan(picture[top:bottom], smallest)
            upper, lower = found.boxes[:, 1] + top, found.corners[:, 3] + top
            cut = ((upper < top + EDGE) & (top > 0)) | ((lower > bottom - EDGE) & (bottom < height))
            yield _moved(found[~cut], 1.0, top)
        half, factors = shrunk(picture, 0.5)
        for found in self._parts(half, smallest / 2):
            yield _moved(found, 1 / float(factors[1]), 0)


def _moved(faces: Faces, scale: float, down: float) -> Faces:
    """The same faces in a picture of which theirs was a part, or a smaller form."""
    shift = np.array([0, down], np.float32)
    boxes = faces.boxes * scale
    boxes[:, :2] += shift
    return faces.but(boxes=boxes, landmarks=faces.landmarks * scale + shift)
