"""Change faces as worse pictures do, to measure what a network's answers are worth then.

`fer evaluate --shifts` reads the same faces once for each of these. All are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fer.vision.classifier import Crops
from fer.vision.crop import fitted

BLUR: Final = 1.5  # pixels of 48: the standard deviation of the blur
DARK: Final = 0.3  # what is left of each grey level
BRIGHT: Final = 2.0  # what each grey level is multiplied by before it is clipped
JPEG_QUALITY: Final = 20
DEGREES: Final = 15.0
MOVE: Final = 0.1  # share of the width


@dataclass(frozen=True)
class Shift:
    """One change of all faces."""

    about: str  # for the report
    change: Callable[[Crops], Crops]


def small(size: int) -> Callable[[Crops], Crops]:
    """Return a change to `size` pixels and back, as the product enlarges a small face."""

    def change(faces: Crops) -> Crops:
        side = faces.shape[1]
        shrunk = (cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA) for face in faces)
        return np.stack([fitted(np.asarray(face, np.uint8), side) for face in shrunk])

    return change


def blurred(faces: Crops) -> Crops:
    """Return the faces out of focus."""
    return np.stack([cv2.GaussianBlur(face, (0, 0), BLUR) for face in faces]).astype(np.uint8)


def darkened(faces: Crops) -> Crops:
    """Return the faces in poor light; rounding loses grey levels, as a camera does."""
    dark: Crops = np.round(faces * DARK).astype(np.uint8)
    return dark


def overexposed(faces: Crops) -> Crops:
    """Return the faces in too much light, with the bright parts clipped to white."""
    bright: Crops = np.clip(faces * BRIGHT, 0, 255).astype(np.uint8)
    return bright


def compressed(faces: Crops) -> Crops:
    """Return the faces after a strong JPEG compression."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    packed = (cv2.imencode(".jpg", face, quality)[1] for face in faces)
    opened = [np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8) for data in packed]
    return np.stack(opened)


def rotated(faces: Crops) -> Crops:
    """Return the faces turned, in turn to the left and to the right."""
    side = faces.shape[1]
    middle = ((side - 1) / 2, (side - 1) / 2)
    turns = [cv2.getRotationMatrix2D(middle, sign * DEGREES, 1) for sign in (1, -1)]
    return _warped(faces, turns)


def shifted(faces: Crops) -> Crops:
    """Return the faces moved, in turn to each of the four sides."""
    move = MOVE * faces.shape[1]
    moves = ((move, 0), (-move, 0), (0, move), (0, -move))
    return _warped(faces, [np.array([[1, 0, x], [0, 1, y]], np.float64) for x, y in moves])


def mirrored(faces: Crops) -> Crops:
    """Return the faces with left and right exchanged."""
    return np.ascontiguousarray(faces[:, :, ::-1])


def _warped(faces: Crops, matrices: list[np.ndarray]) -> Crops:
    """Apply the matrices in turn; pixels from outside mirror the edge."""
    side = faces.shape[1]
    out = [
        cv2.warpAffine(
            face,
            matrices[at % len(matrices)],
            (side, side),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        for at, face in enumerate(faces)
    ]
    return np.stack(out).astype(np.uint8)


SHIFTS: Final = {
    "none": Shift("as they are", lambda faces: faces),
    "small_32": Shift("shrunk to 32 pixels and enlarged again", small(32)),
    "small_24": Shift("shrunk to 24 pixels and enlarged again", small(24)),
    "small_16": Shift("shrunk to 16 pixels and enlarged again", small(16)),
    "blurred": Shift(f"a Gaussian blur of {BLUR} pixels", blurred),
    "darkened": Shift(f"{DARK:.0%} of the light", darkened),
    "overexposed": Shift(f"{BRIGHT:.0%} of the light, clipped to white", overexposed),
    "jpeg_20": Shift(f"JPEG at quality {JPEG_QUALITY}", compressed),
    "rotated_15": Shift(f"turned by {DEGREES:.0f} degrees, half of them to each side", rotated),
    "shifted_10": Shift(f"moved by {MOVE:.0%}, a quarter of them to each side", shifted),
    "mirrored": Shift("left and right exchanged", mirrored),
}
