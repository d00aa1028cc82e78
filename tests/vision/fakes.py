"""A detector and a network of known behaviour, for pictures of plain squares."""

import threading
from dataclasses import dataclass, field

import cv2
import numpy as np

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.vision.boxes import overlaps
from fer.vision.classifier import Crops, Reading
from fer.vision.detect import LONGEST
from tests.tiny_model import GREYS

HAPPY = EMOTIONS.index("happy")


def picture(*squares: tuple[int, int, int], size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """White squares (left, top, side), each with a pattern of its own, on black."""
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    for at, (left, top, side) in enumerate(squares):
        pattern = np.random.default_rng(at).integers(120, 256, (12, 12, 3), np.uint8)
        frame[top : top + side, left : left + side] = cv2.resize(
            pattern, (side, side), interpolation=cv2.INTER_CUBIC
        ).clip(100)
    return frame


def made_face(frame: np.ndarray, left: int, top: int, side: int, word: str) -> None:
    """Draw a face that the tests' network (`tests.tiny_model`) calls by this word.

    Its dark rim gives it the contrast without which a face cannot be read.
    """
    rim = max(round(0.15 * side), 1)
    frame[top : top + side, left : left + side] = GREYS[word] - 35
    frame[top + rim : top + side - rim, left + rim : left + side - rim] = GREYS[word]


def class_picture(*words: str, side: int = 40) -> np.ndarray:
    """A class in one row, one made face for each word."""
    frame = np.zeros((3 * side, 20 + (side + 20) * len(words), 3), np.uint8)
    for at, word in enumerate(words):
        made_face(frame, 20 + (side + 20) * at, side, side, word)
    return frame


@dataclass
class Squares:
    """Finds what isn't black. Records its calls; `may_go` makes it wait, `fault` makes it fail."""

    name: str = "squares"
    full_every: int = 4
    looked: int = 0
    asked: list[tuple[float, int]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    may_go: threading.Event | None = None
    fault: Exception | None = None

    def detect(self, frame: np.ndarray, smallest: float = 0, longest: int = LONGEST) -> Faces:
        self.asked.append((smallest, longest))
        self.threads.add(threading.get_ident())
        if self.may_go is not None:
            assert self.may_go.wait(20)
        if self.fault is not None:
            raise self.fault
        bright = (frame.max(axis=2) > 60).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        boxes = [row[:4] for row in stats[1:] if row[3] > 8]
        return Faces.of(np.array(boxes).reshape(-1, 4), confidence=np.full(len(boxes), 0.9))

    def redetect(self, frame: np.ndarray, known: np.ndarray) -> Faces:
        self.looked += 1
        found = self.detect(frame)
        return found[overlaps(found.boxes, known).max(axis=1, initial=0) > 0.3]


@dataclass
class Network:
    """Reads every face as happy and records the batches."""

    size: int = 48
    batches: list[int] = field(default_factory=list)

    def read(self, crops: Crops) -> Reading:
        assert crops.shape[1:] == (self.size, self.size)
        self.batches.append(len(crops))
        shares = np.full((len(crops), len(EMOTIONS)), 0.02, np.float32)
        shares[:, HAPPY] = 0.88
        return Reading({"crowd": shares}, "crowd")
