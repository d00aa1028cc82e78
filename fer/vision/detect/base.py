"""The interface of all detectors, and what they share.

All return *tight* boxes, as CenterFace draws them: from the middle of the forehead to the chin.
Detectors with other boxes convert them, so that crop, drawing and tracker see one kind only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np

from fer.faces import Faces, Floats, Picture

# A gallery of 49 tiles at 1280 x 720 has faces from 27 pixels; a larger picture of it adds none.
LONGEST: Final = 1280
NARROW: Final = 0.6  # redetection ignores faces below this share of the smallest known one


@dataclass(frozen=True)
class Reliability:
    """How likely a box is a face, by the detector's own score.

    Both numbers were fitted to natural pictures at four sizes (docs/decisions/0050).
    """

    offset: float  # log-odds at a score of one half
    slope: float

    def of(self, scores: Floats) -> Floats:
        """Return the probability of a face for each score between 0 and 1."""
        within = np.clip(scores, 1e-6, 1 - 1e-6)
        odds = self.offset + self.slope * np.log(within / (1 - within))
        return np.asarray(1 / (1 + np.exp(-odds)), np.float32)

    def applied(self, found: Faces) -> Faces:
        """Return the faces with probabilities for their scores."""
        return found.but(confidence=self.of(found.confidence))


class Detector(Protocol):
    """Finds the faces of a picture. Safe to call from several threads."""

    name: str
    full_every: int  # in a stream, one of this many searches should be of the whole frame

    def detect(self, frame: Picture, smallest: float = 0, longest: int = LONGEST) -> Faces:
        """Return the faces of a whole BGR picture, with landmarks if the detector has them.

        Their confidence is the probability that the box is a face.

        Faces of less than `smallest` pixels in height may be missed, which saves work. A picture
        with a longer side than `longest` is reduced to it first.
        """
        ...

    def redetect(self, frame: Picture, known: Floats) -> Faces:
        """Return the faces in or near these known boxes, for less work than `detect`.

        Other faces may be among them.
        """
        ...


class ReducedRedetection:
    """A mixin: redetect known faces in the whole picture, reduced as far as their size allows."""

    full_every = 4

    def redetect(self: Detector, frame: Picture, known: Floats) -> Faces:
        return self.detect(frame, NARROW * float(known[:, 3].min())) if len(known) else Faces.none()


def reduction(frame: Picture, enough: float, smallest: float, longest: int) -> float:
    """Return the scale for a picture so that its longest side is at most `longest`.

    It is smaller if faces of `smallest` pixels keep a height of `enough` pixels.

    >>> reduction(np.zeros((720, 1280, 3), np.uint8), enough=24, smallest=96, longest=1280)
    0.25
    """
    scale = min(1.0, longest / max(int(side) for side in frame.shape[:2]))
    return min(scale, enough / smallest) if smallest > 0 else scale


def shrunk(frame: Picture, scale: float) -> tuple[Picture, Floats]:
    """Return the picture at that scale, and the exact factors (x, y) after rounding its sides."""
    height, width = frame.shape[:2]
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    factors = np.array([small[0] / width, small[1] / height], np.float32)
    if small == (width, height):
        return frame, factors
    return np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), np.uint8), factors


def colour(picture: Picture) -> Picture:
    """Return the picture in BGR, also if it is grey."""
    if picture.ndim == 3:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)


def faces_of(boxes: Any, confidence: Any, landmarks: Any = None) -> Faces:
    """Return `Faces` of these columns, without boxes that are not finite or below one pixel."""
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= 1).all(axis=1)
    columns = {"confidence": np.asarray(confidence, np.float32)[good]}
    if landmarks is not None:
        columns["landmarks"] = np.asarray(landmarks, np.float32)[good]
    return Faces.of(boxes[good], **columns)
