"""Where the network looked: the class activation map of one face as a heat map.

The network ends in an average over its last feature map and one dense layer, so an emotion's logit
is the average of its map: the map says exactly what each place added to it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS
from fer.faces import Picture


def heat(attention: npt.NDArray[np.float32], emotion: str, size: int) -> npt.NDArray[np.float32]:
    """One face's (7, h, w) map for one emotion: 0 where nothing spoke for it, 1 where most did.

    Only the difference between the emotions counts for the answer, so each place is taken against
    the mean of all seven there; all share one scale, so a word that nothing spoke for is cold.
    """
    spoke = np.moveaxis(attention - attention.mean(axis=0), 0, -1)  # OpenCV wants channels last
    large = cv2.resize(np.ascontiguousarray(spoke), (size, size), interpolation=cv2.INTER_CUBIC)
    warm = np.maximum(large, 0)
    share = warm[..., EMOTIONS.index(emotion)] / (float(warm.max()) or 1.0)
    return np.asarray(share, np.float32)


def overlay(face: Picture, attention: npt.NDArray[np.float32], emotion: str) -> Picture:
    """A square face, grey or BGR, with the map laid over it, in BGR."""
    side = face.shape[0]
    base: Any = cv2.cvtColor(face, cv2.COLOR_GRAY2BGR) if face.ndim == 2 else face
    warmth = heat(attention, emotion, side)
    coloured = cv2.applyColorMap((warmth * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (0.15 + 0.45 * warmth)[..., None]  # the face stays visible where little was seen
    mixed: Picture = (base * (1 - share) + coloured * share).astype(np.uint8)
    return mixed
