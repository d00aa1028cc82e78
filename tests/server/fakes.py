"""A fake analyzer that finds one face in every picture, and can be made to wait or to fail."""

import threading
from dataclasses import dataclass, field

import numpy as np

from fer.faces import Faces, Picture

HAPPY = [0.02, 0.0, 0.0, 0.9, 0.0, 0.0, 0.08]


class Clock:
    """A clock that moves only when a test changes `at`."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class FakeStream:
    """Returns one face for each frame, with the stream's number as its id."""

    def __init__(self, analyzer: "FakeAnalyzer", number: int) -> None:
        self.analyzer, self.number = analyzer, number
        self.times: list[float] = []
        self.closed = False

    def feed(self, frame: Picture, time: float | None = None) -> Faces:
        assert not self.closed
        assert time is not None
        self.times.append(time)
        self.analyzer.begun.set()
        assert self.analyzer.may_go.wait(20)
        if self.analyzer.fault is not None:
            raise self.analyzer.fault
        height, width = frame.shape[:2]
        box = [width / 4, height / 4, width / 2, height / 2]
        return Faces.of([box], probabilities=[HAPPY], ids=[self.number])

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeAnalyzer:
    streams: list[FakeStream] = field(default_factory=list)
    may_go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    fault: Exception | None = None
    photos: int = 0

    def __post_init__(self) -> None:
        self.may_go.set()

    def live(self) -> FakeStream:
        self.streams.append(FakeStream(self, len(self.streams) + 1))
        return self.streams[-1]

    def photo(self, frame: Picture) -> Faces:
        self.begun.set()
        assert self.may_go.wait(20)
        if self.fault is not None:
            raise self.fault
        self.photos += 1
        height, width = frame.shape[:2]
        return Faces.of([[0, 0, width, height]], confidence=[0.9], probabilities=[HAPPY])

    def read(self, frame: Picture, boxes: np.ndarray) -> np.ndarray:
        return np.array([HAPPY] * len(boxes), np.float32)
