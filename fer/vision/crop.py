"""Cut out faces for the network: grey, square, 48 x 48 pixels or enlarged from that.

Photos, streams, videos and training all use this module, because another method of resizing
changes the network's output: area averaging and linear interpolation differ by up to 38 grey
levels.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fer.faces import Floats, Picture

SIZE: Final = 48
# FER2013's framing, measured by running the detectors on its faces: docs/decisions/0008-framing.md
SIDE: Final = 1.0  # the square's side, in heights of the tight box
DOWN: Final = 0.0  # how far the square's middle lies below the box's, in heights


def squares(boxes: Floats) -> npt.NDArray[np.int64]:
    """Return the square to cut out for each box: [left, top, side] in whole pixels."""
    heights = boxes[:, 3]
    sides = np.maximum(np.round(SIDE * heights), 1)
    left = np.round(boxes[:, 0] + boxes[:, 2] / 2 - sides / 2)
    top = np.round(boxes[:, 1] + heights * (0.5 + DOWN) - sides / 2)
    return np.stack([left, top, sides], axis=1).astype(np.int64)


def crops(frame: Picture, boxes: Floats, size: int = SIZE) -> Picture:
    """Return the face in every box in grey, (n, size, size).

    Beyond the picture's edge the last pixels are repeated.
    """
    out = np.empty((len(boxes), size, size), np.uint8)
    for at, (left, top, side) in enumerate(squares(boxes).tolist()):
        out[at] = fitted(_cut(frame, left, top, side), size)
    return out


def fitted(face: Picture, size: int = SIZE) -> Picture:
    """Return a square picture of a face, BGR or grey, in grey and in this size.

    Networks for larger sizes were trained on FER2013's 48 pixels enlarged, so every face is reduced
    to 48 pixels first: finer detail was never in the training data and would lower the accuracy.
    """
    if face.ndim == 3:
        face = _grey(face)
    return _resized(_resized(face, SIZE) if size > SIZE else face, size)


def _resized(face: Picture, size: int) -> Picture:
    if face.shape == (size, size):
        return face
    method = cv2.INTER_AREA if face.shape[0] >= size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (size, size), interpolation=method), np.uint8)


def _cut(frame: Picture, left: int, top: int, side: int) -> Picture:
    """Return a square of the frame; beyond the edge the last pixels are repeated."""
    height, width = frame.shape[:2]
    right, bottom = left + side, top + side
    # A box fully outside the frame gets the nearest pixels.
    inside: Any = frame[
        min(max(top, 0), height - 1) : max(min(bottom, height), 1),
        min(max(left, 0), width - 1) : max(min(right, width), 1),
    ]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.asarray(inside, np.uint8)
    above, before = min(max(-top, 0), side - 1), min(max(-left, 0), side - 1)
    below, after = side - above - inside.shape[0], side - before - inside.shape[1]
    padded = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)


def _grey(face: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.uint8)
