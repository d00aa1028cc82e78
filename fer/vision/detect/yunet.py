"""YuNet, OpenCV Zoo's small face detector, run by OpenCV itself; it gives five landmarks a face."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.errors import ModelError
from fer.faces import Faces, Picture
from fer.vision.boxes import SAME
from fer.vision.detect.base import (
    LONGEST,
    ReducedRedetection,
    Reliability,
    colour,
    faces_of,
    reduction,
    shrunk,
)
from fer.vision.detect.second_look import UNLIKELY, SecondLook

LEAST: Final = 0.45  # score; what has less is no face
LOOK: Final = SecondLook(sure=0.8, least=0.5, heights=(40, 64, 100), weight=0.7)
RELIABILITY: Final = Reliability(offset=0.57, slope=2.75)
ENOUGH: Final = 28  # pixels: a face of this height is found as well as any larger one
SHORTEST: Final = 8  # pixels: the shortest side of a picture that may hold a face
MOST: Final = 5000  # boxes before those on one face are merged
# YuNet's box against the tight box of the same face (medians over FER2013 faces).
HEIGHT, ABOVE = 1 / 1.066, 0.02


class YuNetDetector(ReducedRedetection):
    """YuNet from the file that OpenCV Zoo publishes."""

    name = "yunet"

    def __init__(self, path: Path) -> None:
        try:
            self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), UNLIKELY, SAME, MOST)
        except cv2.error as fault:
            raise ModelError(f"{path}: not YuNet as OpenCV Zoo publishes it") from fault
        self._lock = threading.Lock()  # its input size is state

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        # In strips of few pixels it finds faces that are not there.
        if min(frame.shape[:2]) < SHORTEST:
            return Faces.none()
        small, factors = shrunk(frame, reduction(frame, ENOUGH, smallest, longest))
        found = self._search(small)
        found = found[found.confidence >= LEAST]
        found = found.but(
            boxes=found.boxes / np.tile(factors, 2), landmarks=found.landmarks / factors
        )
        return RELIABILITY.applied(LOOK.confirm(frame, found, self._search))

    def _search(self, picture: Picture) -> Faces:
        """Return the faces of a picture, also unlikely ones, in its own pixels."""
        picture = colour(picture)
        with self._lock:
            self._net.setInputSize((picture.shape[1], picture.shape[0]))
            found: Any = self._net.detect(picture)[1]
        if found is None:
            return Faces.none()
        left, top, width, height = found[:, :4].T
        tight = height * HEIGHT
        boxes = np.stack([left, top + (height - tight) / 2 - ABOVE * tight, width, tight], axis=1)
        return faces_of(boxes, found[:, 14], found[:, 4:14].reshape(-1, 5, 2))
