"""YuNet, OpenCV Zoo's small face detector, run by OpenCV itself; it gives five landmarks a face."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from fer.errors import ModelError
from fer.faces import Faces, Picture
from fer.vision.detect.base import LONGEST, SAME, LooksByScan, faces_of, reduction, shrunk

SURE: Final = 0.5  # the least confidence
ENOUGH: Final = 28  # pixels: a face of this height is found as well as any larger one
LEAST: Final = 8  # pixels: the shortest side of a picture that may hold a face
MOST: Final = 5000  # boxes before those on one face are merged
# YuNet's box against the tight box of the same face (medians over FER2013 faces).
HEIGHT, ABOVE = 1 / 1.066, 0.02


class YuNetDetector(LooksByScan):
    """YuNet from the file that OpenCV Zoo publishes."""

    name = "yunet"

    def __init__(self, path: Path) -> None:
        try:
            self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SURE, SAME, MOST)
        except cv2.error as fault:
            raise ModelError(f"{path}: not YuNet as OpenCV Zoo publishes it") from fault
        self._lock = threading.Lock()  # its input size is state

    def scan(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        if min(frame.shape[:2]) < LEAST:  # in strips of few pixels it finds faces that aren't there
            return Faces.none()
        small, factors = shrunk(frame, reduction(frame, ENOUGH, smallest, longest))
        if small.ndim == 2:
            small = np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), np.uint8)
        with self._lock:
            self._net.setInputSize((small.shape[1], small.shape[0]))
            found: Any = self._net.detect(small)[1]
        if found is None:
            return Faces.none()
        left, top, width, height = found[:, :4].T
        tight = height * HEIGHT
        boxes = np.stack([left, top + (height - tight) / 2 - ABOVE * tight, width, tight], axis=1)
        landmarks = found[:, 4:14].reshape(-1, 5, 2) / factors
        return faces_of(boxes / np.tile(factors, 2), found[:, 14], landmarks)
