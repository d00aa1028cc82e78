"""Analyze photos, videos and streams with one detector and one network."""

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
from fer.vision.crop import SIZE, crops
from fer.vision.detect import Detector, load_detector
from fer.vision.detect.shared import LimitedDetector, SearchLimit
from fer.vision.readable import readable
from fer.vision.stream import FaceStream

PHOTO_LONGEST: Final = 2560  # a photo's longest side when it is searched
BATCH: Final = 16  # faces read at once; more would need memory and save nothing


@dataclass(frozen=True, eq=False)
class AnalyzedFrame:
    """One frame of a video and its faces."""

    time: float  # seconds from the start
    frame: Picture
    faces: Faces
    progress: float | None  # 0 to 1; None if the video's duration is unknown


class Analyzer:
    """Detects, reads and tracks faces. The models are loaded with the first picture.

    With `share_searches` all streams share a limit on searches, for a server with many lessons.
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
        """Return the face detector."""
        # With pictures of this size OpenCV's own threads cost more time than they save, and they
        # would take the processor from other lessons.
        cv2.setNumThreads(1)
        given = self._given_detector
        return load_detector(given, self._files) if isinstance(given, str) else given

    @cached_property
    def live_detector(self) -> Detector:
        """Return the detector of streams: limited to few searches at once if they are shared."""
        if not self._share_searches:
            return self.detector
        return LimitedDetector(self.detector, SearchLimit(round(cpu_limit()) or 1))

    @cached_property
    def classifier(self) -> Classifier:
        """Return the network that reads the faces."""
        return self._given_classifier or load_classifier(self._model, self._runtime)

    def load(self) -> None:
        """Load the models now, so that the first picture takes no longer than the next."""
        with self._loading:
            _ = self.detector, self.classifier

    def photo(self, frame: Picture) -> Faces:
        """Return all faces of one BGR picture, with the probabilities of those that can be read."""
        self.load()
        faces = self.detector.detect(frame, longest=PHOTO_LONGEST)
        shares = self.read_faces(frame, faces)
        return faces.but(probabilities=shares, readable=~np.isnan(shares[:, 0]))

    def read_faces(self, frame: Picture, faces: Faces) -> Floats:
        """Return the seven probabilities of each face; NaN for faces that cannot be read."""
        self.load()
        found, size = crops(frame, faces.boxes), self.classifier.size
        which = readable(faces, found)
        chosen = found[which] if size == SIZE else crops(frame, faces.boxes[which], size)
        shares = np.full((len(faces), len(EMOTIONS)), np.nan, np.float32)
        shares[which] = self._classify(chosen)
        return shares

    def read(self, frame: Picture, boxes: Floats) -> Floats:
        """Return the seven probabilities of whatever is in each box, (n, 7)."""
        self.load()
        return self._classify(crops(frame, boxes, self.classifier.size))

    def _classify(self, faces: Picture) -> Floats:
        """Return the probabilities of crops in the network's size, read in batches."""
        parts = [self.classifier.read(faces[at : at + BATCH]) for at in range(0, len(faces), BATCH)]
        nothing = np.zeros((0, len(EMOTIONS)), np.float32)
        return np.concatenate([nothing, *(part.probabilities for part in parts)])

    def video(
        self, source: Iterable[tuple[float, Picture]], *, thorough: bool = False
    ) -> Iterator[AnalyzedFrame]:
        """Yield every frame of a video in order, with its faces.

        `source` yields (seconds, frame). If it has a `duration`, the results have a progress.
        With `thorough` every frame is searched; otherwise new faces are found within a second.
        """
        duration = getattr(source, "duration", None)
        with self.live(background=False, thorough=thorough) as live:
            for time, frame in source:
                faces = live.feed(frame, time)
                progress = min(time / duration, 1.0) if duration else None
                yield AnalyzedFrame(time, frame, faces, progress)

    def live(self, background: bool = True, *, thorough: bool = False) -> FaceStream:
        """Return a stream to feed with the frames of a camera or screen."""
        self.load()
        return FaceStream(
            self.live_detector, self.read_faces, background=background, thorough=thorough
        )
