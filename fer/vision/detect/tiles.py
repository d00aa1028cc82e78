"""A large picture searched a part at a time, so that memory is that of a part.

Parts share a margin, so a face no larger than the margin is whole in one of them; larger ones are
found in the picture at half its size, which is cut into parts in its turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer.faces import Faces, Floats, Picture
from fer.vision.detect import LONGEST, Detector
from fer.vision.detect.base import LooksByScan, best_of, reduction, shrunk


@dataclass(frozen=True)
class Cut:
    """How pictures are cut; in pixels."""

    width: int  # of a part, at most
    height: int
    shared: int  # between two parts
    edge: int  # from a cut, within which a face may be cut too

    def parts(self, picture: Picture) -> Iterator[Part]:
        """All parts of a picture, and of its smaller forms; one that is small enough is whole."""
        yield from self._parts(picture, np.ones(2, np.float32))

    def _parts(self, picture: Picture, factors: Floats) -> Iterator[Part]:
        height, width = picture.shape[:2]
        rows = spans(height, self.height, self.shared)
        columns = spans(width, self.width, self.shared)
        for top, bottom in rows:
            for left, right in columns:
                low = np.array([left, top], np.float32)
                high = np.array([right, bottom], np.float32)
                # A face may stick out of the picture itself, but not come close to a cut.
                least = np.where(low > 0, low + self.edge, -np.inf).astype(np.float32)
                most = np.where(high < (width, height), high - self.edge, np.inf).astype(np.float32)
                yield Part(picture[top:bottom, left:right], factors, low, least, most)
        if len(rows) > 1 or len(columns) > 1:
            half, shrank = shrunk(picture, 0.5)
            yield from self._parts(half, factors * shrank)


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of a picture, or of a smaller form of it."""

    picture: Picture
    factors: Floats  # (x, y): the form's sides over the picture's
    corner: Floats  # (x, y) of its upper left in the form
    least: Floats  # (x, y) in the form from which on a face is whole here,
    most: Floats  # and up to which

    def whole(self, found: Faces) -> Faces:
        """Those found in the part that it holds whole, in the pixels of the whole picture."""
        corners = found.corners + np.tile(self.corner, 2)
        held = (corners[:, :2] >= self.least) & (corners[:, 2:] <= self.most)
        found = found[np.asarray(held.all(axis=1))]
        boxes = np.concatenate([found.boxes[:, :2] + self.corner, found.boxes[:, 2:]], axis=1)
        return found.but(
            boxes=boxes / np.tile(self.factors, 2),
            landmarks=(found.landmarks + self.corner) / self.factors,
        )


def spans(length: int, most: int, shared: int) -> list[tuple[int, int]]:
    """Where to cut a side, into parts of one length.

    >>> spans(100, 50, 10), spans(40, 50, 10)
    ([(0, 40), (30, 70), (60, 100)], [(0, 40)])
    """
    if length <= most:
        return [(0, length)]
    count = -(-(length - shared) // (most - shared))
    part = -(-(length - shared) // count) + shared
    begins = (min(at * (part - shared), length - part) for at in range(count))
    return [(begin, begin + part) for begin in begins]


def joined(found: Iterable[Faces], factors: Floats) -> Faces:
    """What the parts hold, each face once; `factors` are the searched picture's own (x, y)."""
    parts = [*found]
    boxes, confidence, landmarks = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("boxes", "confidence", "landmarks")
    )
    kept = best_of(boxes, confidence)
    return Faces.of(
        boxes[kept] / np.tile(factors, 2),
        confidence=confidence[kept],
        landmarks=landmarks[kept] / factors,
    )


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
