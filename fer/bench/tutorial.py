"""The usual loop of tutorials, with our network, for comparison."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fer.emotions import EMOTIONS
from fer.errors import ModelError
from fer.faces import Picture
from fer.vision.classifier import KerasClassifier
from fer.vision.detect.haar import CASCADE_FOLDER, CASCADES


class Tutorial:
    """Detects with Haar in every frame (1.3, 5) and calls `model.predict` for every face."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cascade = cv2.CascadeClassifier(str(CASCADE_FOLDER / CASCADES[0]))

    @classmethod
    def load(cls, folder: Path) -> Tutorial | None:
        """Return the loop with this model's Keras form; None if that or Keras is not installed."""
        if find_spec("keras"):
            with suppress(ModelError):
                return cls(KerasClassifier(folder).model)
        return None

    def step(self, frame: Picture) -> int:
        """Detect, read and draw the faces of a frame, and return their number."""
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        found = self._cascade.detectMultiScale(grey, 1.3, 5)
        for x, y, width, height in found:
            face = cv2.resize(grey[y : y + height, x : x + width], (48, 48))
            shares = self._model.predict(face[None, :, :, None].astype(np.float32), verbose=0)
            word = EMOTIONS[int(np.argmax(next(iter(shares.values()))))]
            cv2.rectangle(frame, (x, y), (x + width, y + height), (0, 255, 0), 2)
            cv2.putText(frame, word, (x, y - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 2)
        return len(found)
