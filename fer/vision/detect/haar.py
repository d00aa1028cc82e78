"""OpenCV's Haar cascades: no neural network, no further file.

Two cascades search the picture. Their windows are pooled before they are grouped, so a face that
each finds in few windows still counts, and a window that only one of them finds is dropped. For
the same work this finds more faces than one cascade on a finer grid.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.errors import ModelError
from fer.faces import Faces, Floats, Picture
from fer.machine import asset, asset_missing
from fer.vision.boxes import keep_best
from fer.vision.detect.base import LONGEST, Reliability, faces_of, reduction, shrunk

CASCADE_FOLDER: Final = asset("haarcascades")
CASCADES: Final = ("haarcascade_frontalface_default.xml", "haarcascade_frontalface_alt2.xml")

STEP: Final = 1.1  # how much larger each next window is
RELIABILITY: Final = Reliability(offset=-0.15, slope=2.58)
WINDOWS: Final = 5  # a face needs more overlapping windows than this
NEAR: Final = 1.35  # a known face has grown or shrunk by at most this factor
LEAST: Final = 24  # pixels: the smallest window that the cascades were trained for
# From a cascade's square to the tight box of the same face (medians over FER2013 faces).
WIDTH, HEIGHT, BELOW = 1 / 1.255, 1 / 1.018, 0.012


class HaarDetector:
    """Frontal faces by two of OpenCV's cascades."""

    name = "haar"
    full_every = 2

    def __init__(self, folder: Path = CASCADE_FOLDER) -> None:
        self._cascades = [_cascade(folder / name) for name in CASCADES]
        self._lock = threading.Lock()  # a cascade is not safe for several threads

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        small, factors = shrunk(frame, reduction(frame, 0, 0, longest))
        least = max(LEAST, int(smallest * float(factors[1]) / HEIGHT))
        squares, votes = self._squares(_grey(small), least, max(small.shape))
        return faces_of(_tight(squares) / np.tile(factors, 2), _confidence(votes))

    def redetect(self, frame: Picture, known: Floats) -> Faces:
        """Search around each known face at about its size: a fifth of the work for 49 faces."""
        small, factors = shrunk(frame, reduction(frame, 0, 0, LONGEST))
        grey = _grey(small)
        boxes, sure = [], []
        for box in known * np.tile(factors, 2):
            side = float(box[3]) / HEIGHT
            corner = np.maximum(box[:2] + box[2:] / 2 - side, 0).astype(int)
            part = grey[corner[1] :, corner[0] :][: int(2 * side), : int(2 * side)]
            squares, votes = self._squares(part, int(side / NEAR), int(side * NEAR))
            if len(votes):
                best = int(votes.argmax())
                boxes.append(_tight(squares[best : best + 1])[0] + np.append(corner, [0, 0]))
                sure.append(votes[best])
        rows = np.array(boxes, np.float32).reshape(-1, 4)
        found = faces_of(rows / np.tile(factors, 2), _confidence(np.array(sure, np.float32)))
        # Neighbours' surroundings overlap, so a face may be found twice.
        return found[keep_best(found.boxes, found.confidence)]

    def _squares(self, grey: Picture, least: int, most: int) -> tuple[Floats, Floats]:
        """Return the squares with faces of `least` to `most` pixels, and their windows' number."""
        least = max(least, LEAST)
        windows: list[Any] = []
        if min(grey.shape) >= least:
            with self._lock:
                for cascade in self._cascades:
                    found = cascade.detectMultiScale(
                        grey, STEP, 0, minSize=(least, least), maxSize=(most, most)
                    )
                    windows += [[*map(int, window)] for window in found]
        squares, votes = cv2.groupRectangles(windows, WINDOWS, 0.2)
        return (
            np.asarray(squares, np.float32).reshape(-1, 4),
            np.asarray(votes, np.float32).ravel(),
        )


def _tight(squares: Floats) -> Floats:
    """Return the tight boxes of a cascade's squares."""
    left, top, side = squares.T[:3]
    width, height = side * WIDTH, side * HEIGHT
    down = top + (side - height) / 2 + BELOW * height
    return np.stack([left + (side - width) / 2, down, width, height], axis=1)


def _confidence(votes: Floats) -> Floats:
    """Return the probability of a face by the number of windows that found it."""
    return RELIABILITY.of(votes / (votes + WINDOWS))


def _grey(picture: Picture) -> Picture:
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier()
    try:
        loaded = path.is_file() and cascade.load(str(path))
    except cv2.error:
        loaded = False
    if not loaded and path.parent == CASCADE_FOLDER and not path.is_file():
        raise ModelError(asset_missing(path))
    if not loaded:
        raise ModelError(f"{path}: not a Haar cascade; copy it from the project's haarcascades/")
    return cascade
