"""Decide which faces can be read.

The limits are where the network's accuracy on PublicTest, which is 85 %, falls below about 60 % as
its faces are made smaller, blurred, darkened, over-exposed or turned (docs/decisions/0051). Beyond
them it answers as confidently as ever, so a face that cannot be read gets no answer.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from fer.faces import Faces, Picture
from fer.vision.boxes import Mask

LOWEST: Final = 20  # pixels of a face in the picture
LEAST_CONTRAST: Final = 9  # standard deviation of the crop's grey levels
LEAST_SHARPNESS: Final = 0.1  # mean size of the crop's Laplacian, in standard deviations
BRIGHTEST: Final = 225  # mean grey level
FURTHEST_YAW: Final = 60  # degrees
FURTHEST_ROLL: Final = 50


def readable(faces: Faces, crops: Picture) -> Mask:
    """Return which faces can be read; `crops` are theirs, 48 pixels a side."""
    return large_enough(faces) & facing(faces) & clear(crops)


def large_enough(faces: Faces) -> Mask:
    """Return which faces are high enough in the picture."""
    return np.asarray(faces.boxes[:, 3] >= LOWEST)


def facing(faces: Faces) -> Mask:
    """Return which heads are not turned too far; those without landmarks count as not turned."""
    yaw, _, roll = faces.directions.T
    return np.asarray(~((np.abs(yaw) > FURTHEST_YAW) | (np.abs(roll) > FURTHEST_ROLL)))


def clear(crops: Picture) -> Mask:
    """Return which crops are sharp, with enough contrast, and not over-exposed."""
    contrast, brightness = crops.std(axis=(1, 2)), crops.mean(axis=(1, 2))
    edges = [float(np.abs(cv2.Laplacian(crop, cv2.CV_16S)).mean()) for crop in crops]
    sharp = np.array(edges) >= LEAST_SHARPNESS * contrast
    return np.asarray((contrast >= LEAST_CONTRAST) & sharp & (brightness <= BRIGHTEST))
