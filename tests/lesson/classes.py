"""Made-up classes for tests: faces with exactly known probabilities."""

from datetime import UTC, datetime

import numpy as np

from fer.emotions import EMOTIONS
from fer.faces import Faces
from fer.lesson import CALM, Alert, Lesson, LessonInfo

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def one(word: str, share: float = 1.0) -> list[float]:
    """Return a face with this share of `word`, and the rest "neutral" (for "neutral": "happy")."""
    rest = "happy" if word == "neutral" else "neutral"
    return [share if name == word else 1 - share if name == rest else 0.0 for name in EMOTIONS]


def mixed(**shares: float) -> list[float]:
    return [shares.get(name, 0.0) for name in EMOTIONS]


def faces(*rows: list[float], first_id: int = 0) -> Faces:
    """Return faces with these probabilities, numbered from `first_id`."""
    boxes = np.tile([0.0, 0.0, 9.0, 9.0], (len(rows), 1))
    return Faces.of(
        boxes,
        probabilities=np.reshape(rows, (-1, len(EMOTIONS))),
        ids=np.arange(len(rows)) + first_id,
    )


def crowd(**counts: int) -> Faces:
    """Return so many faces of each emotion, each with a share of 1."""
    return faces(*(one(word) for word, count in counts.items() for _ in range(count)))


def new_lesson(*alerts: Alert, individuals: bool = False, name: str = "Algebra") -> Lesson:
    return Lesson(
        LessonInfo(name, START, acknowledged=START, region="DE", model="emotion", version="0.1.0"),
        alerts or CALM,
        individuals=individuals,
    )


def run(lesson: Lesson, seen: Faces, seconds: range) -> None:
    """Add the same faces in the middle of each of these seconds."""
    for second in seconds:
        assert lesson.add(seen, second + 0.5)
