"""Class activation maps: show which parts of a face led to an emotion, as a heat map.

The network ends in an average over its last feature map and one dense layer, so an emotion's logit
is the average of its map: each value is exactly what that place added to the logit.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import Picture


def heat(attention: npt.NDArray[np.float32], emotion: str, size: int) -> npt.NDArray[np.float32]:
    """Return one emotion's heat map, (size, size), from one face's maps, (7, h, w).

    It is 0 where a place added nothing to the emotion and 1 at the highest value of all seven.
    Only differences between emotions change the probabilities, so the mean of all seven is
    subtracted at each place.
    """
    added = np.moveaxis(attention - attention.mean(axis=0), 0, -1)  # OpenCV wants channels last
    large = cv2.resize(np.ascontiguousarray(added), (size, size), interpolation=cv2.INTER_CUBIC)
    warm = np.maximum(large, 0)
    share = warm[..., EMOTIONS.index(emotion)] / (float(warm.max()) or 1.0)
    return np.asarray(share, np.float32)


def overlay(face: Picture, attention: npt.NDArray[np.float32], emotion: str) -> Picture:
    """Return a square face, grey or BGR, with an emotion's heat map laid over it, in BGR."""
    side = face.shape[0]
    base: Any = cv2.cvtColor(face, cv2.COLOR_GRAY2BGR) if face.ndim == 2 else face
    warmth = heat(attention, emotion, side)
    coloured = cv2.applyColorMap((warmth * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (0.15 + 0.45 * warmth)[..., None]  # the face stays visible where the map is low
    mixed: Picture = (base * (1 - share) + coloured * share).astype(np.uint8)
    return mixed
