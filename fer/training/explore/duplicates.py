"""Find the same photograph twice: byte copies by digest, near copies by correlation.

Near copies are the same photograph with another compression, scale, light or crop. Every pair of
faces is compared by its coarse shape (64 low frequencies of a cosine transform, in blockwise matrix
products: seconds for 32,000 faces). A pair that passes is compared in full: the middle of one is
moved over the other, and the best correlation counts. Brightness and contrast cancel out in both.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.faces import Floats

Faces = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

SIDE: Final = 12  # frequencies computed in each direction, of which the lowest KEPT are used
KEPT: Final = 64
# Of pairs above this, a few hundred in 100,000 are near copies; below, hardly any.
COARSE: Final = 0.85
LISTED: Final = 0.90  # the lowest similarity that is reported
# On FER2013, 40 random pairs each: 40 are the same photograph at 0.94 to 0.95, 39 at 0.92 to 0.94
# and about 35 at 0.90 to 0.92.
NEAR: Final = 0.94
MARGIN: Final = 4  # pixels that the crop may have moved in each direction
FLAT: Final = 5.0  # standard deviation in grey levels; FER2013's blank pictures have 0, its faces 9


@dataclass(frozen=True)
class Pairs:
    """Pairs of similar faces."""

    first: Ints
    second: Ints
    similarity: Floats  # the best correlation, up to 1

    def above(self, bound: float) -> Pairs:
        """Return the pairs with at least this similarity."""
        keep = self.similarity >= bound
        return Pairs(self.first[keep], self.second[keep], self.similarity[keep])


def is_flat(faces: Faces) -> npt.NDArray[np.bool_]:
    """Return which pictures are blank: their pixels hardly differ."""
    inside = faces[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.array([cv2.meanStdDev(face)[1].item() < FLAT for face in inside], np.bool_)


def exact_groups(digests: Sequence[bytes]) -> list[Ints]:
    """Return groups of two or more faces with the same pixels, in their order."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for at, digest in enumerate(digests):
        groups[digest].append(at)
    return [np.array(members, np.int64) for members in groups.values() if len(members) > 1]


def near_pairs(faces: Faces, log: Callable[[str], None], block: int = 512) -> Pairs:
    """Return the pairs of similarity LISTED or more; `faces` holds no flat ones or byte copies."""
    shapes = _shapes(faces)
    first, second, similarity = [], [], []
    shown = time.monotonic()
    for start in range(0, len(faces), block):
        coarse = shapes[start : start + block] @ shapes[start:].T
        rows, columns = np.nonzero(coarse > COARSE)
        ahead = columns > rows
        for one, other in zip(rows[ahead] + start, columns[ahead] + start, strict=True):
            alike = _likeness(faces[one], faces[other])
            if alike >= LISTED:
                first.append(one)
                second.append(other)
                similarity.append(alike)
        if time.monotonic() - shown > 5:
            shown = time.monotonic()
            # The work left falls with the square of the faces left.
            done = 1 - (1 - min(1.0, (start + block) / len(faces))) ** 2
            log(f"searching for near copies: {done:.0%}")
    return Pairs(
        np.array(first, np.int64), np.array(second, np.int64), np.array(similarity, np.float32)
    )


def linked(count: int, pairs: Pairs) -> list[Ints]:
    """Return groups of faces that pairs connect, directly or through others."""
    parent = np.arange(count)

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = int(parent[at])
        return at

    for one, other in zip(pairs.first, pairs.second, strict=True):
        parent[root(int(one))] = root(int(other))
    groups: dict[int, list[int]] = defaultdict(list)
    for at in np.unique(np.concatenate([pairs.first, pairs.second])):
        groups[root(int(at))].append(int(at))
    return [np.array(members, np.int64) for members in groups.values()]


def _shapes(faces: Faces) -> Floats:
    """Return each face's low frequencies without its brightness, as a vector of length 1."""
    down, across = np.divmod(np.arange(1, SIDE * SIDE), SIDE)
    lowest = np.argsort(down + across, kind="stable")[:KEPT] + 1
    shapes = np.empty((len(faces), KEPT), np.float32)
    for at, face in enumerate(faces):
        shapes[at] = cv2.dct(face.astype(np.float32))[:SIDE, :SIDE].ravel()[lowest]
    length = np.linalg.norm(shapes, axis=1, keepdims=True)
    scaled: Floats = shapes / np.maximum(length, 1e-6)
    return scaled


def _likeness(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """Return the best correlation of one face's middle with the other face."""
    middle = one[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return float(cv2.matchTemplate(other, middle, cv2.TM_CCOEFF_NORMED).max())
