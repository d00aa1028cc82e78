"""Check doubtful boxes: the same detector searches a close-up of each.

A face looks like a face at several sizes; an elbow or a tie that a detector takes for one at one
size seldom does at another. On natural pictures this removes nearly all false boxes and keeps the
faces that a higher threshold would lose (docs/decisions/0050).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fer.faces import Faces, Floats, Picture
from fer.vision.boxes import overlaps

UNLIKELY: Final = 0.05  # least score of the boxes that a search of a close-up returns
MOST: Final = 32  # doubtful boxes of a picture; a picture of noise must not cost minutes
CONTEXT: Final = 2.5  # the close-up's side in heights of the face, about
BLOCK: Final = 32
CLOSE: Final = 64  # pixels of the face in a quick search's close-up
SAME: Final = 0.3  # overlap from which a box in the close-up is the doubtful one

Search = Callable[[Picture], Faces]  # finds faces in a close-up, also unlikely ones


@dataclass(frozen=True)
class SecondLook:
    """Which boxes are doubtful, and what keeps them."""

    sure: float  # boxes with this score or more are kept as they are
    least: float  # a doubtful box needs this score, weighted as below
    heights: tuple[int, ...]  # pixels of the face in each close-up
    weight: float = 1.0  # of the close-ups' mean score; the rest is the first score's

    def confirm(self, frame: Picture, found: Faces, search: Search) -> Faces:
        """Return the faces whose score is sure, or that close-ups confirm.

        MOST doubtful boxes are checked, the likeliest first, and the rest are dropped.
        """
        keep = found.confidence >= self.sure
        doubtful = np.flatnonzero(~keep)
        doubtful = doubtful[np.argsort(-found.confidence[doubtful], kind="stable")][:MOST]
        for at in doubtful:
            seen = [look_closely(frame, found.boxes[at], each, search) for each in self.heights]
            first = float(found.confidence[at])
            mean = self.weight * float(np.mean(seen)) + (1 - self.weight) * first
            keep[at] = mean >= self.least
        return found[keep]


@dataclass(frozen=True)
class QuickSearch:
    """When a search of a small copy of the picture is enough.

    It is if no face is so small that others may be missed, and if close-ups leave no box in doubt.
    """

    side: int  # the longest side of the small copy
    lowest: int  # pixels of the copy; a lower face asks for a full search
    sure: float  # boxes with this score or more are faces
    refused: float  # a doubtful box with less than this score in a close-up is no face,
    confirmed: float  # and with this or more it is one
    most: int  # doubtful boxes; more ask for a full search

    def faces(self, frame: Picture, found: Faces, scale: float, search: Search) -> Faces | None:
        """Return the faces among the boxes found in the copy, or None if a full search is needed.

        `found` is in the pixels of `frame`, of which the copy is a reduction by `scale`.
        """
        scores = np.array(found.confidence)
        doubtful = np.flatnonzero(scores < self.sure)
        if len(doubtful) > self.most:
            return None
        for at in doubtful:
            scores[at] = look_closely(frame, found.boxes[at], CLOSE, search)
            if self.refused <= scores[at] < self.confirmed:
                return None
        good = scores >= self.confirmed
        return None if (found.boxes[good, 3] * scale < self.lowest).any() else found[good]


def look_closely(frame: Picture, box: Floats, height: int, search: Search) -> float:
    """Return the score of a box in a close-up; 0 if it is not found there."""
    scale = height / float(box[3])
    found = search(close_up(frame, box, height))
    middle = side_of(height) / 2
    wide, high = box[2] * scale, box[3] * scale
    expected = np.array([[middle - wide / 2, middle - high / 2, wide, high]], np.float32)
    same = overlaps(expected, found.boxes)[0] >= SAME
    return float(found.confidence[same].max(initial=0.0))


def side_of(height: int) -> int:
    """Return the side of a close-up; detectors fill other sides up to multiples of BLOCK."""
    return BLOCK * round(CONTEXT * height / BLOCK)


def close_up(frame: Picture, box: Floats, height: int) -> Picture:
    """Return a square around a box in which the face is `height` pixels high.

    Beyond the picture's edge its last pixels are repeated.
    """
    side, scale = side_of(height), height / float(box[3])
    left, top = box[0] + box[2] / 2, box[1] + box[3] / 2
    move = [[scale, 0, side / 2 - left * scale], [0, scale, side / 2 - top * scale]]
    return np.asarray(
        cv2.warpAffine(
            frame,
            np.array(move, np.float32),
            (side, side),
            flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )
