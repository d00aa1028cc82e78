"""Search a large picture in tiles, so that it takes the memory of one tile.

Tiles share a margin, so a face no larger than the margin lies fully inside one of them. Larger
faces are found in the picture at half its size, which is cut into tiles in its turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer.faces import Faces, Floats, Picture
from fer.vision.boxes import keep_best
from fer.vision.detect import LONGEST, Detector
from fer.vision.detect.base import ReducedRedetection, reduction, shrunk


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut into tiles; in pixels."""

    width: int  # of a tile, at most
    height: int
    shared: int  # by two neighbouring tiles
    edge: int  # distance from a cut within which a face may be cut too

    def tiles(self, picture: Picture) -> Iterator[Tile]:
        """Yield the tiles of a picture and of its reduced forms; a small one is one tile."""
        yield from self._tiles(picture, np.ones(2, np.float32), 0.0)

    @property
    def surely_whole(self) -> int:
        """The height of the largest face that lies fully inside a tile wherever it is."""
        return self.shared - 2 * self.edge

    def _tiles(self, picture: Picture, factors: Floats, least_height: float) -> Iterator[Tile]:
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
                yield Tile(picture[top:bottom, left:right], factors, low, least, most, least_height)
        if len(rows) > 1 or len(columns) > 1:
            half, shrank = shrunk(picture, 0.5)
            # Smaller faces were searched for in the finer form: a box of one here is a mistake.
            smallest = self.surely_whole * float(shrank[1])
            yield from self._tiles(half, factors * shrank, smallest)


@dataclass(frozen=True, eq=False)
class Tile:
    """A piece of a picture, or of a reduced form of it."""

    picture: Picture
    factors: Floats  # (x, y): the form's sides over the picture's
    corner: Floats  # (x, y) of its upper left in the form
    least: Floats  # (x, y): a face with its upper left corner below this may be cut off
    most: Floats  # (x, y): the same for its lower right corner above this
    least_height: float  # pixels of the form; lower boxes are left to the finer form

    def whole(self, found: Faces) -> Faces:
        """Return the faces that lie fully inside this tile, in coordinates of the whole picture."""
        corners = found.corners + np.tile(self.corner, 2)
        held = (corners[:, :2] >= self.least) & (corners[:, 2:] <= self.most)
        high = found.boxes[:, 3] >= self.least_height
        found = found[np.asarray(held.all(axis=1) & high)]
        boxes = np.concatenate([found.boxes[:, :2] + self.corner, found.boxes[:, 2:]], axis=1)
        return found.but(
            boxes=boxes / np.tile(self.factors, 2),
            landmarks=(found.landmarks + self.corner) / self.factors,
        )


def spans(length: int, most: int, shared: int) -> list[tuple[int, int]]:
    """Return where to cut a side into tiles of one length.

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
    """Return the faces of all tiles, each once, in the frame: `factors` shrank it before."""
    parts = [*found]
    boxes, confidence, landmarks = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("boxes", "confidence", "landmarks")
    )
    kept = keep_best(boxes, confidence)
    return Faces.of(
        boxes[kept] / np.tile(factors, 2),
        confidence=confidence[kept],
        landmarks=landmarks[kept] / factors,
    )


SIDE: Final = 960  # pixels: the longest side of a picture that is searched
TILING: Final = Tiling(width=256, height=192, shared=40, edge=6)
ENOUGH: Final = 32  # pixels: a face of this height is found as well as any larger one


class SmallSearch(ReducedRedetection):
    """Runs any detector in tiles of a picture that is reduced first.

    What a detector needs grows with the picture it is given at once: CenterFace takes 160 MB for
    1280x720, Haar 95. In tiles it is a fraction of that, for about half as much work again.
    """

    def __init__(self, detector: Detector, side: int = SIDE) -> None:
        self.name, self.full_every = detector.name, detector.full_every
        self._detector, self._side = detector, side

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        scale = reduction(frame, ENOUGH, smallest, min(longest, self._side))
        small, factors = shrunk(frame, scale)
        found = (
            tile.whole(
                self._detector.detect(tile.picture, smallest * scale * float(tile.factors[1]))
            )
            for tile in TILING.tiles(small)
        )
        return joined(found, factors)

    def redetect(self, frame: Picture, known: Floats) -> Faces:
        if isinstance(self._detector, ReducedRedetection):
            return super().redetect(frame, known)
        return self._detector.redetect(frame, known)  # Haar searches small pieces anyway
