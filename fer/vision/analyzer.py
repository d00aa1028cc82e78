"""Photos, recordings and live pictures by the same detector and network."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fer.emotions import EMOTIONS
from fer.faces import Faces, Floats, Picture
from fer.machine import cpu_limit
from fer.vision.classifier import MODEL_FOLDER, Classifier, load_classifier
from fer.vision.crop import crops
from fer.vision.detect import Detector, load_detector
from fer.vision.detect.shared import InTurn, Turns
from fer.vision.stream import FaceStream

PHOTO_LONGEST: Final = 2560  # a photo's longest side when it is searched
BATCH: Final = 16  # faces read at once; more would need memory and save nothing


@dataclass(frozen=True, eq=False)
class Step:
    """One frame of a recording and what was found in it."""

    time: float
    frame: Picture
    faces: Faces
    progress: float | None  # 0 to 1; None where the recording doesn't tell how long it is


class Analyzer:
    """Finds, reads and follows faces. What it needs is loaded with the first picture.

    With `share_searches` the live streams search by turns, as on a server with many lessons.
    """

    def __init__(
        self,
        model: Path = MODEL_FOLDER,
        runtime: str = "onnx",
        detector: str | Detector = "auto",
        *,
        classifier: Classifier | None = None,
        files: Path | None = None,
        share_searches: bool = False,
    ) -> None:
        self._model, self._runtime, self._files = model, runtime, files
        self._share_searches = share_searches
        self._given_detector, self._given_classifier = detector, classifier
        self._loading = threading.RLock()

    @cached_property
    def detector(self) -> Detector:
        """What finds the faces."""
        # OpenCV's own threads cost more than they give on pictures of this size, and would take
        # the processor from other lessons.
        cv2.setNumThreads(1)
        given = self._given_detector
        return load_detector(given, self._files) if isinstance(given, str) else given

    @cached_property
    def live_detector(self) -> Detector:
        """Return the detector of live streams: one for all, by turns, where searches are shared."""
        if not self._share_searches:
            return self.detector
        return InTurn(self.detector, Turns(round(cpu_limit()) or 1))

    @cached_property
    def classifier(self) -> Classifier:
        """What reads them."""
        return self._given_classifier or load_classifier(self._model, self._runtime)

    def load(self) -> None:
        """Loads everything now, so that the first picture is answered as fast as the next."""
        with self._loading:
            _ = self.detector, self.classifier

    def photo(self, frame: Picture) -> Faces:
        """Every face of one BGR picture, read."""
        self.load()
        faces = self.detector.scan(frame, longest=PHOTO_LONGEST)
        return faces.but(probabilities=self.read(frame, faces.boxes))

    def read(self, frame: Picture, boxes: Floats) -> Floats:
        """The seven probabilities of the face in each box."""
        self.load()
        parts = [
            self.classifier.read(crops(frame, boxes[at : at + BATCH], self.classifier.size))
            for at in range(0, len(boxes), BATCH)
        ]
        nothing = np.zeros((0, len(EMOTIONS)), np.float32)
        return np.concatenate([nothing, *(part.probabilities for part in parts)])

    def video(
        self, source: Iterable[tuple[float, Picture]], *, thorough: bool = False
    ) -> Iterator[Step]:
        """Every frame of a recording in order, with its faces.

        `source` gives times in seconds and frames; where it has a `duration`, steps tell progress.
        A `thorough` one searches every frame: otherwise who comes in is found within a second.
        """
        duration = getattr(source, "duration", None)
        with self.live(background=False, thorough=thorough) as live:
            for time, frame in source:
                faces = live.feed(frame, time)
                yield Step(time, frame, faces, min(time / duration, 1.0) if duration else None)

    def live(self, background: bool = True, *, thorough: bool = False) -> FaceStream:
        """What is fed the frames of a camera or screen as they come."""
        self.load()
        return FaceStream(self.live_detector, self.read, background=background, thorough=thorough)
