"""Where the network looked: the class activation map of one face as a heat map.

The network ends in an average over its last feature map and one dense layer, so an emotion's logit
is the average of this map: the map shows exactly what each place added, not an approximation.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from fer.emotions import EMOTIONS

Picture = npt.NDArray[np.uint8]


def heat(attention: npt.NDArray[np.float32], emotion: str, size: int) -> npt.NDArray[np.float32]:
    """One face's (7, h, w) map for one emotion: 0 where it spoke least for it, 1 where most."""
    values = attention[EMOTIONS.index(emotion)]
    large = cv2.resize(values, (size, size), interpolation=cv2.INTER_CUBIC)
    low, high = float(large.min()), float(large.max())
    scaled: npt.NDArray[np.float32] = ((large - low) / ((high - low) or 1.0)).astype(np.float32)
    return scaled


def overlay(face: Picture, attention: npt.NDArray[np.float32], emotion: str) -> Picture:
    """A square face, grey or BGR, with the map laid over it, in BGR."""
    side = face.shape[0]
    base: Any = cv2.cvtColor(face, cv2.COLOR_GRAY2BGR) if face.ndim == 2 else face
    warmth = heat(attention, emotion, side)
    coloured = cv2.applyColorMap((warmth * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = (0.15 + 0.45 * warmth)[..., None]  # the face stays visible where little was seen
    mixed: Picture = (base * (1 - share) + coloured * share).astype(np.uint8)
    return mixed
