"""What every detector is, and the arithmetic that they share.

All give *tight* boxes, as CenterFace draws them: from the middle of the forehead to the chin. A
detector whose boxes are drawn otherwise brings them to this convention, so that everything after it
(the crop, the drawing, the tracker) needs to know one kind of box only.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import cv2
import numpy as np

from fer.faces import Faces, Floats, Picture

# A gallery of 49 tiles at 1280 x 720 has faces from 27 pixels; a larger picture of it adds none.
LONGEST: Final = 1280
NARROW: Final = 0.6  # a look spares faces below this share of the smallest one known


class Detector(Protocol):
    """Finds the faces of a picture; safe to call from several threads."""

    name: str
    full_every: int  # of so many searches of a live picture one should be a whole scan

    def scan(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        """The faces of a BGR picture, with confidence and, where the detector has them, landmarks.

        Faces lower than `smallest` pixels don't matter to the caller, which saves work. The
        picture's longest side is brought to `longest` before it is searched.
        """
        ...

    def look(self, frame: Picture, known: Floats) -> Faces:
        """Looks again for faces that were in these boxes, for less work than a scan.

        Others may be found on the way.
        """
        ...


class LooksByScan:
    """For detectors that are quick in a smaller picture: they search it whole for larger faces."""

    full_every = 4

    def look(self: Detector, frame: Picture, known: Floats) -> Faces:
        return self.scan(frame, NARROW * float(known[:, 3].min())) if len(known) else Faces.none()


def reduction(frame: Picture, enough: float, smallest: float, longest: int) -> float:
    """By what factor a picture may shrink: its longest side, and `enough` pixels a face's height.

    >>> reduction(np.zeros((720, 1280, 3), np.uint8), enough=24, smallest=96, longest=1280)
    0.25
    """
    scale = min(1.0, longest / max(int(side) for side in frame.shape[:2]))
    return min(scale, enough / smallest) if smallest > 0 else scale


def shrunk(frame: Picture, scale: float) -> tuple[Picture, Floats]:
    """The picture at that scale, and the factors (x, y) that its sides shrank by after rounding."""
    height, width = frame.shape[:2]
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    factors = np.array([small[0] / width, small[1] / height], np.float32)
    if small == (width, height):
        return frame, factors
    return np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), np.uint8), factors


def faces_of(boxes: Any, confidence: Any, landmarks: Any = None) -> Faces:
    """The record, without boxes that no face can have."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= 1).all(axis=1)
    columns = {"confidence": np.asarray(confidence, np.float32)[good]}
    if landmarks is not None:
        columns["landmarks"] = np.asarray(landmarks, np.float32)[good]
    return Faces.of(boxes[good], **columns)
