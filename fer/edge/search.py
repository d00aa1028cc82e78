"""A search that fits into a small computer's memory: a smaller picture, a part at a time.

What a detector needs grows with the picture it is given at once: CenterFace takes 160 MB for
1280x720, Haar 95. In parts it is a fraction of that, for about half as much work again.
"""

from __future__ import annotations

from typing import Final

from fer.detect import LONGEST, Detector
from fer.detect.base import LooksByScan, Picture, reduction, shrunk
from fer.detect.parts import Cut, joined
from fer.faces import Faces, Floats

SIDE: Final = 960  # pixels: the longest side of a picture that is searched
CUT: Final = Cut(width=256, height=192, shared=40, edge=6)
ENOUGH: Final = 32  # pixels: a face of this height is found as well as any larger one


class SmallSearch(LooksByScan):
    """Any detector, in parts of a picture made smaller first."""

    def __init__(self, detector: Detector, side: int = SIDE) -> None:
        self.name, self.full_every = detector.name, detector.full_every
        self._detector, self._side = detector, side

    def scan(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        scale = reduction(frame, ENOUGH, smallest, min(longest, self._side))
        small, factors = shrunk(frame, scale)
        found = (
            part.whole(self._detector.scan(part.picture, smallest * scale * float(part.factors[1])))
            for part in CUT.parts(small)
        )
        return joined(found, factors)

    def look(self, frame: Picture, known: Floats) -> Faces:
        if isinstance(self._detector, LooksByScan):
            return super().look(frame, known)
        return self._detector.look(frame, known)  # Haar looks at small pieces anyway
